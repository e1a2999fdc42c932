/** Cuts the microphone into frames of 16-bit samples and posts them as {samples, time}. */

const FRAME = Math.round(0.02 * sampleRate);
const FULL_SCALE = 32768;

class Capture extends AudioWorkletProcessor {
  #frame = new Int16Array(FRAME);
  #filled = 0;

  process([[input]]) {
    if (!input) return true; // the source is not connected yet
    for (let i = 0; i < input.length; i++) {
      const value = Math.round(input[i] * FULL_SCALE);
      this.#frame[this.#filled++] = Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, value));
      if (this.#filled === FRAME) this.#post(i + 1);
    }
    return true;
  }

  /** The frame ends `used` samples into the current block. */
  #post(used) {
    const samples = this.#frame;
    const time = currentTime + (used - FRAME) / sampleRate;
    this.port.postMessage({ samples, time }, [samples.buffer]);
    this.#frame = new Int16Array(FRAME);
    this.#filled = 0;
  }
}

registerProcessor("capture", Capture);
