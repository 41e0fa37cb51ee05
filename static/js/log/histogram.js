// The histogram: a tip for each bar, keys, and a brush to zoom. Bars are links, and lead to their time without this, too.
const SVG = 'http://www.w3.org/2000/svg';
const say = (text) => { document.querySelector('#say').textContent = text; };
const make = (tag, className, content = '') => Object.assign(document.createElement(tag), { className, textContent: content });

/* what is drawn is swapped with the results: all that is known of it begins anew then. Nothing with an id has a style of
   its own: htmx would copy that, which the policy forbids */
let plot, svg, bars, tip, brushBar, brush, current, start, end, pressed, dragged;
function take(target) {
  const found = target.closest?.('[data-plot]');
  if (found && found !== plot) {
    plot = found;
    svg = plot.querySelector('svg');
    bars = [...svg.querySelectorAll('a')];
    [tip, brushBar] = [make('div', 'tip'), make('div', 'brush-bar')];
    brush = document.createElementNS(SVG, 'rect');
    brush.setAttribute('class', 'brush');
    brush.setAttribute('y', '-2');
    brush.setAttribute('height', '66');
    tip.hidden = brushBar.hidden = true;
    plot.append(tip, brushBar);
    [current, start, end, pressed, dragged] = [-1, -1, -1, -1, false];
  }
  return Boolean(found);
}
const within = (number) => Math.max(0, Math.min(bars.length - 1, number));
function at(x) {
  const { left, width } = svg.getBoundingClientRect();
  return within(Math.floor((x - left) / width * bars.length));
}
const middle = (first, after, edge) => `${Math.min(100 - edge, Math.max(edge, (first + after) / 2 / bars.length * 100))}%`;

function show(number) {
  bars[current]?.classList.remove('cur');
  current = number;
  const bar = bars[number];
  tip.hidden = !bar;
  if (!bar) return;
  const label = bar.getAttribute('aria-label');
  bar.classList.add('cur');
  tip.replaceChildren(make('b', '', bar.dataset.t), label.slice(label.indexOf(': ') + 2));
  tip.style.setProperty('--tx', middle(number, number + 1, 6));
}

/* the brush: from the lower to the higher of two bars, both included */
const brushed = () => [Math.min(start, end), Math.max(start, end)];
function named() {
  const [first, last] = brushed();
  const name = first === last ? bars[first].dataset.t : `${bars[first].dataset.t.split(' –')[0]} – ${bars[last].dataset.e}`;
  const count = bars.slice(first, last + 1).reduce((sum, bar) => sum + +bar.dataset.k + +bar.dataset.f, 0);
  return `${name} · ${count.toLocaleString('en-US')} ${count === 1 ? 'entry' : 'entries'}`;
}
function zoomed() {
  const [first, last] = brushed().map((number) => new URLSearchParams(bars[number].getAttribute('href')));
  first.set('to', last.get('to'));
  return `?${first}`;
}
function paint() {
  const [first, last] = brushed();
  const none = start < 0;
  bars.forEach((bar, number) => bar.classList.toggle('dim', !none && (number < first || number > last)));
  brushBar.hidden = none || pressed >= 0;
  if (none) { brush.remove(); return; }
  brush.setAttribute('x', `${first / bars.length * 100}%`);
  brush.setAttribute('width', `${(last + 1 - first) / bars.length * 100}%`);
  svg.append(brush);
  tip.hidden = true;
  brushBar.replaceChildren(named(), Object.assign(make('a', 'btn sm primary', 'Zoom'), { href: zoomed() }));
  brushBar.style.setProperty('--bx', middle(first, last + 1, 16));
}
function clear() {
  start = end = -1;
  paint();
}

if (take(document.querySelector('[data-plot]') ?? document)) show(bars.findIndex((bar) => bar.matches(':hover')));
document.addEventListener('pointermove', (event) => {
  if (!take(event.target) || event.target.closest('.brush-bar')) return;
  const number = at(event.clientX);
  if (pressed < 0) { if (event.pointerType !== 'touch') show(number); return; }
  if (number !== pressed && !dragged) {
    dragged = true;
    svg.setPointerCapture(event.pointerId);
  }
  if (dragged) { [start, end] = [pressed, number]; paint(); }
});
document.addEventListener('pointerdown', (event) => {
  if (!take(event.target) || !svg.contains(event.target) || event.button || event.pointerType === 'touch') return;
  [pressed, dragged] = [at(event.clientX), false];
});
for (const type of ['pointerup', 'pointercancel']) {
  document.addEventListener(type, () => {
    if (!plot || pressed < 0) return;
    pressed = -1;
    if (!dragged) return;
    paint();
    say(named());
    setTimeout(() => { dragged = false; });                                  // after the click that ends it
  });
}
document.addEventListener('pointerout', (event) => {
  if (plot?.contains(event.target) && !plot.contains(event.relatedTarget) && pressed < 0) show(-1);
});
document.addEventListener('dragstart', (event) => { if (take(event.target)) event.preventDefault(); });
document.addEventListener('click', (event) => {
  if (!take(event.target) || start < 0 || event.target.closest('.brush-bar')) return;
  event.preventDefault();
  event.stopPropagation();
  if (!dragged) clear();                                                     // a click beside it takes the brush away
}, { capture: true });

/* keys go to the plot, which is one stop; paging has the same arrows elsewhere */
const press = (link) => link?.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }));
function step(number, extended) {
  if (extended && start < 0) start = within(current);
  show(within(number));
  if (extended) { end = current; paint(); say(named()); return; }
  if (start >= 0) { clear(); show(current); }
  say(bars[current].getAttribute('aria-label'));
}
const keys = {
  ArrowRight: ({ shiftKey }) => step(current + 1, shiftKey),
  ArrowLeft: ({ shiftKey }) => step(current < 0 ? bars.length - 1 : current - 1, shiftKey),
  Home: ({ shiftKey }) => step(0, shiftKey),
  End: ({ shiftKey }) => step(bars.length - 1, shiftKey),
  Enter: () => { const link = start < 0 ? bars[current] : brushBar.querySelector('a'); if (start < 0) press(link); else link.click(); },
  Escape: () => { clear(); show(-1); },
};
document.addEventListener('keydown', (event) => {
  if (!event.target.matches('[data-plot]') || !take(event.target) || !(event.key in keys)) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  event.stopPropagation();
  keys[event.key](event);
}, { capture: true });
document.addEventListener('focusout', (event) => { if (event.target === plot) show(-1); });
