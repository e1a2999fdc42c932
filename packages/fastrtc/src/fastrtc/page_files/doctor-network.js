/** Checks of the network: what ICE finds out about this device, alone and with every server. */

import { fault, note, ok } from "./doctor-findings.js";

/** Milliseconds to gather candidates; browsers give a server that is silent about 10 s. */
const GATHERING = 12_000;

const LOCAL_NAMES = ["localhost", "[::1]"];

/** What servers answer (RFC 8489 14.8, RFC 8656 19); 701 is the browser's (W3C WebRTC 4.8.1.3). */
const CODES = {
  400: ["does not understand the request", "Check that it is a STUN or TURN server."],
  401: [
    "refuses the user name or the password",
    "They are wrong or have expired; rtc_configuration of the stream has them.",
  ],
  403: ["forbids it", "Its configuration says what it allows; so does its log."],
  441: ["refuses the user name or the password", "They belong to another relay; check again."],
  486: ["has given this user all the relays that it may", "Raise its quota, or wait a minute."],
  508: ["has no room for another relay", "Widen its range of ports, or wait a minute."],
  701: [
    "cannot be reached",
    "It is down, its name is wrong, or a firewall on the way blocks it: " +
      "TURN over TCP or TLS on port 443 gets through most of them.",
  ],
};

/** Whether the server runs on this device. */
export function isLocal(base) {
  const { hostname } = new URL(base);
  return LOCAL_NAMES.includes(hostname) || /^127\./.test(hostname) || /\.localhost$/.test(hostname);
}

/**
 * @param {URL | string} base of the stream
 * @param {object} facts has `stream`; gets `relays`: whether there is a relay to be had
 * @yields {Finding}
 */
export async function* checkNetwork(base, facts) {
  facts.relays = false;
  yield await checkHost();
  const servers = each(facts.stream.rtcConfiguration?.iceServers ?? []);
  const gathered = servers.map((server) => gather([server], isTurn(server.urls) ? "relay" : "all"));
  for (const [index, server] of servers.entries()) {
    const result = await gathered[index];
    const check = isTurn(server.urls) ? relayed : seen;
    const finding = check(server.urls, result);
    facts.relays ||= isTurn(server.urls) && finding.level === "ok";
    yield finding;
  }
  if (!servers.some(({ urls }) => isTurn(urls))) yield withoutRelay(base, servers.length);
}

const isTurn = (url) => /^turns?:/.test(url);

/** Every server once for each of its URLs. */
function each(servers) {
  return servers.flatMap((server) => [server.urls].flat().map((urls) => ({ ...server, urls })));
}

function withoutRelay(base, count) {
  const named = count ? "no TURN server" : "neither a STUN nor a TURN server";
  const text = `The stream names ${named}`;
  if (isLocal(base)) return ok(`${text}; none is needed, as it is on this machine.`);
  const advice =
    "Behind a firewall that blocks UDP, or behind symmetric NAT, a TURN server is needed.";
  return note(`${text}.`, advice);
}

async function checkHost() {
  const { candidates, problem } = await gather([], "all");
  if (problem) return fault(`This browser makes no connections: ${problem}.`, "Use another.");
  const hosts = [...new Set(candidates.filter(({ type }) => type === "host").map(addressOf))];
  if (!hosts.length) {
    const advice = "A setting or an extension may forbid it; connections then need a TURN server.";
    return note("The browser tells no address of this device.", advice);
  }
  if (hosts.every((address) => address.endsWith(".local"))) {
    const advice =
      "That is usual until the page may use the microphone. Servers in the same network that " +
      "can't look up such names learn the address once the browser reaches them.";
    const text = `The browser hides this device's addresses behind names (mDNS): ${hosts[0]}.`;
    return note(text, advice);
  }
  return ok(`This device can be reached at ${hosts.join(", ")}, in its own network.`);
}

function seen(url, { candidates, errors, problem }) {
  const addresses = candidates.filter(({ type }) => type === "srflx").map(addressOf);
  if (addresses.length) {
    return ok(`${url} answers: from outside this device is ${[...new Set(addresses)].join(", ")}.`);
  }
  if (problem || errors.length) return failed(url, errors, problem);
  const advice = "There is no NAT between, or a firewall on the way lets no UDP through.";
  return note(`${url} tells no address that this device did not know.`, advice);
}

function relayed(url, { candidates, errors, problem }) {
  const relay = candidates.find(({ type }) => type === "relay");
  if (!relay) return failed(url, errors, problem);
  const over = relay.relayProtocol ? `, over ${relay.relayProtocol.toUpperCase()}` : "";
  return ok(`${url} relays, from ${addressOf(relay)}${over}.`);
}

function failed(url, errors, problem) {
  if (problem) return fault(`The browser cannot use ${url}: ${problem}.`, "Correct the address.");
  const answers = errors.toSorted((a, b) => (a.errorCode === 701) - (b.errorCode === 701));
  if (!answers.length) {
    const advice = "It is down, or a firewall on the way blocks it: try TURN over TCP or TLS.";
    return fault(`${url} gave nothing in ${GATHERING / 1000} s.`, advice);
  }
  const { errorCode, errorText } = answers[0];
  const [words, advice] = CODES[errorCode] ?? ["refuses", "Its log says more."];
  const told = [errorCode, errorText?.replace(/\.$/, "")].filter(Boolean).join(", ");
  return fault(`${url} ${words} (${told}).`, advice);
}

/**
 * Gather candidates, and let go of them.
 *
 * @returns {Promise<{candidates: RTCIceCandidate[], errors: RTCPeerConnectionIceErrorEvent[],
 *   problem: string}>} problem: why the browser does not even try
 */
async function gather(iceServers, iceTransportPolicy) {
  const result = { candidates: [], errors: [], problem: "" };
  let peer;
  try {
    peer = new RTCPeerConnection({ iceServers, iceTransportPolicy });
  } catch (error) {
    return { ...result, problem: error.message };
  }
  try {
    peer.createDataChannel("text");
    peer.onicecandidateerror = (event) => result.errors.push(event);
    peer.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) result.candidates.push(candidate); // else there are no more
    };
    const all = whenGathered(peer, GATHERING);
    await peer.setLocalDescription();
    await all;
    return result;
  } catch (error) {
    return { ...result, problem: error.message };
  } finally {
    peer.close();
  }
}

/** Settles when there are no more candidates to come, or after so many milliseconds. */
export function whenGathered(peer, patience) {
  return new Promise((resolve) => {
    setTimeout(resolve, patience);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState === "complete") resolve();
    });
  });
}

function addressOf({ address, candidate }) {
  return address ?? candidate.split(" ")[4];
}
