// How large the pictures are: what is left of the window when all that belongs to them has its place, so that nothing
// of a card or of the film lies below the fold. A photo that the film below would keep small has it beside itself.

const WIDE = 760, // px from which cards stand side by side
  TIGHT = [1100, 660], // px of the bar below which its drawers are signs: with the scale in it, and without
  APART = 28,
  HEADING = 26, // px of a card's title
  TOLD = 92, // px that are kept for what is said below a picture, below one of full height, of three, and on a phone
  TOLD_ASIDE = 84,
  TOLD_NARROW = 122, // in a column beside a photo that is narrower than NARROW px
  NARROW = 520,
  TOLD_OF_THREE = 70,
  TOLD_BELOW = 78,
  DOUBTS = 20, // below that, where there are any
  LEAST = 220, // px, the height of a picture where the window has no room for one
  LEAST_OF_THREE = 120,
  SMALL = 0.55, // of its column: a photo of three that had to be smaller fills the window, with the words below
  WORDS = 140, // px of words that stand below photos, at least
  FIRST = 96; // px of the next card's title and first line, which are seen above the film while something is pinned
const TRIES = 264; // px less than half of the width: what to try stands there, on the line of the second title
const SIDE = [0.36, 0.54], // of the width, at least and at most, for a photo beside words
  WISHED = 0.455, // of the window's width, for a photo; and on a phone, which leaves more to the words
  WIDE_ON_PHONE = 0.905;

// Where an element begins on its page, whatever has been scrolled.
export function topOf(element) {
  let top = element.getBoundingClientRect().top;
  for (let one = element; one; one = one.parentElement ?? one.getRootNode().host ?? null) top += one.scrollTop;
  return top;
}

const gridOf = ({ axes }) => axes.find(({ shape }) => shape === "grid");

export function arrange(view) {
  const { root, room, cards, pin } = view,
    width = root.clientWidth;
  if (!width) return;
  const top = topOf(root),
    larger = Number(getComputedStyle(root).getPropertyValue("--larger")) || 1, // in a talk
    wide = width >= WIDE,
    lone = wide && cards.length === 1,
    photo = gridOf(cards[0]),
    shape = {
      narrow: !wide,
      pinned: Boolean(pin),
      two: wide && !lone && !pin,
      lone: lone && !pin && Boolean(photo),
    };
  for (const [name, is] of Object.entries(shape)) root.classList.toggle(name, is);
  for (const card of view.all) card.root.hidden = Boolean(pin) && !wide && card.root.dataset.pane !== pin.shown;
  room.style.gridTemplateColumns = "";
  cards[0].told.style.paddingBottom = "";
  cards[0].reading?.lower(0);
  for (const { root: one } of cards) one.style.paddingBottom = "";
  aside(view, 0, wide);
  const named = Math.max(
      0,
      ...[...room.querySelectorAll(".picture .chips:not(.corner)")].map((one) => one.offsetHeight),
    ),
    left = window.innerHeight - (top < window.innerHeight / 2 ? top : 16) - 12 - (named && named + 8),
    size = { width, left, larger, tall: Math.max(LEAST, left - view.foot.offsetHeight - HEADING - larger * TOLD) };
  if (!wide) stack(view, size);
  else if (pin) threes(view, size);
  else if (!lone) pair(view, size);
  else if (shape.lone) alone(view, photo, size);
  else fit(cards[0], width, Math.min(size.tall, 440));
}

// The film at the foot of the second card, so many pixels wide, or below all (0).
function aside({ root, foot, bar, film, pin }, width, wide) {
  film.room = 0;
  root.classList.toggle("side", width > 0);
  foot.style.width = width ? `${width}px` : "";
  root.classList.toggle("tight", !wide || foot.clientWidth < TIGHT[width ? 1 : 0]);
  if (!wide) bar.legend.stand(root, foot);
  else if (width) bar.legend.stand(foot, bar.root);
  else bar.legend.stand(bar.root, bar.sides[0].button.parentElement);
  pin?.legend.stand(wide ? pin.root : root, wide ? null : foot);
  film.place();
}

// One below the other; the photo as wide as the page, but so high that its words and what is said stand above the film.
function stack({ all, foot, pin, cards }, { width, left }) {
  const others = pin ? pin.root.offsetHeight + (cards.length > 1 ? FIRST : 0) : 0;
  for (const card of all.filter(({ root }) => !root.hidden)) {
    const photo = gridOf(card),
      below = (photo && card.reading ? heightOf(card.reading, width) : 0) + (card.meta.doubts.length && DOUBTS),
      most = Math.max(LEAST, left - foot.offsetHeight - HEADING - TOLD_BELOW - below - others);
    fit(card, width, photo ? Math.min(most, (WIDE_ON_PHONE * window.innerWidth) / photo.ratio) : 0);
  }
}

