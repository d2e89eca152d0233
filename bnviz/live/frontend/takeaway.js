// What a reader takes along: files of the whole run from a menu, pictures of single charts. All of it works offline.

import { el } from "./dom.js";
import { placeBeside } from "./help.js";
import { saveCanvas, savePicture } from "./pictures.js";

const SAID_AFTER = 400; // what takes less needs no word

/** what: [title, explanation] */
const FILES = {
  report: ["Report (HTML)", "every chart, interactive and without a network; prints on A4"],
  csv: ["Numbers (CSV)", "every plotted number, for a spreadsheet"],
  parquet: ["Numbers (Parquet)", "the same, typed and compressed, for pandas and others"],
  recording: ["Recording (.bnviz)", "the run as a file that the Recordings page opens"],
};
const FRAMEWORKS = { pytorch: "PyTorch", keras: "Keras 3" };

export class Takeaway {
  constructor(app) {
    this.app = app;
    this.busy = new Set();
    this.menu = popover("Take away", "take-list");
    this.button = opener(this.menu, { class: "bnviz-button is-quiet", "data-bnviz": "take-menu" }, "Take away ▾");
    this.menu.addEventListener("beforetoggle", (event) => event.newState === "open" && this.fill());
  }

  /** The menu as it is at once; what depends on the run's settings is asked for and comes a moment later. */
  fill() {
    this.scripts = el("div", { class: "bnviz-take-scripts" });
    const files = Object.keys(FILES).map((what) => this.file(what));
    this.menu.replaceChildren(el("h4", {}, "Take away"), ...files, this.scripts);
    this.offer().catch((error) => this.app.say(error.message, 8));
  }

  file(what) {
    const [title, explanation] = FILES[what];
    return item(title, explanation, { "data-bnviz": `take-${what}`, on: { click: () => this.take(what, title) } });
  }

  async offer() {
    const offers = await (await this.ask({ what: "offers" })).json();
    if (offers.recording) refuse(this.menu.querySelector('[data-bnviz="take-recording"]'), offers.recording);
    if (offers.scripts.length) this.scripts.replaceChildren(...this.scriptItems(offers.scripts));
    if (this.menu.matches(":popover-open")) placeBeside(this.menu, this.button);
  }

  /** A row a network: its name, and a button a framework, or why there is none. */
  scriptItems(scripts) {
    const step = Math.max(1, this.app.shown).toLocaleString("en");
    const rows = scripts.map((script, arm) =>
      el(
        "div",
        { class: "bnviz-take-script", style: `--arm: var(--bnviz-arm-${arm % 4})` },
        el("b", {}, script.name),
        ...Object.entries(FRAMEWORKS).map(([what, name]) => {
          const button = el(
            "button",
            {
              type: "button",
              class: "bnviz-button is-quiet",
              "data-bnviz": `take-${what}-${arm}`,
              "aria-label": `${name} script of ${script.name}`,
              on: { click: () => this.take(what, `${name} script`, { arm }) },
            },
            name,
          );
          if (script[what]) refuse(button, script[what]);
          return button;
        }),
        ...Object.keys(FRAMEWORKS)
          .filter((what) => script[what])
          .map((what) => el("small", {}, script[what].replace(`${script.name}: `, ""))),
      ),
    );
    return [el("h4", {}, "The training as a script"), el("small", {}, `up to the shown step, ${step}`), ...rows];
  }

  /** The ↓ button of a chart and its choice of formats. */
  forChart(id, title) {
    const popup = popover(`Save: ${title}`, `save-list-${id}`);
    const button = opener(
      popup,
      { class: "bnviz-query bnviz-save", "data-bnviz": `save-${id}`, "aria-label": `Save “${title}”`, title: "Save" },
      "↓",
    );
    const formats = { png: "PNG, for slides", svg: "SVG, for print" };
    popup.append(
      ...Object.entries(formats).map(([format, words]) =>
        el(
          "button",
          {
            type: "button",
            class: "bnviz-take-item",
            "data-bnviz": `save-${id}-${format}`,
            on: { click: () => this.save(id, title, format) },
          },
          words,
        ),
      ),
    );
    return { button, popup };
  }

