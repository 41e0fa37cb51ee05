// Teams & Logs: app picker, date range, paging, rows. The page is one GET form and links; this only makes it quicker.
const root = document.documentElement;
const find = (selector, scope = document) => scope.querySelector(selector);
const findAll = (selector, scope = document) => [...scope.querySelectorAll(selector)];
const say = (text) => { find('#say').textContent = text; };
const form = find('#f');
const pageUrl = (search) => form.getAttribute('action') + search;

/* what is applied is what the controls had when the page came; closing a popover without Apply goes back to it */
const controls = (popover) => findAll('input[form=f]', popover);
const isTick = (input) => input.type === 'checkbox' || input.type === 'radio';
function keep(popover) {
  for (const input of controls(popover)) if (isTick(input)) input.defaultChecked = input.checked; else input.defaultValue = input.value;
}
function restore(popover) {
  for (const input of controls(popover)) if (isTick(input)) input.checked = input.defaultChecked; else input.value = input.defaultValue;
}
form.addEventListener('submit', () => {
  for (const popover of [appsPopover, periodPopover]) { keep(popover); popover.hidePopover(); }
});

/* apps: no tick means all apps */
const appsPopover = find('#apps-pop');
const search = find('[data-find-app]');
const all = find('[data-all-apps]');
const boxes = controls(appsPopover);
function showApps() {
  const count = boxes.filter((box) => box.checked).length;
  all.checked = !count;
  find('[data-apps-note]').textContent = count ? `${count} selected` : 'All apps';
}
function filterApps() {
  const text = search.value.trim().toLowerCase();
  for (const box of boxes) box.parentElement.hidden = !`${box.parentElement.textContent} ${box.value}`.toLowerCase().includes(text);
  find('[data-no-app]').hidden = !text || boxes.some((box) => !box.parentElement.hidden);
}
function clearApps() {
  for (const box of boxes) box.checked = false;
  showApps();
}
search.addEventListener('input', filterApps);
search.addEventListener('keydown', (event) => { if (event.key === 'Enter') form.requestSubmit(); });
all.addEventListener('change', clearApps);
find('[data-clear-apps]').addEventListener('click', clearApps);
appsPopover.addEventListener('change', (event) => { if (event.target.name === 'app') showApps(); });
appsPopover.addEventListener('toggle', (event) => {
  if (event.newState === 'closed') { restore(appsPopover); search.value = ''; filterApps(); showApps(); }
  else if (matchMedia('(pointer: fine)').matches) search.focus();
});

/* dates: the calendar is fetched when it is first opened, and follows the two fields */
const DAY = 86400000;
const periodPopover = find('#period-pop');
const calendar = find('calendar-range');
const [from, to] = [find('[name=from]'), find('[name=to]')];
const custom = find('[name=range][value=custom]');
const loadCalendar = () => load(calendar);
const monthBefore = (date) => {
  const [year, month] = date.split('-').map(Number);
  return new Date(Date.UTC(year, month - 2, 1)).toISOString().slice(0, 10);
};
function showDates() {
  if (!from.value || !to.value) return;
  const days = Math.round((Date.parse(to.value) - Date.parse(from.value)) / DAY) + 1;
  find('[data-days]').textContent = days > 0 ? `${days} day${days === 1 ? '' : 's'}` : 'The first date is after the last';
  if (days > 0) calendar.setAttribute('value', `${from.value}/${to.value}`);
}
function turnTo(date) {
  if (!date) return;
  const single = calendar.getAttribute('months') === '1';
  const month = monthBefore(date);
  calendar.setAttribute('focused-date', single || month < calendar.getAttribute('min').slice(0, 7) ? date : month);
}
const times = ['from_time', 'to_time'].map((name) => find(`[name=${name}]`));
function set(first, last) {
  [from.value, to.value] = [first, last];
  for (const time of times) time.value = '';
  showDates();
  turnTo(last);
}
if (matchMedia('(max-width: 47.99rem)').matches) {
  calendar.setAttribute('months', '1');
  find('calendar-month[offset]', calendar).remove();
}
find('#period').addEventListener('pointerenter', loadCalendar, { once: true });
periodPopover.addEventListener('beforetoggle', (event) => { if (event.newState === 'open') { turnTo(to.value); loadCalendar(); } });
periodPopover.addEventListener('toggle', (event) => {
  if (event.newState === 'closed') { restore(periodPopover); showDates(); return; }
  const preset = find('.cal-p :checked');
  preset?.parentElement.scrollIntoView({ inline: 'center', block: 'nearest' });
  preset?.focus({ preventScroll: true });
});
calendar.addEventListener('change', () => {
  [from.value, to.value] = calendar.value.split('/');
  for (const time of times) time.value = '';
  custom.checked = true;
  showDates();
});
periodPopover.addEventListener('change', (event) => {
  const input = event.target;
  if (times.includes(input)) custom.checked = true;
  if (input === from || input === to) { custom.checked = true; showDates(); turnTo(to.value); }
  if (input.name === 'range' && input.dataset.from) set(input.dataset.from, input.dataset.to);
});

