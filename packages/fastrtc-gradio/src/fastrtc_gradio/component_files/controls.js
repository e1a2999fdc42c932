/** Buttons, devices and the text box. */

const DEVICES = { audioinput: "audio", videoinput: "video" };
const BUSY = ["asking", "connecting", "reconnecting"];
const NAMES = { audio: "Microphone", video: "Camera" };

export class Controls {
  #section;
  #client;
  #options;
  #toggle;
  #word;
  #text;

  /**
   * @param {HTMLElement} section
   * @param {import("./fastrtc-webrtc.js").WebRTCClient} client
   * @param {object} options of the component
   * @param {{toggle: () => void, submit: (text: string) => void}} actions
   */
  constructor(section, client, options, actions) {
    this.#section = section;
    this.#client = client;
    this.#options = options;
    this.#toggle = section.querySelector(".rtc-toggle");
    this.#word = section.querySelector(".rtc-word");
    this.#text = section.querySelector(".rtc-text textarea");
    this.#toggle.addEventListener("click", () => actions.toggle());
    this.#bindButtons();
    this.#bindDevices();
    this.#bindText(actions.submit);
  }

  /** Ids of the devices that were chosen. */
  get devices() {
    const chosen = this.#selects.filter((select) => select.value);
    return Object.fromEntries(chosen.map((select) => [select.dataset.kind, select.value]));
  }

  /** @param {boolean} silent what is sent is silence: the button has the microphone opened */
  show(state, silent) {
    const { labels, interactive, mode } = this.#options;
    const live = this.#client.live;
    const shown = live && !silent ? (BUSY.includes(state) ? "waiting" : "stop") : "start";
    this.#section.dataset.button = shown;
    this.#word.textContent = labels[shown];
    this.#toggle.hidden = !live && (!interactive || mode === "receive");
    const sends = live && !silent && mode !== "receive" && state === "connected";
    for (const button of this.#mutes) button.hidden = !(sends && this.#has(button.dataset.kind));
    this.#deafen.hidden = !(live && state === "connected" && mode !== "send" && this.#has("audio"));
    if (sends) this.#listDevices();
    if (!sends) for (const select of this.#selects) select.hidden = true;
    this.#section.querySelector(".rtc-level").hidden = !(sends && this.#has("audio"));
  }

  get #mutes() {
    return [...this.#section.querySelectorAll(".rtc-mute")];
  }

  get #deafen() {
    return this.#section.querySelector(".rtc-deafen");
  }

  get #selects() {
    return [...this.#section.querySelectorAll(".rtc-device")];
  }

  #has(kind) {
    return this.#options.modality.includes(kind);
  }

  #bindButtons() {
    for (const button of this.#mutes) {
      button.addEventListener("click", () => this.#client.mute(button.dataset.kind, press(button)));
    }
    const video = this.#section.querySelector(".rtc-video");
    this.#deafen.addEventListener("click", () => (video.muted = press(this.#deafen)));
  }

  #bindDevices() {
    for (const select of this.#selects) {
      select.addEventListener("change", () => {
        this.#client.switchTo(select.dataset.kind, { deviceId: select.value });
      });
    }
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      if (this.#client.live) this.#listDevices();
    });
  }

  /** There is nothing to choose of one device. */
  async #listDevices() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    for (const select of this.#selects) {
      const { kind } = select.dataset;
      const devices = all.filter((device) => DEVICES[device.kind] === kind && device.deviceId);
      const chosen = select.value || this.#inUse(kind);
      const options = devices.map(({ deviceId, label }, index) => {
        const option = new Option(label || `${NAMES[kind]} ${index + 1}`, deviceId);
        option.selected = deviceId === chosen;
        return option;
      });
      select.replaceChildren(...options);
      select.hidden = !this.#has(kind) || devices.length < 2 || !this.#client.live;
    }
  }

  #inUse(kind) {
    const [track] = this.#client.local.getTracks().filter((one) => one.kind === kind);
    return track?.getSettings().deviceId;
  }

  #bindText(submit) {
    const form = this.#section.querySelector(".rtc-text");
    form.hidden = this.#options.variant !== "textbox";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#text.value.trim();
      if (!text) return;
      this.#text.value = "";
      submit(text);
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
  }
}

/** Press a button in, or out again. @returns {boolean} whether it is in */
function press(button) {
  const pressed = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(pressed));
  return pressed;
}
