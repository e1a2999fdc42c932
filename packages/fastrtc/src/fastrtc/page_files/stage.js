/** The pictures: what comes from the server, and the person's own beside it. */

/** Shows what the two elements are given, and text while there is nothing to see. */
export class Stage {
  #remote;
  #own;
  #waiting;
  #mode = "send-receive";

  /** @param {{remote: HTMLVideoElement, self: HTMLVideoElement, waiting: HTMLElement}} elements */
  constructor({ remote, self, waiting }) {
    this.#remote = remote;
    this.#own = self;
    this.#waiting = waiting;
    for (const video of [remote, self]) {
      for (const event of ["loadeddata", "emptied", "resize"]) {
        video.addEventListener(event, () => this.#arrange());
      }
    }
  }

  /** Prepare for a stream's mode, as the person sees it. */
  prepare(mode) {
    this.#mode = mode;
    this.#arrange();
  }

  /** Show what a client sends; what it receives is played by itself. */
  show(client) {
    const pictures = client.local.getVideoTracks();
    if (pictures[0] === this.#own.srcObject?.getTracks()[0]) return;
    const stream = pictures.length ? new MediaStream(pictures) : null;
    const screen = pictures[0]?.getSettings().displaySurface !== undefined;
    this.#own.dataset.source = screen ? "screen" : "camera"; // a mirror is what people are used to
    this.#own.srcObject = stream;
  }

  clear() {
    this.#own.srcObject = null;
    this.#remote.srcObject = null;
    this.#arrange();
  }

  /** Both sizes in pixels, for the curious; null where nothing is seen. */
  get sizes() {
    const size = ({ videoWidth, videoHeight }) => (videoWidth ? [videoWidth, videoHeight] : null);
    return { remote: size(this.#remote), self: size(this.#own) };
  }

  #arrange() {
    const { remote, self } = this.sizes;
    this.#remote.hidden = remote === null || this.#mode === "send";
    this.#own.hidden = self === null;
    this.#own.classList.toggle("large", this.#remote.hidden);
    this.#waiting.hidden = !this.#remote.hidden || !this.#own.hidden;
  }
}
