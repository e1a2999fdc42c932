/** The requests to a stream's WebRTC routes. Knows nothing of peer connections. */

import { WebRTCError, WORDS, refusal } from "./words.js";

/** Milliseconds that a request may take, and a goodbye. */
const PATIENCE = 10_000;
const BYE_PATIENCE = 1_000;

/**
 * Carries a request to the server. Rejects where that cannot be reached.
 *
 * @callback Exchange
 * @param {string} path `webrtc/config` or `webrtc/offer`
 * @param {object | null} body what is posted; null asks for something
 * @param {{signal: AbortSignal, last?: boolean, leaving?: boolean}} options `last`: nothing comes
 *   after it; `leaving`: neither does the page live on
 * @returns {Promise<{status: number, answer: object}>} an HTTP status, and JSON
 */

/** @returns {Exchange} by HTTP, below `base` */
export function overHttp(base) {
  const above = new URL(base);
  if (!above.pathname.endsWith("/")) above.pathname += "/";
  return async (path, body, { signal, last = false, leaving = false }) => {
    const url = new URL(path, above);
    if (leaving) {
      navigator.sendBeacon(url, JSON.stringify(body));
      return { status: 200, answer: {} };
    }
    const response = await fetch(url, { ...request(body, last), signal });
    const { status } = response;
    if (last) return { status, answer: {} };
    try {
      return { status, answer: await response.json() };
    } catch (error) {
      signal.throwIfAborted();
      return { status, answer: null };
    }
  };
}

/** A goodbye has no type, so that browsers need not ask before they send it to another origin. */
function request(body, last) {
  if (body === null) return { method: "GET" };
  const posted = { method: "POST", body: JSON.stringify(body) };
  if (last) return { ...posted, keepalive: true };
  return { ...posted, headers: { "Content-Type": "application/json" } };
}

export class Signalling {
  #exchange;
  #signal;
  #id;
  #token = null;

  /**
   * @param {Exchange} exchange
   * @param {string} id of the session, chosen by the client
   * @param {AbortSignal} signal ends what is under way
   */
  constructor(exchange, id, signal) {
    this.#exchange = exchange;
    this.#id = id;
    this.#signal = signal;
  }

  /** What the stream is, and what the browser's connection should be like. */
  config() {
    return this.#request("webrtc/config", null);
  }

  /**
   * Exchange an offer for an answer.
   *
   * @returns {Promise<{sdp: string, resumed: boolean}>} resumed: the session is the one of before
   */
  async offer(sdp, facts) {
    const before = this.#token;
    const body = { sdp, type: "offer", webrtc_id: this.#id, ...facts };
    const answer = await this.#post(before ? { ...body, token: before } : body, null);
    this.#token = answer.token ?? null;
    if (this.#signal.aborted) this.bye(); // who left meanwhile leaves no session behind
    this.#signal.throwIfAborted();
    return { sdp: answer.sdp, resumed: before !== null && this.#token === before };
  }

  /** Send a candidate, or that there are no more of them (null). */
  candidate(candidate) {
    return this.#post({ type: "ice-candidate", webrtc_id: this.#id, candidate });
  }

  /**
   * Tell the server that the session is over; done when it knows or cannot be told.
   *
   * @param {boolean} [leaving] the page is being left
   */
  async bye(leaving = false) {
    if (this.#token === null) return;
    const body = { type: "bye", webrtc_id: this.#id, token: this.#token };
    this.#token = null;
    const signal = AbortSignal.timeout(BYE_PATIENCE);
    try {
      await this.#exchange("webrtc/offer", body, { signal, last: true, leaving });
    } catch {
      // A server that cannot be reached will miss the client by itself.
    }
  }

  /** The session is over, and the server knows. */
  forget() {
    this.#token = null;
  }

  #post(body, signal = this.#signal) {
    return this.#request("webrtc/offer", body, signal);
  }

  async #request(path, body, end = this.#signal) {
    const timeout = AbortSignal.timeout(PATIENCE);
    const signal = end ? AbortSignal.any([end, timeout]) : timeout;
    let reply;
    try {
      reply = await this.#exchange(path, body, { signal });
    } catch {
      this.#signal.throwIfAborted();
      throw new WebRTCError("unreachable", WORDS.unreachable);
    }
    const { status, answer } = reply;
    if (answer?.status === "failed") throw refusal(answer.meta ?? {});
    if (answer === null || status >= 400) throw unexpected(status);
    return answer;
  }
}

function unexpected(status) {
  const code = status >= 500 ? "unreachable" : "unexpected_answer";
  return new WebRTCError(code, `The server gave an answer without meaning (status ${status}).`);
}
