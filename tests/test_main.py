"""The command line: what a shell, a pipe and a stranger see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from bnviz.__main__ import app
from bnviz.experiment.config import PLAIN_FIELDS
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.snapshot import FIELDS
from bnviz.sharing.link import from_preset, parse
from bnviz.training.unfold import unfold

ROOT = Path(__file__).resolve().parent.parent
COMMAND = (sys.executable, "-m", "bnviz")
SMALL = ("run", "--preset", "circles", "--set", "width=8", "--set", "hidden_layers=1")


def bnviz(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


def strictly(text: str) -> dict[str, Any]:
    """An object of JSON proper: Python's reader would take NaN and Infinity too."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    found = json.loads(text, parse_constant=refuse)
    assert isinstance(found, dict)
    return found


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [strictly(line) for line in result.stdout.splitlines()]


# Presets and help ----------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("arguments", [("presets",), ("run", "--fields"), ("run", "--set", "width=1"), ("--help",)])
def test_what_trains_nothing_imports_no_torch(arguments: tuple[str, ...]):
    script = (
        "import sys; from bnviz.__main__ import app\ntry: app(sys.argv[1:])\nfinally: print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize("arguments", [(), ("--help",), ("run", "--help"), ("bench", "--help"), ("presets", "--help")])
def test_help_is_plain_text_and_no_error(arguments: tuple[str, ...]):
    result = bnviz(*arguments)
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


def test_fields_documents_every_setting_and_every_name_that_json_has():
    documented = {line.split()[0] for line in bnviz("run", "--fields").stdout.splitlines() if line.startswith("  ")}
    assert set(PLAIN_FIELDS) | set(FIELDS) <= documented
    for line in lines(bnviz(*SMALL, "--steps", "2", "--json")):
        assert line.keys() <= documented


# Run -----------------------------------------------------------------------------------------------------------------


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


# Bad input and rude ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--preset", "nope"], "must be one of headline, circles"),
        (["run", "--preset", "circles", "--link", "preset=circles"], "not both"),
        (["run", "--link", "preset=nope"], "preset must be one of headline"),
        (["run", "--link", "a&&b"], "a link is a query such as"),
        (["run", "--link", "widht=3"], "did you mean width?"),
        (["run", "--link", "preset=circles\nwidth=3"], "preset must be one of"),
        (["run", "--set", "width"], "--set takes FIELD=VALUE"),
        (["run", "--set", "widht=3"], "did you mean width?"),
        (["run", "--set", "zzz=3"], "the fields are dataset, samples"),
        (["run", "--set", "interventions=3"], "the fields are dataset, samples"),
        (["run", "--set", "width=many"], "a whole number from 2 to 512"),
        (["run", "--set", "width=1"], "from 2 to 512: one unit"),
        (["run", "--set", "learning_rate=nan"], "1e-08 to 10000"),
        (["run", "--set", "norm_affine=yes"], "true or false"),
        (["run", "--set", "samples=50", "--set", "batch_size=1000"], "batch_size must be at most 37"),
        (["run", "--arm", "width=4"], "--arm takes NAME.FIELD=VALUE"),
        (["run", "--arm", "3.width=4"], "1 or 'without BN', 2 or 'with BN'"),
        (["run", "--arm", "BN.width=4"], "1 or 'without BN', 2 or 'with BN'"),
        (["run", "--steps", "-1"], "'--steps'"),
        (["run", "--steps", "many"], "'--steps'"),
        (["run", "--every", "0"], "greater than or equal to 1"),
        (["run", "--preset"], "'--preset' requires an argument"),
        (["run", "--stepss", "3"], "--steps"),
        (["run", "headline"], "headline"),
        (["runn"], "Did you mean 'run'?"),
        (["bench", "speed"], "No such command 'speed'"),
        (["bench", "--layers", "31"], "'--layers'"),
        (["bench", "--rounds", "0"], "'--rounds'"),
    ],
)
def test_bad_input_is_one_line_on_stderr_that_says_what_is_allowed_and_code_2(arguments: list[str], said: str):
    result = bnviz(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("bnviz: ")
    assert said in line


def test_a_real_shell_sees_the_same_error():
    result = shell("run", "--set", "width=1")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)


def endless() -> subprocess.Popen[str]:
    """A run that has printed its first line, so it flushes, and would go on for long."""
    command = [*COMMAND, "run", "--set", "width=8", "--steps", "1000000", "--every", "10", "--json"]
    # A shell's background job ignores Ctrl-C, and so would all that is started from it.
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, heard)
    assert process.stdout is not None
    assert strictly(process.stdout.readline())["step"] == 0
    return process


@pytest.mark.skipif(os.name == "nt", reason="Windows has no broken pipes")
def test_a_reader_that_has_seen_enough_ends_a_run_quietly():
    with endless() as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # what `| head -1` does
        assert process.stderr.read() == "training 2 networks, 1000000 steps\n"
        assert process.wait(timeout=60) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send")
def test_ctrl_c_ends_a_run_quietly_with_130():
    with endless() as process:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert said == "training 2 networks, 1000000 steps\n"


# Bench ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("bench",), ("bench", "capture")])
def test_bench_alone_measures_capture(command: tuple[str, ...]):
    result = bnviz(*command, "--layers", "1", "--rounds", "1", "--json")
    found = lines(result)
    assert [cost["name"] for cost in found][:3] == ["bare", "uncaptured", "step"]
    assert found[0].keys() == {"hidden_layers", "name", "microseconds", "ratio", "low", "high", "target"}
    assert {cost["name"]: cost["target"] for cost in found if cost["target"]} == {"step": 1.25, "tenth": 1.05}


def test_bench_for_people_prints_the_targets_beside_the_ratios():
    shown = bnviz("bench", "--layers", "1", "--rounds", "1").stdout
    assert "1 hidden layers" not in shown
    assert "1 hidden layer x 100" in shown
    assert [line.split()[-1] for line in shown.splitlines() if "capture at every" in line] == ["1.25", "1.05"]
    assert "tensorboard" in shown.casefold()
