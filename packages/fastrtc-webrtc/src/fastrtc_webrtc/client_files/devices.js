/** Microphone, camera and screen. */

import { deviceError, insecure } from "./words.js";

/** What is asked for where the stream asks for nothing else. */
const DEFAULTS = {
  audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
};

/** The kinds of media of a modality. */
export const KINDS = { audio: ["audio"], video: ["video"], "audio-video": ["audio", "video"] };

/**
 * @typedef {object} Wish
 * @property {object | null} [constraints] of one kind, or `{audio, video}`
 * @property {"camera" | "screen"} [source] of the pictures
 * @property {{audio?: string, video?: string}} [devices] their ids
 */

/**
 * Ask for tracks to send.
 *
 * @param {string[]} kinds audio, video
 * @param {Wish} wish
 * @returns {Promise<MediaStreamTrack[]>}
 * @throws {WebRTCError} in words for the person
 */
export async function openTracks(kinds, { constraints, source = "camera", devices = {} }) {
  const { mediaDevices } = navigator;
  if (!mediaDevices) throw insecure(kinds);
  const screen = source === "screen" && kinds.includes("video");
  const asked = screen ? kinds.filter((kind) => kind !== "video") : kinds;
  const wish = (kind) => [kind, constrain(kind, constraints, devices[kind])];
  const tracks = [];
  try {
    // The screen first: browsers want a click for it, whose effect soon passes.
    if (screen) tracks.push(...(await ask(["video"], source, () => share(mediaDevices))));
    if (asked.length) {
      const wanted = Object.fromEntries(asked.map(wish));
      tracks.push(...(await ask(asked, "camera", () => mediaDevices.getUserMedia(wanted))));
    }
  } catch (error) {
    for (const track of tracks) track.stop();
    throw error;
  }
  return tracks;
}

/** Sound of the screen is not asked for: the microphone's would be replaced by it. */
function share(mediaDevices) {
  return mediaDevices.getDisplayMedia({
    video: { frameRate: { ideal: 15, max: 30 } },
    audio: false,
  });
}

async function ask(kinds, source, request) {
  try {
    return (await request()).getTracks();
  } catch (error) {
    throw await deviceError(error, kinds, source);
  }
}

/** Constraints are of all kinds, or `{audio, video}`; `true` asks for nothing in particular. */
function constrain(kind, constraints, deviceId) {
  const byKind = constraints && ("audio" in constraints || "video" in constraints);
  const own = byKind ? constraints[kind] : constraints;
  const device = deviceId && { deviceId: { exact: deviceId } };
  return { ...DEFAULTS[kind], ...(typeof own === "object" && own), ...device };
}