  /** Have the server make a file and save it. */
  take(what, title, more) {
    return this.work(`${what} ${more?.arm ?? ""}`, title, async () => {
      const answer = await this.ask({ what, ...more });
      download(await answer.blob(), fileName(answer));
    });
  }

  /** Save a chart as a picture in light colours, which slides and paper have. */
  save(id, title, format) {
    return this.work(`${id} ${format}`, `“${title}” as ${format.toUpperCase()}`, async () => {
      const { chart } = this.app.board.cards.get(id);
      if (id === "picture" || chart.onDemand) {
        if (chart.onDemand && !chart.result) throw new Error("measure first, there is nothing to save yet.");
        download(await saveCanvas(this.app, id, chart, format), `${this.stem()}-${id}.${format}`);
        return;
      }
      const answer = await this.ask({ what: "figure", chart: id, options: turnedOn(chart) });
      const picture = await savePicture(this.app, chart, await answer.json(), format);
      download(picture, fileName(answer).replace(/json$/, format));
    });
  }

  /** One at a time of each kind; what takes long is said, what fails too. */
  async work(key, title, make) {
    const { app } = this;
    document.querySelector(".bnviz-menu:popover-open")?.hidePopover();
    if (this.busy.has(key)) return;
    this.busy.add(key);
    let said = false;
    const timer = setTimeout(() => {
      said = true;
      app.say(`Making ${title} …`);
    }, SAID_AFTER);
    try {
      await make();
      if (said) app.say("");
    } catch (error) {
      app.say(`${title}: ${error.message}`, 8);
    } finally {
      clearTimeout(timer);
      this.busy.delete(key);
    }
  }

  async ask(wish) {
    const { app } = this;
    const shown = { token: app.token, layer: app.layer, point: app.point, step: app.shown };
    const address = new URL("../../../", app.assets).href.slice(0, 500); // the lab's, whichever page this is
    let answer;
    try {
      answer = await fetch(new URL("../../take", app.assets), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ ...shown, address, ...wish }),
        cache: "no-store",
      });
    } catch {
      throw new Error("the app can't be reached; try again when it is back.");
    }
    if (!answer.ok) throw new Error(await reason(answer));
    return answer;
  }

  stem() {
    const { app } = this;
    const subject = new URLSearchParams(window.location.search).get("preset") ?? app.meta.dataset ?? "run";
    return `bnviz-${subject.toLowerCase().replace(/[^a-z0-9]+/g, "-")}-step-${app.shown}`;
  }
}

/** The toggles of a chart that are on, and what is chosen of several. */
const turnedOn = ({ options = {}, choices }) => [
  ...Object.keys(options).filter((name) => options[name]),
  ...(choices ? [choices.chosen] : []),
];

async function reason(answer) {
  try {
    return (await answer.json()).message;
  } catch {
    return `the server answered ${answer.status}.`;
  }
}

const fileName = (answer) =>
  /filename="([\w.-]+)"/.exec(answer.headers.get("Content-Disposition") ?? "")?.[1] ?? "bnviz-file";

function download(blob, name) {
  const href = URL.createObjectURL(blob);
  el("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

const popover = (label, name) =>
  el("div", { class: "bnviz-menu", popover: "auto", role: "dialog", "aria-label": label, "data-bnviz": name });

function opener(popup, properties, text) {
  const button = el("button", { type: "button", "aria-haspopup": "dialog", ...properties }, text);
  button.addEventListener("click", () => popup.togglePopover?.());
  popup.addEventListener("toggle", (event) => {
    button.setAttribute("aria-expanded", String(event.newState === "open"));
    if (event.newState === "open") placeBeside(popup, button);
  });
  return button;
}

const item = (title, explanation, properties) =>
  el("button", { type: "button", class: "bnviz-take-item", ...properties }, title, el("small", {}, explanation));

/** It stays to be read, with its reason, and can't be pressed. */
function refuse(button, why) {
  button.disabled = true;
  button.title = why;
  const words = button.querySelector("small");
  if (words) words.textContent = why;
}
