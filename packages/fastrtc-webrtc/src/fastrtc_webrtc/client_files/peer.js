/** One RTCPeerConnection, from its first offer until it is closed. */

import { improveOpus } from "./sdp.js";
import { WebRTCError, WORDS } from "./words.js";

const DIRECTIONS = { "send-receive": "sendrecv", send: "sendonly", receive: "recvonly" };

/**
 * One port for everything, which all servers that know WebRTC can do (RFC 8829, 4.1.1).
 *
 * @type {RTCConfiguration}
 */
const SPARING = { bundlePolicy: "max-bundle" };

/** Name of the data channel, which the server looks for. */
const CHANNEL = "text";

/**
 * Handlers, all required; none is called once the peer is retired or closed:
 *   track(MediaStreamTrack)   from the server
 *   changed(state)            of the connection, an RTCPeerConnectionState
 *   opened(), closed()        the data channel
 *   message(text)             from the data channel
 */
export class Peer {
  #signalling;
  #options;
  #handlers;
  #closed = false;
  #held = []; // candidates that wait for the answer
  #posts = []; // requests that carry candidates
  #queue = Promise.resolve(); // negotiations, one after the other
  #relayed = false;
  #relayError = "";
  /** @type {(() => void) | null} ends the waiting for the connection */
  #giveUp = null;

  /**
   * @param {import("./signalling.js").Signalling} signalling
   * @param {object} options
   * @param {RTCConfiguration | null} options.configuration
   * @param {"send-receive" | "send" | "receive"} options.mode as the client sees it
   * @param {string[]} options.kinds audio, video
   * @param {MediaStream} options.local what is sent
   * @param {object | null} options.rtpParams see `connect` in fastrtc-webrtc.js
   * @param {boolean} options.stereo
   * @param {object} options.facts sent along with every offer
   * @param {object} handlers see above
   */
  constructor(signalling, options, handlers) {
    if (!globalThis.RTCPeerConnection) throw new WebRTCError("unsupported", WORDS.unsupported);
    this.#signalling = signalling;
    this.#options = options;
    this.#handlers = handlers;
    this.connection = new RTCPeerConnection({ ...SPARING, ...options.configuration });
    this.#listen();
    this.channel = this.#openChannel();
    for (const kind of options.kinds) this.#addMedia(kind);
  }

