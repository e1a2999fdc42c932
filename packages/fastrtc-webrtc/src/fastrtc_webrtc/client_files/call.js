/** One conversation, from asking for the configuration to the goodbye. Plays and shows nothing. */

import { KINDS } from "./devices.js";
import { Messages } from "./messages.js";
import { Peer } from "./peer.js";
import { restore } from "./recovery.js";
import { Signalling, overHttp } from "./signalling.js";
import { WebRTCError } from "./words.js";

/** Milliseconds for the first connection. */
const PATIENCE = 20_000;

/** Milliseconds without a network after which it counts as lost. */
const DISCONNECTED = 2_000;

/** Milliseconds that the server has to close the connection once it has said goodbye. */
const GOODBYE = 2_000;

const INTERRUPTED = "The connection was interrupted; it is being restored.";

/**
 * Handlers, all required:
 *   state(state, text, code)   see fastrtc-webrtc.js
 *   described(call)            mode and modality are known now
 *   track(MediaStreamTrack)    from the server
 *   message({type, data})      from the server
 *   reconnected(resumed)       the connection is back
 *   problem(kind, text)        "warning" or "error" that the conversation survives
 */
export class Call {
  /** The session's id. */
  id = randomId();

  state = "connecting";
  /** @type {"send-receive" | "send" | "receive"} */
  mode = "send-receive";
  modality = "audio";
  configuration = { rtcConfiguration: null, rtpParams: null, constraints: null };

  #options;
  #media;
  #handlers;
  #abort = new AbortController();
  #signalling;
  /** @type {Peer | null} */
  #peer = null;
  /** @type {Peer[]} replaced, but not closed: for the server, that would be the end */
  #replaced = [];
  #timer = 0;
  /** @type {string | null} */
  #goodbye = null;
  #early = []; // messages that came before it was known that the connection stands

  /**
   * @param {import("./fastrtc-webrtc.js").Options} options
   * @param {import("./local.js").LocalMedia} media what is sent; closed at the end
   * @param {Record<string, Function>} handlers see above
   */
  constructor(options, media, handlers) {
    this.#options = options;
    this.#media = media;
    this.#handlers = handlers;
    const exchange = options.exchange ?? overHttp(options.url);
    this.#signalling = new Signalling(exchange, this.id, this.signal);
    this.messages = new Messages(
      (message) => this.#received(message),
      (text) => handlers.problem("warning", text),
    );
  }

  get live() {
    return !this.signal.aborted;
  }

  /** Aborted at the end. */
  get signal() {
    return this.#abort.signal;
  }

  get connection() {
    return this.#peer?.connection ?? null;
  }

  get kinds() {
    return KINDS[this.modality];
  }

  /** Begin, and wait for the connection; false if it is over before. */
  async run() {
    const { signal } = this;
    const leave = () => this.#end("ended", "The page was left.", "closed", true);
    addEventListener("pagehide", leave, { signal });
    try {
      await this.#begin();
      addEventListener("online", () => this.#online(), { signal });
    } catch (error) {
      this.#fail(error);
    }
    return this.live;
  }

  /** End it from this side. */
  close(text) {
    this.#end("ended", text, "closed");
  }

  /** Send another track of its kind from now on. */
  async send(track) {
    await this.#peer?.sender(track.kind)?.replaceTrack(track);
  }

  /** Look for new network paths, without a break. @returns {Promise<boolean>} success */
  async restartIce() {
    if (this.#peer === null) return false;
    try {
      await this.#restart();
      return true;
    } catch (error) {
      if (this.live) this.#handlers.problem("warning", worded(error).message);
      return false;
    }
  }

  /** Replace the connection by a new one; the session stays. @returns {Promise<boolean>} success */
  reconnect() {
    return this.#recover([() => this.#open()]);
  }

  async #begin() {
    this.#enter("connecting");
    await this.#configure();
    if (this.mode !== "receive") await this.#openDevices();
    await this.#open();
    const connected = await this.#peer?.connected(PATIENCE);
    this.signal.throwIfAborted();
    if (!connected) throw this.#peer.fault;
    this.#enter("connected");
    for (const message of this.#early.splice(0)) this.#received(message);
  }

  async #configure() {
    const config = await this.#signalling.config();
    const { mode, modality, rtcConfiguration, rtpParams, constraints } = this.#options;
    this.mode = mode ?? config.mode;
    this.modality = modality ?? config.modality;
    this.configuration = {
      rtcConfiguration: rtcConfiguration ?? config.rtcConfiguration,
      rtpParams: rtpParams ?? config.rtpParams,
      constraints: constraints ?? config.trackConstraints,
    };
    this.#handlers.described(this);
  }

  async #openDevices() {
    const { microphoneStream: given, source, devices } = this.#options;
    const { constraints } = this.configuration;
    this.#enter("asking");
    await this.#media.open(this.kinds, { constraints, source, devices, given }, this.signal);
    this.#enter("connecting");
  }

