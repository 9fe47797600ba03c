// Plots drawn by hand on canvases: lines over iterations or frames, a histogram, and a map of head poses.

import { amount, h, write } from './dom.js';

const STYLE = getComputedStyle(document.documentElement);
const LEFT = 54;
const RIGHT = 14;
const TOP = 8;
const BOTTOM = 22;

export function color(name) {
  return STYLE.getPropertyValue(`--${name}`).trim();
}

class Plot {
  constructor(title, label) {
    this.head = h('div', { class: 'head' }, h('h3', {}, title));
    this.canvas = h('canvas', { tabindex: '0', role: 'img', 'aria-label': label ?? title });
    this.field = h('div', { class: 'field' }, this.canvas);
    this.element = h('div', { class: 'plot' }, this.head, this.field);
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.field);
  }

  leave() {
    this.watcher.disconnect();
  }

  // A pen in CSS pixels on a cleared canvas; null while the plot is not shown.
  pen() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.field.clientWidth;
    this.height = this.field.clientHeight;
    if (this.width < 80 || this.height < 50) return null;
    Object.assign(this.canvas, { width: Math.round(this.width * ratio), height: Math.round(this.height * ratio) });
    const pen = this.canvas.getContext('2d');
    pen.scale(ratio, ratio);
    pen.font = '11px system-ui, sans-serif';
    return pen;
  }

  nothing(pen, text) {
    pen.fillStyle = color('faint');
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    pen.fillText(text, this.width / 2, this.height / 2);
  }
}

export class LinePlot extends Plot {
  // series: {name, color, thin?}; options: {x, log?, low?, high?, whole?}
  constructor(title, series, options) {
    super(title);
    this.series = series;
    this.options = options;
    this.xs = [];
    this.columns = series.map(() => []);
    this.bands = [];
    this.level = null; // {value, name}: a line to measure against
    this.at = null;
    this.values = series.map(() => h('b'));
    this.where = h('span', { class: 'key' });
    series.forEach((one, index) => {
      const swatch = h('i');
      swatch.style.background = color(one.color);
      this.head.append(h('span', { class: 'key' }, swatch, series.length > 1 ? one.name : '', this.values[index]));
    });
    this.head.append(this.where);
    if (options.log !== undefined) {
      this.isLog = options.log;
      this.logButton = h('button', { class: 'push', 'aria-pressed': String(this.isLog), onclick: () => this.switchAxis() }, 'log');
      this.head.append(this.logButton);
    }
    this.canvas.addEventListener('pointermove', (event) => this.point(event.offsetX));
    this.canvas.addEventListener('pointerleave', () => this.choose(null));
    this.canvas.addEventListener('blur', () => this.choose(null));
    this.canvas.addEventListener('keydown', (event) => this.key(event));
  }

  show(xs, columns, { bands = [], level = null } = {}) {
    Object.assign(this, { xs, columns, bands, level });
    if (this.at !== null && this.at >= xs.length) this.at = null;
    const last = columns[0]?.findLast((value) => value !== null);
    this.canvas.setAttribute('aria-label', `${this.head.firstChild.textContent}: ${xs.length} values, the last ${amount(last)}`);
    this.draw();
  }

