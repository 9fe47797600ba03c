// Asks the engine, notices when it is gone, and finds the next one.
// The key stays in this page's memory. A new engine on the old port must first show that it knows the key.

export class Gone extends Error {}
export class Refused extends Error {}
export class Told extends Error {} // the engine's own sentence

let key = null;
let isLive = true;

export async function begin() {
  const place = new URL(window.location.href);
  if (place.searchParams.has('token')) {
    place.searchParams.delete('token');
    window.history.replaceState(null, '', place);
  }
  key = (await ask('api/key')).key;
}

export async function ask(path) {
  return (await send(path, 'GET')).json();
}

export async function order(path) {
  return (await send(path, 'POST')).json();
}

export async function picture(path) {
  return createImageBitmap(await (await send(path, 'GET')).blob());
}

async function send(path, method) {
  if (!isLive) await renew();
  let response = await tried(path, { method });
  if (response.status === 403) {
    isLive = false;
    await renew();
    response = await tried(path, { method });
  }
  if (response.status === 403) throw new Refused();
  if (response.ok) return response;
  let said = `The engine answered ${response.status}.`;
  try {
    said = (await response.json()).error ?? said;
  } catch { /* no JSON: the number must do */ }
  throw new Told(said);
}

async function tried(path, options) {
  try {
    return await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(15000), ...options });
  } catch {
    isLive = false;
    throw new Gone();
  }
}

async function renew() {
  if (key === null) throw new Refused();
  const own = hex(crypto.getRandomValues(new Uint8Array(16)));
  const hello = await tried(`renew?nonce=${own}`, { credentials: 'omit' });
  if (!hello.ok) throw new Refused();
  const { nonce, proof } = await hello.json().catch(() => ({}));
  if (proof !== await sign(`engine:${own}:${nonce}`)) throw new Refused();
  const done = await tried(`renew?nonce=${nonce}&proof=${await sign(`page:${nonce}`)}`, { method: 'POST' });
  if (!done.ok) throw new Refused();
  isLive = true;
}

async function sign(text) {
  const bytes = new TextEncoder();
  const made = await crypto.subtle.importKey('raw', bytes.encode(key), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return hex(new Uint8Array(await crypto.subtle.sign('HMAC', made, bytes.encode(text))));
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
