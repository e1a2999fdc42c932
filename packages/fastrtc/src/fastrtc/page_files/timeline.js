/** Draws a conversation's history on a canvas, scrolling to the left. */

import { COLUMNS_PER_SECOND } from "./history.js";

/** Pixels a second, both a whole number of columns a pixel so that nothing shimmers. */
const SCALES = { wide: 100, narrow: 50 };
const NARROW = 600; // pixels of width

/** Heights: of the marks' labels, of the ruler, and what each lane has of the rest. */
const LABEL_ROWS = 2;
const LABEL_HEIGHT = 18;
const RULER_HEIGHT = 22;
const TOP = LABEL_ROWS * LABEL_HEIGHT;
const LANES = [
  { name: "you", title: "You", share: 0.39 },
  { name: "speech", title: "Probability of speech", share: 0.22 },
  { name: "reply", title: "Reply", share: 0.39 },
];
const TITLE_HEIGHT = 18;

/** Where speech begins, by the detector's default. */
const THRESHOLD = 0.5;

const FULL_SCALE = 32768;

/** Exponent of the drawn height: below 1, so that soft speech is seen beside loud. */
const COMPANDING = 0.7;

/** Pixels on the left of the beginning, and on the right of now so that labels are seen whole. */
const MARGINS = { left: 14, right: 84 };

/** With reduced motion the picture moves once in so many seconds. */
const STEP = 2;

const MARKS = {
  started_talking: { label: "started talking", color: "you" },
  pause_detected: { label: "pause detected", color: "ink" },
  response_starting: { label: "reply starts", color: "reply" },
  interrupted: { label: "interrupted", color: "alert" },
  response_finished: { label: "reply finished", color: "reply" },
};

const COLORS = ["card", "ink", "faint", "grid", "you", "reply", "speech", "alert"];