  /** Connect anew; the session, if there is one, goes on. */
  async #open() {
    this.signal.throwIfAborted();
    if (this.#peer) this.#replaced.push(this.#peer.retire());
    const { metadata, wants, stereo = false } = this.#options;
    const { rtcConfiguration: configuration, rtpParams } = this.configuration;
    const { mode, kinds } = this;
    const facts = { metadata, wants };
    const local = this.#media.stream;
    const options = { configuration, mode, kinds, local, rtpParams, stereo, facts };
    const peer = new Peer(this.#signalling, options, {
      track: (track) => this.#handlers.track(track),
      changed: (state) => this.#changed(state),
      opened: () => this.messages.open(peer.channel),
      closed: () => this.#channelClosed(),
      message: (text) => this.messages.receive(text),
    });
    this.#peer = peer;
    const resumed = await peer.negotiate();
    for (const old of this.#replaced.splice(0)) old.close();
    return resumed;
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
    this.#handlers.message(message);
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
    else if (state === "disconnected")
      this.#timer = setTimeout(() => this.#restore(), DISCONNECTED);
  }

  /** The network is back, perhaps another one: the paths of before may lead nowhere. */
  #online() {
    if (this.state === "connected") this.restartIce();
  }

  #restore() {
    return this.#recover([() => this.#restart(), () => this.#open()]);
  }

  async #restart() {
    const resumed = await this.#peer.negotiate({ iceRestart: true });
    // A server that has forgotten the session knows nothing of this connection's keys and channel.
    if (!resumed) await this.#open();
    return resumed;
  }

  async #recover(ways) {
    if (this.state !== "connected") return false;
    this.#enter("reconnecting", INTERRUPTED);
    try {
      const resumed = await restore(ways, () => this.#peer, this.signal);
      this.#enter("connected");
      this.#handlers.reconnected(resumed);
    } catch (error) {
      this.#fail(error);
    }
    return this.live;
  }

  #fail(error) {
    const { code, message } = worded(error);
    this.#end("failed", message, code);
  }

  /** Does nothing after the end. */
  #end(state, text, code, leaving = false) {
    if (!this.live) return;
    clearTimeout(this.#timer);
    this.#abort.abort();
    this.#closePeers(this.#signalling.bye(leaving));
    this.messages.close();
    this.#media.close();
    this.#enter(state, text, code);
  }

  /** Once the server was told: closed connections are an end to it, too, and goodbyes come late. */
  async #closePeers(told) {
    const peers = [...this.#replaced.splice(0), this.#peer].filter(Boolean);
    for (const peer of peers) peer.retire();
    await told;
    for (const peer of peers) peer.close();
  }

  #enter(state, text = "", code = "") {
    this.state = state;
    this.#handlers.state(state, text, code);
  }
}

/** An unguessable name. crypto.randomUUID is missing where a page is not secure. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function worded(error) {
  if (error instanceof WebRTCError) return error;
  return new WebRTCError("internal", `This browser's WebRTC failed: ${error.message}`);
}
