/** A conversation's way to the server over a WebSocket, and what goes with it. */

import { AudioLine } from "./audio.js";
import { Client } from "./client.js";

/** Seconds of sound between two reports of what was played. */
const REPORT_INTERVAL = 0.15;

/** A link, see conversation.js. */
export class SocketLink {
  counts = { framesSent: 0, framesDropped: 0, framesReceived: 0, clears: 0 };
  sends = true;
  position = 0;
  pending = 0;

  #url;
  #handlers = null;
  #line = null;
  #client = null;
  #origin = null; // when, on the line's clock, the first sound was sent
  #duration = 0; // the time at which it ended
  #muted = false;
  #reported = 0;
  #ended = false;

  /** @param {string | URL} url of the stream, above `websocket/offer` */
  constructor(url) {
    this.#url = new URL("websocket/offer", String(url).replace(/^http/, "ws"));
  }

  get now() {
    if (this.#line === null || this.#origin === null) return this.#duration;
    return this.#line.now - this.#origin;
  }

  async start(handlers) {
    this.#handlers = handlers;
    handlers.enter("asking");
    let line;
    try {
      line = await AudioLine.open({
        captured: (frame) => this.#captured(frame),
        played: (frame) => this.#played(frame),
        lost: (text) => this.#end(text, true),
      });
    } catch (error) {
      this.#end(error.message, true);
      return;
    }
    if (this.#ended) {
      line.close(); // stopped while the browser was asking
      return;
    }
    this.#line = line;
    line.mute(this.#muted);
    this.#connect();
  }

  stop() {
    if (this.#client) this.#client.stop();
    else this.#end("You ended the conversation.", false);
  }

  mute(kind, muted) {
    if (kind !== "audio") return;
    this.#muted = muted;
    this.#line?.mute(muted);
  }

  #connect() {
    const { enter, log, speech, problem } = this.#handlers;
    enter("connecting");
    this.#client = new Client(this.#url, this.#line.rate, {
      started: () => enter("listening"),
      audio: (samples) => this.#received(samples),
      clear: () => this.#clear(),
      log,
      speech,
      problem,
      ended: (text, failed) => this.#end(text, failed),
    });
  }

  #end(text, failed) {
    if (this.#ended) return;
    this.#ended = true;
    this.#duration = this.now;
    this.#line?.close();
    this.#line = null;
    this.pending = 0;
    this.#handlers.ended(text, failed);
    this.#client?.stop();
  }

  #captured({ samples, time }) {
    if (!this.#client?.started) return;
    this.#origin ??= time;
    this.#handlers.sent({ samples, time: time - this.#origin, rate: this.#line.rate });
    if (this.#client.sendAudio(samples)) {
      this.counts.framesSent += 1;
    } else if (this.counts.framesDropped++ === 0) {
      const text = "The network is too slow: some of what you say is lost.";
      this.#handlers.problem("warning", text);
    }
  }

  #received(samples) {
    this.counts.framesReceived += 1;
    this.pending += samples.length / this.#line.rate;
    this.#line.play(samples);
  }

  #clear() {
    this.counts.clears += 1;
    this.#line.clear();
  }

  #played({ samples, time, position, pending }) {
    if (this.#ended) return;
    this.position = position;
    this.pending = pending;
    if (this.#origin !== null) {
      this.#handlers.heard({ samples, time: time - this.#origin, rate: this.#line.rate });
    }
    if (pending === 0 || position - this.#reported >= REPORT_INTERVAL) {
      this.#reported = position;
      this.#client.sendPlayed(position);
    }
  }
}
