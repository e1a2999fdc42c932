/** Connects the page's elements with a conversation. */

import { Choices } from "./choices.js";
import { Conversation } from "./conversation.js";
import { askServer, nameOf } from "./server.js";
import { SocketLink } from "./socketlink.js";
import { Stage } from "./stage.js";
import { describeQuality, describeState } from "./texts.js";
import { Timeline, clock } from "./timeline.js";
import { WebRTCLink } from "./webrtclink.js";

/** What an empty meter means, in dB below full scale; and how far it falls in 20 ms, of 1. */
const QUIETEST = -60;
const FALL = 0.02;

const KEPT_ENTRIES = 200;

const elements = Object.fromEntries(
  Array.from(document.querySelectorAll("[id]"), (element) => [element.id, element]),
);
const base = document.baseURI;
const timeline = new Timeline(elements.timeline);
const stage = new Stage(elements);
const choices = new Choices(elements, (kind, choice) => client()?.switchTo(kind, choice));

let stream = { mode: "send-receive", modality: "audio", transports: [], why: "" };
let link = null;
let summary = null;
let level = 0;

const view = {
  state(name, text) {
    const [title, hint] = describeState(name, stream);
    document.body.dataset.state = name;
    elements.state.textContent = title;
    elements.hint.textContent = name === "failed" ? "" : text || hint;
    elements.alert.textContent = name === "failed" ? text : "";
    elements.alert.hidden = name !== "failed";
    elements.toggle.textContent = conversation.live ? "Stop" : "Start";
    for (const name of ["mute", "hide"]) elements[name].disabled = !conversation.live;
    elements.transport.disabled = conversation.live;
    if (name === "listening" || name === "running") choices.refresh();
    if (conversation.live) return;
    showLevel(0);
    stage.clear();
    showConnection();
    elements.hear.hidden = true;
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

let conversation = new Conversation(new SocketLink(base), view);

const ready = askServer(base).then(present);

/** Make the page that of the stream. */
async function present(answer) {
  stream = answer;
  const { mode, modality, transports } = stream;
  Object.assign(document.body.dataset, { mode, modality });
  const names = transports.map((name) => new Option(nameOf(name), name));
  elements.transport.replaceChildren(...names);
  elements["transport-choice"].hidden = transports.length < 2;
  elements["meter-title"].textContent = mode === "receive" ? "Sound" : "Microphone";
  stage.prepare(mode);
  showConnection();
  if (!conversation.live) view.state(conversation.state, "");
  await offerChoices();
}

async function offerChoices() {
  const webrtc = elements.transport.value === "webrtc";
  await choices.offer(webrtc && stream.mode !== "receive" ? stream.modality.split("-") : []);
}

/** Say over what it goes, and why not over something else. */
function showConnection() {
  const name = elements.transport.value;
  if (!name) return;
  const over = `${conversation.live ? "Connected" : "Connects"} over ${nameOf(name)}.`;
  const quality = summary && conversation.live ? describeQuality(summary) : "";
  elements.via.textContent = quality
    ? `${nameOf(name)}, ${quality}`
    : [over, stream.why].filter(Boolean).join(" ");
}

function showLevel(value) {
  level = value;
  elements.meter.firstElementChild.style.transform = `scaleX(${level})`;
  elements.meter.setAttribute("aria-valuenow", Math.round(100 * level));
}

function client() {
  return link?.client ?? null;
}

function makeLink() {
  if (elements.transport.value !== "webrtc") return new SocketLink(base);
  const { mode, modality, WebRTCClient } = stream;
  const [microphone, picture] = [choices.choice("audio"), choices.choice("video")];
  const devices = { audio: microphone.deviceId, video: picture.deviceId };
  const options = { url: base, mode, modality, devices, source: picture.source };
  const element = modality === "audio" ? elements.sound : elements.remote;
  return new WebRTCLink(WebRTCClient, options, element, {
    shown: (client) => stage.show(client),
    blocked: (resume) => offerSound(resume),
    measured(latest) {
      summary = latest;
      showConnection();
    },
  });
}

/** Browsers play nothing before the person has done something. */
function offerSound(resume) {
  elements.hear.hidden = false;
  elements.hear.onclick = () => {
    elements.hear.hidden = true;
    resume();
  };
}

async function toggle() {
  if (conversation.live) {
    conversation.stop();
    return;
  }
  await ready;
  if (conversation.live) return; // clicked twice
  elements.log.replaceChildren();
  summary = null;
  link = makeLink();
  conversation = new Conversation(link, view);
  conversation.mute("audio", pressed(elements.mute));
  conversation.mute("video", pressed(elements.hide));
  timeline.show(conversation);
  conversation.start();
}

function pressed(button) {
  return button.getAttribute("aria-pressed") === "true";
}

function press(button, kind) {
  button.setAttribute("aria-pressed", String(!pressed(button)));
  conversation.mute(kind, pressed(button));
}

elements.toggle.addEventListener("click", toggle);
elements.mute.addEventListener("click", () => press(elements.mute, "audio"));
elements.hide.addEventListener("click", () => press(elements.hide, "video"));
elements.transport.addEventListener("change", () => {
  showConnection();
  offerChoices();
});
// The WebRTC client does this by itself.
addEventListener("pagehide", () => conversation.live && !client() && conversation.stop());

/**
 * For tests and the curious: `fastrtcPage.read()` tells what the page knows, as plain data.
 *
 *   state, text           the state's name, see conversation.js, and why it ended
 *   connection            webrtc or websocket: what is used, or would be
 *   mode, modality        of the stream
 *   via                   what the page says of the connection
 *   counts                framesSent, framesDropped, framesReceived, clears over WebSocket;
 *                         packetsSent, packetsReceived, reconnections over WebRTC; speechWindows
 *   summary               the connection's statistics, see stats.js of the WebRTC client, or null
 *   pictures              {remote, self}: [width, height] of what is seen, or null
 *   position, pending     seconds of sound played, and waiting to be
 *   loudest               rms of the loudest 20 ms that were heard, 0 to 1
 *   seconds               of the microphone's sound since the first that was sent
 *   marks                 turn events: {time, kind}
 *   entries               the log's lines: {kind, text}
 *
 * and `fastrtcPage.client` is the WebRTCClient in use, or null.
 */
window.fastrtcPage = Object.freeze({
  get client() {
    return client();
  },

  read: () => ({
    state: conversation.state,
    text: elements.alert.textContent || elements.hint.textContent,
    connection: elements.transport.value,
    mode: stream.mode,
    modality: stream.modality,
    via: elements.via.textContent,
    counts: conversation.counts,
    summary,
    pictures: stage.sizes,
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
