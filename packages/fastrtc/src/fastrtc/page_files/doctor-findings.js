/** What the checks of the doctor's page find. */

/**
 * @typedef {object} Finding
 * @property {"ok" | "note" | "fault"} level note: may be in the way; fault: is in the way
 * @property {string} text a sentence
 * @property {string} advice what to do about it, or nothing
 */

export const ok = (text) => ({ level: "ok", text, advice: "" });
export const note = (text, advice = "") => ({ level: "note", text, advice });
export const fault = (text, advice) => ({ level: "fault", text, advice });

const MARKS = { ok: "✓", note: "!", fault: "✕", busy: "" };
const WORDS = { ok: "Good:", note: "Note:", fault: "Fault:", busy: "" };

/** The list entry of a finding, or of what is under way ("busy"). */
export function entry({ level, text, advice }) {
  const item = document.createElement("li");
  item.dataset.level = level;
  const mark = made("span", MARKS[level], "mark");
  mark.ariaHidden = "true";
  const sentence = made("p", text);
  sentence.prepend(made("span", `${WORDS[level]} `, "unseen"));
  item.append(mark, sentence);
  if (advice) item.append(made("p", advice));
  return item;
}

function made(name, text, kind = "") {
  const element = document.createElement(name);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

/** All findings as plain text. */
export function report(summary, findings) {
  const lines = findings.map(({ level, text, advice }) => `[${level}] ${text} ${advice}`.trim());
  return [
    `FastRTC connection check, ${new Date().toISOString()}`,
    `Page: ${location.href}`,
    `Browser: ${navigator.userAgent}`,
    "",
    ...lines,
    "",
    summary,
    "",
  ].join("\n");
}

/** How it stands, in two sentences. */
export function summarise(findings, transports) {
  const count = (level) => findings.filter((finding) => finding.level === level).length;
  const [faults, notes] = [count("fault"), count("note")];
  const listed = notes ? ` ${many(notes, "note")} below may matter elsewhere.` : "";
  if (faults) {
    const text = `${many(faults, "fault")} ${faults === 1 ? "is" : "are"} in the way.`;
    return { level: "fault", text, detail: "What to do is said below, with each of them." };
  }
  if (!transports.includes("webrtc")) {
    const detail = `Conversations with this server go over WebSocket.${listed}`;
    return { level: "note", text: "WebRTC is not in use here.", detail };
  }
  const detail = `The server was reached over WebRTC from this browser.${listed}`;
  return { level: "ok", text: "All that a conversation needs works.", detail };
}

export function many(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
