// The query bar: what could be written next, by arrow keys, Enter and Escape. Without this file it is a field and a form.
const find = (selector, scope = document) => scope.querySelector(selector);
const bar = () => find('#q');
const list = find('#suggest');
const options = () => [...list.querySelectorAll('[role=option]')];
const chosen = () => options().find((option) => option.ariaSelected === 'true');
let waiting;
let asked = 0;

function show(open) {
  list.hidden = !open;
  bar().setAttribute('aria-expanded', String(open));
  if (!open) bar().removeAttribute('aria-activedescendant');
}
function choose(wanted) {
  for (const option of options()) option.setAttribute('aria-selected', String(option === wanted));
  if (wanted) bar().setAttribute('aria-activedescendant', wanted.id); else bar().removeAttribute('aria-activedescendant');
}
async function suggest() {
  clearTimeout(waiting);
  const number = ++asked;
  const query = new URLSearchParams(new FormData(bar().form));
  query.set('at', bar().selectionEnd ?? bar().value.length);
  try {
    const answer = await fetch(`${list.dataset.url}?${query}`);
    if (!answer.ok || answer.redirected || number !== asked || document.activeElement !== bar()) return;
    const answered = await answer.text();
    if (number !== asked) return;
    const before = chosen()?.textContent;
    list.replaceChildren(...new DOMParser().parseFromString(answered, 'text/html').body.childNodes);
    choose(before && options().find((option) => option.textContent === before));   // an answer takes no choice back
    show(options().length > 0);
  } catch { if (number === asked) show(false); }
}
function dismiss() {
  clearTimeout(waiting);
  asked++;
  show(false);
}
function soon() { clearTimeout(waiting); waiting = setTimeout(suggest, 120); }
function move(step) {
  const all = options();
  const next = all[(all.indexOf(chosen()) + step + all.length + (step < 0 && !chosen() ? 1 : 0)) % all.length];
  choose(next);
  next.scrollIntoView({ block: 'nearest' });
}
function take(option) {
  if ('submit' in option.dataset) { bar().form.requestSubmit(); return; }
  const field = bar();
  field.value = option.dataset.text;
  field.focus();
  field.setSelectionRange(option.dataset.at, option.dataset.at);
  suggest();
}
const keys = {
  ArrowDown: () => { if (list.hidden) suggest(); else move(1); },
  ArrowUp: () => { if (!list.hidden) move(-1); },
  Enter: () => { if (list.hidden || !chosen()) return false; take(chosen()); },
  Tab: () => { if (list.hidden || !chosen()) return false; take(chosen()); },
  Escape: () => { if (list.hidden) bar().blur(); else dismiss(); },
};
document.addEventListener('keydown', (event) => {
  if (event.target !== bar() || !(event.key in keys) || event.isComposing || event.shiftKey) return;
  if (keys[event.key]() !== false) { event.preventDefault(); event.stopPropagation(); }
}, true);
document.addEventListener('input', (event) => { if (event.target === bar()) soon(); });
// Focus that comes back after a swap is nobody's wish to be told what could be written.
let quiet = false;
for (const name of ['pointerdown', 'keydown']) document.addEventListener(name, () => { quiet = false; }, true);
document.addEventListener('focusin', (event) => { if (event.target === bar() && !quiet) soon(); });
document.addEventListener('focusout', (event) => { if (event.target === bar()) dismiss(); });
document.addEventListener('submit', (event) => { if (event.target === bar().form) dismiss(); }, true);
list.addEventListener('pointerdown', (event) => {
  event.preventDefault();
  const option = event.target.closest('[role=option]');
  if (option) take(option);
});
// What is being typed is not replaced by the answer to what was sent before.
let sent = null;
document.addEventListener('htmx:beforeRequest', ({ detail }) => {
  if (detail.elt.matches('.hist')) return;   // asks for its rest by itself
  quiet = true;
  sent = detail.elt === bar().form ? bar().value : undefined;
});
document.addEventListener('htmx:oobBeforeSwap', (event) => {
  if (event.detail.target === bar() && sent !== null && bar().value !== bar().defaultValue && bar().value !== sent) event.preventDefault();
});
if (document.activeElement === bar()) soon();
