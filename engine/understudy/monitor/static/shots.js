// Shots: how good the found faces are, frame by frame, and what was extracted.

import { choice, facts, folderName, h, ranges } from './dom.js';
import { ask, Told } from './link.js';
import { Histogram, LinePlot, PoseMap } from './plot.js';

const EVERY = 3; // seconds between two looks at a shot

export class ShotsView {
  constructor() {
    this.pickers = h('div', { class: 'row' });
    this.native = new LinePlot('Native size, plate pixels', [{ name: 'size', color: 'target' }], { x: 'frame' });
    this.score = new LinePlot('Confidence', [{ name: 'confidence', color: 'good' }], { x: 'frame', low: 0, high: 1.02 });
    this.jitter = new LinePlot('Alignment jitter, pixels of a 1024 crop',
      [{ name: 'as cropped', color: 'accent' }, { name: 'as found', color: 'quiet', thin: true }], { x: 'frame', log: false });
    this.sizes = new Histogram('Native sizes');
    this.poses = new PoseMap('Head poses: yaw across, pitch up');
    this.counts = h('div', { class: 'report' });
    this.report = h('p');
    this.scope = 'shot';
    this.scopeButtons = h('div', { class: 'row' });
    const panel = (plot) => h('div', { class: 'panel' }, plot.element);
    this.body = h('div', { class: 'columns' },
      h('div', { class: 'stack' }, panel(this.native), panel(this.score), panel(this.jitter)),
      h('div', { class: 'stack' },
        h('div', { class: 'panel pad fixed' }, h('h3', {}, 'Extraction'), this.counts, this.report),
        h('div', { class: 'panel' }, h('div', { class: 'pad row' }, this.scopeButtons), this.sizes.element, this.poses.element)));
    this.empty = h('p', { class: 'empty', hidden: true },
      'No shot was searched for faces in the projects of the engine’s jobs. Submit an extract job; its shot appears here.');
    this.element = h('div', { class: 'page' }, this.pickers, this.empty, this.body);
    this.wanted = [];
    this.lookedAt = 0;
  }

  leave() {
    for (const plot of [this.native, this.score, this.jitter, this.sizes, this.poses]) plot.leave();
  }

  choose(place) {
    this.wanted = place;
    this.lookedAt = 0;
  }

  async show(state) {
    if (state.now - this.lookedAt < EVERY) return;
    this.lookedAt = state.now;
    const known = [];
    for (const project of state.projects) {
      const { shots } = await ask(`api/projects/${project.id}`);
      known.push(...shots.map((name) => ({ ...project, name })));
    }
    this.empty.hidden = known.length > 0;
    this.body.hidden = known.length === 0;
    if (!known.length) return;
    const latest = state.jobs.find((job) => job.kind === 'extract');
    this.shot = known.find((one) => one.id === this.wanted[0] && one.name === this.wanted[1])
      ?? known.find((one) => one.path === latest?.project && one.name === latest?.subject) ?? known[0];
    await this.update(known);
  }

  async update(known) {
    const asked = this.shot;
    const base = `api/projects/${asked.id}`;
    const identity = this.wanted[2] ? `?identity=${encodeURIComponent(this.wanted[2])}` : '';
    try {
      const shot = await ask(`${base}/shots/${encodeURIComponent(asked.name)}${identity}`);
      const crops = shot.identity ? await ask(`${base}/facesets/${encodeURIComponent(shot.identity)}`) : null;
      if (this.shot !== asked) return;
      this.pick(known, shot);
      this.showPlots(shot);
      this.showCounts(shot);
      this.showCrops(shot, crops);
      this.showReport(base, shot.identity, crops);
    } catch (error) {
      if (!(error instanceof Told)) throw error;
      this.counts.replaceChildren(h('p', { class: 'bad' }, error.message));
    }
  }

  pick(known, shot) {
    const several = new Set(known.map((one) => one.id)).size > 1;
    const options = known.map((one) => [`${one.id}/${one.name}`, several ? `${folderName(one.path)} / ${one.name}` : one.name]);
    const value = `${this.shot.id}/${this.shot.name}`;
    const text = JSON.stringify([options, value, shot.identity, shot.identities]);
    if (this.picked === text) return;
    this.picked = text;
    const go = (...parts) => { window.location.hash = `#shots/${parts.map(encodeURIComponent).join('/')}`; };
    this.pickers.replaceChildren(h('h2', {}, 'Shot'), choice('Shot', options, value, (next) => go(...next.split('/'))),
      ...(shot.identities.length > 1
        ? [h('span', { class: 'quiet' }, 'identity'), choice('Identity', shot.identities.map((name) => [name, name]), shot.identity,
          (name) => go(this.shot.id, this.shot.name, name))]
        : [h('span', { class: 'quiet' }, shot.identity ? `identity ${shot.identity}` : 'no crops yet')]));
  }

  showPlots(shot) {
    const bands = shot.frames.filter((_, index) => shot.faces[index] === 0);
    const level = shot.size ? { value: shot.size, name: `crop ${shot.size} px` } : null;
    this.native.show(shot.frames, [shot.native], { bands, level });
    this.score.show(shot.frames, [shot.score], { bands });
    this.jitter.show(shot.frames, [shot.jitter, shot.jitter_found], { bands });
  }

  showCounts(shot) {
    const frames = (test) => shot.frames.filter((_, index) => test(index));
    const counted = (numbers) => (numbers.length ? `${numbers.length}  (${ranges(numbers)})` : 'none');
    const without = frames((index) => shot.faces[index] === 0);
    const enlarged = shot.size ? frames((index) => shot.cropped[index] && shot.native[index] < shot.size) : [];
    this.counts.replaceChildren(facts([
      ['Frames searched', String(shot.frames.length)],
      ['Without a face', counted(without)],
      ['Several faces', counted(frames((index) => shot.faces[index] > 1))],
      ['Crops', `${frames((index) => shot.cropped[index]).length}${shot.size ? ` of ${shot.size} px` : ''}`],
      ['Face, but no crop', counted(frames((index) => shot.faces[index] > 0 && !shot.cropped[index]))],
      ['Enlarged', shot.size ? counted(enlarged) : null],
    ]));
  }

  showReport(base, identity, crops) {
    const address = `${base}/facesets/${encodeURIComponent(identity)}/report`;
    this.report.replaceChildren(...(crops?.has_report
      ? [h('a', { href: address, target: '_blank', rel: 'noopener' }, `Report on the faceset ${identity}`)] : []));
  }

  showCrops(shot, crops) {
    const scopes = [['shot', 'This shot'], ['all', `All of ${shot.identity || 'the identity'}`]];
    this.scopeButtons.replaceChildren(...scopes.map(([scope, text]) => h('button', {
      'aria-pressed': String(this.scope === scope),
      onclick: () => {
        this.scope = scope;
        this.showCrops(shot, crops);
      },
    }, text)));
    const own = (values) => (crops ? values.filter((_, index) => this.scope === 'all' || crops.shots[index] === this.shot.name) : []);
    this.sizes.show(crops ? own(crops.native) : [], 'px', crops?.size);
    this.poses.show(crops ? own(crops.yaw) : [], crops ? own(crops.pitch) : []);
  }
}
