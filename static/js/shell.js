// The shell of every page: theme, sidebar, menus, messages. Each part works as a plain form or link without this file.
const root = document.documentElement;
const find = (selector, scope = document) => scope.querySelector(selector);
const findAll = (selector, scope = document) => [...scope.querySelectorAll(selector)];
const YEAR = 31536000;

/* preferences: applied at once, kept in the cookies that the server writes when the form is posted without script */
const remember = (name, value) => {
  const secure = location.protocol === 'https:' ? '; secure' : '';
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR}; samesite=lax${secure}`;
};
remember('scripts', 'on');   // The server may leave something for them to ask for.
const choose = {
  theme(value) {
    if (value === 'system') delete root.dataset.theme; else root.dataset.theme = value;
    for (const button of findAll('[name=theme][aria-pressed]')) button.setAttribute('aria-pressed', String(button.value === value));
  },
  sidebar(value) {
    find('.shell').dataset.sidebar = value;
    find(value === 'collapsed' ? '.expand' : '.collapse').focus();
  },
};
const otherTheme = () => {
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  return dark ? 'light' : 'dark';
};
document.addEventListener('submit', (event) => {
  const button = event.submitter;
  if (!event.target.matches('[data-preferences]') || !(button?.name in choose)) return;
  event.preventDefault();
  const value = button.matches('[data-other-theme]') ? otherTheme() : button.value;
  choose[button.name](value);
  remember(button.name, value);
  if (button.name === 'theme') {  // The server keeps it with the person, for their other browsers.
    const body = new FormData(event.target);
    body.set('theme', value);
    fetch(event.target.action, { method: 'POST', body, redirect: 'manual', keepalive: true }).catch(() => {});
  }
});

/* forms whose second answer would lack what the first one holds are sent once */
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!form.matches('[data-once]')) return;
  if ('sent' in form.dataset) event.preventDefault();
  form.dataset.sent = '';
});
addEventListener('pageshow', () => { for (const form of findAll('[data-once]')) delete form.dataset.sent; });

/* copying; where the browser does not let a page write, the text is selected to be copied by key */
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  const text = find(`#${button.dataset.copy}`);
  try {
    await navigator.clipboard.writeText(text.textContent);
    find('#say').textContent = 'Copied';
    button.classList.add('done');
  } catch {
    getSelection().selectAllChildren(text);
    find('#say').textContent = 'Selected. Press Ctrl and C to copy.';
  }
});

/* single-key shortcuts can be turned off; they exist only with script, and so does the switch */
const shortcuts = find('[data-shortcuts-switch]');
const setShortcuts = (on) => {
  root.dataset.shortcuts = on ? 'on' : 'off';
  shortcuts?.setAttribute('aria-pressed', String(on));
};
setShortcuts(!document.cookie.split('; ').includes('shortcuts=off'));
shortcuts?.addEventListener('click', () => {
  setShortcuts(root.dataset.shortcuts === 'off');
  remember('shortcuts', root.dataset.shortcuts);
});
document.addEventListener('keydown', (event) => {
  const typing = event.target.closest('input, textarea, select, [contenteditable], [popover]:popover-open, dialog');
  if (root.dataset.shortcuts === 'off' || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = { '[': findAll('.quick [name=sidebar]').find((button) => button.offsetWidth), '/': find('[data-find]') }[event.key];
  if (!target) return;
  event.preventDefault();
  if (event.key === '[') target.click(); else target.focus();
});

/* messages are spoken once and go away */
const toasts = findAll('.toast');
if (toasts.length) setTimeout(() => { find('#say').textContent = toasts.map((toast) => toast.textContent.trim()).join(' '); }, 200);
for (const toast of toasts) {
  const leave = () => { if (toast.matches(':hover, :focus-within')) setTimeout(leave, 2000); else toast.remove(); };
  find('[data-dismiss]', toast).addEventListener('click', () => toast.remove());
  if (!toast.matches('.bad')) setTimeout(leave, 10000);
}

/* menus are placed by CSS anchors; this is for browsers without them */
if (!CSS.supports('position-area: block-end')) document.addEventListener('toggle', (event) => {
  const menu = event.target;
  const button = menu.matches('.pop') && event.newState === 'open' && find(`[popovertarget="${menu.id}"]`);
  if (!button) return;
  const box = button.getBoundingClientRect();
  const left = menu.matches('.start, .up') ? box.left : box.right - menu.offsetWidth;
  menu.style.setProperty('--x', `${Math.max(8, Math.min(left, innerWidth - menu.offsetWidth - 8))}px`);
  menu.style.setProperty('--y', `${menu.matches('.up') ? box.top - menu.offsetHeight - 6 : box.bottom + 6}px`);
  menu.dataset.placed = '';
}, true);
