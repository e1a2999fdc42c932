/** Checks of the connection: a real one is made, and a message is answered over it. */

import { fault, note, ok } from "./doctor-findings.js";
import { whenGathered } from "./doctor-network.js";
import { NoAnswer, ask } from "./doctor-server.js";

/** Milliseconds for candidates before the offer goes out, and for the connection after it. */
const GATHERING = 3000;
const CONNECTING = 12_000;

/** There is no connection; the finding says why. */
class Failure extends Error {
  constructor(finding) {
    super(finding.text);
    this.finding = finding;
  }
}

/**
 * @param {URL | string} base of the stream
 * @param {{stream: object, relays: boolean}} facts relays: whether a relay is to be had
 * @yields {Finding}
 */
export async function* checkConnection(base, { stream, relays }) {
  const url = new URL("webrtc/offer", base);
  const configuration = stream.rtcConfiguration ?? {};
  if (configuration.iceTransportPolicy !== "relay") yield await attempt(url, stream, configuration);
  if (!relays) return;
  yield await attempt(url, stream, { ...configuration, iceTransportPolicy: "relay" });
}

async function attempt(url, stream, configuration) {
  const relay = configuration.iceTransportPolicy === "relay";
  let peer = null;
  let session = null;
  try {
    peer = new RTCPeerConnection(configuration);
    const channel = await offered(peer, stream);
    session = await answered(url, peer);
    await opened(peer, channel, session.sdp, relay);
    return working(await pathOf(peer), await ping(channel), relay);
  } catch (error) {
    if (error instanceof Failure) return error.finding;
    const advice = "Check again; if it stays, report it.";
    return fault(`No connection could be tried: ${error.message}.`, advice);
  } finally {
    if (session !== null) await leave(url, session);
    peer?.close();
  }
}

async function offered(peer, { mode, modality }) {
  const direction = mode === "send" ? "sendonly" : "recvonly"; // a stream that is sent to wants it
  for (const kind of modality.split("-")) peer.addTransceiver(kind, { direction });
  const channel = peer.createDataChannel("text");
  const gathered = whenGathered(peer, GATHERING);
  await peer.setLocalDescription();
  await gathered;
  return channel;
}

async function answered(url, peer) {
  const { sdp, type } = peer.localDescription;
  let answer;
  try {
    answer = await ask(url, { sdp, type });
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    const advice = "Its log says why; a proxy in front of it may be in the way.";
    throw new Failure(fault(`The server does not answer an offer: ${error.message}.`, advice));
  }
  if (typeof answer.content?.sdp === "string") return answer.content;
  throw new Failure(refused(answer));
}

const ADVICE = {
  concurrency_limit_reached: "Check again when somebody has left, or raise concurrency_limit.",
  unauthorized: "The stream wants to know who asks, and this page has nothing to say.",
  too_many_requests: "Check again in a minute.",
};

function refused({ status, content }) {
  const { error = `status ${status}`, limit, message } = content?.meta ?? {};
  const facts = limit === undefined ? message : `limit ${limit}`;
  const because = facts ? `, ${facts.replace(/\.$/, "")}` : "";
  const advice = ADVICE[error] ?? "The server's log says more.";
  return fault(`The server refuses to connect: ${error}${because}.`, advice);
}

async function opened(peer, channel, sdp, relay) {
  const open = new Promise((resolve, reject) => {
    const fail = () => reject(new Failure(withoutPath(sdp, relay)));
    setTimeout(fail, CONNECTING);
    channel.onopen = resolve;
    peer.onconnectionstatechange = () => peer.connectionState === "failed" && fail();
  });
  await Promise.all([peer.setRemoteDescription({ type: "answer", sdp }), open]);
}

/** The addresses that a description tells (RFC 8839 5.1). */
function told(sdp) {
  const lines = sdp.split("\r\n").filter((line) => line.startsWith("a=candidate:"));
  const addresses = lines.map((line) => line.split(" ")).map((at) => `${at[4]} (${at[7]})`);
  return [...new Set(addresses)].join(", ") || "no address";
}

function withoutPath(sdp, relay) {
  const tells = `the server tells ${told(sdp)}`;
  if (relay) {
    const advice =
      "The TURN server must be allowed to send there, and its relay ports must be open.";
    return fault(`No connection comes about through the relay: ${tells}.`, advice);
  }
  const advice =
    "UDP is blocked on the way, or these addresses can't be reached from here: the server needs " +
    "announced_addresses and open ports, or the stream a TURN server.";
  return fault(`No connection comes about: ${tells}.`, advice);
}

/** Returns the milliseconds that a message and the answer to it take; null if the stream ends. */
function ping(channel) {
  if (channel.readyState !== "open") return null;
  return new Promise((resolve, reject) => {
    const advice = "Its log says more.";
    const late = fault("The connection stands, but the server answers no message on it.", advice);
    setTimeout(() => reject(new Failure(late)), CONNECTING);
    const asked = performance.now();
    channel.onclose = () => resolve(null);
    channel.onmessage = ({ data }) => {
      if (isPong(data)) resolve(performance.now() - asked);
    };
    channel.send(JSON.stringify({ type: "ping" }));
  });
}

function isPong(data) {
  try {
    return JSON.parse(data).type === "pong";
  } catch {
    return false; // what handlers send may be anything
  }
}

async function pathOf(peer) {
  const report = await peer.getStats();
  const entries = [...report.values()];
  const { selectedCandidatePairId } = entries.find(({ type }) => type === "transport") ?? {};
  const pair =
    report.get(selectedCandidatePairId) ??
    entries.find(({ type, selected }) => type === "candidate-pair" && selected); // Firefox
  return { local: report.get(pair?.localCandidateId), remote: report.get(pair?.remoteCandidateId) };
}

function working({ local, remote }, time, relay) {
  const way = [described(local), described(remote)].filter(Boolean).join(" to ") || "unknown way";
  if (time === null) {
    const advice = "That is fine for a stream that has an end; else the server's log says more.";
    return note(`A connection works: ${way}; the stream ended it at once.`, advice);
  }
  const figures = `${way}, ${Math.round(time)} ms there and back`;
  if (relay) return ok(`A connection through the relay works: ${figures}.`);
  if (local?.candidateType !== "relay") return ok(`A connection works: ${figures}.`);
  const advice = "UDP between this device and the server is blocked; the relay makes up for it.";
  return note(`A connection works, but through a relay only: ${figures}.`, advice);
}

function described(candidate) {
  if (!candidate) return "";
  const { candidateType, address, ip, port, protocol, relayProtocol } = candidate;
  const at = address ?? ip;
  return `${candidateType} ${at ? `${at}:${port}` : "(hidden)"} over ${relayProtocol ?? protocol}`;
}

async function leave(url, { webrtc_id, token }) {
  try {
    await ask(url, { type: "bye", webrtc_id, token });
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error; // it will notice that nobody is there any more
  }
}