/* what makes a part of the page quicker is fetched when that part is first pointed at, focused or pressed */
const modules = new Map();
function load(part) {
  const source = part.dataset.module;
  if (!modules.has(source)) {
    const module = import(source).then(() => { modules.set(source, null); return true; }, () => !modules.delete(source));
    modules.set(source, module);
  }
  return modules.get(source);
}
const modified = (event) => event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
function enter(event) {
  const { target, type } = event;
  const waiting = [];
  for (let part = target.closest?.('[data-module]'); part; part = part.parentElement?.closest('[data-module]')) waiting.push(load(part));
  const pressed = type === 'click' && !modified(event) && target.closest('#live, .fold .x');
  if (!pressed || !waiting.some(Boolean)) return;
  event.preventDefault();                                                    // nobody heard it yet
  Promise.all(waiting).then((came) => {
    if (!came.includes(false)) pressed.click(); else if (pressed.href) location.assign(pressed.href);
  });
}
for (const type of ['pointerover', 'focusin', 'click']) document.addEventListener(type, enter);

/* results: the form and links to this page swap #results, which brings the labels and values of what stands outside of it */
const results = () => find('#results');
const rail = () => find('.rail', results());
function searchOf({ pathInfo, requestConfig }) {
  if (requestConfig?.verb === 'post') return location.search;   // the display menu
  return new URL(pathInfo.finalRequestPath ?? pathInfo.requestPath, location.href).search;
}
const live = find('#live');
let asking;
document.addEventListener('click', (event) => {
  const link = event.target.closest('#results a[href], .tools a[href]');
  if (!link || !window.htmx || event.defaultPrevented || modified(event)) return;
  const url = new URL(link.getAttribute('href'), location.href);
  if (url.origin + url.pathname !== new URL(pageUrl(''), location.href).href || url.hash || link.matches('[download], [target], [data-panel]')) return;
  event.preventDefault();
  link.closest('.tools :popover-open')?.hidePopover();
  htmx.ajax('GET', form.getAttribute('hx-get') + url.search, { source: link, target: results(), swap: 'outerHTML' })
    .catch(() => {});   // drawn by failed(), or another wish came first
});
document.addEventListener('change', ({ target }) => {
  if (target.form === form && isTick(target) && target.closest('.rail')) form.requestSubmit();
});
document.addEventListener('htmx:configRequest', ({ detail }) => {
  if (detail.elt.closest('#disp')) detail.parameters.query = location.search.slice(1);
});
document.addEventListener('htmx:beforeRequest', ({ detail }) => {
  if (detail.target !== results()) return;
  if (asking && asking !== detail.elt) htmx.trigger(asking, 'htmx:abort');   // the last wish counts
  asking = detail.elt;
  find('.results').setAttribute('aria-busy', 'true');
});
let kept;
document.addEventListener('htmx:beforeSwap', ({ detail }) => {
  const text = detail.xhr.responseText;
  if (detail.target === results()) {
    const fits = text.includes('id="results"');
    detail.shouldSwap = fits;
    kept = {
      focus: document.activeElement.id, drawer: rail()?.matches(':popover-open'), top: rail()?.scrollTop,
      opened: findAll('.rail details[id]').map(({ id, open }) => [id, open]),
    };
    if (fits) detail.isError = false;                                        // a refusal is drawn like any other answer
    else if (detail.xhr.status < 400) location.assign(pageUrl(searchOf(detail)));   // signed out, or the plan changed
  } else if (detail.target.matches?.('.hist')) {
    detail.shouldSwap = text.includes('class="hist"');                       // not a page to sign in
  } else if (detail.target.matches?.('.ev') && detail.xhr.status < 400 && !text.includes('class="det"')) {
    detail.shouldSwap = false;
    location.assign(detail.pathInfo.requestPath);
  }
});
function restoreRail() {
  for (const [id, open] of kept.opened) { const part = document.getElementById(id); if (part) part.open = open; }
  if (kept.drawer) rail()?.showPopover();
  if (rail()) rail().scrollTop = kept.top;
  if (kept.focus) document.getElementById(kept.focus)?.focus({ preventScroll: true });
}
function follow(values) {
  for (const input of [...controls(appsPopover), ...controls(periodPopover), ...findAll('#disp input')]) {
    const value = values[input.name];
    if (value === undefined || (!isTick(input) && input === document.activeElement)) continue;   // somebody types there
    if (isTick(input)) input.checked = value.split(' ').includes(input.value); else input.value = value;
  }
  keep(appsPopover);
  keep(periodPopover);
  showApps();
  showDates();
}
function showLive({ notLive }) {
  live.ariaDisabled = String(Boolean(notLive));
  live.title = notLive ?? 'Watch for new entries';
}
document.addEventListener('htmx:afterSwap', ({ target }) => {
  if (target.id === 'results') restoreRail();
  const details = target.matches?.('.ev') && detailsOf(target);
  if (details) details.cells[0].colSpan = find('.ev-t thead tr').cells.length;
});
document.addEventListener('htmx:load', ({ detail }) => {
  const part = detail.elt;
  if (part.id !== 'results') return;
  const invalid = 'invalid' in part.dataset;
  say(part.dataset.say);
  for (const field of [from, to]) field.ariaInvalid = invalid ? 'true' : null;
  if (!invalid) follow(part.dataset);
  showLive(part.dataset);
  const section = find('.results', part);
  if (section.getBoundingClientRect().top < 0) section.scrollIntoView();
  setTimeout(() => { if (document.activeElement === document.body) find('#results-heading').focus({ preventScroll: true }); });
});
function failed({ detail }) {
  const row = detail.target.closest?.('.ev');
  if (!row && detail.target !== results()) return;
  const block = find(row ? '#failed-entry' : '#failed').content.cloneNode(true);
  find('[data-again]', block).href = row ? find('.x', row).formAction : pageUrl(searchOf(detail));
  if (row) { row.after(block); return; }
  const request = detail.xhr.getResponseHeader?.('X-Request-ID');
  if (request) { find('[data-request]', block).hidden = false; find('code', block).textContent = request; }
  const section = find('.results');
  section.removeAttribute('aria-busy');
  section.replaceChildren(block);
}
for (const name of ['htmx:responseError', 'htmx:sendError', 'htmx:timeout']) document.addEventListener(name, failed);

