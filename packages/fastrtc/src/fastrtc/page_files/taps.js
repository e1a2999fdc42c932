/** Listens to streams without changing them, for the timeline. */

import { AudioError } from "./audio.js";

/**
 * Open until `close`.
 *
 * Handlers by name, called with {samples, time, rate}: 20 ms of 16-bit mono sound from `time` on,
 * in seconds on the clock of performance.now().
 */
export class SoundTaps {
  /** Throws AudioError. */
  static async open(handlers) {
    const taps = new SoundTaps(handlers);
    try {
      const { audioWorklet } = taps.#context;
      await audioWorklet.addModule(new URL("capture-worklet.js", import.meta.url));
      await taps.#context.resume();
      taps.#offset = performance.now() / 1000 - taps.#context.currentTime;
      return taps;
    } catch (error) {
      taps.close();
      throw new AudioError(`The sound cannot be drawn: ${error.message}`);
    }
  }

  #context = new AudioContext();
  #handlers;
  #nodes = {};
  #offset = 0; // from the context's clock to that of performance.now()

  constructor(handlers) {
    this.#handlers = handlers;
  }

  /** Listen to a stream's sound, in place of what this name listened to before. */
  connect(name, stream) {
    const [track] = stream.getAudioTracks();
    if (this.#nodes[name]?.track === track) return;
    this.#nodes[name]?.source.disconnect();
    delete this.#nodes[name];
    if (!track) return;
    const source = this.#context.createMediaStreamSource(new MediaStream([track]));
    source.connect(this.#capture(name));
    this.#nodes[name] = { track, source };
  }

  close() {
    if (this.#context.state !== "closed") this.#context.close();
  }

  #capture(name) {
    const node = new AudioWorkletNode(this.#context, "capture", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit", // mixed down
    });
    const rate = this.#context.sampleRate;
    node.port.onmessage = ({ data: { samples, time } }) =>
      this.#handlers[name]({ samples, time: time + this.#offset, rate });
    return node;
  }
}
