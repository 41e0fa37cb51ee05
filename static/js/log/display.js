// The display menu: the browser's own time zone, and all zones to choose from. The form itself sends each change.
const find = (selector) => document.querySelector(selector);
const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
const other = find('#other-zone');
const browser = find('[data-browser-zone]');

function showZone() {
  const checked = find('#disp [name=zone]:checked');
  if (own !== 'UTC' && checked?.value === 'other' && other.value === own) browser.checked = true;
}
if (own !== 'UTC') {   // that choice stands beside it
  browser.value = own;
  browser.disabled = false;
}
browser.parentElement.title = own;
find('#zones').replaceChildren(...Intl.supportedValuesOf('timeZone').map((zone) => new Option(zone)));
other.addEventListener('input', () => { find('#disp [name=zone][value=other]').checked = true; });
document.addEventListener('htmx:load', ({ detail }) => { if (detail.elt.id === 'results') showZone(); });
find('#disp').addEventListener('change', (event) => {   // written, not sent: a zone is needed first
  const asks = event.target.name === 'zone' && event.target.value === 'other' && !other.value;
  if (asks) { event.stopImmediatePropagation(); other.focus(); }
}, true);
showZone();
