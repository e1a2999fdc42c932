/** What is sent to the server: tracks of microphone, camera and screen, muted or not. */

import { openTracks } from "./devices.js";

const DEVICES = { audio: "microphone", video: "camera" };

/**
 * Handlers, both required:
 *   changed()               `stream` has other tracks now
 *   ended(device, screen)   a device is gone; or the sharing of a screen was ended
 */
export class LocalMedia {
  /** The same object all the time. */
  stream = new MediaStream();

  #handlers;
  #muted = { audio: false, video: false };
  #given = []; // tracks that belong to others

  constructor(handlers) {
    this.#handlers = handlers;
  }

  /**
   * Take the tracks that are given, and ask for those that are missing.
   *
   * @param {string[]} kinds audio, video
   * @param {import("./devices.js").Wish & {given?: MediaStream}} wish `given` stays its owner's
   * @param {AbortSignal} signal
   * @throws {WebRTCError}
   */
  async open(kinds, { given, ...wish }, signal) {
    this.#given = given?.getTracks().filter(({ kind }) => kinds.includes(kind)) ?? [];
    const missing = kinds.filter((kind) => !this.#given.some((track) => track.kind === kind));
    const tracks = missing.length ? await openTracks(missing, wish) : [];
    if (signal.aborted) for (const track of tracks) track.stop();
    signal.throwIfAborted();
    for (const track of this.#given) this.stream.addTrack(track);
    for (const track of tracks) this.#adopt(track, wish.source);
    this.#changed();
  }

  /** The track of a kind, if there is one. */
  track(kind) {
    return this.stream.getTracks().find((track) => track.kind === kind);
  }

  /** Use a new track of a device in place of the one of its kind. */
  replace(track, source) {
    const old = this.track(track.kind);
    if (old) this.#drop(old);
    this.#adopt(track, source);
    this.#changed();
  }

  /** Silence or black pictures in place of a kind, or again what there is. Lasts. */
  mute(kind, muted) {
    this.#muted[kind] = muted;
    this.#applyMuted();
  }

  close() {
    for (const track of this.stream.getTracks()) this.#drop(track);
    this.#changed();
  }

  #adopt(track, source) {
    const screen = source === "screen" && track.kind === "video";
    track.onended = () => this.#handlers.ended(DEVICES[track.kind], screen); // not after stop()
    this.stream.addTrack(track);
  }

  #drop(track) {
    this.stream.removeTrack(track);
    if (!this.#given.includes(track)) track.stop();
  }

  #changed() {
    this.#applyMuted();
    this.#handlers.changed();
  }

  #applyMuted() {
    for (const track of this.stream.getTracks()) track.enabled = !this.#muted[track.kind];
  }
}
