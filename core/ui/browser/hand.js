// Between the page and the linked view (core/views/linked/hand.js): what is offered to be changed by hand, and what was
// changed. It draws nothing.
export default function ({ data, setStateValue }) {
  const own = { cards: data.cards, send: (edits) => setStateValue("edits", edits) };
  window.sidelightHand = own;
  window.dispatchEvent(new Event("sidelight-hand"));
  return () => {
    if (window.sidelightHand !== own) return;
    window.sidelightHand = null;
    window.dispatchEvent(new Event("sidelight-hand"));
  };
}
