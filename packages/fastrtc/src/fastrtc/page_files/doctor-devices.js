/** Checks of the browser: what it gives this page. Nothing here asks the person. */

import { fault, many, note, ok } from "./doctor-findings.js";

const NAMES = { audio: "microphone", video: "camera" };
const TEST_TIME = 5000; // milliseconds
const QUIETEST = -60; // dB below full scale: what an empty meter shows
const SILENT = -55; // a room without anybody is louder than that
const WINDOW = 2048; // samples

/**
 * @param {{mode: string, modality: string} | null} stream null: not known
 * @yields {Finding}
 */
export async function* checkDevices(stream) {
  const needed = neededBy(stream);
  yield checkContext(needed);
  if (!window.RTCPeerConnection) {
    const advice = "Use another browser, or turn WebRTC on in its settings and extensions.";
    yield fault("This browser has no WebRTC, or it is turned off.", advice);
  }
  if (!needed.length) yield ok("This stream only sends: it needs neither microphone nor camera.");
  if (!navigator.mediaDevices) return; // said already: the context is not secure
  for (const kind of needed) yield await checkDevice(kind);
}

/** The kinds of media that a stream takes from this device. */
export function neededBy(stream) {
  if (stream === null) return ["audio"]; // all that goes over WebSocket
  return stream.mode === "receive" ? [] : stream.modality.split("-");
}

function checkContext(needed) {
  const { origin } = location;
  if (window.isSecureContext) {
    return ok(`Browsers give pages of ${origin} the microphone and the camera.`);
  }
  const text =
    `Browsers give pages of ${origin} neither microphone nor camera: it is no secure context.`;
  const advice =
    "Serve it by https, or open it as http://localhost on the machine that the server runs on.";
  return needed.length ? fault(text, advice) : note(text, advice);
}

async function checkDevice(kind) {
  const name = NAMES[kind];
  const state = await permission(name);
  if (state === "denied") {
    const advice =
      "Allow it in the browser's settings for this page, beside the address; " +
      "the system's own privacy settings must allow it to the browser, too.";
    return fault(`This page may not use the ${name}: it was refused.`, advice);
  }
  const devices = await navigator.mediaDevices.enumerateDevices();
  const found = devices.filter((device) => device.kind === `${kind}input`);
  if (!found.length) {
    return fault(`No ${name} was found.`, "Connect one, and check that the system knows it.");
  }
  const labels = found.map(({ label }) => label).filter(Boolean);
  if (state === "granted") {
    const listed = labels.join(", ") || many(found.length, name);
    return ok(`The ${name} may be used: ${listed}.`);
  }
  return ok(`There is a ${name}; the browser asks before this page may use it.`);
}

async function permission(name) {
  try {
    return (await navigator.permissions.query({ name })).state;
  } catch {
    return "unknown"; // this browser does not tell
  }
}

const REFUSALS = {
  NotAllowedError: [
    "The microphone was refused.",
    "Allow it in the browser's settings for this page, then test again.",
  ],
  NotFoundError: ["No microphone was found.", "Connect one, then test again."],
  NotReadableError: [
    "The microphone cannot be read.",
    "Another program may be using it: close that, then test again.",
  ],
};

/**
 * Ask for the microphone and listen to it for a while.
 *
 * @param {(level: number) => void} show gets 0 to 1 for every picture, and 0 at the end
 * @returns {Promise<Finding>}
 */
export async function testMicrophone(show) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch ({ name, message }) {
    const words = [`The microphone cannot be used: ${message}.`, "Try another."];
    return fault(...(REFUSALS[name] ?? words));
  }
  const { label } = stream.getAudioTracks()[0];
  const context = new AudioContext();
  try {
    return heard(await listen(context, stream, show), label);
  } finally {
    for (const track of stream.getTracks()) track.stop();
    await context.close();
    show(0);
  }
}

/** Returns the level of the loudest moment, in dB. */
async function listen(context, stream, show) {
  const tap = new AnalyserNode(context, { fftSize: WINDOW });
  context.createMediaStreamSource(stream).connect(tap);
  const wave = new Float32Array(WINDOW);
  let loudest = -Infinity;
  for (const end = performance.now() + TEST_TIME; performance.now() < end; ) {
    await new Promise(requestAnimationFrame);
    tap.getFloatTimeDomainData(wave);
    const decibels = 20 * Math.log10(Math.hypot(...wave) / Math.sqrt(WINDOW));
    loudest = Math.max(loudest, decibels);
    show(Math.max(0, 1 - Math.max(decibels, QUIETEST) / QUIETEST));
  }
  return loudest;
}

function heard(loudest, label) {
  if (loudest < SILENT) {
    const advice = "Turn it on or up in the system's settings, or choose another, and speak.";
    return fault(`The microphone (${label}) gives silence.`, advice);
  }
  const level = `${Math.round(loudest)} dB`.replace("-", "−");
  return ok(`The microphone (${label}) hears something: ${level} at the loudest.`);
}
