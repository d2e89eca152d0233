from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import bnviz
from bnviz.sharing.layer_code import FRAMEWORKS, SCRIPTS, WIDTH, layer_code
from tests.sharing.scripts import run

NAMES = ("y", "dx", "dgamma", "dbeta", "running_mean", "running_var")
FLOAT32, FLOAT64 = 2.0**-24, 2.0**-53  # the largest relative errors of one rounding

# Steps of a power of two: their means are exact, so that what is compared is the formulas.
CASES: dict[str, dict[str, Any]] = {
    "plain": {
        "batch": [[1, 20, -3], [2, 35, -1.25], [4, 30, -2], [3, 55, -2.5], [6, 40, 0.1]],
        "gamma": [1.5, -0.7, 0.3],
        "beta": [0.2, 0, -4],
        "eps": 1e-5,
        "upstream": [[1, -2, 0.5], [0, 1, 0.3], [-1, 0.25, 2], [2, 1, -1], [0.1, 0, 1]],
    },
    "outlier": {
        "batch": [[1, 4], [2, 6], [1.5, 5], [50, 4.5], [0.5, 6.5], [2, 3.5], [1, 5]],
        "gamma": [1, 2],
        "beta": [0, 1],
        "eps": 1e-3,
        "upstream": [[1, 0], [0, 1], [-2, 1], [1, 1], [0, 0], [0.5, -0.5], [2, -2]],
    },
    "constant": {
        "batch": [[1, 0.1], [3, 0.1], [2, 0.1], [5, 0.1]],
        "gamma": [1, 0.5],
        "beta": [0, 0.25],
        "eps": 1e-5,
        "upstream": [[1, -1], [2, 0], [0, 1], [-1, 2]],
    },
    "offset": {
        "batch": [[1024 + k / 1024, k] for k in (3, 0, 5, 1, 7, 2, 6, 4)],
        "gamma": [1, 1],
        "beta": [0, 0],
        "eps": 1e-5,
        "upstream": [[k % 3 - 1, k % 4 - 2] for k in range(8)],
    },
    "pair": {
        "batch": [[1, 10, 0], [4, -10, 0.5]],
        "gamma": [1, 1, 1e-3],
        "beta": [0, 0, 1e6],
        "eps": 1e-12,
        "upstream": [[1, 2, -1], [0, -1, -1]],
    },
}
RUNNER = """
import contextlib, io, json, pathlib, runpy, sys
import numpy as np

def plain(value):
    value = getattr(value, "value", value)  # a Keras variable's
    return np.asarray(value.detach() if hasattr(value, "detach") else value).tolist()

ran = {}
for path in map(pathlib.Path, sys.argv[1:]):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        variables = runpy.run_path(str(path), run_name="__main__")
    names = "x gamma beta eps dy y dx dgamma dbeta running_mean running_var".split()
    ran[path.stem] = {name: plain(variables[name]) for name in names} | {"said": said.getvalue()}
pathlib.Path("ran.json").write_text(json.dumps(ran))
"""


@functools.cache
def all_ran() -> dict[str, dict[str, Any]]:
    """All of them in one process; Keras's last, for importing it may change what torch does."""
    order = sorted(FRAMEWORKS, key=lambda framework: framework == "keras")
    scripts = {f"{framework} {name}": layer_code(framework, **CASES[name]) for framework in order for name in CASES}
    wide = {"    ]\n)": '    ],\n    dtype="float64",\n)', "epsilon=eps": 'epsilon=eps, dtype="float64"'}
    scripts["keras float64"] = functools.reduce(
        lambda text, change: text.replace(*change), wide.items(), scripts["keras outlier"]
    )
    return run(RUNNER, scripts)


def ran(framework: str) -> dict[str, dict[str, Any]]:
    start = f"{framework} "
    return {name.removeprefix(start): found for name, found in all_ran().items() if name.startswith(start)}


@functools.cache
def exact(name: str) -> dict[str, np.ndarray]:
    """The steps that the page shows, and what `nn.BatchNorm1d` keeps of this one batch."""
    case = CASES[name]
    steps = bnviz.batch_norm_steps(case["batch"], case["gamma"], case["beta"], case["eps"])
    back = steps.backward(case["upstream"])
    layer = nn.BatchNorm1d(len(case["gamma"]), dtype=torch.float64)
    layer(steps.x)
    found = [steps.output, back.dx, back.dgamma, back.dbeta, layer.running_mean, layer.running_var]
    return {key: value.numpy() for key, value in zip(NAMES, found, strict=True)}


