/** RTCPeerConnection's statistics (W3C webrtc-stats) cut down to what people ask for. */

/**
 * @typedef {object} Flow one kind of media, one way
 * @property {string} [codec] such as opus, VP8
 * @property {number} bytes
 * @property {number} packets
 * @property {number} [lost] packets; of what is sent, as the server reports it
 * @property {number} [jitter] in seconds
 * @property {number} [bitrate] bits a second since the last summary
 * @property {number} [concealed] share of the sound that had to be made up, 0 to 1
 * @property {number} [width]
 * @property {number} [height]
 * @property {number} [fps]
 *
 * @typedef {object} Summary
 * @property {number} time in milliseconds
 * @property {number | null} rtt round-trip time in seconds
 * @property {{local: string, remote: string, protocol: string} | null} path types of the
 *   candidates in use: host, srflx (behind NAT), prflx, relay (TURN)
 * @property {{audio?: Flow, video?: Flow}} received
 * @property {{audio?: Flow, video?: Flow}} sent
 */

/**
 * @param {RTCStatsReport} report
 * @param {Summary | null} previous the last one, for bit rates
 * @returns {Summary}
 */
export function summarise(report, previous) {
  const entries = [...report.values()];
  const pair = selectedPair(report, entries);
  const of = (type) => entries.filter((entry) => entry.type === type);
  const summary = {
    time: entries[0]?.timestamp ?? 0,
    rtt: pair?.currentRoundTripTime ?? null,
    path: pair ? path(report, pair) : null,
    received: Object.fromEntries(of("inbound-rtp").map((entry) => received(report, entry))),
    sent: Object.fromEntries(of("outbound-rtp").map((entry) => sent(report, entry))),
  };
  if (previous) addRates(summary, previous);
  return summary;
}

function selectedPair(report, entries) {
  const transport = entries.find((entry) => entry.type === "transport");
  const selected = report.get(transport?.selectedCandidatePairId);
  // Firefox has no transport entries.
  return selected ?? entries.find((entry) => entry.type === "candidate-pair" && entry.selected);
}

function path(report, pair) {
  const local = report.get(pair.localCandidateId);
  const remote = report.get(pair.remoteCandidateId);
  return {
    local: local?.candidateType ?? "unknown",
    remote: remote?.candidateType ?? "unknown",
    protocol: local?.relayProtocol ?? local?.protocol ?? "unknown",
  };
}

function received(report, entry) {
  const flow = common(report, entry);
  flow.bytes = entry.bytesReceived ?? 0;
  flow.packets = entry.packetsReceived ?? 0;
  flow.lost = entry.packetsLost;
  flow.jitter = entry.jitter;
  if (entry.totalSamplesReceived) {
    flow.concealed = (entry.concealedSamples ?? 0) / entry.totalSamplesReceived;
  }
  return [entry.kind, flow];
}

function sent(report, entry) {
  const flow = common(report, entry);
  const remote = report.get(entry.remoteId); // what the server reports, RTCP
  flow.bytes = entry.bytesSent ?? 0;
  flow.packets = entry.packetsSent ?? 0;
  flow.lost = remote?.packetsLost;
  flow.jitter = remote?.jitter;
  return [entry.kind, flow];
}

function common(report, entry) {
  const codec = report.get(entry.codecId)?.mimeType?.split("/")[1];
  const { frameWidth: width, frameHeight: height, framesPerSecond: fps } = entry;
  return entry.kind === "video" ? { codec, width, height, fps } : { codec };
}

function addRates(summary, previous) {
  const seconds = (summary.time - previous.time) / 1000;
  for (const way of ["received", "sent"]) {
    for (const [kind, flow] of Object.entries(summary[way])) {
      const before = previous[way][kind];
      const grown = before && flow.bytes >= before.bytes && seconds > 0;
      if (grown) flow.bitrate = (8 * (flow.bytes - before.bytes)) / seconds;
    }
  }
}