export class Timeline {
  #canvas;
  #context;
  #ratio = 1; // device pixels a CSS pixel
  #conversation = null;
  #colors = {};
  #rows = new WeakMap(); // mark: its label's row, which must not change while it scrolls
  #rowEnds = [];
  #reduced = matchMedia("(prefers-reduced-motion: reduce)");
  #requested = false;
  #font = "";

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#recolor());
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#recolor();
  }

  /** Draw this conversation from now on: on every frame the browser shows while it is live. */
  show(conversation) {
    this.#conversation = conversation;
    this.#rowEnds = new Array(LABEL_ROWS).fill(-Infinity);
    this.redraw();
  }

  /** Draw at the next frame. Browsers ask for none while the page is hidden. */
  redraw() {
    if (this.#requested) return;
    this.#requested = true;
    requestAnimationFrame(() => {
      this.#requested = false;
      this.#draw();
      if (this.#conversation?.live) this.redraw();
    });
  }

  #recolor() {
    const style = getComputedStyle(this.#canvas);
    for (const name of COLORS) this.#colors[name] = style.getPropertyValue(`--${name}`).trim();
    this.#font = `500 11px ${style.fontFamily}`;
    this.redraw();
  }

  #resize() {
    this.#ratio = devicePixelRatio;
    this.#canvas.width = Math.round(this.#canvas.clientWidth * this.#ratio);
    this.#canvas.height = Math.round(this.#canvas.clientHeight * this.#ratio);
    this.redraw();
  }

  #draw() {
    const view = this.#view();
    const context = this.#context;
    context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    context.clearRect(0, 0, view.width, view.height);
    context.font = this.#font;
    context.textBaseline = "middle";
    this.#drawRuler(view);
    const painters = {
      you: (lane) => this.#drawWaveform(view, lane),
      speech: (lane) => this.#drawSpeech(view, lane),
      reply: (lane) => this.#drawWaveform(view, lane),
    };
    const lanes = layout(view.height);
    for (const lane of lanes) painters[lane.name](lane);
    this.#drawMarks(view, lanes);
    for (const lane of lanes) this.#drawTitle(lane);
  }

  /** What is to be seen: sizes in CSS pixels, times in seconds. */
  #view() {
    const ratio = this.#ratio;
    const width = this.#canvas.width / ratio;
    const scale = width < NARROW ? SCALES.narrow : SCALES.wide;
    const now = this.#conversation?.now ?? 0;
    const right = this.#reduced.matches ? Math.ceil(now / STEP) * STEP : now;
    // Whole device pixels keep the edges sharp while the picture moves.
    const scrolled = Math.min(MARGINS.left, width - MARGINS.right - right * scale);
    const shift = Math.round(scrolled * ratio) / ratio;
    return {
      ratio,
      width,
      height: this.#canvas.height / ratio,
      scale,
      first: Math.max(0, -shift / scale),
      last: (width - shift) / scale,
      x: (time) => time * scale + shift,
    };
  }

  #drawRuler(view) {
    const context = this.#context;
    const every = view.scale < SCALES.wide ? 2 : 1;
    context.textAlign = "center";
    for (let second = Math.ceil(view.first); second <= view.last; second++) {
      const x = view.x(second);
      context.fillStyle = this.#colors.grid;
      context.fillRect(x, TOP, 1, view.height - RULER_HEIGHT - TOP);
      if (second % every || x < MARGINS.left || x > view.width - MARGINS.left) continue;
      context.fillStyle = this.#colors.faint;
      context.fillText(clock(second), x, view.height - RULER_HEIGHT / 2);
    }
  }

  #drawWaveform(view, lane) {
    const context = this.#context;
    const middle = lane.top + lane.height / 2;
    const height = (value) => (Math.abs(value) / FULL_SCALE) ** COMPANDING * (lane.height / 2);
    const step = COLUMNS_PER_SECOND / view.scale; // columns a pixel
    const waveform = this.#conversation?.history[lane.name];
    context.fillStyle = this.#colors.grid;
    context.fillRect(0, middle, view.width, 1);
    context.beginPath();
    for (let pixel = Math.floor(view.first * view.scale); pixel < view.last * view.scale; pixel++) {
      const extent = waveform?.read(pixel * step, step);
      if (!extent) continue;
      const [below, above] = extent.map(height);
      context.rect(view.x(pixel / view.scale), middle - above, 1, Math.max(1, above + below));
    }
    context.fillStyle = this.#colors[lane.name];
    context.fill();
  }

  #drawThreshold(view, lane) {
    const context = this.#context;
    const y = lane.top + (1 - THRESHOLD) * lane.height;
    context.fillStyle = this.#colors.grid;
    for (let x = 0; x < view.width; x += 8) context.fillRect(x, y, 4, 1);
    context.textAlign = "right";
    context.fillStyle = this.#colors.faint;
    context.fillText(THRESHOLD, view.width - 4, y - 8);
  }

  #drawSpeech(view, lane) {
    const context = this.#context;
    const bottom = lane.top + lane.height;
    this.#drawThreshold(view, lane);
    const windows = this.#conversation?.history.speech ?? [];
    const points = windows.filter(({ time }) => time >= view.first);
    if (points.length === 0) return;
    context.beginPath();
    for (const { time, p } of points) context.lineTo(view.x(time), bottom - p * lane.height);
    context.strokeStyle = this.#colors.speech;
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    context.stroke();
    context.lineTo(view.x(points.at(-1).time), bottom);
    context.lineTo(view.x(points[0].time), bottom);
    context.globalAlpha = 0.16;
    context.fillStyle = this.#colors.speech;
    context.fill();
    context.globalAlpha = 1;
  }

  #drawMarks(view, lanes) {
    const context = this.#context;
    const bottom = lanes.at(-1).top + lanes.at(-1).height;
    context.textAlign = "left";
    for (const mark of this.#conversation?.history.marks ?? []) {
      const { label, color } = MARKS[mark.kind];
      const x = Math.round(view.x(mark.time));
      const y = (this.#row(mark, label, view.scale) + 0.5) * LABEL_HEIGHT;
      context.fillStyle = this.#colors[color];
      context.fillText(label, x + 6, y);
      context.globalAlpha = 0.6;
      context.fillRect(x, y - 6, 1.5, bottom - y + 6);
      context.globalAlpha = 1;
    }
  }

  /** The first row whose last label leaves room, else the one that has been in use longest. */
  #row(mark, label, scale) {
    if (!this.#rows.has(mark)) {
      const free = this.#rowEnds.findIndex((end) => end <= mark.time);
      const row = free >= 0 ? free : this.#rowEnds.indexOf(Math.min(...this.#rowEnds));
      this.#rowEnds[row] = mark.time + (this.#context.measureText(label).width + 14) / scale;
      this.#rows.set(mark, row);
    }
    return this.#rows.get(mark);
  }

  #drawTitle(lane) {
    const context = this.#context;
    const place = [lane.title, 4, lane.top - TITLE_HEIGHT / 2];
    context.textAlign = "left";
    context.strokeStyle = this.#colors.card; // keeps the lines off the letters
    context.lineWidth = 5;
    context.strokeText(...place);
    context.fillStyle = this.#colors[lane.name];
    context.fillText(...place);
  }
}

/** The lanes with their top and height. */
function layout(height) {
  const room = height - TOP - RULER_HEIGHT - LANES.length * TITLE_HEIGHT;
  let bottom = TOP;
  return LANES.map((lane) => {
    const placed = { ...lane, top: bottom + TITLE_HEIGHT, height: lane.share * room };
    bottom = placed.top + placed.height;
    return placed;
  });
}

/** Seconds as m:ss. */
export function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.floor(seconds) % 60).padStart(2, "0")}`;
}
