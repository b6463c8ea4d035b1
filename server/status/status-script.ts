/**
 * Reads the page again every ten seconds and takes over what differs, element by element: what did
 * not change keeps its focus, its scrolling, and whether it is unfolded. Without it the page is the
 * same, as of when it was read. As the page is XML too, there is no `&` and no `<` in it.
 */
export const STATUS_SCRIPT = `
const PERIOD = 10000;
const main = document.getElementById('content');
const connection = document.getElementById('connection');
const keyOf = (node) => {
  if (node.nodeType !== 1) return undefined;
  return node.id || node.dataset.key || node.getAttribute('aria-labelledby');
};
const isSame = (one, other) => one.nodeName === other.nodeName ? keyOf(one) === keyOf(other) : false;
const takeAttributes = (old, now) => {
  for (const { name } of [...old.attributes]) {
    // What the reader has unfolded stays so.
    if (name === 'open' || now.hasAttribute(name)) continue;
    old.removeAttribute(name);
  }
  for (const { name, value } of now.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
};
const take = (old, now) => {
  if (old.nodeType !== 1) {
    if (old.data !== now.data) old.data = now.data;
    return;
  }
  takeAttributes(old, now);
  const keyed = new Map();
  for (const child of old.childNodes) if (keyOf(child)) keyed.set(keyOf(child), child);
  const kept = new Set();
  let next = old.firstChild;
  for (const child of [...now.childNodes]) {
    const key = keyOf(child);
    const known = key ? keyed.get(key) : next;
    if (!known || kept.has(known) || !isSame(known, child)) {
      const added = document.importNode(child, true);
      old.insertBefore(added, next);
      kept.add(added);
      continue;
    }
    if (known === next) next = next.nextSibling;
    else old.insertBefore(known, next);
    take(known, child);
    kept.add(known);
  }
  for (const child of [...old.childNodes]) if (!kept.has(child)) child.remove();
};
const show = (text) => {
  const page = new DOMParser().parseFromString(text, 'text/html');
  const now = page.getElementById('content');
  if (!now) throw new Error('not a status page');
  const focused = document.activeElement;
  document.title = page.title;
  take(main, now);
  // An element that was moved has lost it.
  if (focused.isConnected) focused.focus({ preventScroll: true });
};
let since;
const say = (text) => {
  if (connection.textContent !== text) connection.textContent = text;
};
const read = async () => {
  try {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(PERIOD) });
    if (answer.status >= 500) throw new Error('answered ' + answer.status);
    show(await answer.text());
    since = undefined;
    say('');
  } catch {
    since ??= new Date().toLocaleTimeString();
    say('The server cannot be reached since ' + since + '. This page shows what was known then, and tries again.');
  }
};
let timer;
let isPaused = false;
let isReading = false;
const wait = () => {
  clearTimeout(timer);
  if (isPaused || document.hidden) return;
  timer = setTimeout(refresh, PERIOD);
};
const refresh = async () => {
  clearTimeout(timer);
  if (isReading) return;
  isReading = true;
  await read();
  isReading = false;
  wait();
};
const button = document.createElement('button');
const label = () => {
  button.textContent = isPaused ? 'Go on refreshing' : 'Pause refreshing';
};
button.type = 'button';
button.addEventListener('click', () => {
  isPaused = !isPaused;
  label();
  if (isPaused) wait();
  else void refresh();
});
label();
document.getElementById('updates').append('This page refreshes itself every 10 seconds. ', button);
document.addEventListener('visibilitychange', () => {
  if (document.hidden || isPaused) clearTimeout(timer);
  else void refresh();
});
wait();
`;
