/** What the server streams, and over which connections. */

const NAMES = { webrtc: "WebRTC", websocket: "WebSocket" };

/** What is assumed of a server that does not tell: the WebSocket carries nothing but sound. */
const SOUND = { mode: "send-receive", modality: "audio", transports: ["websocket"] };

/**
 * Ask the server.
 *
 * @param {string | URL} base of the stream
 * @returns {Promise<{mode: string, modality: string, transports: string[], why: string,
 *   WebRTCClient?: Function}>} transports: those that can be used, the preferred first; why: words
 *   for what keeps others from being used, or none
 */
export async function askServer(base) {
  let names;
  try {
    names = await getJson(new URL("transports.json", base));
  } catch {
    return { ...SOUND, why: "The server did not say what it streams." };
  }
  if (!names.includes("webrtc")) return { ...SOUND, why: "This server has no WebRTC." };
  try {
    const { mode, modality } = await getJson(new URL("webrtc/config", base));
    const { WebRTCClient } = await import(new URL("webrtc/fastrtc-webrtc.js", base));
    const others = modality === "audio" ? names.filter((name) => name === "websocket") : [];
    return { mode, modality, transports: ["webrtc", ...others], why: "", WebRTCClient };
  } catch {
    return { ...SOUND, why: "WebRTC cannot be used: this server does not say how." };
  }
}

/** The name of a connection, for people. */
export function nameOf(transport) {
  return NAMES[transport];
}

async function getJson(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}
