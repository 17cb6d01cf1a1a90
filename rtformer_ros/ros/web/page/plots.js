// SPDX-FileCopyrightText: 2026 The rtformer_ros developers
// SPDX-License-Identifier: Apache-2.0
/** Plots: the last minutes of some values, as lines or as layers on each other. */

const SAMPLES = 180;
const PAD = { left: 54, right: 4, top: 6, bottom: 6 };

/** A scale's end that is easy to read: 1, 2 or 5 times a power of ten. */
export function niceCeiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

export class Plot {
  /** names: of the series; colors: names of CSS variables; isStacked: layers, not lines. */
  constructor(canvas, names, colors, unit, isStacked) {
    Object.assign(this, { canvas, names, colors, unit, isStacked, samples: [] });
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  /** Add the present values, one for each series; null for what is not known. */
  add(values) {
    this.samples.push(values);
    if (this.samples.length > SAMPLES) this.samples.shift();
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (!width) return;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = canvas.getContext('2d');
    context.scale(ratio, ratio);
    const tops = this.tops();
    const most = niceCeiling(Math.max(0, ...tops.flat().filter((value) => value !== null)));
    const inner = height - PAD.top - PAD.bottom;
    const x = (i) => width - PAD.right
      - ((this.samples.length - 1 - i) * (width - PAD.left - PAD.right)) / (SAMPLES - 1);
    const y = (value) => PAD.top + inner * (1 - value / most);
    this.drawGrid(context, width, most, y);
    for (let series = this.names.length - 1; series >= 0; series -= 1) {
      this.drawSeries(context, tops, series, x, y);
    }
  }

  /** Return the height of each series' edge at each sample. */
  tops() {
    if (!this.isStacked) return this.samples;
    return this.samples.map((values) => {
      let sum = 0;
      return values.map((value) => (sum += value ?? 0));
    });
  }

  drawGrid(context, width, most, y) {
    const style = getComputedStyle(this.canvas);
    context.font = `11px ${style.fontFamily}`;
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    context.fillStyle = style.getPropertyValue('--muted');
    context.strokeStyle = style.getPropertyValue('--line');
    context.lineWidth = 1;
    for (const part of [0, 0.5, 1]) {
      const row = Math.round(y(most * part)) + 0.5;
      context.beginPath();
      context.moveTo(PAD.left, row);
      context.lineTo(width - PAD.right, row);
      context.stroke();
      const shown = String(Number((most * part).toPrecision(3)));
      context.fillText(part === 1 ? `${shown} ${this.unit}` : shown, PAD.left - 6, row);
    }
  }

  drawSeries(context, tops, series, x, y) {
    const color = getComputedStyle(this.canvas).getPropertyValue(this.colors[series]);
    context.strokeStyle = color;
    context.fillStyle = color;
    context.lineWidth = 2;
    context.lineJoin = 'round';
    let start = null;
    tops.forEach((row, i) => {
      const ends = row[series] === null || (i > 0 && tops[i - 1][series] === null);
      if (ends) start = null;
      if (row[series] === null) return;
      if (start === null) {
        start = i;
        context.beginPath();
        context.moveTo(x(i), y(row[series]));
      } else {
        context.lineTo(x(i), y(row[series]));
      }
      if (i !== tops.length - 1 && tops[i + 1][series] !== null) return;
      if (this.isStacked) {
        for (let back = i; back >= start; back -= 1) {
          context.lineTo(x(back), y(series ? tops[back][series - 1] : 0));
        }
        context.closePath();
        context.globalAlpha = 0.75;
        context.fill();
        context.globalAlpha = 1;
      } else {
        context.stroke();
      }
    });
  }
}
