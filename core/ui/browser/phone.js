// A phone in the class: it asks every two seconds what is asked, and gives its prediction. It is known by a number that
// it makes up and forgets when it is closed; the link keeps the room over a reload.
/* global WORDS, BASE */
const EVERY = 2000; // ms
const at = (id) => document.getElementById(id);
const me = (sessionStorage.me ??= crypto.getRandomValues(new Uint32Array(3)).join(""));
let language = navigator.language.startsWith("zh") ? "zh" : "en",
  code = coded(new URLSearchParams(location.search).get("room") ?? ""),
  shown = null, // number of the question that stands here
  over = false, // whether its answer stands here too
  failed = 0;

function coded(text) {
  return encodeURIComponent(text.trim().toUpperCase());
}

const say = (name) => WORDS[language][name];
const tell = (name) => (at("said").textContent = name ? say(name) : "");

function dress() {
  document.documentElement.lang = language;
  at("code").ariaLabel = at("code").placeholder = say("code");
  at("enter").querySelector("button").textContent = say("join");
}

function press(choice) {
  for (const button of document.querySelectorAll("[data-choice]"))
    button.ariaPressed = String(Number(button.dataset.choice) === choice);
}

async function give(choice) {
  const body = JSON.stringify({ phone: me, number: shown, choice });
  try {
    const answer = await fetch(`${BASE}/class/${code}`, { method: "POST", body });
    if (!answer.ok) return tell("late");
    press(choice);
    if (!over) tell("given");
  } catch {
    tell("lost");
  }
}

function choice(number, text, label) {
  const button = document.createElement("button");
  button.textContent = text;
  button.ariaLabel = label;
  button.ariaPressed = "false";
  button.dataset.choice = number;
  button.onclick = () => give(number);
  return button;
}

function draw(question, answer) {
  at("text").textContent = question?.text ?? "";
  const [rows, columns] = question?.grid ?? [0, 0],
    places = Array.from({ length: rows * columns }, (_, n) =>
      choice(n, "", `${Math.floor(n / columns) + 1}, ${(n % columns) + 1}`),
    );
  at("picture").style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
  at("picture").style.aspectRatio = `${columns} / ${rows}`;
  at("picture").style.backgroundImage = rows ? `url("${BASE}/class/${code}/picture?number=${shown}")` : "";
  for (const n of question?.asked ?? []) places[n].className = "asked";
  at("picture").replaceChildren(...places);
  at("options").replaceChildren(...(question?.options ?? []).map((text, n) => choice(n, text, text)));
  for (const button of document.querySelectorAll("[data-choice]")) button.disabled = answer !== null;
  at("answer").textContent = answer ?? "";
}

function enter() {
  at("enter").hidden = true;
  sessionStorage.room = code;
  history.replaceState(null, "", `?room=${code}`);
}

function leave() {
  if (shown !== null) draw(null, null);
  tell(sessionStorage.room === code ? "closed" : "gone");
  [code, shown] = ["", null];
  at("enter").hidden = false;
}

async function look() {
  if (!code) return;
  try {
    const answer = await fetch(`${BASE}/class/${code}?phone=${me}`);
    if (answer.status === 404) return leave();
    const found = await answer.json();
    failed = 0;
    enter();
    if (found.language && found.language !== language) {
      language = found.language;
      dress();
    }
    const ended = found.answer !== null;
    if (found.number === shown && ended === over) return;
    [shown, over] = [found.number, ended];
    draw(found.question, found.answer);
    press(found.given);
    tell(!found.question ? "wait" : over ? "over" : found.given !== null ? "given" : "choose");
  } catch {
    if (++failed > 2) tell("lost");
  }
}

at("enter").onsubmit = (event) => {
  event.preventDefault();
  code = coded(at("code").value);
  look();
};
dress();
look();
setInterval(look, EVERY);
