// The WebSocket to the server: one pull at a time, commands at once, reconnect with backoff.

const FIRST_WAIT = 250;
const LONGEST_WAIT = 8000;
const SILENCE = 20000; // the largest networks take seconds for their first answer
/** Close code by which the server says that a newer page took this stage over. */
const REPLACED = 4001;
/** Close code after the word that as many pages wait as may. */
const CROWDED = 4003;
/** So many commands are kept for the next line. */
const HELD = 20;

/** Messages about a run's place to train, and whether nothing else comes before the next of them. */
const PLACES = { waiting: true, admitted: false, released: false };

/** The socket's address, from where the assets were loaded: right under any base path. */
export function socketUrl(assets, { socket, assets: folder, token }) {
  const base = folder && assets.pathname.endsWith(`/${folder}`) ? assets.pathname.slice(0, -folder.length) : "/";
  const url = new URL(base + socket, assets);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("token", token);
  return url.href;
}

export class Link {
  /** `on`: {frame(buffer), meta(object), measured(object), error(text), placed(object), lost(), status(text)} */
  constructor(url, on) {
    this.url = url;
    this.on = on;
    this.held = []; // commands that nobody may have heard: the socket is down, or the run has no place
    this.waiting = false;
    this.queued = false; // the server has no place for this run yet: silence is no fault
    this.wait = FIRST_WAIT;
    this.closed = false;
    this.open();
  }

  get ready() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  open() {
    if (this.closed) return;
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.waiting = this.queued = false;
    this.placed = true; // as long as it is not said otherwise
    socket.addEventListener("open", () => this.opened());
    socket.addEventListener("message", (event) => socket === this.socket && !this.closed && this.receive(event.data));
    socket.addEventListener("close", (event) => socket === this.socket && this.dropped(event.code));
  }

  opened() {
    this.on.status("open");
    for (const message of this.held) this.socket.send(message);
    this.on.ready();
  }

  receive(data) {
    if (data instanceof ArrayBuffer) {
      this.waiting = false;
      this.wait = FIRST_WAIT;
      if (this.placed) this.held = [];
      clearTimeout(this.watchdog);
      this.on.frame(data);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "meta") this.on.meta(message);
    else if (message.type in PLACES) this.hear(message);
    else if (message.type === "measured") this.on.measured?.(message);
    else if (message.type === "error") this.failed(message.message);
    else if (message.type === "unknown_token") {
      this.close();
      this.on.lost();
    }
  }

  /** News of this run's place: it waits for one, has one, or has lost one that it did not use. */
  hear(news) {
    this.queued = PLACES[news.type];
    this.placed = news.type === "admitted";
    if (this.placed) this.held = [];
    if (this.queued) clearTimeout(this.watchdog);
    this.wait = FIRST_WAIT;
    this.on.placed(news);
    if (!this.queued && this.waiting) this.watch();
  }

  /** An error may have come in place of an answer: after a moment, ask again. */
  failed(text) {
    this.on.error(text);
    clearTimeout(this.retry);
    this.retry = setTimeout(() => {
      this.waiting = false;
      this.on.ready();
    }, 1000);
  }

  dropped(code) {
    clearTimeout(this.watchdog);
    this.waiting = false;
    if (this.closed) return;
    if (code === REPLACED) {
      this.on.status("replaced");
      return;
    }
    if (code !== CROWDED) this.on.status("reconnecting");
    this.timer = setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(2 * this.wait, LONGEST_WAIT);
  }

  /** Ask for everything newer. At most one question is open; an urgent one takes its place, the server answers the newest. */
  pull(question, urgent = false) {
    if (!this.ready || (this.waiting && !urgent)) return;
    this.waiting = true;
    this.socket.send(JSON.stringify({ op: "pull", ...question }));
    this.watch();
  }

  /** An answer that doesn't come for long means that the line is dead; who waits for a place is not answered. */
  watch() {
    clearTimeout(this.watchdog);
    if (!this.queued) this.watchdog = setTimeout(() => this.reopen(), SILENCE);
  }

  /** A command; kept while the server may lose it with the line, and sent again on the next. */
  send(message) {
    const text = JSON.stringify(message);
    if (this.ready) this.socket.send(text);
    if ((!this.ready || !this.placed) && this.held.length < HELD) this.held.push(text);
  }

  reopen() {
    clearTimeout(this.watchdog);
    clearTimeout(this.timer);
    const old = this.socket;
    this.socket = null;
    old?.close();
    this.open();
  }

  close() {
    this.closed = true;
    clearTimeout(this.retry);
    clearTimeout(this.timer);
    clearTimeout(this.watchdog);
    this.socket?.close();
  }
}
