// The page: asks for the state once a second, shows the chosen view, and says when the engine is gone.

import { bar, clock, duration, gibibytes, h, write } from './dom.js';
import { ask, begin, Gone, Refused } from './link.js';
import { JobsView } from './jobs.js';
import { ShotsView } from './shots.js';
import { TrainingView } from './training.js';

const VIEWS = { jobs: JobsView, training: TrainingView, shots: ShotsView };
const SECOND = 1000;

const main = document.getElementById('view');
const notice = document.getElementById('notice');
let view = null;
let viewName = '';
let state = null;
let goneSince = null;
let showing = Promise.resolve();

function route() {
  const [name, ...rest] = window.location.hash.slice(1).split('/').map(decodeURIComponent);
  const known = name in VIEWS ? name : 'jobs';
  if (known !== viewName) {
    view?.leave?.();
    viewName = known;
    view = new VIEWS[known]();
    main.className = `in-${known}`;
    main.replaceChildren(view.element);
    for (const link of document.querySelectorAll('nav a')) {
      if (link.hash === `#${known}`) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
  }
  view.choose(rest);
  if (state) {
    show().catch((error) => {
      if (!isOfLink(error)) throw error;
    });
  }
}

// One after another: two at once would both take what is new and show it twice.
function show() {
  const wanted = view;
  showing = showing.catch(() => {}).then(() => (wanted === view ? wanted.show(state) : null));
  return showing;
}

function isOfLink(error) {
  return error instanceof Gone || error instanceof Refused;
}

function showHeader() {
  const on = state.devices.join(', ');
  document.getElementById('engine').replaceChildren(
    h('span', { class: 'dot' }), `engine ${state.version} on ${on} for ${duration(state.now - state.started)}`);
  document.getElementById('gpus').replaceChildren(...(state.gpus.length ? state.gpus.map(gpu) : ['no GPU']));
  const busy = state.jobs.filter((job) => job.state === 'running').length;
  document.title = busy ? `(${busy}) Understudy` : 'Understudy';
}

function gpu(one) {
  const meter = bar(one.used_mib / one.total_mib);
  meter.classList.add('used');
  const busy = one.busy_percent === null ? '' : `, ${one.busy_percent} %`;
  return h('div', { class: 'gpu', title: `${one.name}${busy} busy` }, `GPU ${one.index}`, meter,
    `${gibibytes(one.used_mib)} / ${gibibytes(one.total_mib)} GiB${busy}`);
}

function sayGone(error) {
  document.body.classList.add('gone');
  goneSince ??= Date.now() / SECOND;
  notice.hidden = false;
  notice.className = '';
  if (error instanceof Refused) {
    write(notice, 'This page may no longer ask the engine. Open the address that `understudy serve --monitor` prints.');
  } else {
    write(notice, `Engine gone since ${clock(goneSince)}. What is shown is from before; the page goes on when it is back.`);
  }
}

function sayBack() {
  if (goneSince === null) return;
  document.body.classList.remove('gone');
  write(notice, `The engine is back; it was gone for ${duration(Date.now() / SECOND - goneSince)}.`);
  notice.className = 'fine';
  goneSince = null;
  setTimeout(() => { notice.hidden = goneSince === null; }, 6 * SECOND);
}

async function tick() {
  try {
    state = await ask('api/state');
    sayBack();
    showHeader();
    await show();
  } catch (error) {
    if (!isOfLink(error)) throw error;
    sayGone(error);
  } finally {
    setTimeout(tick, document.hidden ? 5 * SECOND : SECOND);
  }
}

window.addEventListener('hashchange', route);
route();
try {
  await begin();
} catch (error) {
  sayGone(error);
}
tick();
