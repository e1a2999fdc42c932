/** The one place where session descriptions are changed. */

const OPUS = /^a=rtpmap:(\d+) opus\/48000\/2\r?$/im;

/**
 * Have lost Opus packets repeated (`nack`) and made up for (in-band FEC), which browsers do not
 * offer or not always; and stereo, if asked for (RFC 7587, section 7).
 *
 * @param {string} sdp
 * @param {{stereo?: boolean}} options
 */
export function improveOpus(sdp, { stereo = false } = {}) {
  const [line, type] = OPUS.exec(sdp) ?? [];
  if (!line) return sdp;
  const format = new RegExp(`^a=fmtp:${type} (.*?)\\r?$`, "m");
  const wanted = { useinbandfec: 1, ...(stereo && { stereo: 1, "sprop-stereo": 1 }) };
  const parameters = { ...parse(format.exec(sdp)?.[1]), ...wanted };
  const text = Object.entries(parameters).map((pair) => pair.join("="));
  const lines = [line.trimEnd(), `a=fmtp:${type} ${text.join(";")}`];
  const nack = `a=rtcp-fb:${type} nack`;
  if (!new RegExp(`^${nack}\\r?$`, "m").test(sdp)) lines.push(nack);
  return sdp
    .replace(new RegExp(`${format.source}\\n`, "m"), "")
    .replace(`${line.trimEnd()}\r\n`, `${lines.join("\r\n")}\r\n`);
}

function parse(parameters = "") {
  const pairs = parameters.split(";").filter(Boolean);
  return Object.fromEntries(pairs.map((pair) => pair.trim().split("=", 2)));
}
