// A visit of a page is one entry of the browser's history, and so is one of a section of the lesson. What is chosen
// during it changes the entry's address, where Streamlit would add an entry for each choice, and one without choices for
// each page; so Back goes to the page or section before, as it was left.
//
// A change of the address waits a moment: where a page is left, Streamlit tells what the next page says of the link
// before it goes there, and it would be written over what was left.
const MOMENT = 200; // ms
const FIRST = "pipeline"; // the section that an address leaves out

const sectionOf = (address) => new URL(address, location).searchParams.get("section") ?? FIRST;

export default function () {
  if (history.pushState.isOneEntryPerPage) return;
  const push = history.pushState.bind(history);
  let waits = null;
  const forget = () => {
    clearTimeout(waits?.timer);
    waits = null;
  };
  const write = () => {
    if (waits) {
      const isSame = sectionOf(waits.address) === sectionOf(location);
      if (isSame) history.replaceState(waits.state, "", waits.address);
      else push(waits.state, "", waits.address);
    }
    forget();
  };
  history.pushState = (state, title, address) => {
    const to = new URL(address, location);
    forget();
    if (to.pathname !== location.pathname) push(state, title, to);
    else waits = { state, address: to, timer: setTimeout(write, MOMENT) };
  };
  history.pushState.isOneEntryPerPage = true;
  addEventListener("popstate", forget, true);
  addEventListener("beforeunload", write);
}
