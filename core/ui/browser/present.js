// A page in a talk: without controls and with larger text (frame.css), gone through by keys or a clicker. A step is the
// next thing to try, the next section, or, where a page has neither, the next layer.
const TRIES = ".st-key-tries button",
  SECTIONS = ".st-key-section [role=radio], .st-key-explain [role=radio]",
  PHOTOS = ".st-key-photo [role=radio]";
let tried = 0; // a photo opens at its first one

function press(selector, step) {
  const all = [...document.querySelectorAll(selector)],
    now = all.findIndex((one) => one.ariaChecked === "true");
  if (all.length) all[(now + step + all.length) % all.length].click();
  return all.length > 0;
}

function walk(step) {
  const tries = [...document.querySelectorAll(TRIES)];
  if (tries.length) {
    tried += step;
    if (tried in tries) return tries[tried].click();
    tried = 0;
    return press(PHOTOS, step);
  }
  if (!press(SECTIONS, step)) document.dispatchEvent(new KeyboardEvent("keydown", { key: step > 0 ? "]" : "[" }));
}

const STEPS = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 };
const FIELDS = "input, textarea, select, [contenteditable], [role=radio], [role=combobox]";
let turn = null,
  listening = false;

function hear(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  const on = document.documentElement.classList.contains("presents");
  if (!on && event.composedPath()[0].matches?.(FIELDS)) return;
  if ((event.key === "f" && !on) || (event.key === "Escape" && on)) return turn();
  if (!on || !STEPS[event.key]) return;
  event.preventDefault();
  walk(STEPS[event.key]);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const talk = parentElement.querySelector(".talk"),
    names = { [-1]: data.previous, 1: data.next, 0: data.leave };
  document.documentElement.classList.toggle("presents", data.on);
  turn = () => setTriggerValue("turn", true);
  talk.hidden = !data.on;
  for (const button of talk.querySelectorAll("button")) {
    const step = Number(button.dataset.step);
    button.ariaLabel = button.title = names[step];
    button.onclick = () => (step ? walk(step) : turn());
  }
  if (!listening) document.addEventListener("keydown", (event) => hear(event));
  listening = true;
}
