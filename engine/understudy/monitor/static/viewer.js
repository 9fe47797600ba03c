// A picture to look at closely: zoom to native pixels, drag, and a wipe between the last version and the present one.

import { h, write } from './dom.js';

const LEAST = 1 / 16;
const MOST = 32;
const GRIP = 8;

export class Viewer {
  constructor(label, wipes = true) {
    this.now = null;
    this.before = null;
    this.scale = null; // device pixels for one pixel of the picture; null: the whole picture
    this.x = 0; // the picture's point in the middle of the stage
    this.y = 0;
    this.wipe = null; // 0..1 of the stage's width; null: no wipe
    this.canvas = h('canvas', { tabindex: '0', role: 'img', 'aria-label': label });
    this.wipes = wipes;
    this.zoomText = h('span', { class: 'quiet mono' });
    this.wipeButton = h('button', { 'aria-pressed': 'false', disabled: true, title: 'Key: w', onclick: () => this.setWipe(this.wipe === null ? 0.5 : null) }, 'Wipe');
    this.wipeButton.hidden = !wipes;
    this.slider = h('input', { type: 'range', min: '0', max: '1000', value: '500', hidden: true, 'aria-label': 'Wipe: left of it the last preview',
      oninput: () => this.setWipe(Number(this.slider.value) / 1000) });
    this.fitButton = h('button', { title: 'Key: 0', onclick: () => this.fit() }, 'Fit');
    this.nativeButton = h('button', { title: 'One pixel of the picture on one of the screen. Key: 1', onclick: () => this.zoomTo(1) }, '1:1');
    this.caption = h('span', { class: 'quiet' });
    this.stage = h('div', { class: 'stage' }, this.canvas);
    this.element = h('div', { class: 'panel viewer' },
      h('div', { class: 'bar-top row' }, h('h3', {}, label), this.caption, h('span', { class: 'push' }), this.zoomText,
        this.wipeButton, this.slider, this.fitButton, this.nativeButton), this.stage);
    this.canvas.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener('pointerdown', (event) => this.press(event));
    this.canvas.addEventListener('pointermove', (event) => this.drag(event));
    this.canvas.addEventListener('pointerup', () => this.release());
    this.canvas.addEventListener('pointercancel', () => this.release());
    this.canvas.addEventListener('keydown', (event) => this.key(event));
    this.canvas.addEventListener('dblclick', () => (this.scale === null ? this.zoomTo(1) : this.fit()));
    this.watcher = new ResizeObserver(() => this.draw());
    this.watcher.observe(this.stage);
  }

  // Shows bitmaps; a new pair of the same size keeps zoom and place.
  show(now, before, caption) {
    const isOther = !this.now || this.now.width !== now.width || this.now.height !== now.height;
    this.now = now;
    this.before = before;
    write(this.caption, caption);
    this.wipeButton.disabled = !before;
    this.wipeButton.title = before ? 'Key: w' : 'There is no earlier preview yet';
    if (!before) this.setWipe(null);
    if (isOther) this.fit();
    else this.draw();
  }

  leave() {
    this.watcher.disconnect();
  }

  fit() {
    this.scale = null;
    this.draw();
  }

  zoomTo(scale, at = null) {
    if (!this.now) return;
    const old = this.shownScale();
    const wanted = Math.min(MOST, Math.max(LEAST, scale));
    if (this.scale === null) [this.x, this.y] = [this.now.width / 2, this.now.height / 2];
    if (at) { // the point under the pointer stays where it is
      const dx = at[0] - this.canvas.width / 2;
      const dy = at[1] - this.canvas.height / 2;
      this.x += dx / old - dx / wanted;
      this.y += dy / old - dy / wanted;
    }
    this.scale = wanted;
    this.draw();
  }

  setWipe(place) {
    this.wipe = place === null || !this.before ? null : Math.min(1, Math.max(0, place));
    this.wipeButton.setAttribute('aria-pressed', String(this.wipe !== null));
    this.slider.hidden = this.wipe === null;
    if (this.wipe !== null) this.slider.value = String(Math.round(1000 * this.wipe));
    this.draw();
  }

  shownScale() {
    if (this.scale !== null || !this.now) return this.scale ?? 1;
    return Math.min(this.canvas.width / this.now.width, this.canvas.height / this.now.height);
  }