  /**
   * Send an offer and take the answer.
   *
   * @param {{iceRestart?: boolean}} options
   * @returns {Promise<boolean>} whether the server's session is the one of before
   * @throws {WebRTCError}
   */
  negotiate(options = {}) {
    const turn = this.#queue.then(() => this.#negotiate(options));
    this.#queue = turn.then(
      () => {},
      () => {}, // the caller is told; the next negotiation is another one's
    );
    return turn;
  }

  /** Wait until the connection stands: false if it fails, is closed or takes too long. */
  connected(milliseconds) {
    const { connection } = this;
    return new Promise((resolve) => {
      const settle = (outcome) => {
        clearTimeout(timer);
        connection.removeEventListener("connectionstatechange", look);
        this.#giveUp = null;
        resolve(outcome);
      };
      const look = () => {
        if (connection.connectionState === "connected") settle(true);
        else if (["failed", "closed"].includes(connection.connectionState)) settle(false);
      };
      const timer = setTimeout(() => settle(false), milliseconds);
      connection.addEventListener("connectionstatechange", look);
      this.#giveUp = () => settle(false);
      if (this.#closed || connection.connectionState === "connected") settle(!this.#closed);
    });
  }

  /** Why no connection came about. */
  get fault() {
    const servers = [this.#options.configuration?.iceServers ?? []].flat();
    const relays = servers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/.test(url)));
    if (!relays || this.#relayed) return new WebRTCError("no_path", WORDS.no_path);
    const reason = this.#relayError ? ` (${this.#relayError}).` : ".";
    return new WebRTCError("no_relay", WORDS.no_relay + reason);
  }

  /** The sender of a kind of media; undefined where none is sent. */
  sender(kind) {
    return this.connection
      .getTransceivers()
      .map(({ sender }) => sender)
      .find(({ track }) => track?.kind === kind);
  }

  /** Call no handler any more. */
  retire() {
    this.#closed = true;
    this.#giveUp?.();
    return this;
  }

  close() {
    this.retire().connection.close();
  }

  #listen() {
    const { connection } = this;
    connection.onconnectionstatechange = () => this.#tell("changed", connection.connectionState);
    connection.ontrack = ({ track }) => this.#tell("track", track);
    connection.onicecandidate = ({ candidate }) => this.#gathered(candidate?.toJSON() ?? null);
    connection.onicecandidateerror = ({ url, errorCode, errorText }) => {
      if (/^turns?:/.test(url)) this.#relayError = `${errorText || "no answer"}, ${errorCode}`;
    };
  }

  #openChannel() {
    const channel = this.connection.createDataChannel(CHANNEL);
    channel.onopen = () => this.#tell("opened");
    channel.onclose = () => this.#tell("closed");
    channel.onmessage = ({ data }) => this.#tell("message", data);
    return channel;
  }

  #tell(name, ...facts) {
    if (!this.#closed) this.#handlers[name](...facts);
  }

  #addMedia(kind) {
    const { mode, local, rtpParams } = this.#options;
    const track = local.getTracks().find((candidate) => candidate.kind === kind);
    const init = { direction: DIRECTIONS[mode], streams: track ? [local] : [] };
    const transceiver = this.connection.addTransceiver(track ?? kind, init);
    if (kind === "video" && rtpParams?.codec) prefer(transceiver, rtpParams.codec);
  }

  async #negotiate({ iceRestart = false }) {
    const { connection } = this;
    const { stereo, facts } = this.#options;
    this.#held ??= [];
    await this.#describe(await connection.createOffer({ iceRestart }));
    const answer = await this.#signalling.offer(connection.localDescription.sdp, facts);
    if (this.#closed) return answer.resumed;
    const sdp = stereo ? improveOpus(answer.sdp, { stereo }) : answer.sdp;
    await connection.setRemoteDescription({ type: "answer", sdp });
    await this.#applyParameters();
    this.#release();
    return answer.resumed;
  }

  /** @param {RTCSessionDescriptionInit} offer */
  async #describe({ type, sdp }) {
    const improved = improveOpus(sdp, { stereo: this.#options.stereo });
    try {
      await this.connection.setLocalDescription({ type, sdp: improved });
    } catch {
      // A browser that lets nobody change its offers works as well, without what was added.
      await this.connection.setLocalDescription({ type, sdp });
    }
  }

  async #applyParameters() {
    const { codec: _, audio = {}, video = {}, ...all } = this.#options.rtpParams ?? {};
    const own = { audio, video };
    for (const sender of this.connection.getSenders()) {
      const wanted = { ...all, ...own[sender.track?.kind] };
      if (sender.track && Object.keys(wanted).length) await setParameters(sender, wanted);
    }
  }

  /** Without the answer a browser cannot connect, so nothing is lost by waiting for it. */
  #gathered(candidate) {
    if (this.#closed) return;
    if (candidate?.candidate.includes(" typ relay")) this.#relayed = true;
    if (this.#held) this.#held.push(candidate);
    else this.#post(candidate);
  }

  #release() {
    const held = this.#held;
    this.#held = null;
    for (const candidate of held) this.#post(candidate);
  }

  /** Candidates go at once and side by side, the end of them (null) after all others. */
  async #post(candidate) {
    if (candidate === null) await Promise.all(this.#posts.splice(0));
    if (this.#closed) return;
    const posted = this.#signalling.candidate(candidate);
    // What one that is lost would have been for, others may do; if none can, that is reported.
    this.#posts.push(posted.catch(() => {}));
  }
}

/** Put a codec before the others, which stay as a way out. */
function prefer(transceiver, name) {
  const known = RTCRtpReceiver.getCapabilities("video")?.codecs ?? [];
  const wanted = (codec) => codec.mimeType.toLowerCase() === `video/${name.toLowerCase()}`;
  const sorted = [...known.filter(wanted), ...known.filter((codec) => !wanted(codec))];
  transceiver.setCodecPreferences?.(sorted);
}

async function setParameters(sender, wanted) {
  const current = sender.getParameters();
  const encodings = current.encodings?.map((encoding, index) => ({
    ...encoding,
    ...wanted.encodings?.[index],
  }));
  try {
    await sender.setParameters({ ...current, ...wanted, encodings });
  } catch (error) {
    throw new WebRTCError(
      "bad_rtp_params",
      `This browser refuses the stream's rtp_params ${JSON.stringify(wanted)}: ${error.message}`,
    );
  }
}
