// One entry beside the log, and folded lines. Without this file both are links: to the page with the panel, to the page unfolded.
const find = (selector, scope = document) => scope.querySelector(selector);
const findAll = (selector, scope = document) => [...scope.querySelectorAll(selector)];
const say = (text) => { find('#say').textContent = text; };
const panel = () => find('#panel');
const rowOf = (id) => document.getElementById(`entry-${id}`);
const rows = () => findAll('.ev[data-entry]');
const modified = (event) => event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;

/* the panel: the address says which entry it shows */
function remember(id) {
  const url = new URL(location.href);
  if (id) url.searchParams.set('panel', id); else url.searchParams.delete('panel');
  history.replaceState(history.state, '', url);
}
const turn = (side) => find(`[data-panel=${side}]`, panel());
const edge = (side) => find(side === 'above' ? '.pager [rel=prev]' : '.pager [rel=next]');
function neighbour(side) {
  const all = rows();
  const place = all.indexOf(rowOf(panel().dataset.entry));
  return place < 0 ? null : all[place + (side === 'above' ? -1 : 1)];
}
function showEnds() {
  for (const side of ['above', 'below']) {
    if (!rowOf(panel().dataset.entry) || neighbour(side) || edge(side)) continue;
    turn(side).removeAttribute('href');
    turn(side).role = 'link';
    turn(side).ariaDisabled = 'true';
  }
}
async function open(row, side) {
  unfold(row);
  const url = new URL(find('.x', row).formAction, location.href);
  const wish = row.dataset.entry;
  panel().ariaBusy = 'true';
  await htmx.ajax('GET', url.pathname + url.search, { source: row, target: '#panel', swap: 'outerHTML' });
  if (panel().dataset.entry !== wish) { location.assign(url); return; }        // signed out, or the entry is gone
  remember(wish);
  showEnds();
  row.scrollIntoView({ block: 'nearest' });
  (side && turn(side).href ? turn(side) : find('#panel-title')).focus({ preventScroll: true });
  say(`${find('#panel-title').textContent}, ${find('time', row).textContent.trim()}`);
}
function step(side) {
  const row = neighbour(side);
  if (row) { open(row, side); return; }
  const link = turn(side);
  if (!link.href) { say(side === 'above' ? 'This is the first entry' : 'This is the last entry'); return; }
  const results = find('#f').getAttribute('hx-get');
  htmx.ajax('GET', results + new URL(link.href).search, { source: link, target: '#results', swap: 'outerHTML' }).then(() => turn(side)?.focus());
}
function close() {
  const row = rowOf(panel().dataset.entry);
  panel().hidden = true;
  panel().replaceChildren();
  delete panel().dataset.entry;
  remember('');
  (row ? find('.x', row) : find('#results-heading')).focus();
}
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('[data-panel]');
  if (!link || !window.htmx || modified(event)) return;
  event.preventDefault();
  const wish = link.dataset.panel;
  if (wish === 'open') open(link.closest('.ev')); else if (wish === 'close') close(); else step(wish);
});

/* a fold holds the rows after it */
const held = (fold) => {
  const found = [];
  for (let row = fold.nextElementSibling; row && found.length < Number(fold.dataset.fold); row = row.nextElementSibling) if (row.dataset.entry) found.push(row);
  return found;
};
function toggle(fold, show = held(fold)[0].hidden) {
  for (const row of held(fold)) {
    row.hidden = !show;
    if (row.nextElementSibling?.matches('.det')) row.nextElementSibling.hidden = !show;
  }
  find('.x', fold).ariaExpanded = String(show);
  fold.classList.toggle('open', show);
}
function unfold(row) {
  if (!row.hidden) return;
  const fold = findAll('.fold').find((each) => held(each).includes(row));
  if (fold) toggle(fold, true);
}
document.addEventListener('click', (event) => {
  const fold = event.target.closest?.('.fold');
  if (!fold || modified(event) || (!event.target.closest('.x') && String(getSelection()))) return;
  event.preventDefault();
  toggle(fold);
});

/* keys; the capital ones of the page stay what they are */
const row = () => document.activeElement.closest('.ev[data-entry]') ?? document.activeElement.closest('.det')?.previousElementSibling;
document.addEventListener('keydown', (event) => {
  const typing = event.target.closest('input, textarea, select, pre, [contenteditable], [popover]:popover-open, dialog');
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const shown = !panel().hidden;
  const inside = shown && panel().contains(document.activeElement);
  const act = {
    Escape: shown && close,
    j: inside && (() => step('below')), k: inside && (() => step('above')),
    o: shown && inside ? close : () => { const here = row()?.closest('.ev[data-entry]') ?? rows().find((each) => !each.hidden); if (here) open(here); },
  }[event.key];
  if (!act || (event.key.length === 1 && document.documentElement.dataset.shortcuts === 'off')) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  act();
}, true);

if (!panel().hidden) showEnds();