  switchAxis() {
    this.isLog = !this.isLog;
    this.logButton.setAttribute('aria-pressed', String(this.isLog));
    this.draw();
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !this.xs.length) return;
    event.preventDefault();
    this.choose(Math.min(this.xs.length - 1, Math.max(0, (this.at ?? this.xs.length) + step)));
  }

  point(x) {
    if (!this.xs.length || !this.scaleX) return;
    const wanted = this.unscaleX(x);
    let [low, high] = [0, this.xs.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.xs[middle] < wanted) low = middle;
      else high = middle;
    }
    this.choose(wanted - this.xs[low] < this.xs[high] - wanted ? low : high);
  }

  choose(at) {
    if (this.at === at) return;
    this.at = at;
    this.draw();
  }

  draw() {
    const pen = this.pen();
    if (!pen) return;
    this.write();
    const shown = this.columns.flat().filter((value) => value !== null && (!this.isLog || value > 0));
    if (!shown.length) {
      this.nothing(pen, 'nothing yet');
      return;
    }
    this.range(shown);
    this.axes(pen);
    this.marks(pen);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, TOP - 4, this.width - LEFT - RIGHT + 2, this.height - TOP - BOTTOM + 8);
    pen.clip();
    for (let index = this.series.length - 1; index >= 0; index -= 1) this.line(pen, this.series[index], this.columns[index]);
    pen.restore();
    if (this.at !== null) this.cursor(pen);
  }

  write() {
    const at = this.at ?? this.xs.length - 1;
    this.series.forEach((_, index) => {
      const value = this.at === null ? this.columns[index].findLast((one) => one !== null) : this.columns[index][at];
      write(this.values[index], amount(value));
    });
    write(this.where, this.at === null ? '' : `${this.options.x} ${Math.round(this.xs[at])}`);
  }

  range(shown) {
    let [low, high] = [Infinity, -Infinity];
    for (const value of shown) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (this.level && !this.isLog) high = Math.max(high, Math.min(this.level.value, 4 * high));
    if (this.isLog) {
      [low, high] = [Math.log10(low), Math.log10(high)];
      if (high - low < 0.3) [low, high] = [(low + high) / 2 - 0.15, (low + high) / 2 + 0.15];
      const room = 0.04 * (high - low);
      [low, high] = [low - room, high + room];
    } else {
      low = this.options.low ?? Math.min(0, low);
      high = this.options.high ?? (high > low ? high + 0.06 * (high - low) : low + 1);
    }
    Object.assign(this, { low, high });
    const [first, last] = [this.xs[0], this.xs.at(-1)];
    const span = last > first ? last - first : 1;
    const [wide, tall] = [this.width - LEFT - RIGHT, this.height - TOP - BOTTOM];
    this.scaleX = (x) => LEFT + (wide * (x - first)) / span;
    this.unscaleX = (x) => first + (span * (x - LEFT)) / wide;
    this.scaleY = (value) => TOP + tall * (1 - ((this.isLog ? Math.log10(value) : value) - low) / (high - low));
  }

  axes(pen) {
    pen.lineWidth = 1;
    pen.textBaseline = 'middle';
    pen.textAlign = 'right';
    const most = Math.max(2, Math.floor((this.height - TOP - BOTTOM) / 34));
    for (const value of this.isLog ? logTicks(this.low, this.high, most) : ticks(this.low, this.high, most)) {
      const y = Math.round(this.scaleY(value)) + 0.5;
      if (y < TOP - 1 || y > this.height - BOTTOM + 1) continue;
      pen.strokeStyle = color('line');
      pen.beginPath();
      pen.moveTo(LEFT, y);
      pen.lineTo(this.width - RIGHT, y);
      pen.stroke();
      pen.fillStyle = color('quiet');
      pen.fillText(short(value), LEFT - 8, y);
    }
    pen.textBaseline = 'alphabetic';
    pen.textAlign = 'center';
    const first = this.xs[0];
    const last = Math.max(this.xs.at(-1), first + 1);
    for (const value of ticks(first, last, Math.max(2, Math.floor(this.width / 110)))) {
      if (!Number.isInteger(value)) continue;
      pen.fillStyle = color('quiet');
      pen.fillText(short(value), Math.min(this.scaleX(value), this.width - RIGHT - 12), this.height - 6);
    }
  }

  marks(pen) {
    pen.fillStyle = 'rgba(222, 116, 104, .22)';
    const wide = Math.max(2, this.scaleX((this.xs[0] ?? 0) + 1) - this.scaleX(this.xs[0] ?? 0));
    for (const x of this.bands) pen.fillRect(this.scaleX(x) - wide / 2, TOP, wide, this.height - TOP - BOTTOM);
    if (!this.level || this.isLog || this.level.value > this.high) return;
    const y = Math.round(this.scaleY(this.level.value)) + 0.5;
    pen.setLineDash([4, 4]);
    pen.strokeStyle = color('faint');
    pen.beginPath();
    pen.moveTo(LEFT, y);
    pen.lineTo(this.width - RIGHT, y);
    pen.stroke();
    pen.setLineDash([]);
    pen.textAlign = 'right';
    pen.textBaseline = 'bottom';
    pen.fillStyle = color('quiet');
    pen.fillText(this.level.name, this.width - RIGHT, y - 2);
  }

  line(pen, one, values) {
    pen.strokeStyle = color(one.color);
    pen.lineWidth = one.thin ? 1 : 1.5;
    pen.lineJoin = 'round';
    pen.beginPath();
    let isDown = false;
    const alone = [];
    values.forEach((value, index) => {
      if (value === null || (this.isLog && value <= 0)) {
        isDown = false;
        return;
      }
      const [x, y] = [this.scaleX(this.xs[index]), this.scaleY(value)];
      if (isDown) pen.lineTo(x, y);
      else {
        pen.moveTo(x, y);
        if ((values[index + 1] ?? null) === null) alone.push([x, y]);
      }
      isDown = true;
    });
    pen.stroke();
    pen.fillStyle = color(one.color);
    for (const [x, y] of alone) pen.fillRect(x - 1.5, y - 1.5, 3, 3);
  }

  cursor(pen) {
    const x = Math.round(this.scaleX(this.xs[this.at])) + 0.5;
    pen.strokeStyle = color('faint');
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x, TOP);
    pen.lineTo(x, this.height - BOTTOM);
    pen.stroke();
    this.series.forEach((one, index) => {
      const value = this.columns[index][this.at];
      if (value === null || value === undefined || (this.isLog && value <= 0)) return;
      pen.fillStyle = color(one.color);
      pen.beginPath();
      pen.arc(x, this.scaleY(value), 3, 0, 7);
      pen.fill();
    });
  }
}

export class Histogram extends Plot {
  // Counts of values in bins of equal width.
  show(values, unit, level = null) {
    this.values = values;
    this.unit = unit;
    this.level = level;
    this.draw();
  }

