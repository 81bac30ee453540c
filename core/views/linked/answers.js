// What the model answered and what it answers with the edits, of each card that has any: classes with their shares, a
// translation with what changed in it, or one number.

import { add, fill, percent } from "./dom.js";

export class Answers {
  constructor(view, place) {
    this.view = view;
    this.root = add(place, "div", "answers", { ariaLive: "polite" });
  }

  wait() {
    this.root.ariaBusy = "true";
  }

  // offered: by card, { answer } as core/ui/hand.py tells it; null where nothing was changed.
  show(offered) {
    this.root.ariaBusy = "false";
    this.root.replaceChildren();
    const told = this.view.cards.filter(({ name }) => offered[name]?.answer);
    if (!told.length) add(this.root, "p", "quiet", { textContent: this.view.words.hand_note });
    for (const { name } of told) {
      const { answer } = offered[name],
        box = add(this.root, "div", "answer");
      if (answer.said) add(box, "p", "", { textContent: answer.said, dir: "auto" });
      if (answer.rows) this.classes(add(box, "table"), answer.rows);
      if (answer.now) this.texts(box, answer);
      if (answer.sure) this.sure(box, answer.sure);
    }
  }

  classes(table, rows) {
    for (const [name, before, now] of rows) {
      const line = add(table, "tr");
      add(line, "th", "", { scope: "row", textContent: name });
      add(line, "td", "", { textContent: `${percent(before, 1)} → ${percent(now, 1)}` });
      const bars = add(add(line, "td"), "div", "bars");
      for (const value of [before, now]) add(bars, "i").style.width = `${100 * value}%`;
    }
  }

  texts(box, { before, now }) {
    const { words } = this.view;
    for (const [name, parts, tag] of [
      [words.hand_before, before, "del"],
      [words.hand_now, now, "ins"],
    ]) {
      const line = add(box, "p", "", { dir: "auto" });
      add(line, "small", "", { textContent: name });
      for (const [text, lacks] of parts) add(line, lacks ? tag : "span", "", { textContent: text });
    }
  }

  sure(box, [before, now]) {
    const shares = { before: percent(before, 1), now: percent(now, 1) };
    add(box, "p", "quiet", { textContent: fill(this.view.words.hand_sure, shares) });
  }
}
