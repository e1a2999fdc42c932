/**
 * The browser's side of a stream over WebRTC.
 *
 *   import { WebRTCClient } from "/webrtc/fastrtc-webrtc.js";
 *
 *   const client = new WebRTCClient();
 *   client.addEventListener("state", ({ detail }) => show(detail.state, detail.text));
 *   client.addEventListener("message", ({ detail }) => react(detail.type, detail.data));
 *   client.play(document.querySelector("video"));
 *   button.onclick = () => client.connect();
 *
 * Nothing here throws or rejects for what the world does: failures are states and events, with
 * words for the person.
 */

import { Call } from "./call.js";
import { openTracks } from "./devices.js";
import { LevelMeter } from "./levels.js";
import { LocalMedia } from "./local.js";
import { summarise } from "./stats.js";

/**
 * @typedef {object} Options of a conversation, each optional
 * @property {string | URL} [url] of the stream, above `webrtc/`; where this module is from
 * @property {import("./signalling.js").Exchange} [exchange] carries requests in place of HTTP
 * @property {"send-receive" | "send" | "receive"} [mode]
 * @property {"audio" | "video" | "audio-video"} [modality]
 * @property {object} [constraints] MediaTrackConstraints, or `{audio, video}` of them
 * @property {"camera" | "screen"} [source] of the pictures
 * @property {{audio?: string, video?: string}} [devices] ids of microphone and camera
 * @property {RTCConfiguration} [rtcConfiguration]
 * @property {object} [rtpParams] what RTCRtpSender.setParameters takes, for all that is sent
 *   or by kind: `{audio, video}`; and `codec`, "VP8" or "H264", to prefer for pictures
 * @property {boolean} [stereo] sound in stereo, both ways
 * @property {object} [metadata] for the server's `authorize`
 * @property {string[]} [wants] message types that are sent on demand: "speech"
 * @property {MediaStream} [microphoneStream] tracks to send instead of asking for devices;
 *   they stay the caller's and are not stopped
 */

/**
 * One conversation at a time.
 *
 * Events, each a CustomEvent with this `detail`:
 *   state {state, text, code}   idle, asking (for microphone or camera), connecting, connected,
 *                               reconnecting, ended, failed; text says why, code is for programs
 *   local {stream}              what is sent has other tracks now
 *   track {track, stream}       something comes from the server
 *   message {type, data}        from the server: send_input, fetch_output, stopword, error, warning,
 *                               log, end_stream, speech, and the application's own
 *   reconnected {resumed}       the connection is back; not resumed: the server began a new session
 *   problem {kind, text}        "warning" or "error" that the connection survives
 *   blocked {resume}            the browser wants a click before it plays; call `resume` from one
 */
export class WebRTCClient extends EventTarget {
  state = "idle";
  text = "";
  code = "";

  /** @type {"send-receive" | "send" | "receive"} as the client sees it; known once connected */
  mode = "send-receive";

  /** @type {"audio" | "video" | "audio-video"} */
  modality = "audio";

  /** What the server sends; the same object all the time. */
  stream = new MediaStream();

