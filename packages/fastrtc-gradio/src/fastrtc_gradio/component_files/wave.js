/** What sound looks like: a wave that moves through the stage, or rings around an icon. */

const BARS = 48;
const QUIET = 0.04; // of the height, so that a line shows where nothing is heard
const GAIN = 4; // speech has a root mean square of 0.1 to 0.2
const FALL = 0.82; // of a bar's height that is left at the next picture

/** Draws the newest levels in the middle and lets them run outwards. */
export class Wave {
  #canvas;
  #heights = new Float32Array(BARS / 2).fill(QUIET);
  #still = matchMedia("(prefers-reduced-motion: reduce)");

  /** @param {HTMLCanvasElement} canvas drawn in its own CSS colour */
  constructor(canvas) {
    this.#canvas = canvas;
    this.show(0);
  }

  /** @param {number} level root mean square, 0 to 1 */
  show(level) {
    const height = Math.max(QUIET, Math.min(1, level * GAIN));
    if (this.#still.matches) this.#heights.fill(height);
    else {
      for (let bar = this.#heights.length - 1; bar > 0; bar -= 1) {
        this.#heights[bar] = Math.max(QUIET, this.#heights[bar - 1] * 0.985);
      }
      this.#heights[0] = Math.max(height, this.#heights[0] * FALL);
    }
    this.#draw();
  }

  #draw() {
    const { width, height } = this.#canvas;
    const context = this.#canvas.getContext("2d");
    const step = width / BARS;
    context.clearRect(0, 0, width, height);
    context.fillStyle = getComputedStyle(this.#canvas).color;
    this.#heights.forEach((part, bar) => {
      const tall = part * height;
      for (const side of [-1, 1]) {
        const x = width / 2 + side * (bar + 0.5) * step - step / 4;
        context.globalAlpha = 1 - bar / this.#heights.length / 1.3;
        context.beginPath();
        context.roundRect(x, (height - tall) / 2, step / 2, tall, step / 4);
        context.fill();
      }
    });
    context.globalAlpha = 1;
  }
}

/** Rings around an icon that follow the level. */
export class Pulse {
  #orb;

  /** @param {HTMLElement} orb whose style sheet draws rings by `--level` */
  constructor(orb) {
    this.#orb = orb;
  }

  /** @param {number} level root mean square, 0 to 1 */
  show(level) {
    this.#orb.style.setProperty("--level", Math.min(1, level * GAIN).toFixed(3));
  }
}
