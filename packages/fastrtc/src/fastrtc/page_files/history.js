/** What was said, heard and reported in a conversation, for drawing. Times in seconds. */

/** Seconds that are kept: more than any screen shows. */
const KEPT = 60;

export const COLUMNS_PER_SECOND = 100;

/** The lowest and highest sample of every 10 ms, of the latest KEPT seconds. */
export class Waveform {
  #low = new Int16Array(KEPT * COLUMNS_PER_SECOND);
  #high = new Int16Array(KEPT * COLUMNS_PER_SECOND);
  #column = new Int32Array(KEPT * COLUMNS_PER_SECOND).fill(-1); // which one a slot holds

  /** Add samples that begin at `time`. */
  write(samples, time, rate) {
    const step = rate / COLUMNS_PER_SECOND;
    const first = Math.max(0, Math.round(time * COLUMNS_PER_SECOND));
    for (let k = 0; (k + 1) * step <= samples.length; k++) {
      const slot = (first + k) % this.#column.length;
      const [low, high] = extent(samples.subarray(k * step, (k + 1) * step));
      this.#low[slot] = low;
      this.#high[slot] = high;
      this.#column[slot] = first + k;
    }
  }

  /** Lowest and highest of `count` columns from `first` on; null if none of them was written. */
  read(first, count) {
    let found = null;
    for (let column = Math.max(0, first); column < first + count; column++) {
      const slot = column % this.#column.length;
      if (this.#column[slot] !== column) continue;
      found ??= [0, 0];
      found[0] = Math.min(found[0], this.#low[slot]);
      found[1] = Math.max(found[1], this.#high[slot]);
    }
    return found;
  }
}

export class History {
  you = new Waveform();
  reply = new Waveform();

  /** Probability of speech `p` of the window that ended at `time`. */
  speech = [];

  /** Turn events: {time, kind}. */
  marks = [];

  addSpeech(time, p) {
    this.speech.push({ time, p });
    forget(this.speech, time);
  }

  addMark(time, kind) {
    this.marks.push({ time, kind });
    forget(this.marks, time);
  }
}

function extent(samples) {
  let low = 0;
  let high = 0;
  for (const value of samples) {
    if (value < low) low = value;
    else if (value > high) high = value;
  }
  return [low, high];
}

function forget(entries, now) {
  while (entries[0].time < now - KEPT) entries.shift();
}
