// Where traces lead, and the one rule for pointing: from a position, every axis is lit that a trace leads to. On one
// axis a trace follows the chosen direction; from one axis to another it goes from its queries, and always back from
// its keys. An axis is `groups`, lists of the positions that are pointed at together, `special`, those without content,
// and `start`, the group that is asked first.

export class Lead {
  // queries, keys: axes. written: row t writes output t and has just read output t - 1; `reading` says which is meant.
  // behind: how many keys stand before the first position of their axis. sinks: keys with content that every query
  // reads. last: the group that asked last.
  constructor({ name, queries, keys, written, behind, sinks }, trace, axes) {
    Object.assign(this, { name, written, behind, sinks, trace, queries: axes[queries], keys: axes[keys] });
    this.last = this.queries.start;
  }

  get crosses() {
    return this.queries !== this.keys && !this.keys.over; // pooled keys are the same picture
  }

  // The rows in which a group asks; none for the last output as what was just read, since it never is.
  rows(group, reading) {
    if (!this.written || reading !== "input") return group;
    return group.map((i) => i + 1).filter((i) => i < this.trace.queries);
  }
  columns(group) {
    return this.behind ? group.map((j) => j + this.behind).filter((j) => j < this.trace.keys) : group;
  }

  // The keys that carry no content, and sinks.
  get marks() {
    const { behind, keys, sinks } = this;
    return [...Array(this.trace.keys).keys()].filter(
      (j) => j < behind || keys.special[j - behind] || sinks.includes(j),
    );
  }

  // What a group of an axis lights: weights and even shares of an axis' groups, or null where nothing leads on.
  from(axis, group, choice, heads, l) {
    const { trace, queries, keys } = this,
      { turned, method, reading } = choice,
      on = heads.filter((h) => h < trace.heads);
    if (axis === queries && turned && keys.over)
      return this.from(keys, [keys.holding(group[0])], choice, heads, l);
    if (axis === queries && !turned) {
      const groups = keys.groups.map((one) => this.columns(one));
      const found = look(trace, l, on, this.rows(group, reading), groups, method);
      return { lead: this, axis: keys, forward: true, ...found };
    }
    if (axis === keys && (turned || this.crosses)) {
      const groups = queries.groups.map((one) => this.rows(one, reading));
      const found = lookedAt(trace, l, on, this.columns(group), groups, method);
      return { lead: this, axis: queries, forward: false, ...found };
    }
    return null;
  }
}

// What a position lights: one of `from` for each axis, or null. depth: 0 first layer, 1 last.
export function lit(leads, axes, axis, group, choice, heads) {
  const found = leads.map((lead) => lead.from(axis, group, choice, heads, lead.trace.at(choice.depth)));
  return axes.map((one) => found.find((light) => light?.axis === one) ?? null);
}

// The light that is told first: on another axis, where there is one, else on its own.
export function leading(lights) {
  const own = lights.find((one) => one && !one.lead.crosses);
  return lights.find((one) => one?.forward && one.lead.crosses) ?? own;
}

// What is looked at: the mean over the rows that ask, the sum over the keys of a group.
export function look(trace, l, heads, rows, groups, method) {
  const weights = new Float32Array(groups.length),
    shares = new Float32Array(groups.length);
  for (const i of rows) {
    const row = trace.rowOf(l, heads, i, method),
      even = trace.evenRow(l, heads, i, method);
    groups.forEach((group, x) => {
      for (const j of group) {
        weights[x] += row[j] / rows.length;
        shares[x] += even[j] / rows.length;
      }
    });
  }
  return { weights, shares };
}

// Who looks: the sum over the keys that are asked, the mean over the rows of a group.
export function lookedAt(trace, l, heads, keys, groups, method) {
  const all = new Float32Array(trace.queries),
    even = new Float32Array(trace.queries);
  for (const j of keys) {
    const column = trace.columnOf(l, heads, j, method),
      share = trace.evenColumn(l, heads, j, method);
    for (let i = 0; i < all.length; i++) {
      all[i] += column[i];
      even[i] += share[i];
    }
  }
  const mean = (values) =>
    Float32Array.from(groups, (group) => group.reduce((sum, i) => sum + values[i], 0) / (group.length || 1));
  return { weights: mean(all), shares: mean(even) };
}
