// The small menu of a card: it as a figure, PNG or SVG, or all cards as a PDF; how wide, and on light or dark ground.

import { add, fill, folds } from "./dom.js";
import { figureOf } from "./figure.js";
import { download, pages, pngFile, print, svgFile } from "./file.js";

const WIDTHS = [0, 85, 120, 180]; // millimetres: a column, one and a half, two; 0: as on the screen
const GROUNDS = ["shown", "light", "dark"];
const KINDS = {
  png2: (figure, wide) => pngFile(figure, wide, 2),
  png4: (figure, wide) => pngFile(figure, wide, 4),
  svg: (figure, wide) => svgFile(figure, wide),
};
const rightOf = (element) => element.getBoundingClientRect().right;
const how = { wide: 0, ground: "shown" }; // for all cards of the page

// All cards that are seen; while something is pinned A, B and what differs, where that can be drawn.
function shownOf({ cards, pin }) {
  const all = pin ? pin.panes.flatMap(({ a, b, difference }) => [a, b, difference]) : cards;
  return all.filter(({ root }) => !root.hidden && !root.classList.contains("none"));
}

export class Saving {
  constructor(card, place) {
    const { words } = card.view;
    this.root = add(place, "details", "saving");
    const by = add(this.root, "summary", "", { title: words.figure, textContent: words.figure });
    const menu = add(this.root, "div", "menu"),
      item = (name, run) => {
        const title = words[`figure_${name}_long`] ?? "";
        add(menu, "button", "", { type: "button", textContent: words[`figure_${name}`], title }).onclick = async () => {
          this.root.open = false;
          by.focus();
          await run();
        };
      };
    for (const [kind, file] of Object.entries(KINDS))
      item(kind, async () => {
        const name = ["sidelight", card.name, card.root.dataset.pane].filter(Boolean).join("-");
        download(await file(figureOf(card, how), how.wide || null), `${name}.${kind.slice(0, 3)}`);
      });
    item("pdf", async () =>
      print(
        await pages(
          shownOf(card.view).map((one) => figureOf(one, how)),
          how.wide || null,
        ),
      ),
    );
    this.wide = this.choice(menu, words, "wide", WIDTHS, (mm) =>
      mm ? fill(words.figure_mm, { mm }) : words.figure_wide_shown,
    );
    this.ground = this.choice(menu, words, "ground", GROUNDS, (one) => words[`figure_${one}`]);
    folds(this.root, () => {
      for (const name of ["wide", "ground"]) this[name].value = how[name];
      menu.style.left = "0"; // then so far to the left that it is over the view, beside which a scroll bar may stand
      menu.style.left = `${Math.min(0, rightOf(card.view.root) - rightOf(menu))}px`;
    });
  }

  choice(menu, words, name, values, called) {
    const label = add(menu, "label", "", { textContent: words[`figure_${name}`] }),
      select = add(label, "select");
    for (const value of values) add(select, "option", "", { value, textContent: called(value) });
    select.onchange = () => {
      how[name] = typeof values[0] === "number" ? Number(select.value) : select.value;
    };
    return select;
  }
}
