// Live: asks every two seconds what has come since the page was drawn, and offers it behind a button. Nothing else moves.
const find = (selector, scope = document) => scope.querySelector(selector);
const findAll = (selector) => [...document.querySelectorAll(selector)];
const say = (text) => { find('#say').textContent = text; };
const EVERY = 2000, LONGEST_WAIT = 30000, LONGEST_ANSWER = 10000, MOST = 99;

const button = find('#live');
const offer = find('#fresh');
const [note, show, again] = ['[data-note]', '[data-show]', '[data-again]'].map((selector) => find(selector, offer));
let on = false, lost = false, ended = false;
let url, count, wait, timer, page;   // page: ends what is asked for a page that is gone

const MORE = (count) => `${count > MOST ? `${MOST}+` : count} new ${count === 1 ? 'entry' : 'entries'}`;
function draw() {
  button.setAttribute('aria-pressed', String(on && Boolean(url)));
  button.classList.toggle('lost', lost);
  offer.hidden = !(ended || (on && url && (lost || count)));
  note.hidden = !(lost || ended);
  if (lost) note.textContent = 'Live can’t reach the server. It keeps trying.';
  show.hidden = ended || !(lost || count);
  show.textContent = lost ? 'Try now' : MORE(count);
}
function adopt() {
  page?.abort();
  page = new AbortController();
  clearTimeout(timer);
  ({ newer: url } = find('#results').dataset);
  [count, wait] = [0, EVERY];
  schedule(wait);
  draw();
}
function schedule(milliseconds) {
  clearTimeout(timer);
  if (on && url && !document.hidden) timer = setTimeout(ask, milliseconds);
}
function end(text, signedOut) {
  on = lost = false;
  ended = true;
  sessionStorage.removeItem('live');
  note.textContent = text;
  again.hidden = !signedOut;
  again.href = location.href;
  draw();
  say(text);
}
function lose() {
  if (!lost) say('Live can’t reach the server. It keeps trying.');
  lost = true;
  wait = Math.min(wait * 2, LONGEST_WAIT);
}
function take(answer) {
  const first = !count && answer.count;
  if (lost) say('Live is back.');
  lost = false;
  wait = EVERY;
  count += answer.count;
  const next = new URL(url, location.href);
  next.searchParams.set('since', answer.snapshot);
  url = next.pathname + next.search;
  if (first) say(MORE(count));
}
async function ask() {
  const { signal } = page;
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.any([signal, AbortSignal.timeout(LONGEST_ANSWER)]) });
    if (response.type === 'opaqueredirect') { end('You are signed out. Nothing new is shown until you sign in.', true); return; }
    if (response.status >= 400 && response.status < 500 && response.status !== 429) {
      const closed = await response.json().then((answer) => answer.closed, () => 'This log is not open to you any more.');
      if (!signal.aborted) end(closed);
      return;
    }
    if (!response.ok) throw new Error(response.status);
    const answer = await response.json();
    if (!signal.aborted) take(answer);
  } catch {
    if (!signal.aborted) lose();
  }
  if (signal.aborted) return;
  draw();
  schedule(wait);
}
function turn(wanted) {
  on = wanted;
  lost = ended = false;
  if (on) sessionStorage.setItem('live', 'on'); else sessionStorage.removeItem('live');
  adopt();
}
button.addEventListener('click', () => {
  if (button.ariaDisabled === 'true') { say(button.title); return; }
  turn(!on);
  say(on ? 'Live is on' : 'Live is off');
});

/* what is new comes with the whole page, from its top, and is marked */
show.addEventListener('click', async () => {
  if (lost) { schedule(0); return; }
  const known = new Set(findAll('.ev').map((row) => row.dataset.entry));
  const query = new URLSearchParams(location.search);
  for (const name of ['before', 'after']) query.delete(name);
  await htmx.ajax('GET', `${find('#f').getAttribute('hx-get')}?${query}`, { source: show, target: find('#results'), swap: 'outerHTML' }).catch(() => {});
  const fresh = findAll('.ev').filter((row) => !known.has(row.dataset.entry));
  for (const row of fresh) row.classList.add('new');
  find('#results-heading').focus({ preventScroll: true });
});
document.addEventListener('htmx:load', ({ detail }) => { if (detail.elt.id === 'results' && !ended) adopt(); });
document.addEventListener('visibilitychange', () => { if (document.hidden) clearTimeout(timer); else schedule(0); });
addEventListener('online', () => schedule(0));
if (sessionStorage.getItem('live')) turn(true);
