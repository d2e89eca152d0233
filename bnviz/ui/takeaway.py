"""What a reader can take along from a run, as files: figures and file formats put together for the stage's route."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

import bnviz
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.verdicts import verdicts
from bnviz.live.copies import RunCopy
from bnviz.live.takeaway import Makers, TakeError, Taken, Wish
from bnviz.sharing.link import Link, parse, to_query
from bnviz.sharing.query import LinkError

if TYPE_CHECKING:
    from bnviz.figures.look import Look

FRAMEWORKS = ("pytorch", "keras")
ADDRESS = re.compile(r"https?://[^\s?#\"'<>\\]{1,400}")
SIGNS = re.compile(r"[^a-z0-9]+")


def offers(copy: RunCopy, wish: Wish) -> Taken:
    """What the page's menu may offer of this run: an empty text, or why not."""
    found = {
        "recording": "" if _link_query(copy) else "this is a recording already",
        "scripts": [
            {"name": name, **{framework: _refusal(copy, arm, framework, wish.step) for framework in FRAMEWORKS}}
            for arm, name in enumerate(copy.names)
            if copy.configs
        ],
    }
    return Taken(f"{_stem(copy, wish.step)}-offers.json", "application/json", json.dumps(found).encode())


def report_file(copy: RunCopy, wish: Wish) -> Taken:
    """Every chart of the run in one HTML file, with what was asked, what came out, and the link to it."""
    from bnviz.figures.page import figures_json, page_scripts
    from bnviz.sharing.report import report, settings

    tables = [settings(config) for config in copy.configs] or copy.tables or [{} for _ in copy.names]
    subject = _subject(copy)
    text = report(
        figures_json(copy.histories, copy.names, _look(copy, wish)),
        list(zip(copy.names, tables, strict=True)),
        verdicts(copy.histories, copy.chances) if copy.chances else [],
        scripts=page_scripts(),
        title=f"{PRESETS[subject].title if subject in PRESETS else subject}, step {wish.step:,}",
        link=_link(copy, wish),
        date=datetime.now(UTC).date().isoformat(),
        version=bnviz.__version__,
        asked="What was asked" if copy.configs else "What was recorded",
    )
    return Taken(f"{_stem(copy, wish.step)}.html", "text/html; charset=utf-8", text.encode())


def csv(copy: RunCopy, _: Wish) -> Taken:
    """Every plotted number as CSV."""
    from bnviz.sharing.numbers import to_csv

    return Taken(f"{_stem(copy)}.csv", "text/csv; charset=utf-8", to_csv(copy.histories, copy.names))


def parquet(copy: RunCopy, _: Wish) -> Taken:
    """Every plotted number as Parquet."""
    from bnviz.sharing.numbers import to_parquet

    body = to_parquet(copy.histories, copy.names, version=bnviz.__version__)
    return Taken(f"{_stem(copy)}.parquet", "application/vnd.apache.parquet", body)


def recording(copy: RunCopy, _: Wish) -> Taken:
    """The run as a file that this app opens again."""
    from bnviz.sharing.lab_recording import lab_recording

    query = _link_query(copy)
    if not query:
        raise TakeError("This is a recording already: its file is the one that was opened.")
    body = lab_recording(copy.histories, copy.names, query, version=bnviz.__version__)
    return Taken(f"{_stem(copy)}.bnviz", "application/gzip", body)


def figure(copy: RunCopy, wish: Wish) -> Taken:
    """One chart as Plotly's JSON, of which the page makes a picture."""
    from bnviz.figures.charts import charts_of
    from bnviz.figures.saved import saved

    known = charts_of(copy.histories)
    if wish.chart not in known:
        raise TakeError(f"chart must be one of {', '.join(known)}; got {wish.chart!r:.60}")
    text = saved(wish.chart, copy.histories, copy.names, _look(copy, wish), wish.options)
    return Taken(f"{_stem(copy, wish.step)}-{wish.chart}.json", "application/json", text.encode())


def script(framework: str) -> Callable[[RunCopy, Wish], Taken]:
    """The maker of one network's training as a script, up to the shown step."""

    def make(copy: RunCopy, wish: Wish) -> Taken:
        from bnviz.sharing.experiment_code import experiment_code

        if not copy.configs:
            raise TakeError("A recorded model has no configuration that a script could be made of.")
        if wish.arm >= len(copy.configs):
            raise TakeError(f"arm must be from 0 to {len(copy.configs) - 1}; got {wish.arm}")
        config = copy.configs[wish.arm]
        past = tuple(turn for turn in config.interventions if turn.step is not None and turn.step <= wish.step)
        try:
            text = experiment_code(framework, config.replace(interventions=past), steps=max(1, wish.step))
        except ValueError as error:
            raise TakeError(f"{copy.names[wish.arm]}: {error}") from None
        who = _slug(copy.names[wish.arm]) or f"network-{wish.arm + 1}"
        name = f"{_stem(copy, max(1, wish.step))}-{who}-{framework}.py"
        return Taken(name, "text/x-python; charset=utf-8", text.encode())

    return make


def _refusal(copy: RunCopy, arm: int, framework: str, step: int) -> str:
    try:
        MAKERS[framework](copy, Wish(what=framework, arm=arm, step=step))
    except TakeError as error:
        return str(error)
    return ""


def _look(copy: RunCopy, wish: Wish) -> Look:
    from bnviz.figures.look import Look

    chance = copy.chances[0].share if copy.chances else None
    return Look(layer=wish.layer, step=wish.step, point=wish.point, chance=chance)


def _link_query(copy: RunCopy) -> str:
    """The query of the link that makes this run again up to its last step; empty where none does."""
    if copy.link_query or not copy.configs:
        return copy.link_query
    query = to_query(Link(arms=copy.configs, names=copy.names, until=copy.last_step or None))
    try:
        parse(query)
    except LinkError:
        return ""
    return query


def _link(copy: RunCopy, wish: Wish) -> str:
    query = _link_query(copy)
    address = wish.address if ADDRESS.fullmatch(wish.address) else ""
    return f"{address}?{query}" if query else ""


def _subject(copy: RunCopy) -> str:
    """The lesson, the data set or the recording, as a word."""
    if copy.title or not copy.configs:
        return copy.title or "recording"
    return Link(arms=copy.configs, names=copy.names).preset or copy.configs[0].data_name


def _stem(copy: RunCopy, step: int | None = None) -> str:
    """What a file's name begins with: only letters, digits and hyphens, whatever strangers called it."""
    return f"bnviz-{_slug(_subject(copy)) or 'run'}-step-{copy.last_step if step is None else step}"


def _slug(text: str) -> str:
    return SIGNS.sub("-", text.lower())[:40].strip("-")


MAKERS: Makers = MappingProxyType(
    {
        "offers": offers, "report": report_file, "csv": csv, "parquet": parquet, "recording": recording,
        "figure": figure, **{framework: script(framework) for framework in FRAMEWORKS},
    }
)  # fmt: skip
