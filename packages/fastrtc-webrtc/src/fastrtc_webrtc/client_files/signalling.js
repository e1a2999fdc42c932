/** The requests to a stream's WebRTC routes. Knows nothing of peer connections. */

import { WebRTCError, WORDS, refusal } from "./words.js";

/** Milliseconds that a request may take, and a goodbye. */
const PATIENCE = 10_000;
const BYE_PATIENCE = 1_000;

export class Signalling {
  #base;
  #signal;
  #id;
  #token = null;

  /**
   * @param {string | URL} base URL of the stream, above its `webrtc/` routes
   * @param {string} id of the session, chosen by the client
   * @param {AbortSignal} signal ends what is under way
   */
  constructor(base, id, signal) {
    this.#base = new URL(base);
    if (!this.#base.pathname.endsWith("/")) this.#base.pathname += "/";
    this.#id = id;
    this.#signal = signal;
  }

  /** What the stream is, and what the browser's connection should be like. */
  config() {
    return this.#request("webrtc/config", { method: "GET" });
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
    const url = new URL("webrtc/offer", this.#base);
    const body = JSON.stringify({ type: "bye", webrtc_id: this.#id, token: this.#token });
    this.#token = null;
    if (leaving) {
      navigator.sendBeacon(url, body);
      return;
    }
    const signal = AbortSignal.timeout(BYE_PATIENCE);
    try {
      await fetch(url, { method: "POST", body, keepalive: true, signal });
    } catch {
      // A server that cannot be reached will miss the client by itself.
    }
  }

  /** The session is over, and the server knows. */
  forget() {
    this.#token = null;
  }

  #post(body, signal = this.#signal) {
    const headers = { "Content-Type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(body) };
    return this.#request("webrtc/offer", init, signal);
  }

  async #request(path, init, end = this.#signal) {
    const timeout = AbortSignal.timeout(PATIENCE);
    const signal = end ? AbortSignal.any([end, timeout]) : timeout;
    let answer;
    let response;
    try {
      response = await fetch(new URL(path, this.#base), { ...init, signal });
      answer = await response.json();
    } catch (error) {
      this.#signal.throwIfAborted();
      throw response ? unexpected(response) : new WebRTCError("unreachable", WORDS.unreachable);
    }
    if (answer?.status === "failed") throw refusal(answer.meta ?? {});
    if (!response.ok) throw unexpected(response);
    return answer;
  }
}

function unexpected({ status }) {
  const code = status >= 500 ? "unreachable" : "unexpected_answer";
  return new WebRTCError(code, `The server gave an answer without meaning (status ${status}).`);
}
