/** What can go wrong, in words for the person. */

/** A failure: its message is for the person, its code for programs. */
export class WebRTCError extends Error {
  name = "WebRTCError";

  /**
   * @param {string} code one of the keys below, or a code of the server's
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Failures that concern no device, by code. */
export const WORDS = {
  unreachable: "The server cannot be reached.",
  no_path:
    "No network path to the server was found: UDP may be blocked on the way; " +
    "a TURN server is needed then.",
  no_relay:
    "No network path to the server was found, and the TURN server that it names gave no relay",
  lost: "The connection was lost, and could not be restored.",
  unsupported: "This browser cannot make WebRTC connections, or they are turned off in it.",
};

/** How the server refuses: the words of its code, made of the facts that come with it. */
const REFUSALS = {
  concurrency_limit_reached: ({ limit }) =>
    `The server is full: ${limit} ${limit === 1 ? "person is" : "people are"} connected, ` +
    "which is its limit. Try again in a moment.",
  workers_exhausted: () => "The server is too busy. Try again in a moment.",
  too_many_requests: () => "The server was asked too often from here. Try again in a minute.",
  unauthorized: () => "The server refused this connection: you are not authorized.",
  origin_not_allowed: () =>
    `The server takes no connections from pages of ${globalThis.location?.origin}.`,
  id_in_use: () => "The server refused this connection: its id is in use. Try again.",
  unknown_session: () => "The server has ended this conversation.",
  negotiation_failed: () => "The server met an error while it answered. Try again.",
  bad_sdp: ({ message }) => `The server cannot use what this browser offers: ${message}`,
};

/**
 * What to say where the server refuses.
 *
 * @param {{error: string, message?: string}} meta as the server sent it
 */
export function refusal({ error, ...facts }) {
  const words = REFUSALS[error]?.(facts) ?? facts.message;
  return new WebRTCError(error, words ?? `The server refused this connection: ${error}.`);
}

/** Codes after which the next attempt may succeed. */
const PASSING = ["unreachable", "too_many_requests", "workers_exhausted", "negotiation_failed"];

/** Whether it makes sense to try again soon. */
export function passes(error) {
  return error instanceof WebRTCError && PASSING.includes(error.code);
}

const DEVICES = { audio: "microphone", video: "camera" };

const INSECURE =
  "Browsers give the $ only to pages from https:// or from this very machine " +
  "(http://localhost). Open this page by such an address.";

const REFUSED_SCREEN =
  "Nothing was chosen to be shared. Start again and choose a screen or window.";

/** What errors of getUserMedia mean (W3C Media Capture and Streams, 10.2); $ is the device. */
const DEVICE_ERRORS = {
  NotAllowedError:
    "The $ was refused. Allow it in the browser's settings for this page, then start again.",
  NotFoundError: "No $ was found. Connect one, then start again.",
  NotReadableError:
    "The $ cannot be read: another program may be using it. Close that, then start again.",
  OverconstrainedError: "No $ has what this stream asks for.",
  SecurityError: "This browser does not allow pages to use the $.",
};

/**
 * Say that the devices cannot be asked for from this page.
 *
 * @param {string[]} kinds audio, video
 */
export function insecure(kinds) {
  return new WebRTCError("insecure_context", INSECURE.replace("$", named(kinds)));
}

/**
 * Say why a device could not be had, and which, as far as the browser tells.
 *
 * @param {Error} error of getUserMedia or getDisplayMedia
 * @param {string[]} kinds that were asked for
 * @param {"camera" | "screen"} source
 */
export async function deviceError(error, kinds, source) {
  if (source === "screen" && error.name === "NotAllowedError") {
    return new WebRTCError("screen_refused", REFUSED_SCREEN);
  }
  const words = DEVICE_ERRORS[error.name] ?? `The $ cannot be used: ${error.message}`;
  const device = named(kinds.length > 1 ? await atFault(error, kinds) : kinds);
  return new WebRTCError(error.name, words.replace("$", device));
}

function named(kinds) {
  return kinds.map((kind) => DEVICES[kind]).join(" or the ");
}

/** Those of the kinds that are refused or missing; all of them where the browser does not tell. */
async function atFault(error, kinds) {
  const tests = { NotAllowedError: refused, NotFoundError: missing };
  const test = tests[error.name];
  if (!test) return kinds;
  const found = await Promise.all(kinds.map((kind) => test(kind).catch(() => false)));
  return found.includes(true) ? kinds.filter((_, index) => found[index]) : kinds;
}

async function refused(kind) {
  return (await navigator.permissions.query({ name: DEVICES[kind] })).state !== "granted";
}

async function missing(kind) {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return !devices.some((device) => device.kind === `${kind}input`);
}