def differences(found: dict[str, Any], expected: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    """The largest difference of each channel, as a part of the largest terms that are summed up."""
    case = CASES[name]
    x, gamma, dy = (np.array(case[key], dtype=float) for key in ("batch", "gamma", "upstream"))
    std = np.sqrt(x.var(axis=0) + case["eps"])
    xhat = (x - x.mean(axis=0)) / std
    sizes = {
        "y": np.abs(gamma) * np.abs(xhat).max(axis=0) + np.abs(case["beta"]) + 1e-3,
        "dx": np.abs(gamma) / std * np.abs(dy).max(axis=0),
        "dgamma": np.abs(dy * xhat).sum(axis=0) + 1e-3,
        "dbeta": np.abs(dy).sum(axis=0),
        "running_mean": np.abs(x).max(axis=0),
        "running_var": 1 + x.var(axis=0),
    }
    return {key: np.abs(np.atleast_2d(found[key]) - expected[key]).max(axis=0) / sizes[key] for key in NAMES}


def condition(name: str) -> np.ndarray:
    """How far each channel is from 0, in standard deviations: 1 at least, and what it multiplies are roundings."""
    x = np.array(CASES[name]["batch"])
    return 1 + np.abs(x).max(axis=0) / np.sqrt(x.var(axis=0) + CASES[name]["eps"])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("framework", ["pytorch", "numpy"])
def test_a_script_runs_and_computes_what_the_layer_does(framework, name):
    for key, off in differences(ran(framework)[name], exact(name), name).items():
        assert (off <= 1e-12 + 4 * FLOAT64 * condition(name)).all(), (key, off)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_script_prints_names_and_numbers_alone(framework):
    for name in ("plain", "constant", "pair"):
        said = ran(framework)[name]["said"]

        assert tuple(re.findall("^[a-z_]+$", said, re.MULTILINE)) == NAMES
        assert re.fullmatch(r"(?:[a-z_]+\n[\[\]\d\se.+-]+)+", said)


@pytest.mark.parametrize("name", ["plain", "outlier", "constant", "pair"])
def test_keras_computes_the_same_as_far_as_its_float32_reaches_but_keeps_the_biased_variance(name):
    found, x = ran("keras")[name], np.array(CASES[name]["batch"])
    expected = exact(name) | {"running_var": 0.9 + 0.1 * x.var(axis=0)}

    for key, off in differences(found, expected, name).items():
        assert (off <= 8 * FLOAT32 * condition(name) ** 2).all(), (key, off)  # squared: mean(x²) - mean(x)²
    if name != "constant":
        assert (np.abs(found["running_var"] - exact(name)["running_var"]) > 1e-3).any()


def test_keras_computes_in_float32_whatever_is_asked_as_its_script_says():
    found = ran("keras")["float64"]

    assert 1e-9 < np.abs(found["y"] - exact("outlier")["y"]).max() < 1e-5
    assert 'float32, even with dtype="float64"' in layer_code("keras", **CASES["outlier"])


def test_keras_loses_a_small_variance_beside_a_large_mean_as_its_script_says():
    found, expected = np.array(ran("keras")["offset"]["y"]), exact("offset")["y"]

    assert not np.allclose(found[:, 0], expected[:, 0], atol=0.1)
    np.testing.assert_allclose(found[:, 1], expected[:, 1], atol=1e-5)
    assert "mean(x^2) - mean(x)^2" in layer_code("keras", **CASES["offset"])


def test_all_three_scripts_name_the_same_things_the_same_way():
    for framework in FRAMEWORKS:
        assert set(ran(framework)["plain"]) == {"x", "gamma", "beta", "eps", "dy", *NAMES, "said"}
        assert FRAMEWORKS[framework] in layer_code(framework, **CASES["plain"]).splitlines()[0]


def test_ruff_has_nothing_to_say_about_a_script(tmp_path):
    random = np.random.default_rng(0)
    for framework in FRAMEWORKS:
        for columns in range(1, 9):
            for digits in (0, 1, 2, 5, 6, 17):
                table = random.normal(0, 100, (columns + 1, columns)).round(digits)
                row, upstream = table[0] * 10.0 ** (digits - 9), table**3
                text = layer_code(framework, batch=table, gamma=row, beta=-row, eps=10.0**-columns, upstream=upstream)
                (tmp_path / f"{framework}_{columns}_{digits}.py").write_text(text)
    options = ["--isolated", "--quiet", "--no-cache", "--line-length", str(WIDTH)]
    rules = ["--select", "E,F,W,I,N,UP,B,C4,ERA,FURB,NPY,PERF,PIE,RUF,SIM"]

    for command in (["format", "--diff", *options, "."], ["check", *options, *rules, "."]):
        said = subprocess.run(
            [sys.executable, "-m", "ruff", *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert said.returncode == 0, said.stdout[:2000] + said.stderr[:2000]


def test_a_large_batch_stays_readable_a_row_a_line_or_in_equal_pieces():
    batch, row = [[float(k)] * 8 for k in range(32)], [1.0] * 8
    short = layer_code("numpy", batch=batch, gamma=row, beta=row, eps=1e-5, upstream=batch)
    long = layer_code("numpy", batch=batch, gamma=row, beta=row, eps=1e-5, upstream=[[1025 / 1024] * 8] * 32)

    assert f"        [{', '.join(['31.0'] * 8)}],\n" in short
    assert "fmt" not in short
    half = ", ".join(["1.0009765625"] * 4)
    assert f"        [{half},\n         {half}],\n" in long
    assert long.count("# fmt: skip") == 1


NUMBER = st.floats(-1e6, 1e6) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)


@st.composite
def layers(draw) -> dict[str, Any]:
    rows, columns = draw(st.integers(2, 5) | st.just(32)), draw(st.integers(1, 8))
    row = st.lists(NUMBER, min_size=columns, max_size=columns)
    table = draw(st.lists(row, min_size=min(rows, 5), max_size=min(rows, 5)))
    batch = (table * 7)[:rows]
    eps = st.floats(1e-12, 10)
    return {"batch": batch, "gamma": draw(row), "beta": draw(row), "eps": draw(eps), "upstream": batch[::-1]}


def literals(text: str) -> dict[str, Any]:
    """The numbers that a script assigns to its first five names, in that order."""
    found = {}
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and isinstance(target := statement.targets[0], ast.Name):
            value = statement.value
            found[target.id] = ast.literal_eval(value.args[0] if isinstance(value, ast.Call) else value)
            if target.id == "dy":
                break
    return found


@given(st.sampled_from(list(FRAMEWORKS)), layers())
def test_any_batch_gives_code_whose_numbers_read_back_to_the_last_bit(framework, layer):
    text = layer_code(framework, **layer)
    found = literals(text)
    expected = {"x": layer["batch"], **{key: layer[key] for key in ("gamma", "beta", "eps")}, "dy": layer["upstream"]}

    assert list(found) == list(expected)
    for key, values in expected.items():
        assert np.array(found[key]).tobytes() == np.array(values, dtype=float).tobytes()
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.isascii()


@given(st.sampled_from(list(FRAMEWORKS)), layers())
def test_numbers_change_nothing_but_the_numbers(framework, layer):
    plain = layer_code(framework, **CASES["plain"])
    tail = plain.index("\n\n", plain.index("\ndy = "))
    text = layer_code(framework, **layer)

    assert text.endswith(plain[tail:])
    assert text.startswith(plain[: plain.index("\nx = ")])


HOSTILE = [
    "1",
    "1); import os; print(1",
    "$data",
    "nan",
    None,
    [1],
    True,
    1j,
    b"1",
    float("nan"),
    float("inf"),
    10**400,
]


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
@pytest.mark.parametrize("field", ["batch", "gamma", "beta", "eps", "upstream"])
def test_what_is_no_finite_number_never_becomes_code(field, value):
    case = dict(CASES["pair"])
    case[field] = {"eps": value, "gamma": [1, 1, value], "beta": [1, 1, value]}.get(field, [[1, 2, 3], [1, value, 3]])

    with pytest.raises(ValueError, match=f"{field} must be a finite number, or hold such") as caught:
        layer_code("numpy", **case)

    assert len(str(caught.value)) < 200


def test_a_number_of_another_type_enters_as_its_value():
    class Loud(float):
        def __repr__(self):
            return "__import__('os')"

    text = layer_code(
        "numpy",
        batch=np.array([[1.5], [2]]),
        gamma=[Loud(3)],
        beta=[Fraction(1, 4)],
        eps=np.float64(1e-7),
        upstream=((-0.0,), (1e16,)),
    )

    assert literals(text) == {"x": [[1.5], [2]], "gamma": [3], "beta": [0.25], "eps": 1e-7, "dy": [[0], [1e16]]}
    assert "import os" not in text
    assert "eps = 1e-7\n" in text
    assert "[-0.0],\n        [1e16],\n" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch": [[1, 2, 3]]}, "at least 2 rows: one sample has no batch variance; got 1"),
        ({"batch": []}, "equally many numbers"),
        ({"batch": [[], []]}, "equally many numbers"),
        ({"batch": [[1, 2, 3], [1, 2]]}, r"equally many numbers, at least one; got \[2, 3\]"),
        ({"upstream": [[1, 2], [3, 4]]}, "upstream must have the batch's shape, 2 rows of 3"),
        ({"gamma": [1]}, "one number a channel, 3; got 1 and 3"),
        ({"beta": []}, "one number a channel, 3; got 3 and 0"),
        ({"eps": 0}, r"eps must be above 0; got 0\.0"),
        ({"eps": -1e-5}, "eps must be above 0; got -1e-5"),
    ],
)
def test_a_wrong_shape_says_what_is_right(change, said):
    with pytest.raises(ValueError, match=said):
        layer_code("pytorch", **CASES["pair"] | change)


@pytest.mark.parametrize("framework", ["jax", "", "PyTorch", "numpy; import os"])
def test_an_unknown_framework_is_told_the_known_ones(framework):
    with pytest.raises(ValueError, match="framework must be one of pytorch, keras, numpy; got"):
        layer_code(framework, **CASES["pair"])


def test_every_framework_has_its_script():
    assert list(SCRIPTS) == list(FRAMEWORKS)
