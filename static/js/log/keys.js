// What the keys of Teams & Logs do. Fetched with the first key; whether one may act is decided in logs.js.
const find = (selector, scope = document) => scope.querySelector(selector);
const findAll = (selector, scope = document) => [...scope.querySelectorAll(selector)];
const say = (text) => { find('#say').textContent = text; };
const press = (control) => { control?.focus(); control?.click(); };
const seen = (selector) => findAll(selector).find((element) => element.checkVisibility());
const here = () => document.activeElement.closest('.ev') ?? document.activeElement.closest('.det')?.previousElementSibling;

function move(step) {
  const buttons = findAll('.ev .x').filter((button) => button.checkVisibility());
  const index = buttons.findIndex((button) => button.closest('.ev') === here());
  buttons[Math.max(0, Math.min(buttons.length - 1, index + step))]?.focus();
}
function toggle(row) {
  if (row) press(find('.x', row));
}
function filters() {
  const drawer = seen('.tools [popovertarget=rail]');
  if (drawer) press(drawer);
  else seen('.rail summary')?.focus();
}
async function copy(row) {
  const text = row ? find('.c-when a', row).href : location.href;
  try {
    await navigator.clipboard.writeText(text);
    say(row ? 'Link to the entry copied' : 'Link to this page copied');
  } catch { say('The browser does not let this page copy.'); }
}

const acts = {
  j: () => move(1),
  k: () => move(-1),
  x: () => toggle(here()),
  o: () => here() && find('[data-panel]', here())?.click(),
  f: filters,
  a: () => press(find('#apps')),
  d: () => press(find('#period')),
  l: () => press(find('#live')),
  c: () => copy(here()),
  '/': () => find('#q')?.focus(),
  '?': () => find('#keys').showModal(),
  ArrowLeft: () => press(find('.results .pager [rel=prev]')),
  ArrowRight: () => press(find('.results .pager [rel=next]')),
  Escape: () => {
    const close = find('#panel:not([hidden]) [data-panel=close]');   // its own file hears this first, once it is there
    if (close) close.click(); else if (here()?.matches('.open')) toggle(here());
  },
};
export default (key) => acts[key]();
