// The frame loop: take in what came, draw what is stale and seen, then ask for more. Back-pressure is the frame itself.

import { decodeHeader, decodePayload } from "./decode.js";
import { setText } from "./dom.js";
import { LineChart } from "./lines.js";
import { Store } from "./store.js";
import { invitation } from "./verdicts.js";

const LINES_EVERY = 500;
const LINES_APART = 90;
const SUMMARY_EVERY = 2000;

/** Cheap counters for measuring, read as window.bnvizStats. */
export const newStats = () => ({
  updates: 0,
  bytes: 0,
  frames: 0,
  drawMs: 0,
  lineDraws: 0,
  lineMs: 0,
  lastStep: 0,
  shown: 0,
  playing: false,
  generation: null,
  sockets: 0,
  connected: false,
});

/** What is compared, but for the seed, which a button changes. */
const experiment = ({ arms }) => JSON.stringify(arms.map(({ name, config }) => [name, { ...config, seed: 0 }]));

export class Frames {
  constructor(app) {
    this.app = app;
    this.inbox = [];
    this.counted = 0;
    this.clock = setInterval(() => this.tick(), 1000);
    this.onVisible = () => this.schedule();
    document.addEventListener("visibilitychange", this.onVisible);
  }

  receive(buffer) {
    this.app.stats.updates += 1;
    this.app.stats.bytes += buffer.byteLength;
    this.inbox.push({ buffer });
    this.schedule();
  }

