"""The command line: what a shell, a pipe and a stranger see."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from tests.commands.conftest import COMMAND, ROOT, bnviz, shell, strictly


@pytest.mark.parametrize(
    "arguments", [("presets",), ("run", "--fields"), ("run", "--set", "width=1"), ("describe", "x"), ("--help",)]
)
def test_what_trains_nothing_imports_no_torch(arguments: tuple[str, ...]):
    script = (
        "import sys; from bnviz.commands.app import app\ntry: app(sys.argv[1:])\nfinally: print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.parametrize(
    "arguments",
    [(), ("--help",), ("run", "--help"), ("bench", "--help"), ("presets", "--help"), ("describe", "--help")],
)
def test_help_is_plain_text_and_no_error(arguments: tuple[str, ...]):
    result = bnviz(*arguments)
    assert result.exit_code == 0
    assert "Usage:" in result.stdout


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
        (["bench", "recorder", "--rounds", "0"], "'--rounds'"),
        (["bench", "recorder", "--network", "rnn"], "not one of 'mlp', 'conv'"),
        (["describe"], "'FILE'"),
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
        for _ in range(6):  # Python drops an interrupt that comes while it tidies up an object
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                _, said = process.communicate(timeout=10)
                break
        assert process.returncode == 130
        assert said == "training 2 networks, 1000000 steps\n"
