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
let loading;
const load = () => { loading ??= import(calendar.dataset.src).catch(() => { loading = undefined; }); return loading; };
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
function set(first, last) {
  [from.value, to.value] = [first, last];
  showDates();
  turnTo(last);
}
if (matchMedia('(max-width: 47.99rem)').matches) {
  calendar.setAttribute('months', '1');
  find('calendar-month[offset]', calendar).remove();
}
find('#period').addEventListener('pointerenter', load, { once: true });
periodPopover.addEventListener('beforetoggle', (event) => { if (event.newState === 'open') { turnTo(to.value); load(); } });
periodPopover.addEventListener('toggle', (event) => {
  if (event.newState === 'closed') { restore(periodPopover); showDates(); return; }
  const preset = find('.cal-p :checked');
  preset?.parentElement.scrollIntoView({ inline: 'center', block: 'nearest' });
  preset?.focus({ preventScroll: true });
});
calendar.addEventListener('change', () => {
  [from.value, to.value] = calendar.value.split('/');
  custom.checked = true;
  showDates();
});
periodPopover.addEventListener('change', (event) => {
  const input = event.target;
  if (input === from || input === to) { custom.checked = true; showDates(); turnTo(to.value); }
  if (input.name === 'range' && input.dataset.from) set(input.dataset.from, input.dataset.to);
});

/* results: the form and the pager swap #results, which brings the labels of the two buttons with it */
const results = () => find('#results');
const searchOf = (detail) => new URL(detail.pathInfo.finalRequestPath ?? detail.pathInfo.requestPath, location.href).search;
document.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-page]');
  if (!link || !window.htmx || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  htmx.ajax('GET', form.getAttribute('hx-get') + link.search, { source: link, target: results(), swap: 'outerHTML' });
});
document.addEventListener('htmx:beforeRequest', ({ detail }) => {
  if (detail.target === results()) detail.target.setAttribute('aria-busy', 'true');
});
document.addEventListener('htmx:beforeSwap', ({ detail }) => {
  const text = detail.xhr.responseText;
  if (detail.target === results()) {
    const fits = text.includes('id="results"');
    detail.shouldSwap = fits;
    if (fits) detail.isError = false;                                        // a refusal is drawn like any other answer
    else if (detail.xhr.status < 400) location.assign(pageUrl(searchOf(detail)));   // signed out, or the plan changed
  } else if (detail.xhr.status < 400 && !text.includes('class="det"')) {
    detail.shouldSwap = false;
    location.assign(detail.pathInfo.requestPath);
  }
});
document.addEventListener('htmx:load', ({ detail }) => {
  const section = detail.elt;
  if (section.id !== 'results') return;
  say(section.dataset.say);
  for (const field of [from, to]) field.ariaInvalid = 'invalid' in section.dataset ? 'true' : null;
  if (section.getBoundingClientRect().top < 0) section.scrollIntoView();
  setTimeout(() => { if (document.activeElement === document.body) find('#results-heading').focus({ preventScroll: true }); });
});
function failed({ detail }) {
  const row = detail.target.closest?.('.ev');
  const block = find(row ? '#failed-entry' : '#failed').content.cloneNode(true);
  find('[data-again]', block).href = row ? find('.x', row).formAction : pageUrl(searchOf(detail));
  if (row) { row.after(block); return; }
  const request = detail.xhr.getResponseHeader?.('X-Request-ID');
  if (request) { find('[data-request]', block).hidden = false; find('code', block).textContent = request; }
  results().removeAttribute('aria-busy');
  results().replaceChildren(block);
}
for (const name of ['htmx:responseError', 'htmx:sendError', 'htmx:timeout']) document.addEventListener(name, failed);

/* Back pressed while the page was loading changed the address and nothing else */
document.addEventListener('DOMContentLoaded', () => {
  if (new URL(performance.getEntriesByType('navigation')[0].name).search !== location.search) location.reload();
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
  const row = event.target.closest('.ev');
  const button = event.target.closest('.x');
  if (!row || !window.htmx || (!button && (event.target.closest('a, button, input') || String(getSelection())))) return;
  event.preventDefault();
  toggle(row);
});

/* keys: off while typing, in menus, and when turned off */
const press = (selector) => { const control = find(selector); control?.focus(); control?.click(); };
function move(step) {
  const buttons = findAll('.ev .x');
  const here = document.activeElement.closest('.ev') ?? document.activeElement.closest('.det')?.previousElementSibling;
  const index = buttons.findIndex((button) => button.closest('.ev') === here);
  buttons[Math.max(0, Math.min(buttons.length - 1, index + step))]?.focus();
}
function close() {
  const row = document.activeElement.closest('.ev.open') ?? document.activeElement.closest('.det')?.previousElementSibling;
  if (row) { find('.x', row).focus(); toggle(row); }
}
const keys = {
  j: () => move(1), k: () => move(-1), a: () => press('#apps'), d: () => press('#period'),
  ArrowLeft: () => press('#newer'), ArrowRight: () => press('#older'), Escape: close,
};
document.addEventListener('keydown', (event) => {
  const busy = event.target.closest('input, textarea, select, pre, [contenteditable], [popover]:popover-open, dialog');
  if (!(event.key in keys) || busy || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  if (event.key.length === 1 && root.dataset.shortcuts === 'off') return;
  if (event.key !== 'Escape') event.preventDefault();
  keys[event.key]();
});

find('.ev.open')?.scrollIntoView({ block: 'nearest' });