  draw() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.stage.clientWidth * ratio, this.stage.clientHeight * ratio].map(Math.round);
    if (!width || !height) return;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const pen = this.canvas.getContext('2d');
    pen.clearRect(0, 0, width, height);
    if (!this.now) return;
    const scale = this.shownScale();
    pen.imageSmoothingEnabled = scale < 1;
    pen.imageSmoothingQuality = 'high';
    this.paint(pen, this.now, scale);
    if (this.wipe !== null) this.paintWipe(pen, scale, ratio);
    write(this.zoomText, `${Math.round(100 * scale)} %`);
    this.fitButton.setAttribute('aria-pressed', String(this.scale === null));
    this.nativeButton.setAttribute('aria-pressed', String(this.scale === 1));
  }

  paint(pen, image, scale) {
    const [x, y] = this.scale === null ? [this.now.width / 2, this.now.height / 2] : [this.x, this.y];
    const left = Math.round(this.canvas.width / 2 - x * scale);
    const top = Math.round(this.canvas.height / 2 - y * scale);
    pen.drawImage(image, left, top, Math.round(image.width * scale), Math.round(image.height * scale));
  }

  paintWipe(pen, scale, ratio) {
    const edge = Math.round(this.wipe * this.canvas.width);
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, edge, this.canvas.height);
    pen.clip();
    pen.clearRect(0, 0, edge, this.canvas.height);
    this.paint(pen, this.before, scale);
    pen.restore();
    pen.fillStyle = 'rgba(214, 167, 102, .9)';
    pen.fillRect(edge - 1, 0, 2, this.canvas.height);
    pen.font = `${12 * ratio}px system-ui, sans-serif`;
    pen.textBaseline = 'bottom';
    for (const [text, align, at] of [['last', 'right', edge - 8 * ratio], ['present', 'left', edge + 8 * ratio]]) {
      pen.textAlign = align;
      pen.lineWidth = 3 * ratio;
      pen.strokeStyle = 'rgba(0, 0, 0, .75)';
      pen.strokeText(text, at, this.canvas.height - 8 * ratio);
      pen.fillText(text, at, this.canvas.height - 8 * ratio);
    }
  }

  point(event) {
    const ratio = window.devicePixelRatio || 1;
    return [event.offsetX * ratio, event.offsetY * ratio];
  }

  wheel(event) {
    event.preventDefault();
    this.zoomTo(this.shownScale() * 2 ** (-event.deltaY / 240), this.point(event));
  }

  isOnWipe(event) {
    return this.wipe !== null && Math.abs(event.offsetX - this.wipe * this.stage.clientWidth) <= GRIP;
  }

  press(event) {
    if (!this.now || event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.held = { wipe: this.isOnWipe(event), from: this.point(event), x: this.x, y: this.y };
    if (!this.held.wipe) this.canvas.classList.add('moving');
  }

  drag(event) {
    this.canvas.classList.toggle('wiping', this.held ? this.held.wipe : this.isOnWipe(event));
    if (!this.held) return;
    if (this.held.wipe) {
      this.setWipe(event.offsetX / this.stage.clientWidth);
      return;
    }
    const [x, y] = this.point(event);
    if (this.scale === null) {
      if (Math.hypot(x - this.held.from[0], y - this.held.from[1]) < 4) return;
      this.zoomTo(this.shownScale());
      [this.held.x, this.held.y] = [this.x, this.y];
    }
    this.x = this.held.x - (x - this.held.from[0]) / this.scale;
    this.y = this.held.y - (y - this.held.from[1]) / this.scale;
    this.draw();
  }

  release() {
    this.held = null;
    this.canvas.classList.remove('moving');
  }

  key(event) {
    const pan = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (pan && this.scale !== null) {
      this.x += pan[0] * 60 / this.scale;
      this.y += pan[1] * 60 / this.scale;
      this.draw();
    } else if (event.key === '0') this.fit();
    else if (event.key === '1') this.zoomTo(1);
    else if (event.key === '+' || event.key === '=') this.zoomTo(this.shownScale() * 1.5);
    else if (event.key === '-') this.zoomTo(this.shownScale() / 1.5);
    else if (event.key === 'w') this.setWipe(this.wipe === null ? 0.5 : null);
    else return;
    event.preventDefault();
  }
}
