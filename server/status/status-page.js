// Reads the page again every ten seconds and takes over what differs, element by element: what did
// not change keeps its focus, its scroll position, and whether it is unfolded. Without this script
// the page works all the same, and shows the moment it was loaded. The page is also XML: no
// ampersand and no less-than sign may stand in here.
const PERIOD = 10000;
const main = document.getElementById('content');
const connection = document.getElementById('connection');
const keyOf = (node) => {
  if (node.nodeType !== 1) return undefined;
  return node.id || node.dataset.key || node.getAttribute('aria-labelledby');
};
// The next one of the page itself: what scripts have added to it stays where it is.
const skipAdded = (node) => {
  let own = node;
  while (own?.dataset?.added === '') own = own.nextSibling;
  return own;
};
const isSame = (one, other) =>
  one.nodeName === other.nodeName ? keyOf(one) === keyOf(other) : false;
const takeAttributes = (old, now) => {
  // The list itself loses what is removed.
  const before = [...old.attributes];
  for (const { name } of before) {
    // What the reader has unfolded stays unfolded, and the focus stays where it was put.
    if (['open', 'tabindex'].includes(name) || now.hasAttribute(name)) continue;
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
  let next = skipAdded(old.firstChild);
  for (const child of now.childNodes) {
    const key = keyOf(child);
    const known = key ? keyed.get(key) : next;
    if (!known || kept.has(known) || !isSame(known, child)) {
      const added = document.importNode(child, true);
      old.insertBefore(added, next);
      kept.add(added);
      continue;
    }
    if (known === next) next = skipAdded(next.nextSibling);
    else old.insertBefore(known, next);
    take(known, child);
    kept.add(known);
  }
  const children = [...old.childNodes];
  for (const child of children) {
    if (child.dataset?.added !== '') if (!kept.has(child)) child.remove();
  }
};
// A reader who selects text wants to copy it.
const isSelecting = () => {
  const selection = getSelection();
  return selection.isCollapsed ? false : selection.containsNode(main, true);
};
const ancestorsOf = (node) => {
  const ancestors = [];
  for (let one = node; one; one = one.parentElement) ancestors.push(one);
  return ancestors;
};
const show = (page, now) => {
  const focused = document.activeElement;
  const ancestors = main.contains(focused) ? ancestorsOf(focused) : [];
  document.title = page.title;
  take(main, now);
  document.dispatchEvent(new Event('page-changed'));
  // An element that was moved has lost the focus.
  if (focused.isConnected) return focused.focus({ preventScroll: true });
  const left = ancestors.find((one) => one.isConnected);
  if (!left) return;
  const heading = (left.closest('section') || main).querySelector('h1, h2');
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
};
let since;
const say = (text) => {
  if (connection.textContent !== text) connection.textContent = text;
};
const fail = (what) => {
  since ??= new Date().toISOString().slice(0, 19).replace('T', ' ');
  say(what + ' since ' + since + ' UTC. This page shows what was known then, and tries again.');
};
const read = async () => {
  let answer;
  let text;
  try {
    const signal = AbortSignal.timeout(PERIOD);
    answer = await fetch(location.href, { signal, redirect: 'manual' });
    text = await answer.text();
  } catch {
    fail('The server cannot be reached');
    return;
  }
  const page = new DOMParser().parseFromString(text, 'text/html');
  const now = page.querySelector('main[data-build="' + main.dataset.build + '"]');
  const isBusy = answer.headers.has('Retry-After');
  if (answer.status === 500 || isBusy || (answer.status > 500 ? !now : false)) {
    fail('The server answers with an error (' + answer.status + ')');
  } else if (!now) {
    isPaused = true;
    label();
    say(
      'What the server sends now is not this page, so it is not refreshed any more: sign in again or reload.',
    );
  } else if (!isSelecting()) {
    show(page, now);
    since = undefined;
    say('');
  }
};
let timer;
let isPaused = false;
let isReading = false;
const wait = () => {
  clearTimeout(timer);
  if (isPaused || document.hidden) return;
  timer = setTimeout(() => void refresh(), PERIOD);
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
