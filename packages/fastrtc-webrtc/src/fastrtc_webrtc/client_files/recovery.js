/** What is done about a connection that was lost. */

import { WebRTCError, WORDS, passes } from "./words.js";

/** Milliseconds that each attempt has, and until it is given up. */
const PATIENCE = 5_000;
const GIVE_UP = 30_000;

/** Milliseconds between attempts: the first pause, doubled each time, and the longest. */
const PAUSE = 500;
const LONGEST_PAUSE = 5_000;

/**
 * Try the ways one after the other, and the last again and again, until it is given up.
 *
 * @param {(() => Promise<boolean>)[]} ways negotiations; they tell whether the session is resumed
 * @param {() => import("./peer.js").Peer} peer the one in use
 * @param {AbortSignal} signal ends it
 * @returns {Promise<boolean>} whether the session is resumed
 * @throws {WebRTCError} with the last obstacle in its words; or what the signal throws
 */
export async function restore(ways, peer, signal) {
  const end = performance.now() + GIVE_UP;
  let obstacle;
  let pause = PAUSE;
  for (let turn = 0; turn === 0 || performance.now() < end; turn++) {
    if (turn >= ways.length) {
      await wait(pause, signal);
      pause = Math.min(2 * pause, LONGEST_PAUSE);
    }
    signal.throwIfAborted();
    try {
      const resumed = await ways[Math.min(turn, ways.length - 1)]();
      if (await peer().connected(PATIENCE)) return resumed;
      obstacle = peer().fault;
    } catch (error) {
      if (!passes(error)) throw error;
      obstacle = error;
    }
    signal.throwIfAborted();
  }
  throw new WebRTCError("lost", `${WORDS.lost} ${obstacle.message}`);
}

/**
 * Wait; not after the network is back, nor after the end.
 *
 * @returns {Promise<void>}
 */
function wait(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    function done() {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal.removeEventListener("abort", done);
      resolve();
    }
    addEventListener("online", done);
    signal.addEventListener("abort", done);
  });
}
