"""One HTML file that keeps a comparison: what was asked, what came out, and every chart, without any network.

Whatever comes from strangers (names, links) is written as text. A Content-Security-Policy forbids every request, and
every script but this file's own, by their hashes; the charts' numbers are data, not script.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bnviz.experiment.config import PLAIN_FIELDS, ExperimentConfig
from bnviz.experiment.verdicts import Verdict
from bnviz.experiment.words import LABELS, value_label

Arms = Sequence[tuple[str, Mapping[str, str]]]


def report(
    figures: Mapping[str, str],
    arms: Arms,
    verdicts: Iterable[Verdict],
    *,
    scripts: Sequence[str],
    title: str = "Batch normalization, compared",
    link: str = "",
    date: str = "",
    version: str = "",
    asked: str = "What was asked",
) -> str:
    """Return the page's text, to be written as UTF-8; nothing in it depends on when or where it is called.

    `figures` holds Plotly's JSON by title and `scripts` draw it (`figures.page` makes both). `arms` are the networks'
    names, each with a table (`settings` makes one of a configuration, `Facts.table` of a recording); `asked` heads it.
    """
    scripts = [_inline(script) for script in scripts]
    parts = [_chart(number, heading, figure) for number, (heading, figure) in enumerate(figures.items())]
    return "\n".join(
        [
            *_head(title, scripts),
            "<body>",
            f"<header><h1>{html.escape(title)}</h1>{_origin(link, date, version)}</header>",
            "<noscript><p>The charts below need JavaScript; the numbers around them don't.</p></noscript>",
            _section("What came out", _verdicts(verdicts, [name for name, _ in arms])),
            f'<main class="charts" aria-label="Charts">{"".join(parts)}</main>',
            _section(html.escape(asked), _settings_table(arms)),
            *(f"<script>{text}</script>" for text in scripts),
            "</body></html>",
            "",
        ]
    )


def settings(config: ExperimentConfig) -> dict[str, str]:
    """Return a configuration as label and text, with what was turned in mid-run at the end."""
    table = {LABELS[name]: value_label(getattr(config, name)) for name in PLAIN_FIELDS}
    if config.own_table is not None:
        table[LABELS["dataset"]] = (
            f"{config.data_name} ({config.own_table.sizes}; classes in column {config.own_table.label})"
        )
    turns = [
        f"step {item.step}: "
        + (
            value_label(item.normalization)
            if item.normalization is not None
            else f"learning rate {value_label(item.learning_rate)}"
        )
        for item in config.interventions
    ]
    return table | ({"Turned in mid-run": "; ".join(turns)} if turns else {})


def _head(title: str, scripts: Sequence[str]) -> list[str]:
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts
    )
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    return [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">',
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head>",
    ]


def _origin(link: str, date: str, version: str) -> str:
    """Where and when it was made. Only a web address becomes a link that can be followed."""
    made = " · ".join(text for text in (f"bnviz {version}" if version else "", date) if text)
    found = f"<p>{html.escape(made)}</p>" if made else ""
    if not link:
        return found
    shown = html.escape(link)
    if re.match(r"https?://[^\s]+\Z", link):
        shown = f'<a href="{shown}" rel="noreferrer noopener">{shown}</a>'
    return f'{found}<p class="link">The same numbers again: {shown}</p>'


def _verdicts(verdicts: Iterable[Verdict], names: Sequence[str]) -> str:
    found = []
    for verdict in verdicts:
        who = "" if verdict.arm is None else f"<strong>{html.escape(names[verdict.arm])}</strong> "
        found.append(f"<li>{who}{html.escape(verdict.text)} <small>({html.escape(verdict.number)})</small></li>")
    return f"<ul>{''.join(found)}</ul>" if found else ""


def _settings_table(arms: Arms) -> str:
    """A row a setting, a column an arm; what differs stands first and strong."""
    labels = list(dict.fromkeys(label for _, table in arms for label in table))
    values = {label: [table.get(label, "") for _, table in arms] for label in labels}
    ordered = sorted(labels, key=lambda label: len(set(values[label])) == 1)
    if not ordered:
        return ""
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name, _ in arms)
    rows = "".join(
        f'<tr{_marked(values[label])}><th scope="row">{html.escape(label)}</th>'
        + "".join(f"<td>{html.escape(value)}</td>" for value in values[label])
        + "</tr>"
        for label in ordered
    )
    return f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _marked(values: Sequence[str]) -> str:
    return ' class="differs"' if len(set(values)) > 1 else ""


def _section(heading: str, content: str) -> str:
    return f"<section><h2>{heading}</h2>{content}</section>" if content else ""


def _chart(number: int, heading: str, figure: str) -> str:
    """A chart's place, and its JSON as data; the figure's own title becomes the heading and its caption."""
    values = json.loads(figure)
    layout = values["layout"]
    caption = ((layout.pop("title", None) or {}).get("subtitle") or {}).get("text") or ""
    wide = " wide" if (layout.get("meta") or {}).get("wide") else ""
    shown = f" <small>{html.escape(html.unescape(caption))}</small>" if caption else ""
    return (
        f'<figure class="chart{wide}" id="chart-{number}"><figcaption>{html.escape(heading)}{shown}</figcaption>'
        f'<div class="plot" role="img" aria-label="{html.escape(heading)}"></div>'
        f'<script type="application/json">{_data(values)}</script></figure>\n'
    )


def _data(values: Mapping[str, Any]) -> str:
    """JSON that ends no script: every < is written as an escape."""
    return json.dumps(values, separators=(",", ":")).replace("<", "\\u003c")


def _inline(script: str) -> str:
    """A script's text that can stand within its element; in strings and patterns the backslash changes nothing."""
    return re.sub(r"</(?=script)", r"<\\/", script, flags=re.IGNORECASE).replace("<!--", "<\\!--")


