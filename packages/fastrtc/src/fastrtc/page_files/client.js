/** The client's side of the negotiated WebSocket protocol. Knows neither DOM nor Web Audio. */

/** Rates that the protocol knows and a browser's sound may run at, in Hz. */
export const RATES = [24000, 44100, 48000];

/** Seconds of sound that may wait for a slow network before more is dropped. */
const MAX_BUFFERED = 2;

const BYTES_PER_SAMPLE = 2;

/** Code of the error with which a server answers sound that its stream has no use for. */
const NOT_LISTENING = "not_listening";

const REFUSALS = {
  concurrency_limit_reached: ({ limit }) =>
    `The server is full: ${limit} ${limit === 1 ? "person is" : "people are"} connected, ` +
    "which is its limit. Try again in a moment.",
  unauthorized: () => "The server refused this connection: you are not authorized.",
  id_in_use: () => "The server refused this connection: its id is in use. Try again.",
  modality_not_supported: () => "This server streams video, which this page does not show.",
};

const NORMAL = 1000;

/** What a close code means (RFC 6455, 7.4.1, and the IANA registry of close codes). */
const CLOSINGS = {
  [NORMAL]: "The server ended the conversation.",
  1001: "The connection was lost: the server is shutting down.",
  1006: "The connection was lost: the server went away or the network failed.",
  1008: "The server ended the connection: it broke a rule of the server.",
  1009: "The server ended the connection: a message was too large.",
  1011: "The connection was lost: the server met an error.",
  1012: "The connection was lost: the server is restarting.",
  1013: "The server is too busy. Try again in a moment.",
};

/**
 * One connection.
 *
 * Handlers, all required:
 *   started()            sound may be sent
 *   audio(Int16Array)    sound to play after what came before
 *   clear()              drop what was not played yet
 *   log(word)            a turn event, or a text of the handler's own
 *   speech({t, p})       probabilities of speech, the last of them for the window ending at t
 *   problem(kind, text)  "error" or "warning" that the connection survives
 *   ended(text, failed)  once, at the end; nothing comes after it
 */
export class Client {
  #socket;
  #rate;
  #handlers;
  #opened = false;
  #started = false;
  #ended = false;
  #listened = true; // until the server says that its stream takes no sound
  #goodbye = "";

  constructor(url, rate, handlers) {
    this.#rate = rate;
    this.#handlers = handlers;
    this.#socket = new WebSocket(url);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#open();
    this.#socket.onmessage = ({ data }) => this.#receive(data);
    this.#socket.onclose = ({ code }) => this.#closed(code);
  }

  /** Whether sound may be sent. */
  get started() {
    return this.#started;
  }

  /** Send 16-bit samples; false if the network is so slow that they were dropped. */
  sendAudio(samples) {
    if (!this.#listened) return true;
    if (this.#socket.bufferedAmount > MAX_BUFFERED * this.#rate * BYTES_PER_SAMPLE) return false;
    this.#socket.send(samples); // little-endian, as every browser's memory is
    return true;
  }

  /** Report how many seconds of sound were played since the beginning. */
  sendPlayed(position) {
    if (this.#started) this.#send({ event: "played", position });
  }

  /** End the connection from this side. */
  stop() {
    if (this.#started) this.#send({ event: "stop" });
    this.#end("You ended the conversation.", false);
    this.#socket.close(NORMAL);
  }

  #open() {
    this.#opened = true;
    this.#send({
      event: "start",
      encoding: "pcm16",
      rate: this.#rate,
      channels: 1,
      binary: true,
      wants: ["speech"],
    });
  }

  #send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #receive(data) {
    if (this.#ended) return;
    if (typeof data !== "string") {
      this.#handlers.audio(new Int16Array(data));
      return;
    }
    const message = JSON.parse(data);
    if (message.status === "failed") this.#refused(message.meta);
    else this.#react[message.event ?? message.type]?.(message); // unknown ones are ignored
  }

  #react = {
    started: () => {
      this.#started = true;
      this.#handlers.started();
    },
    clear: () => this.#handlers.clear(),
    log: ({ data }) => this.#handlers.log(String(data)),
    stopword: () => this.#handlers.log("The stop word was heard"),
    speech: ({ data }) => this.#handlers.speech(data),
    error: ({ data, code }) => this.#failed(String(data), code),
    warning: ({ data }) => this.#handlers.problem("warning", String(data)),
    send_input: () =>
      this.#handlers.problem("warning", "The server asks for inputs, and this page has none."),
    end_stream: ({ data }) => {
      this.#goodbye = `The server ended the conversation: ${data}`;
    },
  };

  #failed(text, code) {
    if (code === NOT_LISTENING) {
      if (!this.#listened) return; // to sound that was on its way
      this.#listened = false;
    }
    this.#handlers.problem("error", text);
  }

  #refused({ error, ...facts }) {
    const words = REFUSALS[error]?.(facts) ?? `The server refused this connection: ${error}.`;
    this.#end(words, true);
    this.#socket.close(NORMAL);
  }

  #closed(code) {
    if (!this.#opened) {
      this.#end("The server cannot be reached, or refuses this page.", true);
      return;
    }
    const words = CLOSINGS[code] ?? "The connection was closed.";
    this.#end(this.#goodbye || `${words} (Code ${code})`, code !== NORMAL);
  }

  #end(text, failed) {
    if (this.#ended) return;
    this.#ended = true;
    this.#started = false;
    this.#handlers.ended(text, failed);
  }
}
