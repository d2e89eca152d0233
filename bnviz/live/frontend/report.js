// What belongs in the page's link travels to Streamlit when the reader changes it, and only then.

const SOON = 300;
const LONGEST_AWAITED = 1500;

export class Reporter {
  constructor(app) {
    this.app = app;
    this.userActed = false;
    this.reported = null;
    this.sent = new Set();
  }

  /** The view that the page sent: applied when it is news, not when it is our own report coming back. */
  incoming({ view, token, generation }) {
    this.generation = generation;
    const key = JSON.stringify([token, generation, view]);
    if (!view || key === this.lastIncoming) return;
    const run = JSON.stringify([token, generation]);
    const sameRun = run === this.run;
    Object.assign(this, { lastIncoming: key, run });
    if (sameRun && this.sent.has(viewKey(view))) return;
    const { app } = this;
    app.layer = Math.max(0, view.layer ?? 0);
    app.charts = view.charts ?? null;
    this.reported = null;
    if (!sameRun) this.expectNewRun();
    if (!app.meta) return;
    if (sameRun) app.layer = Math.min(app.layer, app.layers - 1);
    app.board.choose(app.charts);
  }

  /** The page asked for another experiment: what the old run did is no longer for its link. */
  expectNewRun() {
    this.forget();
    Object.assign(this, { awaiting: true, userActed: false });
    this.patience = setTimeout(() => this.begun(), LONGEST_AWAITED); // it may have begun before the page said so
  }

  /** A generation began on the server. */
  begun() {
    clearTimeout(this.patience);
    this.awaiting = false;
  }

  touched() {
    this.userActed = true;
    this.later();
  }

  /** The server's word on interventions and pausing; until the reader acts it is where we start from. */
  observe() {
    if (this.awaiting) return;
    const text = JSON.stringify(this.view());
    if (!this.userActed) this.reported = text;
    else if (text !== this.reported) this.later();
  }

  view() {
    const { app } = this;
    const arms = app.state.arms ?? [];
    return {
      generation: this.generation,
      layer: app.layer,
      charts: app.charts,
      until: app.state.until ?? null,
      interventions: arms.map((arm) => arm.interventions),
      seed: app.meta?.arms[0].config?.seed ?? null,
    };
  }

  /** Soon, also where news comes with every frame: a timer that runs is left alone. */
  later() {
    this.timer ??= setTimeout(() => this.report(), SOON);
  }

  forget() {
    clearTimeout(this.timer);
    clearTimeout(this.patience);
    this.timer = null;
  }

  report() {
    this.timer = null;
    if (this.awaiting || !this.app.state.arms) return;
    const view = this.view();
    const text = JSON.stringify(view);
    if (text === this.reported) return;
    this.reported = text;
    this.sent.add(viewKey(view));
    if (this.sent.size > 50) this.sent.delete(this.sent.values().next().value);
    this.component.setStateValue("view", view);
  }

  dispose() {
    this.forget();
  }
}

const viewKey = ({ layer, charts, until }) => JSON.stringify([layer ?? 0, charts ?? null, until ?? null]);
