// A visit of a page is one entry of the browser's history. What is chosen during it changes the entry's address, where
// Streamlit would add an entry for each choice, and one without choices for each page; so Back goes to the page before,
// as it was left.
export default function () {
  if (history.pushState.isOneEntryPerPage) return;
  const push = history.pushState.bind(history);
  history.pushState = (state, title, address) => {
    const isSamePage = new URL(address, location).pathname === location.pathname;
    if (isSamePage) history.replaceState(state, title, address);
    else push(state, title, address);
  };
  history.pushState.isOneEntryPerPage = true;
}
