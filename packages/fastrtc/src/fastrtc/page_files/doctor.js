/** The doctor's page: makes every check, one after the other, and shows what is found. */

import { checkConnection } from "./doctor-connection.js";
import { checkDevices, neededBy, testMicrophone } from "./doctor-devices.js";
import { entry, fault, report, summarise } from "./doctor-findings.js";
import { checkNetwork } from "./doctor-network.js";
import { checkServer } from "./doctor-server.js";

const elements = Object.fromEntries(
  Array.from(document.querySelectorAll("[id]"), (element) => [element.id, element]),
);
const base = document.baseURI;

const LISTS = ["server", "devices", "sound", "network", "connection"];

/** What was found, by list. */
const found = Object.fromEntries(LISTS.map((name) => [name, []]));

let facts;
let busy = false;

const BUSY = {
  server: "Asking the server …",
  devices: "Looking at the browser …",
  sound: "Listening: say something …",
  network: "Asking how this device can be reached …",
  connection: "Connecting to the server …",
};

async function checkAll() {
  facts = { transports: [], stream: null, relays: false };
  for (const name of LISTS) show(name, []);
  setBusy(true);
  try {
    await run("server", checkServer(base, facts));
    await run("devices", checkDevices(facts.stream));
    elements.trial.hidden = !navigator.mediaDevices || !neededBy(facts.stream).includes("audio");
    if (facts.stream !== null && window.RTCPeerConnection) {
      await run("network", checkNetwork(base, facts));
      await run("connection", checkConnection(base, facts));
    }
  } finally {
    setBusy(false);
  }
}

async function run(name, findings) {
  const waiting = entry({ level: "busy", text: BUSY[name], advice: "" });
  elements[name].append(waiting);
  elements.summary.textContent = BUSY[name];
  try {
    for await (const finding of findings) add(name, finding, waiting);
  } catch (error) {
    const text = `A check of this page failed: ${error.name}, ${error.message}.`;
    add(name, fault(text, "Check again; if it stays, report it."), waiting);
  } finally {
    waiting.remove();
  }
}

function add(name, finding, before) {
  found[name].push(finding);
  before.before(entry(finding));
}

function show(name, findings) {
  found[name] = findings;
  elements[name].replaceChildren(...findings.map(entry));
}

function setBusy(value) {
  busy = value;
  elements.checks.ariaBusy = String(value);
  for (const name of ["again", "copy"]) elements[name].disabled = value;
  elements.copied.textContent = "";
  elements.report.hidden = true;
  sumUp();
}

function sumUp() {
  const head = elements.summary.closest("section");
  for (const list of ["network", "connection"]) {
    elements[list].closest("section").hidden = !busy && !found[list].length;
  }
  if (busy) {
    head.dataset.level = "busy";
    elements.detail.textContent = "This takes some seconds; nothing is recorded.";
    return;
  }
  const { level, text, detail } = summarise(all(), facts.transports);
  head.dataset.level = level;
  elements.summary.textContent = text;
  elements.detail.textContent = detail;
}

function all() {
  return LISTS.flatMap((name) => found[name]);
}

async function listen() {
  elements.test.disabled = true;
  show("sound", []);
  const waiting = entry({ level: "busy", text: BUSY.sound, advice: "" });
  elements.sound.append(waiting);
  try {
    show("sound", [await testMicrophone(showLevel)]);
  } finally {
    elements.test.disabled = false;
  }
  if (!busy) sumUp();
}

function showLevel(level) {
  elements.meter.firstElementChild.style.transform = `scaleX(${level})`;
  elements.meter.setAttribute("aria-valuenow", Math.round(100 * level));
}

/** Copies the report; where the browser does not let the page, the person can. */
async function copy() {
  const { text, detail } = summarise(all(), facts.transports);
  const { report: area, copied } = elements;
  area.value = report(`${text} ${detail}`, all());
  try {
    await navigator.clipboard.writeText(area.value);
    copied.textContent = "Copied. The report has addresses of this device in it.";
  } catch {
    area.hidden = false;
    area.focus();
    area.select();
    copied.textContent = "Copy the text below: this page may not. It has addresses of this device.";
  }
}

elements.again.addEventListener("click", checkAll);
elements.test.addEventListener("click", listen);
elements.copy.addEventListener("click", copy);

checkAll();
