/** One conversation from the click on Start to its end. Knows no DOM. */

import { AudioLine } from "./audio.js";
import { Client } from "./client.js";
import { History } from "./history.js";

/** Seconds of sound between two reports of what was played. */
const REPORT_INTERVAL = 0.15;

/** Length of a window of the speech detector, in seconds. */
const SPEECH_WINDOW = 0.032;

const FULL_SCALE = 32768;

/**
 * Turn event: its words, the state that follows, and the states in which it does, if not in all.
 * The words are made of the turn so far, the time, and how much sound was played.
 */
const TURN_EVENTS = {
  started_talking: { text: () => "You started talking", state: "speaking" },
  pause_detected: { text: () => "Pause detected: your turn is over", state: "thinking" },
  response_starting: {
    text: ({ paused }, now) =>
      paused === null
        ? "The reply starts"
        : `The reply starts, ${seconds(now - paused, 2)} after the pause was detected`,
    state: "replying",
  },
  interrupted: {
    text: ({ replyFrom }, _now, played) =>
      replyFrom === null
        ? "You spoke again before the reply began"
        : `You interrupted the reply after ${seconds(played - replyFrom, 1)} of it`,
    state: "speaking",
  },
  response_finished: {
    text: ({ replyFrom }, _now, played) =>
      `The reply is finished, ${seconds(played - replyFrom, 1)} long`,
    state: "listening",
    from: ["thinking", "replying"],
  },
};

/**
 * States: idle, asking (for the microphone), connecting, listening, speaking (the person),
 * thinking, replying, ended, failed.
 *
 * The view's methods, all required:
 *   state(name, text)        text says why, for ended and failed
 *   entry(time, kind, text)  a line of the log; kind is a turn event, note, warning or error
 *   level(rms)               of the microphone, 0 to 1
 */
export class Conversation {
  state = "idle";
  history = new History();
  counts = { framesSent: 0, framesDropped: 0, framesReceived: 0, clears: 0, speechWindows: 0 };

  /** Seconds of sound that were played, and the loudest 20 ms of it as rms from 0 to 1. */
  position = 0;
  loudest = 0;

  /** Seconds that are waiting to be played. */
  pending = 0;

  #url;
  #view;
  #line = null;
  #client = null;
  #origin = null; // when, on the line's clock, the first sound was sent
  #duration = 0; // the time at which it ended
  #muted = false;
  #reported = 0;
  #turn = { paused: null, replyFrom: null };

  constructor(url, view) {
    this.#url = url;
    this.#view = view;
  }

  /** Whether it has begun and not ended. */
  get live() {
    return !["idle", "ended", "failed"].includes(this.state);
  }

  /** Seconds of the microphone's sound since the first that was sent. */
  get now() {
    if (this.#line === null || this.#origin === null) return this.#duration;
    return this.#line.now - this.#origin;
  }

  async start() {
    this.#enter("asking");
    let line;
    try {
      line = await AudioLine.open({
        captured: (frame) => this.#captured(frame),
        played: (frame) => this.#played(frame),
        lost: (text) => this.#finish("failed", text),
      });
    } catch (error) {
      this.#finish("failed", error.message);
      return;
    }
    if (!this.live) {
      line.close(); // stopped while the browser was asking
      return;
    }
    this.#line = line;
    this.mute(this.#muted);
    this.#connect();
  }

  stop() {
    if (this.#client) this.#client.stop();
    else this.#finish("ended", "You ended the conversation.");
  }

  mute(muted) {
    this.#muted = muted;
    this.#line?.mute(muted);
  }

  #connect() {
    this.#enter("connecting");
    this.#client = new Client(this.#url, this.#line.rate, {
      started: () => this.#enter("listening"),
      audio: (samples) => this.#received(samples),
      clear: () => this.#clear(),
      log: (word) => this.#log(word),
      speech: (speech) => this.#speech(speech),
      problem: (kind, text) => this.#problem(kind, text),
      ended: (text, failed) => this.#finish(failed ? "failed" : "ended", text),
    });
  }

  #enter(state, text = "") {
    this.state = state;
    this.#view.state(state, text);
  }

  #finish(state, text) {
    if (!this.live) return;
    this.#duration = this.now;
    this.#line?.close();
    this.#line = null;
    this.pending = 0;
    this.#view.entry(this.#duration, state === "failed" ? "error" : "note", text);
    this.#enter(state, text);
    this.#client?.stop();
  }

  #captured({ samples, time }) {
    if (!this.#client?.started) return;
    this.#origin ??= time;
    this.#view.level(loudness(samples));
    this.history.you.write(samples, time - this.#origin, this.#line.rate);
    if (this.#client.sendAudio(samples)) {
      this.counts.framesSent += 1;
    } else if (this.counts.framesDropped++ === 0) {
      this.#problem("warning", "The network is too slow: some of what you say is lost.");
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
    if (!this.live) return;
    this.position = position;
    this.pending = pending;
    this.loudest = Math.max(this.loudest, loudness(samples));
    if (this.#origin !== null) {
      this.history.reply.write(samples, time - this.#origin, this.#line.rate);
    }
    if (pending === 0 || position - this.#reported >= REPORT_INTERVAL) {
      this.#reported = position;
      this.#client.sendPlayed(position);
    }
  }

  #speech({ t, p }) {
    this.counts.speechWindows += p.length;
    p.forEach((value, k) => this.history.addSpeech(t - (p.length - 1 - k) * SPEECH_WINDOW, value));
  }

  #log(word) {
    const event = TURN_EVENTS[word];
    if (!event) {
      this.#view.entry(this.now, "note", word);
      return;
    }
    this.history.addMark(this.now, word);
    this.#view.entry(this.now, word, event.text(this.#turn, this.now, this.position));
    if (word === "pause_detected") this.#turn = { paused: this.now, replyFrom: null };
    if (word === "response_starting") this.#turn = { paused: null, replyFrom: this.position };
    if (!event.from || event.from.includes(this.state)) this.#enter(event.state);
  }

  #problem(kind, text) {
    this.#view.entry(this.now, kind, text);
    if (kind === "error" && this.state === "thinking") this.#enter("listening"); // the reply failed
  }
}

/** Root mean square of 16-bit samples, 0 to 1. */
function loudness(samples) {
  let sum = 0;
  for (const value of samples) sum += value * value;
  return Math.sqrt(sum / samples.length) / FULL_SCALE;
}

function seconds(value, digits) {
  return `${value.toFixed(digits)}\u00a0s`;
}
