// A visit of a page is one entry of the browser's history, and so are one of a section of the lesson and each photo of
// the strip that is pressed. What else is chosen during it changes the entry's address, where Streamlit would add an
// entry for each choice, and one without choices for each page; so Back goes to the page, section or photo before, as
// it was left.
//
// A change of the address waits a moment: where a page is left, Streamlit tells what the next page says of the link
// before it goes there, and it would be written over what was left.
const MOMENT = 200; // ms
const FIRST = "pipeline"; // the section that an address leaves out

const said = (address, name) => new URL(address, location).searchParams.get(name);
const sectionOf = (address) => said(address, "section") ?? FIRST;

export default function () {
  if (history.pushState.isOneEntryPerPage) return;
  const push = history.pushState.bind(history);
  let [waits, chose] = [null, false]; // chose: a photo, which a page that takes over the one before does not
  const forget = () => {
    clearTimeout(waits?.timer);
    waits = null;
  };
  const write = () => {
    if (waits) {
      const { address, state } = waits,
        isOther = chose && said(address, "photo") !== said(location, "photo");
      if (isOther || sectionOf(address) !== sectionOf(location)) push(state, "", address);
      else history.replaceState(state, "", address);
      if (isOther) chose = false;
    }
    forget();
  };
  history.pushState = (state, title, address) => {
    const to = new URL(address, location);
    forget();
    if (to.pathname !== location.pathname) {
      chose = false;
      push(state, title, to);
    } else waits = { state, address: to, timer: setTimeout(write, MOMENT) };
  };
  history.pushState.isOneEntryPerPage = true;
  addEventListener("click", ({ target }) => (chose ||= Boolean(target.closest?.(".st-key-photo button"))), true);
  const back = () => {
    chose = false;
    forget();
  };
  addEventListener("popstate", back, true);
  addEventListener("beforeunload", write);
}
