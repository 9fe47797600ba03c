// Training: one model's preview, its loss curves, and how fast it goes.

import { amount, choice, clock, duration, folderName, h } from './dom.js';
import { ask, picture, Told } from './link.js';
import { LinePlot } from './plot.js';
import { Viewer } from './viewer.js';

const LOSSES = [
  { name: 'mean', color: 'mean' },
  { name: 'target', color: 'target', thin: true },
  { name: 'source', color: 'source', thin: true },
];

export class TrainingView {
  constructor() {
    this.pickers = h('div', { class: 'row' });
    this.figures = h('div', { class: 'figures push' });
    this.viewer = new Viewer('Preview');
    this.loss = new LinePlot('Loss', LOSSES, { x: 'iteration', log: true });
    this.speed = new LinePlot('Iterations per second', [{ name: 'speed', color: 'good' }], { x: 'iteration' });
    this.rate = new LinePlot('Learning rate', [{ name: 'rate', color: 'quiet' }], { x: 'iteration' });
    const panel = (plot, kind = '') => h('div', { class: `panel ${kind}` }, plot.element);
    this.body = h('div', { class: 'columns' }, this.viewer.element,
      h('div', { class: 'stack' }, panel(this.loss, 'double'), panel(this.speed), panel(this.rate)));
    this.empty = h('p', { class: 'empty', hidden: true },
      'No model has begun to train in the projects of the engine’s jobs. Submit a training job; it appears here.');
    this.element = h('div', { class: 'page' }, h('div', { class: 'row' }, this.pickers, this.figures), this.empty, this.body);
    this.wanted = [];
    this.forget();
  }

  leave() {
    for (const part of [this.viewer, this.loss, this.speed, this.rate]) part.leave();
  }

  choose(place) {
    this.wanted = place;
  }

  forget() {
    this.rows = { generation: 0, next: 0, columns: null };
    this.shown = {};
    this.bitmaps = new Map();
  }

  async show(state) {
    const known = await models(state);
    this.empty.hidden = known.length > 0;
    this.body.hidden = known.length === 0;
    this.figures.hidden = known.length === 0;
    if (!known.length) return;
    const running = state.jobs.find((job) => job.kind === 'train' && job.state === 'running');
    const chosen = known.find((one) => one.id === this.wanted[0] && one.name === this.wanted[1])
      ?? known.find((one) => one.path === running?.project && one.name === running?.subject) ?? known[0];
    if (this.model?.id !== chosen.id || this.model?.name !== chosen.name) this.forget();
    this.model = chosen;
    this.pick(known);
    await this.update(state);
  }

  pick(known) {
    const several = new Set(known.map((one) => one.id)).size > 1;
    const options = known.map((one) => [`${one.id}/${one.name}`, several ? `${folderName(one.path)} / ${one.name}` : one.name]);
    const value = `${this.model.id}/${this.model.name}`;
    const text = JSON.stringify([options, value]);
    if (this.picked === text) return;
    this.picked = text;
    this.pickers.replaceChildren(h('h2', {}, 'Model'), choice('Model', options, value, (next) => {
      window.location.hash = `#training/${next.split('/').map(encodeURIComponent).join('/')}`;
    }));
  }

  async update(state) {
    const asked = this.model;
    const base = `api/projects/${asked.id}/models/${encodeURIComponent(asked.name)}`;
    let answer;
    try {
      answer = await ask(`${base}?generation=${this.rows.generation}&after=${this.rows.next}`);
    } catch (error) {
      if (error instanceof Told) return;
      throw error;
    }
    if (this.model !== asked) return;
    this.take(answer);
    this.showFigures(answer, state);
    const c = this.rows.columns;
    this.loss.show(c.iteration, [c.loss, c.target, c.source]);
    this.speed.show(c.iteration, [c.speed]);
    this.rate.show(c.iteration, [c.rate]);
    await this.showPreview(base, answer.previews);
  }

  take(answer) {
    const { generation, next, whole, columns } = answer;
    if (whole || !this.rows.columns) this.rows.columns = columns;
    else for (const [name, values] of Object.entries(columns)) this.rows.columns[name].push(...values);
    Object.assign(this.rows, { generation, next });
  }

  showFigures(answer, state) {
    const c = this.rows.columns;
    const job = state.jobs.find((one) => one.kind === 'train' && one.subject === this.model.name && one.project === this.model.path
      && ['running', 'waiting', 'canceling'].includes(one.state));
    const figure = (value, name) => h('div', {}, h('b', {}, value), h('span', {}, name));
    const pair = answer.source && answer.target ? [figure(`${answer.source} → ${answer.target}`, 'source into target')] : [];
    this.figures.replaceChildren(...pair,
      figure(answer.preset ?? '–', answer.size ? `preset, ${answer.size} px, batch ${answer.batch}` : 'preset'),
      figure(c.iteration.length ? Math.round(c.iteration.at(-1)).toLocaleString('en-US').replaceAll(',', ' ') : '–', 'iterations'),
      figure(amount(c.loss.at(-1)), 'loss'),
      figure(job ? (job.seconds_left !== null ? duration(job.seconds_left) : job.state) : 'rests', job?.seconds_left ? 'left' : 'training'));
  }

  async showPreview(base, { now, before }) {
    if (!now || (this.shown.now === now.id && this.shown.before === before?.id)) return;
    const wanted = [now, before].filter(Boolean);
    for (const { id } of wanted) {
      try {
        if (!this.bitmaps.has(id)) this.bitmaps.set(id, await picture(`${base}/previews/${id}`));
      } catch (error) {
        if (error instanceof Told) return; // a newer one has come meanwhile
        throw error;
      }
    }
    for (const id of this.bitmaps.keys()) if (!wanted.some((one) => one.id === id)) this.bitmaps.delete(id);
    this.shown = { now: now.id, before: before?.id };
    const image = this.bitmaps.get(now.id);
    this.viewer.show(image, before ? this.bitmaps.get(before.id) : null,
      `${clock(now.written)}, ${image.width} × ${image.height}${before ? `; last ${clock(before.written)}` : ''}`);
  }
}

async function models(state) {
  const known = [];
  for (const project of state.projects) {
    const { models: names } = await ask(`api/projects/${project.id}`);
    known.push(...names.map((name) => ({ ...project, name })));
  }
  return known;
}
