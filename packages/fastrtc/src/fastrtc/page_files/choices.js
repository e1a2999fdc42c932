/** The lists to choose a microphone and a picture from. */

const SCREEN = "screen";

/**
 * Calls `chosen(kind, {deviceId, source})` when the person has chosen; kind is audio or video.
 */
export class Choices {
  #lists;
  #sends = [];

  /** @param {{microphone: HTMLSelectElement, picture: HTMLSelectElement}} lists, each
   *   in an element of its own with its label */
  constructor({ microphone, picture }, chosen) {
    this.#lists = { audio: microphone, video: picture };
    for (const [kind, list] of Object.entries(this.#lists)) {
      list.addEventListener("change", () => chosen(kind, this.choice(kind)));
    }
    navigator.mediaDevices?.addEventListener("devicechange", () => this.refresh());
  }

  /** What is chosen, as WebRTCClient takes it. */
  choice(kind) {
    const { value } = this.#lists[kind];
    return value === SCREEN ? { source: SCREEN } : { deviceId: value || undefined };
  }

  /** Offer what can be sent, of these kinds. */
  async offer(kinds) {
    this.#sends = kinds;
    await this.refresh();
  }

  /** Show what is there now. Browsers tell the names only to pages that may use the devices. */
  async refresh() {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const named = (kind) =>
      devices
        .filter((device) => device.kind === `${kind}input` && device.label)
        .map(({ deviceId, label }) => [deviceId, label]);
    const share = navigator.mediaDevices?.getDisplayMedia ? [[SCREEN, "Screen or window"]] : [];
    const cameras = named("video");
    this.#fill("audio", named("audio"));
    this.#fill("video", [...(cameras.length ? cameras : [["", "Camera"]]), ...share]);
  }

  #fill(kind, options) {
    const list = this.#lists[kind];
    const before = list.value;
    list.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
    if (options.some(([value]) => value === before)) list.value = before;
    list.parentElement.hidden = !this.#sends.includes(kind) || options.length < 2;
  }
}
