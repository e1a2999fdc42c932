/**
 * The browser's side of a stream over WebRTC.
 *
 *   import { WebRTCClient } from "/webrtc/fastrtc-webrtc.js";
 *
 *   const client = new WebRTCClient();
 *   client.addEventListener("state", ({ detail }) => show(detail.state, detail.text));
 *   client.addEventListener("message", ({ detail }) => react(detail.type, detail.data));
 *   client.play(document.querySelector("video"));
 *   button.onclick = () => client.connect({ mode: "send-receive", modality: "audio-video" });
 *
 * Nothing here throws or rejects for what the world does: failures are states and events, with
 * words for the person.
 */

import { KINDS, openTracks } from "./devices.js";
import { LevelMeter } from "./levels.js";
import { LocalMedia } from "./local.js";
import { Messages } from "./messages.js";
import { Peer } from "./peer.js";
import { Signalling } from "./signalling.js";
import { summarise } from "./stats.js";
import { WebRTCError, WORDS, passes } from "./words.js";

export { WebRTCError };

/** Milliseconds for the first connection, and for each way of restoring a lost one. */
const FIRST_PATIENCE = 20_000;
const PATIENCE = 5_000;

/** Milliseconds without a network after which it counts as lost, and until it is given up. */
const DISCONNECTED = 2_000;
const GIVE_UP = 30_000;

/** Milliseconds between attempts: the first pause, doubled each time, and the longest. */
const PAUSE = 500;
const LONGEST_PAUSE = 5_000;

/** Milliseconds that the server has to close the connection once it has said goodbye. */
const GOODBYE = 2_000;