// Of words below their photo, with what is between them.
function heightOf(reading, width) {
  reading.fit(width, 0);
  return reading.box.offsetHeight + 10;
}

// A photo and, beside it, its words, what is said and the film, which fills what is left of the column where there are
// no words, unless a drawer lies there.
function alone(view, photo, { width, left, larger }) {
  const { film, foot, overview, cards } = view,
    high = Math.max(LEAST, left - HEADING),
    own = Math.floor(width * Math.min(SIDE[1], Math.max(SIDE[0], (high * photo.ratio) / width))),
    column = width - own - APART,
    told = larger * (column < NARROW * larger ? TOLD_NARROW : TOLD);
  aside(view, column, true);
  photo.fit(own, high);
  const { reading } = cards[0],
    free = Math.max(0, photo.height - told - foot.offsetHeight);
  reading?.fit(column, free);
  reading?.lower(Math.max(0, (free - reading.box.offsetHeight) / 2));
  if (!overview.open && !reading) film.fill(free + film.strip.offsetHeight);
  cards[0].told.style.paddingBottom = `${foot.offsetHeight + 8}px`; // words that need more push the film down
}

// Two beside each other.
function pair(view, { width, left, tall, larger }) {
  const { cards, room, foot } = view,
    grids = cards.slice(0, 2).map(gridOf),
    one = grids.findIndex(Boolean),
    both = grids.every(Boolean) || one < 0;
  let high = tall,
    widths = [Math.floor((width - APART) / 2), 0];
  if (!both) {
    const { ratio } = grids[one],
      share = (height) => Math.floor(width * Math.min(SIDE[1], Math.max(SIDE[0], (height * ratio) / width))),
      beside = left - HEADING - larger * TOLD_ASIDE;
    let own = share(tall);
    if (one === 0 && cards.length === 2 && own < WISHED * window.innerWidth && share(beside) > own) {
      own = share(beside);
      aside(view, width - own - APART, true);
      high = Math.max(LEAST, Math.min(beside, own / ratio));
    } else high = Math.min(tall, own / ratio);
    widths[0] = one === 0 ? own : width - own - APART;
  }
  widths[1] = width - widths[0] - APART;
  room.style.setProperty("--tries", `${Math.max(0, width / 2 - TRIES)}px`);
  room.style.gridTemplateColumns = widths.map((side) => `${side}px`).join(" ");
  const below = view.root.classList.contains("side") ? foot.offsetHeight + 8 : 0;
  cards.forEach((card, x) => fit(card, widths[x % 2], Math.max(LEAST, x % 2 ? high - below : high)));
  if (below) cards[1].root.style.paddingBottom = `${below}px`; // words that need more push the film down
}

// A, B and their difference in three columns, a row for each card.
function threes({ foot, room, pin }, { width, left }) {
  const { panes, root } = pin,
    column = Math.floor((width - 2 * APART) / 3),
    photos = panes.map(({ b }) => gridOf(b)),
    count = photos.filter(Boolean).length,
    free = left - foot.offsetHeight - root.offsetHeight - 14 - panes.length * (HEADING + TOLD_OF_THREE + 14),
    each = (free - WORDS * (panes.length - count)) / Math.max(1, count),
    most = Math.max(0, ...photos.map((photo) => (photo ? column / photo.ratio : 0))),
    next = panes.length > 1 ? FIRST : 0,
    alone = left - foot.offsetHeight - root.offsetHeight - 14 - HEADING - TOLD_OF_THREE - next,
    high = Math.max(LEAST_OF_THREE, Math.min(most, each < SMALL * most ? alone : each)),
    words = Math.max(WORDS, Math.min(300, (free - high * count) / Math.max(1, panes.length - count)));
  room.style.gridTemplateColumns = `repeat(3, ${column}px)`;
  const stand = (tall) =>
    panes.forEach(({ a, b, difference }, x) => {
      for (const card of [a, b, difference]) fit(card, column, photos[x] ? tall : words);
    });
  stand(high);
  const over = room.offsetHeight - (left - foot.offsetHeight - root.offsetHeight - 14);
  if (count && over > 0 && each >= SMALL * most) stand(Math.max(LEAST_OF_THREE, high - over / count));
}

// A card within a width and a height; words stand below their photo.
function fit(card, width, height) {
  const grid = gridOf(card),
    { room, reading } = card;
  grid?.fit(width, height);
  room.style.minHeight = grid || !reading ? "" : `${height}px`;
  reading?.fit(width, grid ? 0 : height);
}
