// What belongs in the page's link travels to Streamlit when the reader changes it, and only then.

const QUIET = 300;

export class Reporter {
  constructor(app) {
    this.app = app;
    this.userActed = false;
    this.reported = null;
    this.sent = new Set();
  }

  /** The view that the page sent: applied when it is news, not when it is our own report coming back. */
  incoming({ view, token, generation }) {
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
    clearTimeout(this.timer);
    Object.assign(this, { awaiting: true, userActed: false });
  }

  /** A generation began on the server. */
  begun() {
    if (this.awaiting) this.reported = null;
    this.awaiting = false;
  }

  touched() {
    this.userActed = true;
    this.awaiting = false;
    if (this.reported) this.later();
  }

  /** The server's word on interventions and pausing; the first one is where we start from. */
  observe() {
    if (this.awaiting) return;
    if (this.reported === null) this.reported = JSON.stringify(this.view());
    else if (this.userActed && JSON.stringify(this.view()) !== this.reported) this.later();
  }

  view() {
    const { app } = this;
    const arms = app.state.arms ?? [];
    return {
      layer: app.layer,
      charts: app.charts,
      until: app.state.until ?? null,
      interventions: arms.map((arm) => arm.interventions ?? []),
      seed: app.meta?.arms[0]?.config?.seed ?? null,
    };
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.report(), QUIET);
  }

  report() {
    if (!this.app.state.arms) return;
    const view = this.view();
    const text = JSON.stringify(view);
    if (text === this.reported) return;
    this.reported = text;
    this.sent.add(viewKey(view));
    if (this.sent.size > 50) this.sent.delete(this.sent.values().next().value);
    this.component.setStateValue("view", view);
  }

  dispose() {
    clearTimeout(this.timer);
  }
}

const viewKey = ({ layer, charts, until }) => JSON.stringify([layer ?? 0, charts ?? null, until ?? null]);