/* the head of the table stands under the tools, however high they are */
new ResizeObserver(([{ target }]) => {
  const sticky = getComputedStyle(target).position === 'sticky';
  target.parentElement.style.setProperty('--tools-h', `${sticky ? target.offsetHeight : 0}px`);
}).observe(find('.tools'));

/* Back pressed while the page was loading changed the address and nothing else */
document.addEventListener('DOMContentLoaded', () => {
  const [arrival] = performance.getEntriesByType('navigation');
  if (arrival && new URL(arrival.name).search !== location.search) location.reload();
});

/* rows: details come under the row, and the address says which one was opened last */
const detailsOf = (row) => row.nextElementSibling?.matches('.det') ? row.nextElementSibling : null;
function mark(row, open) {
  find('.x', row).setAttribute('aria-expanded', String(open));
  row.classList.toggle('open', open);
  const url = new URL(location.href);
  if (open) url.searchParams.set('event', row.dataset.entry);
  else if (url.searchParams.get('event') === row.dataset.entry) url.searchParams.delete('event');
  history.replaceState(history.state, '', url);
}
async function toggle(row) {
  const button = find('.x', row);
  if (detailsOf(row)) { detailsOf(row).remove(); mark(row, false); return; }
  if (button.ariaBusy === 'true') return;
  button.ariaBusy = 'true';
  try {
    await htmx.ajax('GET', button.formAction, { source: button, target: row, swap: 'afterend' });
  } catch { /* drawn by failed() */ }
  button.ariaBusy = null;
  if (detailsOf(row)) mark(row, true);
}
document.addEventListener('click', (event) => {
  const row = event.target.closest('.ev[data-entry]');
  const button = event.target.closest('.x');
  if (!row || !window.htmx || (!button && (event.target.closest('a, button, input') || String(getSelection())))) return;
  event.preventDefault();
  toggle(row);
});

