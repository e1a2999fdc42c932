/** Messages over the data channel. */

/** Messages that wait for a channel to open; more are refused. */
const MAX_WAITING = 64;

export class Messages {
  #channel = null;
  #waiting = [];
  #pings = []; // {since, answer} in the order they were sent
  #received;
  #problem;

  /**
   * @param {(message: {type: string, data: any}) => void} received
   * @param {(text: string) => void} problem
   */
  constructor(received, problem) {
    this.#received = received;
    this.#problem = problem;
  }

  /** Use a channel that is open, in place of one before. */
  open(channel) {
    this.#channel = channel;
    for (const text of this.#waiting.splice(0)) channel.send(text);
  }

  /** Send, or keep until a channel is open; false if too many wait already. */
  send(message) {
    const text = JSON.stringify(message);
    if (this.#channel?.readyState === "open") {
      this.#channel.send(text);
      return true;
    }
    if (this.#waiting.length >= MAX_WAITING) return false;
    this.#waiting.push(text);
    return true;
  }

  /** @returns {Promise<number | null>} milliseconds until the answer; null if there is none */
  ping() {
    return new Promise((answer) => {
      if (this.send({ type: "ping" })) this.#pings.push({ since: performance.now(), answer });
      else answer(null);
    });
  }

  /** Take what has come from the server. */
  receive(text) {
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      this.#problem("The server sent a message that is no JSON; it is ignored.");
      return;
    }
    if (message?.type === "pong") this.#pong();
    else if (typeof message?.type === "string") this.#received(message);
    else this.#received({ type: "message", data: message }); // text of the handler's own
  }

  /** Forget what is under way. */
  close() {
    this.#channel = null;
    this.#waiting.length = 0;
    for (const { answer } of this.#pings.splice(0)) answer(null);
  }

  #pong() {
    const ping = this.#pings.shift();
    ping?.answer(performance.now() - ping.since);
  }
}
