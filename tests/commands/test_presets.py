"""The lessons, listed."""

from __future__ import annotations

from bnviz.experiment.presets import PRESETS
from bnviz.sharing.link import from_preset, parse
from tests.commands.conftest import bnviz, lines


def test_presets_lists_every_lesson_with_its_title_and_what_to_look_for():
    shown = " ".join(bnviz("presets").stdout.split())
    for name, preset in PRESETS.items():
        assert f"{name} {preset.title} {preset.look_for}" in shown


def test_presets_as_json_are_one_object_a_line_with_a_link_that_is_the_preset():
    found = lines(bnviz("presets", "--json"))
    assert [entry["name"] for entry in found] == list(PRESETS)
    for entry in found:
        assert entry.keys() == {"name", "title", "look_for", "arms", "link"}
        assert parse(entry["link"]) == from_preset(entry["name"])
