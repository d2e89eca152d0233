// Edits on their way to Python: the draft, one edit in flight, one-shot commands, and what of it was refused.

const PATIENCE = 5000;
/** What a command replaces: drafts of these that were typed before it are void. */
const REPLACES = {
  example: () => ["batch", "gamma", "beta", "upstream"],
  upstream_example: () => ["upstream"],
  paste: ({ field }) => [field],
  undo: () => ["gamma", "beta"],
};

export class Post {
  /** `deliver({serial, draft})` hands an edit to Python; `late(times)` tells of an answer that is overdue. */
  constructor(deliver, late) {
    Object.assign(this, { deliver, late, state: {}, serial: 0, flight: 0, waiting: false, resent: 0 });
    /** key: {value, serial}: what was typed and not yet taken over; serial 0 while unsent */
    this.edits = new Map();
    this.commands = Object.fromEntries(Object.keys(REPLACES).map((name) => [name, null]));
  }

  /** The full state as the reader means it: the last good one and what was typed since. */
  get draft() {
    const typed = [...this.edits].map(([key, { value }]) => [key, value]);
    return { ...this.state, ...Object.fromEntries(typed), ...this.commands };
  }

  pending(key) {
    return this.edits.has(key);
  }

  change(values) {
    for (const [key, value] of Object.entries(values)) this.edits.set(key, { value, serial: 0 });
    this.send();
  }

  command(name, value) {
    for (const key of REPLACES[name](value)) this.edits.delete(key);
    this.commands[name] = { value, serial: 0 };
    this.send();
  }

  /** Forget what was typed for a key: its last good value holds. */
  revert(key) {
    if (this.edits.delete(key)) this.send();
  }

  send() {
    this.waiting = true;
    if (!this.flight) this.depart();
  }

  depart() {
    this.waiting = false;
    this.serial += 1;
    this.flight = this.serial;
    for (const one of [...this.edits.values(), ...Object.values(this.commands)]) {
      if (one && !one.serial) one.serial = this.serial;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.overdue(), PATIENCE);
    this.deliver({ serial: this.serial, draft: this.draft });
  }

  overdue() {
    this.resent += 1;
    this.late(this.resent);
    this.depart();
  }

  /** Python's answer: what it took over is no draft any more; what it refused stays as it was typed. */
  answered({ serial, state, problems }) {
    this.state = state;
    this.serial = Math.max(this.serial, serial);
    const refused = new Set(problems.map((problem) => problem.field));
    for (const [key, edit] of this.edits) {
      if (edit.serial && edit.serial <= serial && !refused.has(key)) this.edits.delete(key);
    }
    for (const [name, command] of Object.entries(this.commands)) {
      if (command?.serial && command.serial <= serial) this.commands[name] = null;
    }
    if (!this.flight || serial < this.flight) return;
    this.flight = 0;
    this.resent = 0;
    clearTimeout(this.timer);
    // Not from within the page's own call.
    if (this.waiting) setTimeout(() => this.waiting && !this.flight && this.depart());
  }

  dispose() {
    clearTimeout(this.timer);
    this.deliver = () => {};
  }
}