  /** @type {Call | null} */
  #call = null;
  #media = new LocalMedia({
    changed: () => this.#localChanged(),
    ended: (device, screen) => this.#deviceEnded(device, screen),
  });
  /** @type {Set<HTMLMediaElement>} that play what comes */
  #elements = new Set();
  #meter = new LevelMeter({ input: this.#media.stream, output: this.stream });
  /** @type {import("./stats.js").Summary | null} */
  #summary = null;

  /**
   * Begin a conversation; one that is under way is ended.
   *
   * What is left out is as the stream's server says (`GET webrtc/config`).
   *
   * @param {Options} [options]
   * @returns {Promise<boolean>} whether the connection stands; `state` says why not
   */
  connect(options = {}) {
    this.close();
    this.#summary = null;
    const url = options.url ?? new URL("../", import.meta.url);
    this.#call = new Call({ ...options, url }, this.#media, {
      state: (state, text, code) => this.#enter(state, text, code),
      described: ({ mode, modality }) => Object.assign(this, { mode, modality }),
      track: (track) => this.#tracked(track),
      message: (message) => this.#emit("message", message),
      reconnected: (resumed) => this.#emit("reconnected", { resumed }),
      problem: (kind, text) => this.#emit("problem", { kind, text }),
    });
    return this.#call.run();
  }

  /** Whether a conversation has begun and not ended. */
  get live() {
    return this.#call?.live ?? false;
  }

  /** The session's id, for the server's `set_input` and its like. */
  get id() {
    return this.#call?.id ?? "";
  }

  /** What is sent to the server; the same object all the time. */
  get local() {
    return this.#media.stream;
  }

  /** The RTCPeerConnection in use, which changes when one that was lost is replaced; or null. */
  get connection() {
    return this.live ? this.#call.connection : null;
  }

  /** End the conversation, at any time. */
  close(text = "You ended the conversation.") {
    this.#call?.close(text);
  }

  /** Send a message to the application; false if it cannot be sent. Arrives in order. */
  sendMessage(data) {
    return this.live && this.#call.messages.send({ type: "message", data });
  }

  /** Give the server's handler its inputs; false if they cannot be sent. */
  setInput(...args) {
    return this.live && this.#call.messages.send({ type: "input", args });
  }

  /** Ask the server for a sign of life. @returns {Promise<number | null>} milliseconds it took */
  ping() {
    return this.live ? this.#call.messages.ping() : Promise.resolve(null);
  }

  /** Send silence or black pictures of one kind, or again what there is. Lasts. */
  mute(kind, muted = true) {
    this.#media.mute(kind, muted);
  }

  /**
   * Send from another device, or another source.
   *
   * @param {"audio" | "video"} kind
   * @param {{deviceId?: string, source?: "camera" | "screen"}} choice
   * @returns {Promise<boolean>} whether it is sent now; if not, a `problem` says why
   */
  async switchTo(kind, { deviceId, source = "camera" } = {}) {
    const call = this.#call;
    if (!this.live || call.mode === "receive" || !call.kinds.includes(kind)) return false;
    const { constraints } = call.configuration;
    const wish = { constraints, source, devices: { [kind]: deviceId } };
    try {
      const [track] = await openTracks([kind], wish);
      if (call.live) await call.send(track);
      if (call.live) this.#media.replace(track, source);
      else track.stop();
    } catch (error) {
      if (call.live) this.#emit("problem", { kind: "warning", text: error.message });
      return false;
    }
    return call.live;
  }

  /** Look for new network paths, without a break. @returns {Promise<boolean>} success */
  async restartIce() {
    return this.live && this.#call.restartIce();
  }

  /** Replace the connection by a new one; the session stays. @returns {Promise<boolean>} success */
  async reconnect() {
    return this.live && this.#call.reconnect();
  }

  /**
   * Play what the server sends in an `<audio>` or `<video>` element, now and whenever it comes.
   *
   * @param {HTMLMediaElement} element
   */
  async play(element) {
    this.#elements.add(element);
    if (!this.stream.active) return; // Chromium stays mute if it is given a stream without tracks
    element.srcObject = this.stream;
    try {
      await element.play();
    } catch (error) {
      // Any other error says that the element was given something else to play meanwhile.
      if (error.name !== "NotAllowedError") return;
      this.#emit("blocked", { resume: () => this.play(element) });
    }
  }

  /**
   * Have `callback` called with `{input, output}`, the loudness of both ways (rms, 0 to 1), once for
   * every picture that the browser shows.
   *
   * @returns {() => void} ends it
   */
  watchLevels(callback) {
    return this.#meter.watch(callback);
  }

  /** @returns {Promise<import("./stats.js").Summary | null>} null without a connection */
  async stats() {
    if (this.connection === null) return null;
    this.#summary = summarise(await this.connection.getStats(), this.#summary);
    return this.#summary;
  }

  #tracked(track) {
    for (const old of this.stream.getTracks()) {
      if (old.kind === track.kind) this.stream.removeTrack(old);
    }
    this.stream.addTrack(track);
    for (const element of this.#elements) this.play(element);
    this.#meter.refresh();
    this.#emit("track", { track, stream: this.stream });
  }

  #localChanged() {
    this.#meter.refresh();
    this.#emit("local", { stream: this.local });
  }

  #deviceEnded(device, screen) {
    if (screen) this.switchTo("video");
    else this.#emit("problem", { kind: "error", text: `The ${device} was disconnected.` });
  }

  #enter(state, text, code) {
    Object.assign(this, { state, text, code });
    if (!this.live) for (const track of this.stream.getTracks()) this.stream.removeTrack(track);
    this.#emit("state", { state, text, code });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

export { WebRTCError } from "./words.js";
