/** What the page says: its states, by what the stream streams. */

const DEVICES = { audio: "microphone", video: "camera", "audio-video": "camera and microphone" };

const INVITATIONS = {
  "send-receive": {
    audio: "Press Start and say something.",
    video: "Press Start to send your camera and see what comes back.",
    "audio-video": "Press Start to send your camera and microphone, and see what comes back.",
  },
  send: {
    audio: "Press Start to send your microphone.",
    video: "Press Start to send your camera.",
    "audio-video": "Press Start to send your camera and microphone.",
  },
  receive: {
    audio: "Press Start to listen.",
    video: "Press Start to watch.",
    "audio-video": "Press Start to watch and listen.",
  },
};

const RUNNING = {
  "send-receive": ["Connected", "What you send is answered by the server."],
  send: ["Sending", "What you send goes to the server."],
  receive: ["Receiving", "What you see or hear comes from the server."],
};

/** The title and the hint of a state, see conversation.js. */
export function describeState(state, { mode, modality }) {
  const texts = {
    idle: ["Ready", INVITATIONS[mode][modality]],
    asking: [`Asking for the ${DEVICES[modality]}`, "Allow it when your browser asks."],
    connecting: ["Connecting", "One moment."],
    reconnecting: ["Reconnecting", "The connection was interrupted."],
    listening: ["Listening", "Speak. A pause ends your turn."],
    speaking: ["You are speaking", "A pause ends your turn."],
    thinking: ["Thinking", "The reply is being made."],
    replying: ["Replying", "Speak to interrupt."],
    running: RUNNING[mode],
    ended: ["Ended", ""],
    failed: ["Stopped", ""],
  };
  return texts[state];
}

/** A connection's statistics in one line: path, round trip, loss, what goes and comes. */
export function describeQuality({ rtt, path, sent, received }) {
  const parts = [
    path && describePath(path),
    rtt !== null && `${Math.round(1000 * rtt)} ms`,
    describeLoss({ sent, received }),
    described("sends", sent),
    described("receives", received),
  ];
  return parts.filter(Boolean).join(" · ");
}

function describePath({ local, remote, protocol }) {
  const relayed = [local, remote].includes("relay");
  return relayed ? `relayed (${protocol.toUpperCase()})` : "direct";
}

function described(verb, flows) {
  const texts = Object.values(flows).map(({ codec, width, height, fps, bitrate }) => {
    const size = width ? ` ${width}×${height}` : "";
    const rate = fps ? ` ${Math.round(fps)} fps` : "";
    const bits = bitrate ? ` ${Math.round(bitrate / 1000)} kbit/s` : "";
    return `${codec ?? "nothing yet"}${size}${rate}${bits}`;
  });
  return texts.length ? `${verb} ${texts.join(", ")}` : "";
}

function describeLoss(flows) {
  const all = Object.values(flows).flatMap((ways) => Object.values(ways));
  const lost = all.reduce((sum, flow) => sum + Math.max(0, flow.lost ?? 0), 0);
  const packets = all.reduce((sum, flow) => sum + flow.packets, 0);
  return packets ? `${((100 * lost) / (packets + lost)).toFixed(1)} % lost` : "";
}
