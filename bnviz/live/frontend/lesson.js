// How the stage opens for a lesson: its speed, the point where values are taken, the charts' toggles that are on.

export class Lesson {
  constructor(app) {
    this.app = app;
    this.current = { name: "", speed: 0, point: 0, options: {} };
  }

  /** Another lesson: what the one before had set, and nobody has changed since, goes back to what is usual. */
  open(lesson) {
    if (!lesson || lesson.name === this.current.name) return;
    const { app, current } = this;
    this.current = lesson;
    if (app.point === current.point) app.point = lesson.point;
    const speed = app.state.speed ?? 0;
    if (speed === current.speed && speed !== lesson.speed)
      app.link?.send({ op: "speed", steps_per_second: lesson.speed });
    for (const id of new Set([...Object.keys(current.options), ...Object.keys(lesson.options)])) {
      if (!app.board.cards.has(id)) continue;
      app.board.remove(id);
      app.board.place(id);
    }
  }

  /** The reader leaves the lab: whatever is opened there next is not to crawl at this lesson's speed. */
  close() {
    const { app, current } = this;
    if (current.speed && app.state.speed === current.speed) app.link?.send({ op: "speed", steps_per_second: 0 });
  }

  /** A chart's own options, with what the lesson turns on. */
  settle(id, options) {
    for (const name of this.current.options[id] ?? []) if (name in options) options[name] = true;
  }
}
