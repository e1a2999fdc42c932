/** One conversation from the click on Start to its end. Knows neither DOM nor transport. */

import { History } from "./history.js";

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
 * States: idle, asking (for microphone or camera), connecting, listening, speaking (the person),
 * thinking, replying, running (without turns), reconnecting, ended, failed.
 *
 * The view's methods, all required:
 *   state(name, text)        text says why, for reconnecting, ended and failed
 *   entry(time, kind, text)  a line of the log; kind is a turn event, note, warning or error
 *   level(rms)               of the microphone, or of what is heard where nothing is sent; 0 to 1
 *
 * The link is the way to the server and back:
 *   start(handlers), stop(), mute(kind, muted)
 *   now                      seconds since the server heard the first sound, or would have
 *   position, pending        seconds of sound that were played, and that are waiting to be
 *   counts                   what was sent and received, for the curious
 *   sends                    whether anything is sent
 * Its handlers:
 *   enter(state, text)       one of the states above, but for ended and failed
 *   sent, heard({samples, time, rate})   what the microphone or the server said at `time`
 *   log(word), speech({t, p}), problem(kind, text)   messages of the server's, see client.js
 *   ended(text, failed)      once, at the end; nothing comes after it
 */
export class Conversation {
  state = "idle";
  history = new History();

  /** The loudest 20 ms that were heard, as rms from 0 to 1. */
  loudest = 0;

  #link;
  #view;
  #speechWindows = 0;
  #turn = { paused: null, replyFrom: null };

  constructor(link, view) {
    this.#link = link;
    this.#view = view;
  }

  /** Whether it has begun and not ended. */
  get live() {
    return !["idle", "ended", "failed"].includes(this.state);
  }

  get now() {
    return this.#link.now;
  }

  get position() {
    return this.#link.position;
  }

  get pending() {
    return this.#link.pending;
  }

  get counts() {
    return { ...this.#link.counts, speechWindows: this.#speechWindows };
  }

  start() {
    return this.#link.start({
      enter: (state, text) => this.#enter(state, text),
      sent: (frame) => this.#sent(frame),
      heard: (frame) => this.#heard(frame),
      log: (word) => this.#log(word),
      speech: (speech) => this.#speech(speech),
      problem: (kind, text) => this.#problem(kind, text),
      ended: (text, failed) => this.#finish(failed ? "failed" : "ended", text),
    });
  }

  stop() {
    this.#link.stop();
  }

  /** Send silence or black pictures in place of "audio" or "video", or again what there is. */
  mute(kind, muted) {
    this.#link.mute(kind, muted);
  }

  #enter(state, text = "") {
    this.state = state;
    this.#view.state(state, text);
  }

  #finish(state, text) {
    if (!this.live) return;
    this.#view.entry(this.now, state === "failed" ? "error" : "note", text);
    this.#enter(state, text);
  }

  #sent({ samples, time, rate }) {
    this.#view.level(loudness(samples));
    this.history.you.write(samples, time, rate);
  }

  #heard({ samples, time, rate }) {
    const level = loudness(samples);
    this.loudest = Math.max(this.loudest, level);
    if (!this.#link.sends) this.#view.level(level);
    this.history.reply.write(samples, time, rate);
  }

  #speech({ t, p }) {
    this.#speechWindows += p.length;
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
