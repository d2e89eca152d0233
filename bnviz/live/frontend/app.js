// What the parts of a stage share: the store, the shown step, the commands, and the charts to draw.

import { Blank } from "./blank.js";
import { Board } from "./board.js";
import { Tip } from "./canvas.js";
import { el } from "./dom.js";
import { Frames, newStats } from "./frames.js";
import { listenToKeys } from "./keyboard.js";
import { Lesson } from "./lesson.js";
import { LineChart } from "./lines.js";
import { Measurements } from "./measurements.js";
import { loadPlotly } from "./plotly.js";
import { NOTICES, Notice } from "./notice.js";
import { Player } from "./player.js";
import { Reporter } from "./report.js";
import { Link, socketUrl } from "./socket.js";
import { Switches, label } from "./switches.js";
import { Takeaway } from "./takeaway.js";
import { readTheme } from "./theme.js";
import { Verdicts } from "./verdicts.js";

/** What a stage of live runs is made of; that of recordings has a player and cards of its own. */
const LIVE = { Player, Cards: Switches };

export class App {
  constructor(root, assets, parts = LIVE) {
    Object.assign(this, {
      root,
      parts,
      assets,
      layer: 0,
      point: 0,
      charts: null,
      shown: 0,
      following: true,
      wasLost: false,
      focusedArm: 0,
      state: {},
      store: null,
      meta: null,
    });
    this.stats = window.bnvizStats = newStats();
    this.build();
    this.theme = readTheme(root);
    this.stopKeys = listenToKeys(root, this);
    this.frames = new Frames(this);
    loadPlotly(new URL("plotly.min.js", assets).href).then(
      () => this.redrawAll(),
      (error) => this.say(error.message),
    );
  }

  build() {
    this.tip = new Tip(this.root);
    this.player = new this.parts.Player(this);
    this.switches = new this.parts.Cards(this);
    this.verdicts = new Verdicts();
    this.takeaway = new Takeaway(this);
    this.lesson = new Lesson(this);
    this.board = new Board(this);
    this.measurements = new Measurements(this);
    this.reporter = new Reporter(this);
    this.notice = new Notice();
    this.root.append(
      this.notice.node,
      this.player.node,
      this.switches.node,
      el("div", { class: "bnviz-bar" }, this.verdicts.node, this.board.toolbar),
      this.board.grid,
    );
    this.blank = new Blank(this);
  }

  /** New data from the page: token, view, theme. Never rebuilds what stands. */
  update(component) {
    const { data } = component;
    this.reporter.component = component;
    this.theme = readTheme(this.root);
    if (!data) return;
    this.reporter.incoming(data);
    if (data.token !== this.token) this.connect(data);
    this.lesson.open(data.lesson);
    this.redrawAll();
  }

  connect(data) {
    this.link?.close();
    clearTimeout(this.asking);
    this.token = data.token;
    this.known = false;
    this.stats.sockets += 1;
    this.link = new Link(socketUrl(this.assets, data), {
      frame: (buffer) => this.frames.receive(buffer),
      meta: (meta) => this.frames.inbox.push({ meta }),
      measured: (message) => this.measurements.take(message),
      error: (text) => this.refused(text),
      placed: (news) => this.blank.hear(news),
      lost: () => this.lost(),
      status: (status) => this.status(status),
      ready: () => this.frames.schedule(),
    });
  }

  status(status) {
    this.stats.connected = status === "open";
    this.switches.asked.clear();
    this.measurements.forget();
    this.say(NOTICES[status] ?? "");
  }

  lost() {
    this.wasLost = true;
    this.say("The app no longer knows this run; starting it again …");
    this.askAnew();
  }

  /** The page's own line may still be down, and what is said then is lost: ask until there is another run. */
  askAnew() {
    this.reporter.component.setTriggerValue("lost", this.token);
    this.asking = setTimeout(() => this.askAnew(), 3000);
  }

  say(text, seconds) {
    this.notice.say(text, seconds);
  }

  /** The server could not do what was asked: say why, and put the controls back. */
  refused(text) {
    this.say(text, 8);
    this.switches.asked.clear();
    this.measurements.forget();
    this.frames.readoutsDue = true;
    this.frames.schedule();
  }

  // Commands

  send(message) {
    this.reporter.touched();
    this.link?.send(message);
    this.frames.schedule();
  }

  command(message) {
    this.following = true;
    this.send(message);
  }

  playPause() {
    if (!this.player.node.inert) this.player.playPause();
  }

  toggle(arm) {
    this.switches.toggle?.(arm); // those of recordings can't be switched
  }

  setUntil(step) {
    this.state.until = step;
    this.send({ op: "until", step });
  }

  setLayer(layer) {
    this.layer = Math.max(0, layer);
    this.reporter.touched();
    this.frames.pull(true);
    this.redrawAll();
  }

  setPoint(point) {
    this.point = point;
    this.redrawAll();
  }

  setCharts(charts) {
    this.charts = charts;
    this.board.choose(charts);
    this.reporter.touched();
    this.redrawAll();
  }

  // Time

  scrubTo(index) {
    const history = this.store?.timeline;
    if (!history?.length) return;
    const at = Math.min(Math.max(0, index), history.length - 1);
    this.shown = history.steps[at];
    this.following = at === history.length - 1;
    this.moved();
  }

  scrubBy(distance) {
    if (this.store) this.scrubTo(this.store.timeline.index(this.shown) + distance);
  }

  follow() {
    this.following = true;
    this.shown = this.store?.lastStep ?? 0;
    this.moved();
  }

  /** Another step is shown: canvases anew, Plotly's cursor moved. */
  moved() {
    this.frames.readoutsDue = true;
    for (const { chart } of this.board.cards.values()) {
      if (chart instanceof LineChart) chart.placeCursor();
      else chart.dirty = true;
    }
    this.frames.schedule();
  }

  get layers() {
    return Math.max(1, ...this.meta.arms.map((arm) => arm.layers));
  }

  marks(arm) {
    return (this.state.arms?.[arm]?.interventions ?? []).map((one) => ({
      step: one.step,
      label: label(one, this.meta.arms[arm]),
    }));
  }

  scaleKey() {
    return `${this.store.generation} ${this.layer} ${this.point}`;
  }

  invitation() {
    if (this.meta.recorded) return "This recording has a single record: nothing to see over time.";
    return this.state.playing ? "training …" : "Press Play";
  }

  touch() {
    for (const { chart } of this.board.cards.values()) chart.dirty = true;
    this.frames.readoutsDue = true;
  }

  redrawAll() {
    this.touch();
    for (const { chart } of this.board.cards.values()) chart.drawn = 0;
    this.frames.schedule();
  }

  redraw(chart, atOnce = false) {
    chart.dirty = true;
    if (atOnce) chart.drawn = 0;
    this.frames.schedule();
  }

  dispose() {
    this.notice.say("");
    this.frames.dispose();
    this.stopKeys();
    this.lesson.close();
    clearTimeout(this.asking);
    this.link?.close();
    this.reporter.dispose();
    this.board.dispose();
    this.root.remove();
  }
}
