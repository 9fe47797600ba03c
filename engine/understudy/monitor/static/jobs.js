// Jobs: the list, and one of them with its log, results and error.

import { bar, clock, duration, facts, folderName, h, write } from './dom.js';
import { ask, order, picture, Told } from './link.js';
import { Viewer } from './viewer.js';

const STOPPABLE = ['waiting', 'running'];
const RESUMABLE = ['failed', 'canceled'];
const MOST_LINES = 4000;

export class JobsView {
  constructor() {
    this.list = h('div', { class: 'list', role: 'navigation', 'aria-label': 'Jobs' });
    this.detail = h('section', { class: 'detail', 'aria-label': 'Job' });
    this.element = h('div', { class: 'jobs' }, this.list, this.detail);
    this.chosen = '';
    this.pane = null;
    this.rows = new Map();
    this.list.addEventListener('keydown', (event) => this.move(event));
  }

  leave() {
    this.pane?.leave();
  }

  choose([id]) {
    this.chosen = id ?? '';
  }

  async show(state) {
    if (!state.jobs.length) {
      this.list.replaceChildren();
      this.rows.clear();
      this.detail.replaceChildren(h('p', { class: 'empty' }, 'No job yet. Hosts and ',
        h('code', {}, 'understudy.client'), ' submit them; they appear here.'));
      return;
    }
    const open = this.chosen || state.jobs[0].id;
    this.showList(state, open);
    if (this.pane?.id !== open) {
      this.pane?.leave();
      this.pane = new JobPane(open);
      this.detail.replaceChildren(this.pane.element);
    }
    await this.pane.show(state.now);
  }

  showList(state, open) {
    const several = state.projects.length > 1;
    const wanted = [];
    for (const job of state.jobs) {
      const row = this.rows.get(job.id) ?? new JobRow(job.id);
      this.rows.set(job.id, row);
      row.show(job, state.now, several, job.id === open);
      wanted.push(row.element);
    }
    const isSame = wanted.length === this.list.children.length && wanted.every((row, at) => row === this.list.children[at]);
    if (!isSame) this.list.replaceChildren(...wanted);
    const ids = new Set(state.jobs.map((job) => job.id));
    for (const id of this.rows.keys()) if (!ids.has(id)) this.rows.delete(id);
  }

  move(event) {
    const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key];
    const row = step && event.target.closest('.job')?.[step];
    if (!row) return;
    event.preventDefault();
    row.focus();
    window.location.hash = row.hash;
  }
}

class JobRow {
  constructor(id) {
    this.kind = h('span', { class: 'kind' });
    this.name = h('span');
    this.state = h('span', { class: 'state' });
    this.bar = bar(0);
    this.about = h('span', { class: 'about' });
    this.left = h('span', { class: 'left' });
    this.element = h('a', { class: 'job', href: `#jobs/${encodeURIComponent(id)}` },
      h('span', { class: 'what' }, this.kind, ' ', this.name), this.state, this.bar, this.about, this.left);
  }

  show(job, now, withProject, isOpen) {
    this.element.className = `job ${job.state}`;
    if (isOpen) this.element.setAttribute('aria-current', 'true');
    else this.element.removeAttribute('aria-current');
    write(this.kind, job.kind);
    write(this.name, job.kind === 'inspect' ? folderName(job.subject) : job.subject);
    write(this.state, job.state);
    this.bar.firstChild.style.width = `${100 * share(job)}%`;
    const place = withProject && job.project ? `${folderName(job.project)} · ` : '';
    write(this.about, place + (job.waits_for || moment(job)));
    this.about.classList.toggle('waits', Boolean(job.waits_for) && job.state === 'running');
    write(this.left, timing(job, now));
  }
}

class JobPane {
  constructor(id) {
    this.id = id;
    this.next = 0;
    this.following = true;
    this.title = h('h2');
    this.state = h('span', { class: 'state' });
    this.cancel = h('button', { onclick: () => this.act('cancel') }, 'Cancel');
    this.resume = h('button', { onclick: () => this.act('resume') }, 'Resume');
    this.bar = bar(0);
    this.said = h('p', { class: 'bad', role: 'alert', hidden: true });
    this.error = h('p', { class: 'error', hidden: true });
    this.facts = h('div');
    this.results = h('div');
    this.picture = h('div', { hidden: true });
    this.log = h('pre', { class: 'log', tabindex: '0', 'aria-label': 'Log', onscroll: () => this.scrolled() });
    this.follow = h('button', { 'aria-pressed': 'true', onclick: () => this.setFollowing(!this.following) }, 'Follow');
    this.element = h('div', { class: 'pane' },
      h('div', { class: 'row' }, this.title, this.state, h('span', { class: 'push' }), this.cancel, this.resume),
      this.bar, this.said, this.error, this.facts, this.results, this.picture,
      h('div', { class: 'grow' }, h('div', { class: 'row' }, h('h3', {}, 'Log'), h('span', { class: 'push' }), this.follow), this.log));
  }

  leave() {
    this.viewer?.leave();
  }

