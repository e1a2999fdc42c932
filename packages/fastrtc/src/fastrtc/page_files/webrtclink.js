/** A conversation's way to the server over WebRTC, and what goes with it. */

import { SoundTaps } from "./taps.js";

/** Milliseconds between two looks at the connection's statistics. */
const STATS_INTERVAL = 1000;

const NO_INPUTS = "The server asks for inputs, and this page has none.";

/**
 * A link, see conversation.js.
 *
 * Handlers of its own:
 *   shown(client)      the tracks of either side have changed
 *   blocked(resume)    the browser wants a click before it plays
 *   measured(summary)  once a second, see stats.js of the client
 */
export class WebRTCLink {
  counts = { packetsSent: 0, packetsReceived: 0, reconnections: 0 };
  client;
  pending = 0;

  #options;
  #own;
  #turns;
  #element;
  #handlers = null;
  #taps = null;
  #origin = null; // when, in seconds, the connection stood
  #duration = 0;
  #timer = 0;

  /**
   * @param {Function} WebRTCClient
   * @param {{url: string, mode: string, modality: string, source?: string}} options
   * @param {HTMLMediaElement} element that plays what comes
   * @param {object} handlers see above
   */
  constructor(WebRTCClient, options, element, handlers) {
    this.#options = options;
    this.#element = element;
    this.#own = handlers;
    this.#turns = options.modality === "audio" && options.mode === "send-receive";
    this.client = new WebRTCClient();
  }

  get sends() {
    return this.#options.mode !== "receive";
  }

  get now() {
    return this.#origin === null ? this.#duration : performance.now() / 1000 - this.#origin;
  }

  /** The sound that comes is endless: what was played is the time. */
  get position() {
    return this.now;
  }

  async start(handlers) {
    this.#handlers = handlers;
    const on = (name, react) =>
      this.client.addEventListener(name, ({ detail }) => react.call(this, detail));
    on("state", this.#changed);
    on("message", ({ type, data }) => this.#react[type]?.(data)); // unknown ones are ignored
    on("problem", ({ kind, text }) => handlers.problem(kind, text));
    on("reconnected", this.#reconnected);
    on("blocked", ({ resume }) => this.#own.blocked(resume));
    on("local", this.#tracksChanged);
    on("track", this.#tracksChanged);
    this.client.play(this.#element);
    await this.client.connect({ ...this.#options, wants: ["speech"] });
  }

  stop() {
    this.client.close();
  }

  mute(kind, muted) {
    this.client.mute(kind, muted);
  }

  #react = {
    log: (data) => this.#handlers.log(String(data)),
    speech: (data) => this.#handlers.speech(data),
    stopword: () => this.#handlers.log("The stop word was heard"),
    error: (data) => this.#handlers.problem("error", String(data)),
    warning: (data) => this.#handlers.problem("warning", String(data)),
    send_input: () => this.#handlers.problem("warning", NO_INPUTS),
  };

  #changed({ state, text }) {
    const { enter, ended } = this.#handlers;
    if (state === "connected") this.#connected();
    else if (state === "ended" || state === "failed") {
      this.#close();
      ended(text, state === "failed");
    } else {
      if (state === "reconnecting") this.#handlers.log("The connection was interrupted");
      enter(state, text);
    }
  }

  #connected() {
    const first = this.#origin === null;
    this.#origin ??= performance.now() / 1000;
    this.#handlers.enter(this.#turns ? "listening" : "running");
    if (first) this.#measure();
  }

  #reconnected({ resumed }) {
    this.counts.reconnections += 1;
    const text = resumed
      ? "The connection is back; the conversation goes on"
      : "The connection is back; the server has begun a new conversation";
    this.#handlers.log(text);
  }

  async #measure() {
    const summary = await this.client.stats();
    if (summary === null) return;
    const packets = (flows) => Object.values(flows).reduce((sum, flow) => sum + flow.packets, 0);
    this.counts.packetsSent = packets(summary.sent);
    this.counts.packetsReceived = packets(summary.received);
    this.#own.measured(summary);
    this.#timer = setTimeout(() => this.#measure(), STATS_INTERVAL);
  }

  async #tracksChanged() {
    this.#own.shown(this.client);
    if (this.#options.modality === "video" || !this.client.live) return;
    this.#taps ??= SoundTaps.open({
      you: (frame) => this.#tapped("sent", frame),
      reply: (frame) => this.#tapped("heard", frame),
    });
    try {
      const taps = await this.#taps;
      if (!this.client.live) return;
      taps.connect("you", this.client.local);
      taps.connect("reply", this.client.stream);
    } catch (error) {
      this.#handlers.problem("warning", error.message); // the timeline is not all there is
    }
  }

  #tapped(name, { samples, time, rate }) {
    if (this.#origin === null || time < this.#origin) return;
    this.#handlers[name]({ samples, time: time - this.#origin, rate });
  }

  #close() {
    clearTimeout(this.#timer);
    this.#duration = this.now;
    this.#origin = null;
    this.#taps?.then(
      (taps) => taps.close(),
      () => {}, // it was never open, and the log says so
    );
  }
}
