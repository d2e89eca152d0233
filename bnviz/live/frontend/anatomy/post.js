// Edits on their way to Python: the draft, one edit in flight, one-shot commands, and what of it was refused.

const PATIENCE = 5000;
/** Nothing typed or dragged for so long: the address may be written. */
const QUIET = 500;
/** By then another page is there, if the reader went to one. */
const GONE = 2000;
/** What a command replaces: drafts of these that were typed before it are void. */
const REPLACES = {
  example: () => ["batch", "gamma", "beta", "upstream"],
  upstream_example: () => ["upstream"],
  paste: ({ field }) => [field],
  undo: () => ["gamma", "beta"],
};

/** Whether a list of lists has a place. */
const has = (list, [index, ...rest]) => index < list.length && (!rest.length || has(list[index], rest));

/** A copy of a list of lists with another value at a place. */
const placed = (list, [index, ...rest], value) =>
  list.map((old, i) => (i !== index ? old : rest.length ? placed(old, rest, value) : value));

export class Post {
  /** `deliver({serial, settled, draft})` hands an edit to Python; `late(times)` tells of an answer that is overdue. */
  constructor(deliver, late) {
    Object.assign(this, { deliver, late, state: {}, serial: 0, first: Infinity, flight: 0, resent: 0 });
    Object.assign(this, { waiting: false, settled: true, paused: false });
    /** What was typed and not yet taken over: {key, place, value, serial}; serial 0 while unsent. */
    this.edits = new Map();
    /** Rows and columns to come and go: {key, change, serial}. */
    this.reshapes = [];
    this.commands = Object.fromEntries(Object.keys(REPLACES).map((name) => [name, null]));
  }

  /** The full state as the reader means it: the last good one and what was typed since, as far as it may go already. */
  get draft() {
    const draft = { ...this.state, ...this.commands };
    for (const one of this.changes()) {
      if (this.held(one)) continue;
      const { key, place, value, change } = one;
      draft[key] = change ? change(draft[key]) : place ? placed(draft[key], place, value) : value;
    }
    return draft;
  }

  changes() {
    return [...this.reshapes, ...this.edits.values()];
  }

  /** What was typed for a key, or a place in its list, and is not taken over; else undefined. */
  typed(key, place) {
    return this.edits.get(String([key, place]))?.value;
  }

  pending(key) {
    return [...this.edits.values()].some((one) => one.key === key);
  }

  /** Whether a change must wait for an answer: its table is about to be replaced, or to get another shape. */
  held({ key, change }) {
    const coming = Object.entries(this.commands).flatMap(([name, one]) => (one ? REPLACES[name](one.value) : []));
    if (!change) coming.push(...this.reshapes.map((reshape) => reshape.key));
    return coming.includes(key) || (key === "upstream" && coming.includes("batch"));
  }

  // What the reader does

  /** One step: chosen, switched. */
  change(values) {
    for (const [key, value] of Object.entries(values)) this.put(key, value);
    this.send();
  }

  /** On the way: typed or dragged. `place`: [index] or [row, column] where the key has a list. */
  type(key, value, place) {
    this.put(key, value, place);
    this.settled = false;
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.settle(), QUIET);
    this.depart();
  }

  put(key, value, place) {
    this.edits.set(String([key, place]), { key, place, value, serial: 0 });
    this.waiting = true;
  }

  /** Rows or columns more or less: `change(table)` is the new table. */
  reshape(key, change) {
    this.reshapes.push({ key, change, serial: 0 });
    this.send();
  }

  command(name, value) {
    this.forget((one) => REPLACES[name](value).includes(one.key));
    this.commands[name] = { value, serial: 0 };
    this.send();
  }

  /** Take back what was typed for a key, or for one place in it: the last good value holds. */
  revert(key, place) {
    this.forget((one) => one.key === key && (!place || String(one.place) === String(place)));
    this.send();
  }

  forget(unwanted) {
    this.reshapes = this.reshapes.filter((one) => !unwanted(one));
    for (const [id, one] of this.edits) if (unwanted(one)) this.edits.delete(id);
  }

  /** Typing or dragging is over: the address follows. */
  settle() {
    if (!this.settled) this.send();
  }

  // On its way

  send() {
    clearTimeout(this.quiet);
    this.settled = this.waiting = true;
    this.depart();
  }

  /** The newest draft leaves, unless an edit is in flight. */
  depart() {
    if (!this.waiting || this.flight || this.paused) return;
    this.launch();
  }

  launch() {
    this.waiting = false;
    this.serial += 1;
    this.flight = this.serial;
    this.first = Math.min(this.first, this.serial);
    for (const one of this.changes()) one.serial = this.held(one) ? 0 : one.serial || this.serial;
    for (const one of Object.values(this.commands)) if (one) one.serial ||= this.serial;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.overdue(), PATIENCE);
    this.deliver({ serial: this.serial, settled: this.settled, draft: this.draft });
  }

  overdue() {
    this.resent += 1;
    this.late(this.resent);
    this.launch();
  }

  /** Python's answer: what it took over is no draft any more; what it refused stays as it was typed. */
  answered({ serial, state, problems }) {
    this.state = state;
    this.serial = Math.max(this.serial, serial);
    // Of a table every cell is refused for itself; of a list such as gamma, all.
    const refused = ({ key, place }) =>
      problems.some(
        ({ field, row, column }) => field === key && (row == null || String([row, column]) === String(place)),
      );
    const sent = (one) => one?.serial && one.serial <= serial;
    for (const [name, one] of Object.entries(this.commands)) if (sent(one)) this.commands[name] = null;
    this.forget(
      (one) => (sent(one) && (one.change || !refused(one))) || (one.place && !has(state[one.key], one.place)),
    );
    if (!this.flight || serial < this.flight) return;
    this.flight = this.resent = 0;
    clearTimeout(this.timer);
    if (this.changes().some((one) => !one.serial)) this.waiting = true;
    // Not from within the page's own call.
    this.timer = setTimeout(() => this.depart());
  }

  /** The reader goes to another page: an edit that overtook that would bring this one back. */
  pause() {
    this.dispose();
    this.rest = setTimeout(() => {
      this.paused = false;
      if (this.flight) return this.overdue();
      this.settle();
      this.depart();
    }, GONE);
  }

  dispose() {
    this.paused = true;
    for (const timer of [this.timer, this.quiet, this.rest]) clearTimeout(timer);
  }
}
