/** Checks of the server: whether it answers, and what it streams. */

import { fault, note, ok } from "./doctor-findings.js";

/** Milliseconds for the server to answer. */
export const PATIENCE = 8000;

/** A request did not succeed; the message says why, in a part of a sentence. */
export class NoAnswer extends Error {}

/**
 * Get JSON, or post some.
 *
 * @returns {Promise<{status: number, content: any, time: number}>} time in milliseconds
 */
export async function ask(url, body = null) {
  const init = { signal: AbortSignal.timeout(PATIENCE), cache: "no-store" };
  if (body !== null) {
    const headers = { "Content-Type": "application/json" };
    Object.assign(init, { method: "POST", headers, body: JSON.stringify(body) });
  }
  const began = performance.now();
  let response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    const late = error.name === "TimeoutError";
    throw new NoAnswer(late ? `no answer came in ${PATIENCE / 1000} s` : "no answer came");
  }
  const time = performance.now() - began;
  const content = await response.json().catch(() => null);
  return { status: response.status, content, time };
}

/**
 * @param {URL | string} base of the stream
 * @param {object} facts gets `transports`, and `stream` with the answer of webrtc/config
 * @yields {Finding}
 */
export async function* checkServer(base, facts) {
  const origin = new URL(base).origin;
  let answer;
  try {
    answer = await ask(new URL("transports.json", base));
  } catch (error) {
    const advice = "Check that the server runs, and the network to it; then check again.";
    yield fault(`The server at ${origin} cannot be reached: ${error.message}.`, advice);
    return;
  }
  facts.transports = Array.isArray(answer.content) ? answer.content : [];
  yield ok(`The server at ${origin} answers, in ${Math.round(answer.time)} ms.`);
  if (facts.transports.includes("webrtc")) yield* checkStream(base, facts);
  else yield withoutWebRTC(facts.transports);
}

function withoutWebRTC(transports) {
  const advice = 'For WebRTC, install it on the server: pip install "fastrtc[webrtc]".';
  const text = "This server has no WebRTC.";
  if (!transports.includes("websocket")) return fault(text, advice);
  return note("This server has no WebRTC: its stream goes over WebSocket.", advice);
}

async function* checkStream(base, facts) {
  const url = new URL("webrtc/config", base);
  try {
    const { status, content } = await ask(url);
    if (content?.mode && content?.modality) {
      facts.stream = content;
      yield ok(`It has a stream over WebRTC: ${content.modality}, ${content.mode}.`);
    } else yield unclear(status, content, base);
  } catch (error) {
    yield fault(`The server does not say how to connect: ${error.message}.`, "Check again.");
  }
}

function unclear(status, content, base) {
  if (content?.meta) {
    const advice = "Its log says why: rtc_configuration of the stream is what it is asked for.";
    return fault(`The server can't say how to connect: ${content.meta.message}.`, advice);
  }
  const path = new URL(".", base).pathname;
  const advice = "Mount the stream at the path of this page, with fastrtc-webrtc installed.";
  return fault(`There is no stream over WebRTC at ${path} (status ${status}).`, advice);
}
