/** What is seen and heard of a conversation, and its state in words. */

import { Pulse, Wave } from "./wave.js";

const WORDS = {
  asking: (kinds) => `Your browser asks for the ${kinds}.`,
  connecting: () => "Connecting …",
  connected: () => "Connected",
};

const KINDS = {
  audio: "microphone",
  video: "camera",
  "audio-video": "microphone and the camera",
};

export class Stage {
  #section;
  #client;
  #options;
  #video;
  #status;
  #drawing;
  #unwatch = null;
  #level;

  /**
   * @param {HTMLElement} section
   * @param {import("./fastrtc-webrtc.js").WebRTCClient} client
   * @param {object} options of the component
   */
  constructor(section, client, options) {
    this.#section = section;
    this.#client = client;
    this.#options = options;
    this.#video = section.querySelector(".rtc-video");
    this.#status = section.querySelector(".rtc-status");
    this.#level = section.querySelector(".rtc-level i");
    this.#drawing = this.#draw();
    this.#dress();
    this.#video.addEventListener("resize", () => this.#fit());
    client.addEventListener("local", () => this.#showSelf());
    if (options.mode !== "send") client.play(this.#video);
  }

  /** The state in words, and as the section's `data-state`. */
  show(state, text) {
    this.#section.dataset.state = state;
    this.#status.textContent = text || (WORDS[state]?.(KINDS[this.#options.modality]) ?? "");
    if (state === "connected") this.#unwatch ??= this.#client.watchLevels((both) => this.#hear(both));
    else if (!this.#client.live) this.close();
  }

  /** The browser wants a click before it plays. */
  blocked(resume) {
    this.#status.replaceChildren();
    const button = Object.assign(document.createElement("button"), {
      type: "button",
      textContent: "Play the sound",
      onclick: () => resume().then(() => this.show("connected", "")),
    });
    this.#status.append(button);
  }

  close() {
    this.#unwatch?.();
    this.#unwatch = null;
    this.#hear({ input: 0, output: 0 });
    if (this.#options.mode === "send") this.#video.srcObject = null;
  }

  /** Settings of one component, for its style sheet. */
  #dress() {
    const { modality, variant, mode, label, height, width, fullScreen, mirror } = this.#options;
    Object.assign(this.#section.dataset, { modality, variant, mode, mirror, fullScreen });
    if (height) this.#section.dataset.height = "";
    if (label) this.#section.setAttribute("aria-label", label);
    const shown = this.#section.querySelector(".rtc-label");
    shown.textContent = label ?? "";
    shown.hidden = !(label && this.#options.showLabel);
    const { iconButtonColor, pulseColor, iconRadius } = this.#options;
    const properties = {
      "--rtc-height": height,
      "--rtc-width": width,
      "--rtc-orb": iconButtonColor,
      "--rtc-pulse": pulseColor,
      "--rtc-radius": iconRadius,
    };
    for (const [name, value] of Object.entries(properties)) {
      if (value) this.#section.style.setProperty(name, value);
    }
  }

  /** The stage has the shape of what it shows. */
  #fit() {
    const { videoWidth, videoHeight } = this.#video;
    if (videoHeight) this.#section.style.setProperty("--rtc-ratio", videoWidth / videoHeight);
  }

  #draw() {
    const orb = this.#section.querySelector(".rtc-orb");
    if (!this.#options.icon) return new Wave(this.#section.querySelector(".rtc-wave"));
    this.#section.dataset.icon = "";
    orb.querySelector("img").src = this.#options.icon;
    return new Pulse(orb);
  }

  /** In the mode `send` people see what they send. */
  #showSelf() {
    if (this.#options.mode !== "send" || !this.#client.local.getVideoTracks().length) return;
    this.#video.muted = true;
    this.#video.srcObject = this.#client.local;
    this.#video.play().catch(() => {}); // it is only a mirror: what is sent goes on without it
  }

  #hear({ input, output }) {
    const { mode } = this.#options;
    this.#drawing.show(mode === "send" ? input : mode === "receive" ? output : Math.max(input, output));
    this.#level.style.setProperty("--level", Math.min(1, input * 4).toFixed(3));
  }
}