  schedule() {
    if (this.frame || this.disposed) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.app.stats.frames += 1;
      const started = performance.now();
      this.app.player.advance?.(started);
      this.absorb();
      this.paint(started);
      this.app.stats.drawMs += performance.now() - started;
      this.pull();
      if (this.app.state.playing || this.pending) this.schedule();
    });
  }

  /** Ask for what is newer; urgently where another question waits for its answer. */
  pull(urgent = false) {
    if (document.hidden || !this.app.link || this.inbox.length) return;
    const { layer } = this.app;
    const store = this.app.known ? this.app.store : null;
    const { last } = this.app.state; // of a recording: whoever has it needs to ask no more
    if (store && last !== undefined && store.cursor >= last && store.detailCursor(layer) >= last) return;
    const question = {
      generation: store?.generation ?? -1,
      cursor: store?.cursor ?? -1,
      layer,
      layer_cursor: store?.detailCursor(layer) ?? -1,
    };
    this.app.link.pull(question, urgent);
  }

  absorb() {
    for (const { meta, buffer } of this.inbox.splice(0)) {
      try {
        if (meta) this.begin(meta);
        else this.take(buffer);
      } catch (error) {
        this.app.say(`The page could not read the server's answer: ${error.message}`);
      }
    }
  }

  /** A new generation: a new store under the same elements. After a reconnect the old one goes on. */
  begin(meta) {
    const { app } = this;
    const same = app.known && app.store?.generation === meta.generation;
    app.meta = meta;
    app.blank.cover(false);
    app.known = true;
    if (same) return;
    this.explain(meta);
    app.store = new Store(meta);
    app.state = { ...app.state, arms: undefined, verdicts: [] };
    Object.assign(app, { shown: 0, following: true });
    app.layer = Math.min(app.layer, app.layers - 1);
    app.reporter.begun();
    app.switches.asked.clear();
    app.focusedArm = Math.min(app.focusedArm, meta.arms.length - 1);
    app.switches.build(meta);
    app.board.build(meta, app.charts);
    app.stats.generation = meta.generation;
    app.redrawAll();
  }

  /** Why the charts begin anew, where nobody pressed for it; whoever opens another recording knows. */
  explain(meta) {
    const { app } = this;
    const trained = !meta.recorded && app.store?.lastStep > 0;
    if (trained && app.wasLost)
      app.say("The app no longer knew this run: it is back at step 0, with everything that was set. Play repeats it.");
    else if (trained && experiment(app.store.meta) !== experiment(meta))
      app.say("The experiment has changed: its networks start at step 0.", 8);
    app.wasLost = false;
  }

  take(buffer) {
    const { app } = this;
    const { header, offset } = decodeHeader(buffer);
    if (!app.known || header.generation !== app.store.generation) return;
    app.store.append(header, decodePayload(buffer, header, offset, app.meta));
    const before = app.state;
    app.state = { ...before, ...header, verdicts: header.verdicts ?? before.verdicts };
    app.switches.agree(header.arms);
    if (app.following) app.shown = app.store.lastStep;
    this.paused ||= before.playing && header.playing === false;
    Object.assign(app.stats, { playing: Boolean(app.state.playing), lastStep: app.store.lastStep });
    app.reporter.observe();
    this.syncControls();
    const marks = (arms) => JSON.stringify(arms?.map((arm) => arm.interventions));
    const news = header.arms.some((arm) => arm.count || arm.layer.count);
    if (news || this.paused || marks(before.arms) !== marks(header.arms)) app.touch();
  }

  syncControls() {
    const { app } = this;
    const fresh = app.store.lastStep === 0 && !app.state.playing && !app.meta.recorded;
    app.player.sync(app.state);
    app.switches.sync(app.state.arms);
    app.verdicts.show(
      app.state.verdicts,
      app.meta.arms.map((arm) => arm.name),
      fresh ? invitation(app.meta) : app.state.finished || app.player.hint?.(app) || "",
    );
    app.root.classList.toggle("is-fresh", fresh);
    this.readoutsDue = true;
  }

  /** Canvases that are in sight and stale, then at most one Plotly chart: the rest waits for its frame. */
  paint(now) {
    this.pending = false;
    if (!this.app.store) return;
    if (this.readoutsDue) this.readouts();
    const due = [];
    for (const { chart, seen } of this.app.board.cards.values()) {
      if (!seen || !chart.dirty) continue;
      if (chart instanceof LineChart) due.push(chart);
      else chart.draw();
    }
    this.paintLines(due, now);
    this.summaryDue = true;
    if (this.paused || now - (this.summarized ?? -Infinity) > SUMMARY_EVERY) this.summarize(now);
  }

  summarize(now) {
    Object.assign(this, { summarized: now, paused: false, summaryDue: false });
    this.app.board.summarize();
  }

  paintLines(due, now) {
    if (!window.Plotly || !due.length) return;
    const oldest = due.reduce((first, chart) => (chart.drawn < first.drawn ? chart : first));
    const patience = this.app.state.playing && oldest.drawn ? Math.max(LINES_EVERY, 14 * oldest.cost) : 0;
    this.pending = !this.app.state.playing && due.length > 1;
    if (now - oldest.drawn < patience || now - (this.lineDrawn ?? 0) < (this.app.state.playing ? LINES_APART : 0))
      return;
    const started = performance.now();
    oldest.draw();
    this.lineDrawn = started;
    this.app.stats.lineDraws += 1;
    this.app.stats.lineMs += performance.now() - started;
  }

  readouts() {
    this.readoutsDue = false;
    const history = this.app.store.timeline;
    this.app.player.show(history, history.index(this.app.shown), this.app.shown, this.app.following);
    this.app.verdicts.lookBack(!this.app.following, this.app.store, this.app.meta.recorded);
    this.app.switches.show(this.app);
    this.app.board.sync();
    this.app.stats.shown = this.app.shown;
  }

  tick() {
    const rate = this.app.stats.updates - (this.counted ?? 0);
    this.counted = this.app.stats.updates;
    const readout = this.app.player.updatesPerSecond;
    if (readout) setText(readout, this.app.state.playing ? String(rate) : "0");
    const now = performance.now();
    if (this.summaryDue && this.app.store && now - this.summarized > SUMMARY_EVERY) this.summarize(now);
  }

  dispose() {
    this.disposed = true;
    cancelAnimationFrame(this.frame);
    clearInterval(this.clock);
    document.removeEventListener("visibilitychange", this.onVisible);
  }
}
