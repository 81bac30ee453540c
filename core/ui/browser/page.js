// What Streamlit does not do for the document: its language is the one that is read; a theme that was chosen holds on
// every page, where Streamlit keeps it for the address alone at which the app was opened; and on a phone the menu goes
// once it was used. Formulas that scroll are reached by keys. That there is no page of an address is told in the
// reader's language, where Streamlit has English.
const MISSING = "Page not found"; // its title
let words = {},
  watching = null,
  waiting = null;

function tellMissing() {
  for (const title of document.querySelectorAll("[role=dialog] > h2")) {
    if (title.textContent !== MISSING) continue;
    title.textContent = words.missing;
    title.nextElementSibling.textContent = words.shown;
  }
}

const themeOf = (address) => `stActiveTheme-${new URL(address, location).pathname}-v2`;
const opened = location.href;

function keepTheme() {
  const theme = localStorage.getItem(themeOf(opened));
  for (const link of document.querySelectorAll("[data-testid=stTopNavLink], [data-testid=stSidebarNavLink]"))
    if (theme === null) localStorage.removeItem(themeOf(link.href));
    else localStorage.setItem(themeOf(link.href), theme);
}

function closeMenu(event) {
  if (!event.target.closest("[data-testid=stSidebarNavLink]")) return;
  document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
}

// A formula that is wider than its page is scrolled by keys, too.
function reachFormulas() {
  waiting = null;
  for (const one of document.querySelectorAll(".katex-display"))
    if (one.scrollWidth > one.clientWidth) one.tabIndex = 0;
    else one.removeAttribute("tabindex");
}
function soon() {
  waiting ??= setTimeout(reachFormulas, 300);
}

export default function ({ data }) {
  document.documentElement.lang = data.code;
  ({ words } = data);
  tellMissing();
  window.addEventListener("pagehide", keepTheme);
  document.addEventListener("visibilitychange", keepTheme);
  document.addEventListener("click", closeMenu);
  if (watching) return;
  watching = new MutationObserver(tellMissing);
  watching.observe(document.body, { childList: true });
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
  window.addEventListener("resize", soon);
}
