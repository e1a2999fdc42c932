/** Connects the page's elements with a conversation. */

import { Conversation } from "./conversation.js";
import { Timeline, clock } from "./timeline.js";

const STATES = {
  idle: ["Ready", "Press Start and say something."],
  asking: ["Asking for the microphone", "Allow it when your browser asks."],
  connecting: ["Connecting", "One moment."],
  listening: ["Listening", "Speak. A pause ends your turn."],
  speaking: ["You are speaking", "A pause ends your turn."],
  thinking: ["Thinking", "The reply is being made."],
  replying: ["Replying", "Speak to interrupt."],
  ended: ["Ended", ""],
  failed: ["Stopped", ""],
};

/** What an empty meter means, in dB below full scale; and how far it falls in 20 ms, of 1. */
const QUIETEST = -60;
const FALL = 0.02;

const KEPT_ENTRIES = 200;

const elements = Object.fromEntries(
  ["toggle", "mute", "meter", "state", "hint", "alert", "timeline", "log", "empty"].map((id) => [
    id,
    document.getElementById(id),
  ]),
);
const socketUrl = new URL("websocket/offer", document.baseURI.replace(/^http/, "ws"));
const timeline = new Timeline(elements.timeline);

let level = 0;

function showLevel(value) {
  level = value;
  elements.meter.firstElementChild.style.transform = `scaleX(${level})`;
  elements.meter.setAttribute("aria-valuenow", Math.round(100 * level));
}

const view = {
  state(name, text) {
    const [title, hint] = STATES[name];
    document.body.dataset.state = name;
    elements.state.textContent = title;
    elements.hint.textContent = name === "failed" ? "" : text || hint;
    elements.alert.textContent = name === "failed" ? text : "";
    elements.alert.hidden = name !== "failed";
    elements.toggle.textContent = conversation.live ? "Stop" : "Start";
    elements.mute.disabled = !conversation.live;
    if (conversation.live) return;
    showLevel(0);
    elements.log.scrollTop = elements.log.scrollHeight; // the alert has taken room from it
  },

  entry(time, kind, text) {
    const { log } = elements;
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 8;
    const item = document.createElement("li");
    const stamp = document.createElement("time");
    stamp.textContent = `${clock(time)}.${Math.floor((time % 1) * 10)}`;
    item.dataset.kind = kind;
    item.append(stamp, text);
    log.append(item);
    if (log.children.length > KEPT_ENTRIES) log.firstElementChild.remove();
    elements.empty.hidden = true;
    if (atEnd) log.scrollTop = log.scrollHeight;
  },

  level(rms) {
    const decibels = Math.max(QUIETEST, 20 * Math.log10(rms));
    showLevel(Math.max(1 - decibels / QUIETEST, level - FALL));
  },
};

let conversation = new Conversation(socketUrl, view);

function toggle() {
  if (conversation.live) {
    conversation.stop();
    return;
  }
  elements.log.replaceChildren();
  conversation = new Conversation(socketUrl, view);
  conversation.mute(muted());
  timeline.show(conversation);
  conversation.start();
}

function muted() {
  return elements.mute.getAttribute("aria-pressed") === "true";
}

function toggleMute() {
  elements.mute.setAttribute("aria-pressed", String(!muted()));
  conversation.mute(muted());
}

elements.toggle.addEventListener("click", toggle);
elements.mute.addEventListener("click", toggleMute);
addEventListener("pagehide", () => conversation.live && conversation.stop());

/**
 * For tests and the curious: `fastrtcPage.read()` tells what the page knows, as plain data.
 *
 *   state, text           the state's name, see conversation.js, and why it ended
 *   counts                framesSent, framesDropped, framesReceived, clears, speechWindows
 *   position, pending     seconds of sound played, and waiting to be
 *   loudest               rms of the loudest 20 ms that were played, 0 to 1
 *   seconds               of the microphone's sound since the first that was sent
 *   marks                 turn events: {time, kind}
 *   entries               the log's lines: {kind, text}
 */
window.fastrtcPage = Object.freeze({
  read: () => ({
    state: conversation.state,
    text: elements.alert.textContent || elements.hint.textContent,
    counts: { ...conversation.counts },
    position: conversation.position,
    pending: conversation.pending,
    loudest: conversation.loudest,
    seconds: conversation.now,
    marks: conversation.history.marks.map((mark) => ({ ...mark })),
    entries: Array.from(elements.log.children, (item) => ({
      kind: item.dataset.kind,
      text: item.lastChild.textContent,
    })),
  }),
});
