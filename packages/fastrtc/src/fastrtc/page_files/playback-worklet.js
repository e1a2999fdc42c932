/**
 * Plays 16-bit samples in the order in which they are posted; the message "clear" drops the rest.
 *
 * While there is something to play it posts what was heard, in frames: {samples, time, position,
 * pending}. The last frame is filled up with silence and has pending 0.
 */

const CAPACITY_SECONDS = 30; // a server sends some 0.3 s ahead; what does not fit is dropped
const FADE_SECONDS = 0.005; // long enough not to click, too short to be heard as sound
const FRAME = Math.round(0.02 * sampleRate);
const FULL_SCALE = 32768;

class Playback extends AudioWorkletProcessor {
  #ring = new Float32Array(CAPACITY_SECONDS * sampleRate);
  #read = 0;
  #held = 0;
  #played = 0;
  #frame = new Int16Array(FRAME);
  #filled = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => (data === "clear" ? this.#clear() : this.#write(data));
  }

  process(_inputs, [[output]]) {
    if (this.#held === 0 && this.#filled === 0) return true; // the output is silent already
    for (let i = 0; i < output.length; i++) {
      const value = this.#held > 0 ? this.#next() : 0;
      output[i] = value / FULL_SCALE;
      this.#frame[this.#filled++] = value;
      if (this.#filled === FRAME) this.#post(i + 1);
    }
    return true;
  }

  #write(samples) {
    const room = this.#ring.length - this.#held;
    const taken = Math.min(samples.length, room);
    const start = this.#read + this.#held;
    for (let i = 0; i < taken; i++) this.#ring[(start + i) % this.#ring.length] = samples[i];
    this.#held += taken;
  }

  #next() {
    const value = this.#ring[this.#read];
    this.#read = (this.#read + 1) % this.#ring.length;
    this.#held -= 1;
    this.#played += 1;
    return value;
  }

  /** Keep only so much as it takes to fade out. */
  #clear() {
    const fade = Math.round(FADE_SECONDS * sampleRate);
    this.#held = Math.min(this.#held, fade);
    for (let i = 0; i < this.#held; i++) {
      this.#ring[(this.#read + i) % this.#ring.length] *= 1 - (i + 1) / this.#held;
    }
  }

  /** The frame ends `used` samples into the current block. */
  #post(used) {
    const samples = this.#frame;
    const message = {
      samples,
      time: currentTime + (used - FRAME) / sampleRate,
      position: this.#played / sampleRate,
      pending: this.#held / sampleRate,
    };
    this.port.postMessage(message, [samples.buffer]);
    this.#frame = new Int16Array(FRAME);
    this.#filled = 0;
  }
}

registerProcessor("playback", Playback);