const LIVE = ["asking", "connecting", "connected", "reconnecting"];

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

  /** The session's id, for the server's `set_input` and its like. */
  id = "";

  /** @type {"send-receive" | "send" | "receive"} as the client sees it */
  mode = "send-receive";

  /** @type {"audio" | "video" | "audio-video"} */
  modality = "audio";

  /** What the server sends; the same object all the time. */
  stream = new MediaStream();

  #options = {};
  #configuration = null;
  #signalling = null;
  #abort = new AbortController();
  #peer = null;
  #messages = new Messages(
    (message) => this.#received(message),
    (text) => this.#emit("problem", { kind: "warning", text }),
  );
  #media = new LocalMedia({
    changed: () => this.#localChanged(),
    ended: (device, screen) => this.#deviceEnded(device, screen),
  });
  #meter = new LevelMeter({ input: this.#media.stream, output: this.stream });
  #summary = null;
  #timer = 0;
  #goodbye = null;
  #early = []; // messages that came before it was known that the connection stands

  /**
   * Begin a conversation; one that is under way is ended.
   *
   * What is left out is as the stream's server says (`GET webrtc/config`).
   *
   * @param {object} [options]
   * @param {string | URL} [options.url] of the stream, above `webrtc/`; where this module is from
   * @param {"send-receive" | "send" | "receive"} [options.mode]
   * @param {"audio" | "video" | "audio-video"} [options.modality]
   * @param {object} [options.constraints] MediaTrackConstraints, or `{audio, video}` of them
   * @param {"camera" | "screen"} [options.source] of the pictures
   * @param {{audio?: string, video?: string}} [options.devices] ids of microphone and camera
   * @param {RTCConfiguration} [options.rtcConfiguration]
   * @param {object} [options.rtpParams] what RTCRtpSender.setParameters takes, for all that is sent
   *   or by kind: `{audio, video}`; and `codec`, "VP8" or "H264", to prefer for pictures
   * @param {boolean} [options.stereo] sound in stereo, both ways
   * @param {object} [options.metadata] for the server's `authorize`
   * @param {string[]} [options.wants] message types that are sent on demand: "speech"
   * @param {MediaStream} [options.microphoneStream] tracks to send instead of asking for devices;
   *   they stay the caller's and are not stopped
   * @returns {Promise<boolean>} whether the connection stands; `state` says why not
   */
  async connect(options = {}) {
    this.close();
    this.#options = options;
    this.#goodbye = null;
    this.#early = [];
    this.#summary = null;
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    try {
      await this.#begin(signal);
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
    }
    return !signal.aborted;
  }

  /** Whether a conversation has begun and not ended. */
  get live() {
    return LIVE.includes(this.state);
  }

  /** What is sent to the server; the same object all the time. */
  get local() {
    return this.#media.stream;
  }

  /** Whether microphone or camera are sent. */
  get sends() {
    return this.mode !== "receive";
  }

  /** The RTCPeerConnection in use, which changes when one that was lost is replaced; or null. */
  get connection() {
    return this.#peer?.connection ?? null;
  }

  /** End the conversation, at any time. */
  close(text = "You ended the conversation.") {
    this.#end("ended", text, "closed");
  }

  /** Send a message to the application; false if it cannot be sent. Arrives in order. */
  sendMessage(data) {
    return this.live && this.#messages.send({ type: "message", data });
  }

  /** Give the server's handler its inputs; false if they cannot be sent. */
  setInput(...args) {
    return this.live && this.#messages.send({ type: "input", args });
  }

  /** Ask the server for a sign of life. @returns {Promise<number | null>} milliseconds it took */
  ping() {
    return this.live ? this.#messages.ping() : Promise.resolve(null);
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
    const { signal } = this.#abort;
    if (!this.live || !this.sends || !KINDS[this.modality].includes(kind)) return false;
    const { constraints } = this.#configuration;
    const wish = { constraints, source, devices: { [kind]: deviceId } };
    try {
      const [track] = await openTracks([kind], wish);
      if (!signal.aborted) await this.#peer?.sender(kind)?.replaceTrack(track);
      if (signal.aborted) track.stop();
      else this.#media.replace(track, source);
      return !signal.aborted;
    } catch (error) {
      if (!signal.aborted) this.#emit("problem", { kind: "warning", text: error.message });
      return false;
    }
  }

  /** Look for new network paths, without a break. @returns {Promise<boolean>} success */
  async restartIce() {
    if (!this.#peer) return false;
    try {
      await this.#peer.negotiate({ iceRestart: true });
      return true;
    } catch (error) {
      if (this.live) this.#emit("problem", { kind: "warning", text: worded(error).message });
      return false;
    }
  }

  /** Replace the connection by a new one; the session stays. */
  reconnect() {
    return this.#recover([() => this.#open()]);
  }

  /**
   * Play what the server sends in an `<audio>` or `<video>` element, now or as soon as it comes.
   *
   * @param {HTMLMediaElement} element
   */
  async play(element) {
    if (element.srcObject !== this.stream) element.srcObject = this.stream;
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
    if (!this.connection || !this.live) return null;
    this.#summary = summarise(await this.connection.getStats(), this.#summary);
    return this.#summary;
  }

  async #begin(signal) {
    this.id = randomId();
    this.#signalling = new Signalling(
      this.#options.url ?? new URL("../", import.meta.url),
      this.id,
      signal,
    );
    this.#enter("connecting");
    addEventListener("pagehide", () => this.close(), { signal });
    await this.#configure();
    if (this.sends) await this.#openDevices(signal);
    await this.#open();
    const connected = await this.#peer.connected(FIRST_PATIENCE);
    signal.throwIfAborted();
    if (!connected) throw this.#peer.fault;
    this.#enter("connected");
    addEventListener("online", () => this.#online(), { signal });
    for (const message of this.#early.splice(0)) this.#received(message);
  }

  async #configure() {
    const config = await this.#signalling.config();
    this.mode = this.#options.mode ?? config.mode;
    this.modality = this.#options.modality ?? config.modality;
    this.#configuration = {
      rtcConfiguration: this.#options.rtcConfiguration ?? config.rtcConfiguration,
      rtpParams: this.#options.rtpParams ?? config.rtpParams,
      constraints: this.#options.constraints ?? config.trackConstraints,
    };
  }

  async #openDevices(signal) {
    const { microphoneStream: given, source, devices } = this.#options;
    const { constraints } = this.#configuration;
    this.#enter("asking");
    const wish = { constraints, source, devices, given };
    await this.#media.open(KINDS[this.modality], wish, signal);
    this.#enter("connecting");
  }

  #deviceEnded(device, screen) {
    if (screen) this.switchTo("video");
    else this.#emit("problem", { kind: "error", text: `The ${device} was disconnected.` });
  }

  #localChanged() {
    this.#meter.refresh();
    this.#emit("local", { stream: this.local });
  }

  /** Connect anew; the session, if there is one, goes on. */
  async #open() {
    this.#peer?.close();
    const { metadata, wants, stereo = false } = this.#options;
    const { rtcConfiguration, rtpParams } = this.#configuration;
    const options = {
      configuration: rtcConfiguration,
      mode: this.mode,
      kinds: KINDS[this.modality],
      local: this.local,
      rtpParams,
      stereo,
      facts: { metadata, wants },
    };
    const peer = new Peer(this.#signalling, options, {
      track: (track) => this.#tracked(track),
      changed: (state) => this.#changed(state),
      opened: () => this.#messages.open(peer.channel),
      closed: () => this.#channelClosed(),
      message: (text) => this.#messages.receive(text),
    });
    this.#peer = peer;
    return peer.negotiate();
  }

  #tracked(track) {
    for (const old of this.stream.getTracks()) {
      if (old.kind === track.kind) this.stream.removeTrack(old);
    }
    this.stream.addTrack(track);
    this.#meter.refresh();
    this.#emit("track", { track, stream: this.stream });
  }

  #received(message) {
    if (this.state === "connecting") {
      this.#early.push(message);
      return;
    }
    if (message.type === "end_stream") {
      this.#goodbye = `The server ended the conversation: ${message.data}`;
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#leave(), GOODBYE);
    }
    this.#emit("message", message);
  }

  /** Only the server closes the channel of a connection that is in use. */
  #channelClosed() {
    if (this.state === "connected") this.#leave();
  }

  #leave() {
    this.#signalling.forget();
    this.#end("ended", this.#goodbye ?? "The server ended the conversation.", "end_stream");
  }

  #changed(state) {
    if (this.#goodbye !== null || this.state !== "connected") return;
    clearTimeout(this.#timer);
    if (state === "failed") this.#restore();
    else if (state === "disconnected") this.#timer = setTimeout(() => this.#restore(), DISCONNECTED);
  }

  /** The network is back, perhaps another one: the paths of before may lead nowhere. */
  #online() {
    if (this.state === "connected") this.restartIce();
  }

  #restore() {
    return this.#recover([() => this.#peer.negotiate({ iceRestart: true }), () => this.#open()]);
  }

  /** Try the ways one after the other, and the last again and again, until it is given up. */
  async #recover(ways) {
    const { signal } = this.#abort;
    if (this.state !== "connected") return false;
    this.#enter("reconnecting", "The connection was interrupted; it is being restored.");
    const end = performance.now() + GIVE_UP;
    try {
      let pause = PAUSE;
      let resumed = null;
      for (let turn = 0; resumed === null; turn++) {
        if (performance.now() > end) throw new WebRTCError("lost", WORDS.lost);
        if (turn >= ways.length) await wait(pause, signal);
        if (turn >= ways.length) pause = Math.min(2 * pause, LONGEST_PAUSE);
        resumed = await this.#attempt(ways[Math.min(turn, ways.length - 1)]);
        signal.throwIfAborted();
      }
      this.#enter("connected");
      this.#emit("reconnected", { resumed });
      return true;
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
      return false;
    }
  }

  /** Whether the session was resumed; null if there is no connection. */
  async #attempt(negotiate) {
    try {
      const resumed = await negotiate();
      return (await this.#peer.connected(PATIENCE)) ? resumed : null;
    } catch (error) {
      if (passes(error)) return null;
      throw error;
    }
  }

  #fail(error) {
    const { code, message } = worded(error);
    this.#end("failed", message, code);
  }

  #end(state, text, code) {
    if (!this.live) return;
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#signalling.bye();
    this.#peer?.close();
    this.#peer = null;
    this.#messages.close();
    for (const track of this.stream.getTracks()) this.stream.removeTrack(track);
    this.#media.close();
    this.#enter(state, text, code);
  }

  #enter(state, text = "", code = "") {
    if (state === this.state && text === this.text) return;
    Object.assign(this, { state, text, code });
    this.#emit("state", { state, text, code });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** An unguessable name. crypto.randomUUID is missing where a page is not secure. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Wait; not after the network is back, nor after the end. */
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

function worded(error) {
  if (error instanceof WebRTCError) return error;
  return new WebRTCError("internal", `This browser's WebRTC failed: ${error.message}`);
}
