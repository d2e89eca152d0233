"""A run without a browser: the library's own numbers, a table or JSON, and the link that repeats it."""

from __future__ import annotations

import numpy as np
import pytest

from bnviz.experiment.config import PLAIN_FIELDS
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.snapshot import FIELDS
from bnviz.sharing.link import parse
from bnviz.training.unfold import unfold
from tests.commands.conftest import bnviz, lines, shell, strictly

SMALL = ("run", "--preset", "circles", "--set", "width=8", "--set", "hidden_layers=1")


def test_fields_documents_every_setting_and_every_name_that_json_has():
    documented = {line.split()[0] for line in bnviz("run", "--fields").stdout.splitlines() if line.startswith("  ")}
    assert set(PLAIN_FIELDS) | {name for name, field in FIELDS.items() if not field.recorded} <= documented
    for line in lines(bnviz(*SMALL, "--steps", "2", "--json")):
        assert line.keys() <= documented


def test_a_piped_run_has_pure_json_on_stdout_progress_on_stderr_and_a_link_that_repeats_it_digit_for_digit():
    first = shell("run", "--preset", "headline", "--steps", "23", "--every", "10", "--json")
    found = [strictly(line) for line in first.stdout.splitlines()]
    assert [(line["step"], line["arm"]) for line in found] == [
        (step, arm) for step in (0, 10, 20, 23) for arm in PRESETS["headline"].names
    ]
    assert "step 22 of 23" in first.stderr
    assert "\r" not in first.stderr
    link = first.stderr.splitlines()[-1].split("'")[1]
    assert link == found[0]["link"] == "?preset=headline&until=23"
    again = bnviz("run", "--link", f"http://localhost:8501/{link}", "--every", "10", "--json")
    assert again.stdout == first.stdout


def test_the_numbers_are_the_library_s_own_to_the_last_bit():
    found = lines(bnviz("run", "--preset", "circles", "--steps", "4", "--every", "2", "--json"))
    for arm, (name, config) in enumerate(zip(PRESETS["circles"].names, PRESETS["circles"].arms, strict=True)):
        own = [line for line in found if line["arm"] == name]
        for line, snapshot in zip(own, unfold(config, every=2), strict=False):
            assert line["step"] == snapshot.step
            measured = {key: value for key, value in line.items() if key in FIELDS}
            assert measured.keys() == snapshot.values.keys(), arm
            for key, value in measured.items():
                exact = np.asarray(value, float).astype(snapshot.values[key].dtype)
                np.testing.assert_array_equal(exact, snapshot.values[key], err_msg=key)


def test_numbers_are_the_shortest_decimals():
    (first, *_) = lines(bnviz(*SMALL, "--set", "learning_rate=0.1", "--steps", "0", "--json"))
    assert first["learning_rate"] == 0.1


def test_a_broken_arm_says_where_and_its_last_line_has_null_for_what_is_not_a_number():
    result = bnviz("run", "--preset", "learning-rate", "--steps", "8", "--every", "8", "--json")
    found = [(line["step"], line["arm"], line["diverged"]) for line in lines(result)]
    broken = [line for line in lines(result) if line["diverged"]]
    assert [line["arm"] for line in broken] == ["without BN"]
    assert broken[0]["loss"] is None
    assert broken[0]["diverged"].keys() == {"step", "layer", "where"}
    assert broken[0]["diverged"]["step"] == broken[0]["step"]
    assert found[-1] == (8, "with BN", None)


def test_set_changes_all_networks_and_arm_one_by_name_whatever_its_case_or_by_number():
    result = bnviz(
        *SMALL, "--steps", "0", "--json", "--set", "learning_rate=0.2",
        "--arm", "WITH bn.learning_rate=0.3", "--arm", "1.activation=tanh",
    )  # fmt: skip
    plain, normalized = parse(lines(result)[0]["link"]).arms
    assert (plain.width, normalized.width) == (8, 8)
    assert (plain.learning_rate, normalized.learning_rate) == (0.2, 0.3)
    assert (plain.activation, normalized.activation) == ("tanh", "sigmoid")


def test_changed_networks_are_named_by_what_they_are_now():
    found = lines(bnviz(*SMALL, "--steps", "0", "--json", "--arm", "with BN.normalization=layer"))
    assert [line["arm"] for line in found] == ["without BN", "LayerNorm"]


def test_networks_of_one_name_are_told_apart_by_their_number():
    link = "normalization=none,batch&names=a,a&width=8&hidden_layers=1"
    found = lines(bnviz("run", "--link", link, "--steps", "0", "--json"))
    assert [line["arm"] for line in found] == ["1 a", "2 a"]
    assert "2 a: still at chance" in bnviz("run", "--link", link, "--steps", "0").stdout


def test_fields_that_are_valid_only_together_are_set_together():
    changes = ("--arm", "2.normalization=group", "--set", "norm_groups=3", "--set", "width=9")
    assert lines(bnviz(*SMALL, *changes, "--steps", "0", "--json"))


@pytest.mark.parametrize("name", PRESETS)
def test_the_link_of_a_changed_lesson_repeats_it(name: str):
    changed = bnviz("run", "--preset", name, "--set", "width=8", "--set", "seed=3", "--steps", "0", "--json")
    again = bnviz("run", "--link", lines(changed)[0]["link"], "--json")
    assert again.stdout == changed.stdout


def test_turned_knobs_of_a_link_are_replayed_and_its_until_says_when_to_stop():
    link = "preset=circles&width=8&turns=1@2:batch,2@1:0.25&until=3"
    found = lines(bnviz("run", "--link", link, "--every", "1", "--json"))
    of_arm = {name: [line for line in found if line["arm"] == name] for name in ("without BN", "with BN")}
    assert [line["normalization"] for line in of_arm["without BN"]] == [0, 0, 1, 1]
    assert [line["learning_rate"] for line in of_arm["with BN"]] == [0.5, 0.25, 0.25, 0.25]
    assert parse(found[0]["link"]) == parse(link)


def test_steps_win_over_the_link_s_until():
    assert lines(bnviz("run", "--link", "width=8&until=3", "--steps", "5", "--json"))[-1]["step"] == 5


def test_for_people_there_is_a_table_then_the_verdicts_then_the_link():
    result = bnviz("run", "--preset", "learning-rate", "--steps", "20", "--every", "10")
    head, verdict, link = result.stdout.rsplit("\n\n", 2)
    rows = head.splitlines()
    assert rows[0] == PRESETS["learning-rate"].title
    assert "1 without BN" in head
    assert [row.split()[0] for row in rows if row.split() and row.split()[0].isdigit()][-2:] == ["10", "20"]
    assert "diverged" in head
    assert "without BN: diverged at step" in verdict
    assert link.splitlines()[-1] == "?preset=learning-rate&until=20"


def test_without_preset_and_link_it_is_the_first_lesson():
    assert lines(bnviz("run", "--steps", "0", "--json"))[0]["link"] == "?preset=headline&until=0"