STYLE = """
:root { --ink: #31333f; --paper: #ffffff; --muted: #6a6c76; --line: #d9dade; --tint: #f1f2f6;
  color-scheme: light dark; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #fafafa; --paper: #0e1117; --muted: #a9abb3; --line: #3a3d46; --tint: #1b1e27; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(0.75rem, 3vw, 2.5rem) 3rem; max-width: 1320px;
  font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 0.25rem; }
h2 { font-size: 1.1rem; margin: 1.5rem 0 0.5rem; }
p { margin: 0.15rem 0; color: var(--muted); }
a { color: inherit; }
small { color: var(--muted); font-weight: 400; font-size: 0.85em; }
ul { margin: 0; padding-left: 1.2rem; }
.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1.25rem 1.5rem;
  grid-auto-flow: dense; margin-top: 1.5rem; }
.chart { margin: 0; padding-top: 0.5rem; border-top: 1px solid var(--line); min-width: 0; }
.chart.wide { grid-column: 1 / -1; }
figcaption { font-weight: 600; }
.plot { min-height: 260px; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { text-align: left; padding: 0.2rem 0.75rem 0.2rem 0.4rem; border-bottom: 1px solid var(--line); }
tbody th { font-weight: 400; color: var(--muted); overflow-wrap: normal; }
.differs { background: var(--tint); print-color-adjust: exact; }
.differs th, .differs td { font-weight: 600; color: var(--ink); }
@media screen and (max-width: 760px) { .charts { grid-template-columns: minmax(0, 1fr); } }
@page { size: A4; margin: 14mm 13mm 16mm;
  @bottom-right { content: counter(page) " / " counter(pages); font: 9pt sans-serif; color: #6a6c76; } }
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  .charts { margin-top: 5mm; gap: 4mm 22px; }
  .chart, tr, li { break-inside: avoid; }
  h2 { break-after: avoid; }
  .plot { min-height: 0; }
  table { font-size: 9pt; line-height: 1.3; }
  th, td { padding-block: 0.12rem; }
}
"""