  draw() {
    const pen = this.pen();
    if (!pen) return;
    if (!this.values?.length) {
      this.nothing(pen, 'nothing yet');
      return;
    }
    const low = this.values.reduce((least, value) => Math.min(least, value), Infinity);
    const high = this.values.reduce((most, value) => Math.max(most, value), -Infinity);
    const step = niceStep((high - low) / 12 || Math.max(1, high / 12));
    const start = Math.floor(low / step) * step;
    const counts = new Array(Math.max(1, Math.floor((high - start) / step) + 1)).fill(0);
    for (const value of this.values) counts[Math.floor((value - start) / step)] += 1;
    const most = Math.max(...counts);
    const wide = (this.width - 20) / counts.length;
    const tall = this.height - 40;
    counts.forEach((count, index) => {
      const x = 10 + index * wide;
      const enlarged = this.level && start + (index + 0.5) * step < this.level;
      pen.fillStyle = enlarged ? color('accent') : color('target');
      const height = count ? Math.max(2, (tall * count) / most) : 0;
      pen.fillRect(x + 1, 16 + tall - height, Math.max(1, wide - 2), height);
      pen.fillStyle = color('quiet');
      pen.textAlign = 'center';
      if (count && wide > 22) pen.fillText(String(count), x + wide / 2, 12 + tall - height);
    });
    pen.fillStyle = color('quiet');
    pen.textAlign = 'left';
    pen.fillText(`${short(start)} ${this.unit}`, 10, this.height - 8);
    pen.textAlign = 'right';
    pen.fillText(`${short(start + counts.length * step)} ${this.unit}`, this.width - 10, this.height - 8);
    this.canvas.setAttribute('aria-label', `${this.values.length} faces, ${short(low)} to ${short(high)} ${this.unit}`);
  }
}

export class PoseMap extends Plot {
  // How often each head pose occurs: yaw to the right, pitch upwards, 10 degrees a cell.
  show(yaw, pitch) {
    this.yaw = yaw;
    this.pitch = pitch;
    this.draw();
  }

  draw() {
    const pen = this.pen();
    if (!pen || !this.yaw) return;
    const [columns, rows, bin] = [18, 12, 10];
    const counts = new Array(columns * rows).fill(0);
    const cell = (angle, half, most) => Math.min(most - 1, Math.max(0, Math.floor((angle + half) / bin)));
    this.yaw.forEach((yaw, index) => {
      counts[cell(this.pitch[index], 60, rows) * columns + cell(yaw, 90, columns)] += 1;
    });
    const most = Math.max(1, ...counts);
    const side = Math.min((this.width - 48) / columns, (this.height - 36) / rows);
    const left = 36 + (this.width - 48 - side * columns) / 2;
    const bottom = 6 + side * rows;
    counts.forEach((count, index) => {
      const x = left + (index % columns) * side;
      const y = bottom - (Math.floor(index / columns) + 1) * side;
      pen.fillStyle = count ? `rgba(127, 176, 204, ${0.3 + (0.7 * Math.log1p(count)) / Math.log1p(most)})` : '#262626';
      pen.fillRect(x + 0.5, y + 0.5, side - 1, side - 1);
      if (count && side > 17) {
        pen.fillStyle = count > most / 3 ? '#141414' : '#dddddd';
        pen.textAlign = 'center';
        pen.textBaseline = 'middle';
        pen.fillText(count > 999 ? '999+' : String(count), x + side / 2, y + side / 2);
      }
    });
    this.labels(pen, left, bottom, side, columns, rows);
    const used = counts.filter(Boolean).length;
    this.canvas.setAttribute('aria-label', `${this.yaw.length} faces in ${used} of ${counts.length} poses`);
  }

  labels(pen, left, bottom, side, columns, rows) {
    pen.fillStyle = color('quiet');
    pen.textBaseline = 'top';
    for (const yaw of [-90, -45, 0, 45, 90]) {
      pen.textAlign = 'center';
      pen.fillText(`${yaw}°`, left + ((yaw + 90) / 180) * columns * side, bottom + 5);
    }
    pen.textAlign = 'right';
    pen.textBaseline = 'middle';
    for (const pitch of [-60, -30, 0, 30, 60]) pen.fillText(`${pitch}°`, left - 6, bottom - ((pitch + 60) / 120) * rows * side);
  }
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
}

function ticks(low, high, most) {
  const step = niceStep((high - low) / most);
  const found = [];
  for (let index = Math.ceil(low / step - 1e-9); index * step <= high + step * 1e-9; index += 1) found.push(Number((index * step).toPrecision(10)));
  return found;
}

function logTicks(low, high, most) {
  const found = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power += 1) {
    for (const factor of [1, 2, 3, 5, 7]) {
      const at = power + Math.log10(factor);
      if (at >= low && at <= high) found.push(Number((factor * 10 ** power).toPrecision(3)));
    }
  }
  if (found.length <= most) return found;
  const round = found.filter((value) => String(value).replace(/[0.e+-]/g, '') === '1');
  return round.length >= 2 ? round : found.filter((_, index) => index % Math.ceil(found.length / most) === 0);
}

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  if (size !== 0 && size < 0.0001) return value.toExponential(0);
  return String(Number(value.toPrecision(3 + (size >= 1000 ? 1 : 0))));
}
