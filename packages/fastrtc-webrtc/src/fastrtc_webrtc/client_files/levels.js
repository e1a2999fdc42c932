/** How loud it is, both ways. */

/** Samples that are looked at: 43 ms at 48 kHz. */
const WINDOW = 2048;

/**
 * Measures streams while somebody watches, once for every picture that the browser shows: never
 * while the page is hidden.
 */
export class LevelMeter {
  #context = null;
  #taps = {};
  #watchers = new Set();
  #wave = new Float32Array(WINDOW);

  /** The streams by the names that their levels are to have. */
  constructor(streams) {
    this.streams = streams;
  }

  /**
   * Have `callback` called with `{input: 0..1, output: 0..1}`, root mean squares.
   *
   * @returns {() => void} ends it
   */
  watch(callback) {
    this.#watchers.add(callback);
    if (this.#watchers.size === 1) this.#open();
    return () => {
      if (this.#watchers.delete(callback) && this.#watchers.size === 0) this.#close();
    };
  }

  /** Listen to the tracks that the streams have now. */
  refresh() {
    if (this.#context === null) return;
    for (const [name, stream] of Object.entries(this.streams)) {
      this.#taps[name]?.source.disconnect();
      delete this.#taps[name];
      if (!stream?.getAudioTracks().length) continue;
      const tap = new AnalyserNode(this.#context, { fftSize: WINDOW });
      const source = this.#context.createMediaStreamSource(stream);
      source.connect(tap);
      this.#taps[name] = { source, tap };
    }
  }

  close() {
    this.#watchers.clear();
    this.#close();
  }

  #open() {
    this.#context = new AudioContext();
    this.refresh();
    this.#next(this.#context);
  }

  #close() {
    this.#context?.close();
    this.#context = null;
    this.#taps = {};
  }

  #next(context) {
    requestAnimationFrame(() => {
      if (context !== this.#context) return;
      const levels = Object.keys(this.streams).map((name) => [name, this.#level(name)]);
      for (const callback of this.#watchers) callback(Object.fromEntries(levels));
      this.#next(context);
    });
  }

  #level(name) {
    const tap = this.#taps[name]?.tap;
    if (!tap) return 0;
    tap.getFloatTimeDomainData(this.#wave);
    return Math.sqrt(this.#wave.reduce((sum, value) => sum + value * value, 0) / WINDOW);
  }
}
