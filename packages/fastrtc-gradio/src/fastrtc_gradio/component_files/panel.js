/** The component: a stream's client, its controls, and Gradio's events. */

import { Controls } from "./controls.js";
import { WebRTCClient } from "./fastrtc-webrtc.js";
import { Outputs } from "./outputs.js";
import { silence } from "./silence.js";
import { Stage } from "./stage.js";

const ENDED = ["idle", "ended", "failed"];

/** What the person did, or what is no news: not worth a toast. */
const QUIET_ENDS = ["closed", "end_stream"];

export class Panel {
  #gradio;
  #options;
  #client = new WebRTCClient();
  #stage;
  #controls;
  /** @type {Outputs | null} of the conversation */
  #outputs = null;
  /** @type {string | null} typed before there was a connection */
  #typed = null;
  #started = false;

  /** Whether nothing but silence is sent, because the person types; and what makes it. */
  #silent = false;
  #quiet = null;

  /**
   * @param {HTMLElement} element
   * @param {object} gradio what Gradio gives to a component's function: trigger, props, server, watch
   */
  constructor(element, gradio) {
    this.#gradio = gradio;
    this.#options = gradio.props.options;
    const section = element.querySelector(".rtc");
    this.#stage = new Stage(section, this.#client, this.#options);
    this.#controls = new Controls(section, this.#client, this.#options, {
      toggle: () => (this.#client.live && !this.#silent ? this.#client.close() : this.#talk()),
      submit: (text) => this.#submit(text),
    });
    this.#listen();
    this.#show("idle", "");
    gradio.watch("value", () => this.#valueChanged());
    this.#watchRemoval(element);
    if (gradio.props.value?.start) this.#start();
  }

  #listen() {
    const on = (type, react) => this.#client.addEventListener(type, ({ detail }) => react(detail));
    on("state", (detail) => this.#entered(detail));
    on("message", (detail) => this.#received(detail));
    on("problem", ({ kind, text }) => this.#toast(kind, text));
    on("blocked", ({ resume }) => this.#stage.blocked(resume));
    on("reconnected", ({ resumed }) => this.#rejoined(resumed));
  }

  /** Begin a conversation with what the person's devices give. */
  #talk() {
    if (!this.#silent) return this.#start();
    return this.#client.switchTo("audio").then((done) => done && this.#heard());
  }

  /** @param {object} [given] options of the client's */
  #start(given = {}) {
    const { mode, modality } = this.#options;
    return this.#client.connect({
      mode,
      modality,
      devices: this.#controls.devices,
      ...given,
      url: document.baseURI,
      exchange: (path, body) => this.#exchange(path, body),
    });
  }

  /** Requests go the way of Gradio's own: nothing has to be mounted for them. */
  async #exchange(path, body) {
    const { status, answer } = await this.#gradio.server.signal({ path, body });
    if (path === "webrtc/config" && answer.mode) answer.trackConstraints ??= this.#camera();
    if (body?.type === "offer" && answer.sdp) this.#joined(answer.webrtc_id);
    return { status, answer };
  }

  #camera() {
    return this.#options.modality === "audio" ? null : { video: this.#options.camera };
  }

  /** The server has a session now: it gets its inputs before it begins. */
  #joined(id) {
    if (this.#outputs !== null || id !== this.#client.id) return; // reconnected; or left meanwhile
    this.#count(id);
    this.#gradio.props.value = { webrtc_id: id, textbox: "" };
    this.#gradio.trigger("tick");
  }

  /** The connection is back; if the session is another, its outputs are counted anew. */
  #rejoined(resumed) {
    if (!resumed) this.#count(this.#client.id);
    this.#gradio.trigger("tick");
  }

  #count(id) {
    this.#outputs?.close();
    const { inputs, listeners } = this.#options;
    const ask = (number) => this.#gradio.trigger("state_change", { number });
    // Gradio tells of no change of a gr.State that an event outside its queue has set.
    const changed = () => inputs > 0 && this.#gradio.trigger("tick");
    this.#outputs = new Outputs(id, listeners, ask, changed);
  }

  #entered({ state, text, code }) {
    this.#show(state, text);
    if (state === "connected" && !this.#started) {
      this.#started = true;
      this.#gradio.trigger("start_recording");
      if (this.#typed !== null) this.#submit(this.#typed);
    }
    if (!ENDED.includes(state)) return;
    this.#typed = null;
    this.#silent = false;
    this.#quiet?.close();
    this.#quiet = null;
    this.#outputs?.close();
    this.#outputs = null;
    if (state === "failed" && !QUIET_ENDS.includes(code)) this.#toast("error", text);
    if (this.#started) this.#gradio.trigger("stop_recording");
    this.#started = false;
  }

  #show(state, text) {
    this.#stage.show(state, text);
    this.#controls.show(state, this.#silent);
  }

  #received({ type, data }) {
    if (type === "fetch_output") this.#outputs?.announce();
    else if (type === "send_input") this.#gradio.trigger("tick");
    else if (type === "error" || type === "warning") this.#toast(type, data);
  }

  #toast(kind, text) {
    this.#gradio.trigger(kind, String(text));
  }

  #valueChanged() {
    const { value } = this.#gradio.props;
    if (value?.start) this.#start(); // a conversation that is under way is ended, and begins anew
    else if (this.#outputs !== null && value?.webrtc_id !== this.#client.id) {
      this.#gradio.props.value = { webrtc_id: this.#client.id, textbox: "" }; // a function gave none
    }
  }

  #heard() {
    this.#silent = false;
    this.#show("connected", "");
  }

  /** Have what was typed answered; without a conversation, one begins that sends silence. */
  async #submit(text) {
    if (this.#client.state === "connected") {
      this.#typed = null;
      this.#gradio.props.value = { ...this.#gradio.props.value, textbox: text };
      this.#gradio.trigger("submit");
      return;
    }
    this.#typed = text;
    if (this.#client.live) return; // it goes out once the connection stands
    this.#silent = true;
    this.#quiet = silence();
    await this.#start({ microphoneStream: this.#quiet.stream });
  }

  /** gr.HTML has no hook for it: a component that was taken away leaves the document. */
  #watchRemoval(element) {
    new MutationObserver((_, observer) => {
      if (element.isConnected) return;
      observer.disconnect();
      this.#client.close("The component was taken away.");
      this.#stage.close();
    }).observe(document.body, { childList: true, subtree: true });
  }
}
