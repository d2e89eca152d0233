"""The app as a visitor sees it on a page of studies, with a service that measures what a test says and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from streamlit.testing.v1 import AppTest

from bnviz.studies.errors import StudyError
from bnviz.studies.orders import Order
from bnviz.studies.perform import Progress
from bnviz.studies.results import Result
from bnviz.studies.study import Row, Study
from tests.ui.lab import INDEX, _nodes, run


def as_result(row: Row, study: str = "", failure: str = "") -> Result:
    """A row as it is kept, with versions that are made up."""
    return Result(
        **row, study=study, failure=failure, seconds=0.1, cpu_seconds=0.1, finished=datetime(2026, 1, 2, tzinfo=UTC),
        versions={"bnviz": "9.9"},
    )  # fmt: skip


@dataclass
class StandIn:
    """A service whose order goes as a test says: `rows` come with `deliver`."""

    order_: Order | None = None
    study: Study | None = None
    refuses: str = ""

    def order(self, session: str, study: Study, seeds: int, first: int = 0) -> Order:
        if self.refuses:
            raise StudyError(self.refuses)
        self.study = study
        total = len(study.trials(range(seeds)))
        self.order_ = Order(study.name, seeds, "waiting", 2, Progress(total), (), "", first=first)
        return self.order_

    def look(self, session: str) -> Order | None:
        return self.order_

    def cancel(self, session: str) -> None:
        assert self.order_ is not None
        self.order_ = replace(self.order_, state="cancelled", place=0)

    def deliver(self, rows: Sequence[Row], state: str = "running", failed: int = 0, **progress: Any) -> None:
        assert self.order_ is not None
        results = [as_result(row, failure="no good" if index < failed else "") for index, row in enumerate(rows)]
        now = replace(self.order_.progress, done=len(results), failed=failed, **progress)
        self.order_ = replace(self.order_, state=state, place=0, progress=now, rows=tuple(results))  # type: ignore[arg-type]


def open_page(name: str, **query: str) -> AppTest:
    """Open a page of the app under an address; nothing on it may fail."""
    page = AppTest.from_file(INDEX, default_timeout=60)
    page.switch_page(f"{name}.py")
    for key, value in query.items():
        page.query_params[key] = value
    return run(page)


def press(page: AppTest, key: str) -> AppTest:
    page.button(key=key).click()
    return run(page)


def figures(page: AppTest) -> dict[str, dict[str, Any]]:
    """What the page gives its figures, by the words that stand for them."""
    protos = [node.proto for node in _nodes(page._tree) if getattr(node, "type", "") == "bidi_component"]
    found = [json.loads(proto.json) for proto in protos]
    return {one["alt"]: one | {"figure": json.loads(one["figure"])} for one in found if "figure" in one}


WRITTEN = (
    "markdown", "caption", "subheader", "heading", "html", "progress", "alert", "error", "warning", "success", "info",
)  # fmt: skip


def words(page: AppTest) -> str:
    """All that is written on the page."""
    written = [node for node in _nodes(page._tree) if getattr(node, "type", "") in WRITTEN]
    places = ("value", "body", "text")
    return "\n".join(_said(node, place) for node in written for place in places)


def _said(node: Any, place: str) -> str:
    found = getattr(node, place, None) or getattr(node.proto, place, None)
    return found if isinstance(found, str) else ""


def links(page: AppTest) -> list[tuple[str, str, str]]:
    """Each link to another page: its words, the page and the query."""
    protos = [node.proto for node in _nodes(page._tree) if getattr(node, "type", "") == "page_link"]
    return [(proto.label, proto.page, proto.query_string) for proto in protos]