  async show(now) {
    let job;
    try {
      job = await ask(`api/jobs/${encodeURIComponent(this.id)}`);
    } catch (error) {
      if (!(error instanceof Told)) throw error;
      this.element.replaceChildren(h('p', { class: 'empty' }, error.message));
      return;
    }
    this.showJob(job, now);
    await this.showLog();
    if (job.kind === 'preview' && job.results.png && this.shown !== job.ended) {
      this.shown = job.ended;
      await this.showPicture();
    }
  }

  showJob(job, now) {
    write(this.title, `${job.kind} ${job.subject}`);
    write(this.state, job.state);
    this.state.className = `state ${job.state}`;
    this.cancel.hidden = !STOPPABLE.includes(job.state);
    this.resume.hidden = !RESUMABLE.includes(job.state);
    this.bar.firstChild.style.width = `${100 * share(job)}%`;
    this.bar.firstChild.style.background = job.state === 'failed' ? 'var(--bad)' : job.state === 'done' ? 'var(--good)' : 'var(--accent)';
    this.error.hidden = !job.error;
    if (job.error) write(this.error, job.error.message);
    replaceWhenNew(this.facts, facts([
      ['Now', [moment(job), job.waits_for].filter(Boolean).join(' · ')],
      ['Time', timing(job, now)],
      ['Device', job.device],
      ['Project', job.project],
      ['Asked', asked(job.request)],
      ['Submitted', clock(job.created)],
      ['Started', job.started && clock(job.started)],
      ['Ended', job.ended && clock(job.ended)],
      ['Id', job.id],
    ]));
    const results = Object.entries(job.results).map(([name, value]) => [name.replaceAll('_', ' '), plain(value)]);
    replaceWhenNew(this.results, results.length ? h('div', {}, h('h3', {}, 'Results'), facts(results)) : h('div'));
  }

  async showLog() {
    const tail = await ask(`api/jobs/${encodeURIComponent(this.id)}/log?after=${this.next}`);
    if (tail.lines.length) {
      this.log.append(`${tail.lines.join('\n')}\n`);
      while (this.log.childNodes.length > MOST_LINES) this.log.firstChild.remove();
      if (this.following) this.log.scrollTop = this.log.scrollHeight;
    }
    this.next = tail.next;
  }

  async showPicture() {
    try {
      const image = await picture(`api/jobs/${encodeURIComponent(this.id)}/picture`);
      this.viewer ??= new Viewer('Frame', false);
      this.picture.hidden = false;
      this.viewer.stage.style.aspectRatio = `${image.width} / ${image.height}`;
      this.picture.replaceChildren(this.viewer.element);
      this.viewer.show(image, null, `${image.width} × ${image.height}`);
    } catch (error) {
      if (!(error instanceof Told)) throw error;
    }
  }

  async act(verb) {
    this.said.hidden = true;
    try {
      this.showJob(await order(`api/jobs/${encodeURIComponent(this.id)}/${verb}`), Date.now() / 1000);
    } catch (error) {
      this.said.hidden = false;
      write(this.said, error instanceof Told ? error.message : 'The engine is gone.');
    }
  }

  scrolled() {
    const isAtEnd = this.log.scrollTop + this.log.clientHeight >= this.log.scrollHeight - 8;
    if (isAtEnd !== this.following) this.setFollowing(isAtEnd, false);
  }

  setFollowing(following, scroll = true) {
    this.following = following;
    this.follow.setAttribute('aria-pressed', String(following));
    if (following && scroll) this.log.scrollTop = this.log.scrollHeight;
  }
}

function share(job) {
  if (job.state === 'done') return 1;
  return job.total > 0 ? Math.min(1, job.done / job.total) : 0;
}

function moment(job) {
  if (job.state === 'waiting') return `waits for ${job.device}`;
  if (!job.stage) return '';
  const done = job.total > 0 ? `${round(job.done)} of ${round(job.total)}` : '';
  return [job.stage, done, job.message].filter(Boolean).join(' · ');
}

function timing(job, now) {
  if (job.ended) return job.started ? `took ${duration(job.ended - job.started)}` : '';
  if (!job.started) return '';
  if (job.seconds_left !== null && job.seconds_left !== undefined) return `${duration(job.seconds_left)} left`;
  return `for ${duration(now - job.started)}`;
}

function round(value) {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}

function asked(request) {
  const empty = (value) => value === null || value === false || value === '' || (Array.isArray(value) && !value.length);
  const pairs = Object.entries(request).filter(([name, value]) => name !== 'project' && !empty(value));
  return pairs.map(([name, value]) => `${name} ${plain(value)}`).join(', ');
}

function plain(value) {
  if (Array.isArray(value)) return value.map(plain).join(', ') || 'none';
  if (value !== null && typeof value === 'object') return JSON.stringify(value);
  return value === null ? 'none' : value === true ? 'yes' : value === false ? 'no' : String(value);
}

function replaceWhenNew(holder, element) {
  if (holder.firstChild?.isEqualNode(element)) return;
  holder.replaceChildren(element);
}
