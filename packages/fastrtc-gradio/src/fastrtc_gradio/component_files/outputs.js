/** Additional outputs: asked for one after the other, each once the one before is shown. */

/** The queues of all components of the page, by the ids of their sessions. */
const queues = new Map();

/** Milliseconds in which the last outputs of a conversation are shown. */
const LATE = 60_000;

/** Called by Gradio once a listener has shown an output, see `SHOWN` in component.py. */
globalThis.fastrtcShown = (id) => queues.get(id)?.shown();

export class Outputs {
  #id;
  #listeners;
  #ask;
  #changed;
  #announced = 0;
  #asked = 0;
  #pending = 0; // listeners that have not shown the newest that was asked for

  /**
   * @param {string} id of the session
   * @param {number} listeners how many functions get every output
   * @param {(number: number) => void} ask has them called with the output of this number, from 0
   * @param {() => void} changed is called once all have shown one: inputs may be others now
   */
  constructor(id, listeners, ask, changed) {
    this.#id = id;
    this.#listeners = listeners;
    this.#ask = ask;
    this.#changed = changed;
    queues.set(id, this);
  }

  /** The server has one more. */
  announce() {
    this.#announced += 1;
    this.#next();
  }

  /** One listener is done. */
  shown() {
    this.#pending = Math.max(0, this.#pending - 1);
    if (this.#pending === 0) this.#changed();
    this.#next();
  }

  /** No more will come; those that were announced are still asked for. */
  close() {
    const forget = () => queues.get(this.#id) === this && queues.delete(this.#id);
    if (this.#asked === this.#announced && this.#pending === 0) forget();
    else setTimeout(forget, LATE);
  }

  #next() {
    if (this.#pending > 0 || this.#asked === this.#announced || this.#listeners === 0) return;
    this.#pending = this.#listeners;
    this.#ask(this.#asked++);
  }
}
