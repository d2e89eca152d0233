from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from bnviz.experiment.config import ExperimentConfig, Intervention
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.verdicts import Verdict
from bnviz.sharing.opened import Facts
from bnviz.sharing.report import report, settings

HOSTILE = "</script></title></style><script>alert(1)</script><img src=x onerror=alert(2)><!--\"' & %{x}"
FIGURE = json.dumps(
    {"data": [{"name": HOSTILE}], "layout": {"title": {"text": "Own", "subtitle": {"text": "layer 3 &lt;"}}}}
)


class Reader(HTMLParser):
    """The elements, scripts and texts of a page, as a browser takes them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        elif self.cdata_elem is None:
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(**changes: object) -> str:
    found = [Verdict(None, "difference", "apart", "2.0"), Verdict(0, "trained", HOSTILE, HOSTILE)]
    values = {
        "figures": {HOSTILE: FIGURE}, "arms": [(HOSTILE, {"Width": "3", HOSTILE: HOSTILE}), ("b", {"Width": "4"})],
        "verdicts": found, "scripts": ["draw('</script>', '<!--')"], "title": HOSTILE, "link": HOSTILE,
        "date": HOSTILE, "version": HOSTILE,
    }  # fmt: skip
    return report(**(values | changes))


def test_whatever_strangers_wrote_stays_text():
    reader = Reader(page())
    assert not reader.all("img")
    assert len(reader.scripts) == 2, "the figure's data and the one script"
    assert json.loads(reader.scripts[0])["data"][0]["name"] == HOSTILE
    assert reader.scripts[1] == "draw('<\\/script>', '<\\!--')"
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    text = "".join(reader.text)
    assert text.count(HOSTILE) >= 9, "title, date, version, link, verdict and its number, name, label, value, heading"


def test_the_policy_allows_this_files_scripts_and_nothing_else():
    reader = Reader(page(scripts=["one()", "two('é')"]))
    policy = next(meta["content"] for meta in reader.all("meta") if meta.get("http-equiv"))
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in ("one()", "two('é')")]
    assert parts == {
        "default-src": "'none'", "script-src": " ".join(f"'sha256-{one}'" for one in hashes),
        "style-src": "'unsafe-inline'", "img-src": "data: blob:", "base-uri": "'none'", "form-action": "'none'",
    }  # fmt: skip


def test_nothing_is_asked_of_any_network():
    reader = Reader(page(link="https://example.org/?preset=headline&width=3"))
    assert not [tag for tag, attributes in reader.tags if "src" in attributes or tag in ("link", "iframe", "object")]
    assert [link["href"] for link in reader.all("a")] == ["https://example.org/?preset=headline&width=3"]
    assert "url(" not in page()
    assert "@import" not in page()


@pytest.mark.parametrize("link", ["javascript:alert(1)", "?preset=circles", "data:text/html,x", "http://a b", ""])
def test_only_a_web_address_can_be_followed(link):
    reader = Reader(page(link=link))
    assert not reader.all("a")
    assert link in "".join(reader.text)


def test_settings_that_differ_stand_first():
    arms = [(name, settings(arm)) for name, arm in zip("ab", PRESETS["headline"].arms, strict=True)]
    rows = re.findall(r"<tr( class=\"differs\")?><th scope=\"row\">(.*?)</th>", page(arms=arms))
    assert rows[0] == (' class="differs"', "Normalization")
    assert not any(marked for marked, _ in rows[1:])
    assert len(rows) == len(arms[0][1])


def test_what_was_turned_in_mid_run_is_told():
    turns = (Intervention(step=5, normalization="batch"), Intervention(step=9, learning_rate=0.01))
    table = settings(ExperimentConfig(interventions=turns))
    assert table["Turned in mid-run"] == "step 5: BatchNorm; step 9: learning rate 0.01"
    assert "Turned in mid-run" not in settings(ExperimentConfig())


def test_the_same_comparison_gives_the_same_report():
    assert page() == page()


def test_a_figures_own_title_becomes_its_heading_and_caption():
    text = page(figures={"Loss": FIGURE})
    assert "<figcaption>Loss <small>layer 3 &lt;</small></figcaption>" in text
    assert "title" not in json.loads(Reader(text).scripts[0])["layout"]


def test_a_report_of_nothing_is_a_page():
    assert not Reader(report({}, [], [], scripts=[])).scripts


def test_a_recording_has_its_facts_and_no_verdicts():
    facts = Facts(
        file=HOSTILE, kind="model", model="Net", parameters=1234, layers=2, records=3, first_step=0, last_step=20,
        steps=None, every=10, started="", problem="cut short", silent=("aux",),
    )  # fmt: skip
    text = page(arms=[("run", facts.table())], verdicts=[], asked="What was recorded")
    reader = Reader(text)
    assert "<h2>What was recorded</h2>" in text
    assert "What came out" not in text
    assert "1,234" in reader.text
    assert "aux" in reader.text
    assert not reader.all("img")