/* keys: off while typing, in menus, and when turned off; what they do is fetched with the first one of all */
const sheet = find('#keys');
const KEYS = 'jkxofadlc/?';
let keysPending = 0, turn = Promise.resolve();
document.addEventListener('keydown', () => { import(sheet.dataset.source).catch(() => {}); }, { once: true, capture: true });
function act(key) {
  keysPending += 1;
  turn = turn.then(async () => {   // imports may end in another order than they began
    const [{ default: carryOut }] = await Promise.all([import(sheet.dataset.source), ...modules.values()]);   // who hears it
    if (key === 'Enter') document.activeElement.click(); else carryOut(key);
  }).catch(() => {}).finally(() => { keysPending -= 1; });
}
document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && keysPending) { event.preventDefault(); act('Enter'); return; }   // meant for where they lead
  const busy = event.target.closest('input:not([type=checkbox], [type=radio]), textarea, select, pre, [contenteditable], [popover]:popover-open, dialog');
  const named = ['ArrowLeft', 'ArrowRight', 'Escape'].includes(event.key);
  if (!(named || KEYS.includes(event.key)) || busy || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (named ? event.shiftKey || event.target.closest('[type=radio], [role=group][tabindex]') : root.dataset.shortcuts === 'off') return;
  if (!named) event.preventDefault();
  act(event.key);
});
document.addEventListener('click', ({ target }) => {
  if (!target.closest('[data-open-keys]')) return;
  target.closest(':popover-open')?.hidePopover();
  sheet.showModal();
});

/* relative times go on */
const words = new Intl.RelativeTimeFormat('en', { numeric: 'always' });
const UNITS = [['day', 86400000], ['hour', 3600000], ['minute', 60000]];
setInterval(() => {
  for (const time of findAll('time[data-ago]')) {
    const passed = Date.now() - Date.parse(time.dateTime);
    const [unit, length] = UNITS.find(([, length]) => passed >= length) ?? [];
    time.textContent = unit ? words.format(-Math.floor(passed / length), unit) : 'just now';
  }
}, 30000);

if (sessionStorage.getItem('live')) load(live);
if (!find('#panel').hidden) load(find('#panel'));
find('.ev.open')?.scrollIntoView({ block: 'nearest' });
