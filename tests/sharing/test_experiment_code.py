from __future__ import annotations

import ast
import functools
import itertools
import random
import re
import subprocess
import sys
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bnviz
from bnviz.experiment.config import (
    DATASETS,
    NORMALIZATIONS,
    Activation,
    ExperimentConfig,
    Init,
    Intervention,
    Optimizer,
)
from bnviz.experiment.fields import ConfigError
from bnviz.experiment.presets import PRESETS
from bnviz.experiment.sizes import SHAPES
from bnviz.sharing.experiment_code import FRAMEWORKS, experiment_code
from bnviz.sharing.experiment_text import WIDTH
from bnviz.sharing.table_file import read_table
from bnviz.training import datasets
from tests.own_tables import blobs, iris, written
from tests.sharing.scripts import run

STEPS = 50
LONGER = {"headline 0": 100, "headline 1": 100, "plain": 100, "batch": 100}  # the app's own example, also in Keras
HEADLINE = PRESETS["headline"].arms[1]
DIGITS = PRESETS["no-difference"].arms[1]
PLANE = ExperimentConfig(dataset="moons", noise=0.2, width=32, hidden_layers=2, normalization="batch")


def turns(*items: tuple[int, Any]) -> tuple[Intervention, ...]:
    """Interventions: a word turns the normalization, a number the learning rate."""
    return tuple(
        Intervention(step=step, normalization=value)
        if isinstance(value, str)
        else Intervention(step=step, learning_rate=value)
        for step, value in items
    )


CASES: dict[str, ExperimentConfig] = {
    **{f"headline {index}": arm for index, arm in enumerate(PRESETS["headline"].arms)},
    **{f"circles {index}": arm for index, arm in enumerate(PRESETS["circles"].arms)},
    "spirals": PRESETS["spirals"].arms[1],
    "learning rate": PRESETS["learning-rate"].arms[1],
    **{f"small batch {index}": arm for index, arm in enumerate(PRESETS["small-batch"].arms)},
    "adam": DIGITS.replace(optimizer="adam", learning_rate=0.01, weight_decay=0.01),
    "momentum": DIGITS.replace(momentum=0.9, learning_rate=0.02, weight_decay=1e-4),
    "dropout": DIGITS.replace(dropout=0.3),
    "tanh after": DIGITS.replace(activation="tanh", norm_position="after", init="xavier"),
    "gelu fixed": DIGITS.replace(activation="gelu", norm_affine=False, init="lecun"),
    "leaky pytorch": DIGITS.replace(activation="leaky_relu", init="pytorch", norm_eps=1e-3, norm_momentum=0.01),
    "linear layer": DIGITS.replace(activation="linear", normalization="layer", norm_affine=False),
    "noisy": HEADLINE.replace(normalization="noisy_batch"),
    "wine": PLANE.replace(dataset="wine", batch_size=32, noise=0.0, normalization="group"),
    "breast cancer": PLANE.replace(dataset="breast_cancer", samples=400, noise=0.3, batch_size=17),
    "nearly all digits": PLANE.replace(dataset="digits", samples=1790, noise=0.3, batch_size=17),
    "half the digits": PLANE.replace(dataset="digits", samples=900, noise=0.0, seed=5, data_seed=2**31 - 1),
    "moons": PLANE,
    "xor": PLANE.replace(dataset="xor", hidden_layers=6, width=8),
    "clusters": PLANE.replace(dataset="clusters", samples=3000, noise=0.1, batch_size=512),
    "tiny": PLANE.replace(dataset="circles", noise=0.0, width=2, hidden_layers=1, normalization="none"),
    "rates": HEADLINE.replace(interventions=turns((0, 0.4), (15, 0.1), (30, 0.9))),
    "off and on": DIGITS.replace(interventions=turns((15, "none"), (27, "batch"), (30, "batch"), (40, 0.02))),
    "all kinds": DIGITS.replace(
        norm_eps=1e-3, interventions=turns((0, "layer"), (10, "group"), (20, "batch"), (30, "group"), (40, "none"))
    ),
    "after, adam": DIGITS.replace(
        optimizer="adam", learning_rate=0.003, norm_position="after",
        interventions=turns((15, "none"), (25, "batch"), (45, "noisy_batch"), (47, "batch")),
    ),
    "momentum, fixed": DIGITS.replace(
        momentum=0.9, learning_rate=0.01, norm_affine=False,
        interventions=turns((0, "none"), (25, "batch"), (45, "none")),
    ),
    "momentum, noisy": DIGITS.replace(
        momentum=0.9, learning_rate=0.01, dropout=0.1, normalization="none",
        interventions=turns((0, 0.02), (20, "noisy_batch"), (35, "none"), (50, "batch")),
    ),
}  # fmt: skip
OWN = {
    "iris": read_table("iris.csv", iris()),
    "german": read_table("german.csv", iris().replace(b",", b";").replace(b".", b",")),
    "first": read_table("a (1) ä.csv", written([[n % 3, n**2, -n / 7, 5] for n in range(90)]), 1),
    "plane": read_table("plane.csv", blobs(features=2).replace(b",", b"\t")),
    "excel": read_table("excel.csv", b"sep=;\r\n" + iris().replace(b",", b";").replace(b"\r\n", b";;\r\n")),
}
TABLES = {str(table.ref): table for table in OWN.values()}


def on(name: str, config: ExperimentConfig, **changes: Any) -> ExperimentConfig:
    """A configuration on one of the own tables."""
    return config.replace(dataset="table", table=str(OWN[name].ref), batch_size=20, **changes)


CASES |= {
    "own": on("iris", HEADLINE), "own part": on("iris", DIGITS, samples=100, noise=0.2, data_seed=3),
    "own german": on("german", PLANE, init="he"), "own first": on("first", PLANE, init="normal", noise=0.0),
    "own plane": on("plane", PLANE, normalization="none", activation="tanh"), "own excel": on("excel", PLANE),
}  # fmt: skip
LOST = {"lost spirals": PRESETS["spirals"].arms[0], "lost digits": PRESETS["learning-rate"].arms[0]}

PLAIN = DIGITS.replace(normalization="none", activation="tanh", init="xavier")
KERAS: dict[str, ExperimentConfig] = {
    "plain": PRESETS["headline"].arms[0],
    "batch": HEADLINE,
    "after": DIGITS.replace(activation="tanh", norm_position="after", init="pytorch", norm_momentum=0.3),
    "fixed": DIGITS.replace(activation="gelu", norm_affine=False, init="lecun", norm_eps=1e-3),
    "layer": PLAIN.replace(normalization="layer", weight_decay=0.01, activation="linear"),
    "group": PLAIN.replace(normalization="group", activation="leaky_relu", init="he"),
    "adam": PLAIN.replace(optimizer="adam", learning_rate=0.003, weight_decay=0.01),
    "momentum": PLAIN.replace(
        momentum=0.9, learning_rate=0.02, weight_decay=0.01, interventions=turns((0, 0.01), (20, 0.05), (35, 0.001))
    ),
    "dropout": PLAIN.replace(dropout=0.2),
    "own": on("german", PLAIN),
}

RUNNER = """
import contextlib, io, json, pathlib, runpy, sys

ran = {}
for path in map(pathlib.Path, sys.argv[1:]):
    with contextlib.redirect_stdout(io.StringIO()) as said:
        left = runpy.run_path(str(path), run_name="__main__")
    found = {name: float(left[name]) for name in ("step", "train_loss", "test_accuracy")}
    if "keras" in left:
        logits = left["model"](left["x"], training=True)
        found["loss"] = left["cross_entropy"](left["y"], logits).item()
    ran[path.stem] = found | {"said": said.getvalue()}
pathlib.Path("ran.json").write_text(json.dumps(ran))
"""


def drawn(count: int) -> dict[str, ExperimentConfig]:
    """Small configurations of every kind, the same ones each time."""
    source, found = random.Random(0), {}
    while len(found) < count:
        pick, groups = source.choice, source.choice([1, 2, 4])
        knobs = [(source.randrange(30), pick([*NORMALIZATIONS, 0.01, 0.05])) for _ in range(pick([0, 0, 1, 4]))]
        config = ExperimentConfig(
            dataset=pick(DATASETS), samples=pick([0, 41, 175, 568, 1790]), noise=pick([0.0, 0.3]),
            data_seed=source.randrange(9), hidden_layers=source.randrange(1, 6), width=groups * pick([2, 5, 16]),
            activation=pick(get_args(Activation)), normalization=pick(NORMALIZATIONS),
            norm_position=pick(["before", "after"]), norm_momentum=pick([0.1, 0.0, 1.0]),
            norm_eps=pick([1e-5, 1e-12]), norm_affine=pick([True, True, False]), norm_groups=groups,
            init=pick(get_args(Init)), init_std=pick([0.1, 0.037]), optimizer=pick(get_args(Optimizer)),
            momentum=pick([0.0, 0.9]), learning_rate=0.01, weight_decay=pick([0.0, 0.01]), dropout=pick([0.0, 0.3]),
            batch_size=pick([2, 7, 30]), seed=source.randrange(2**31), interventions=turns(*knobs),
        )  # fmt: skip
        found[f"drawn {len(found)}"] = config
    return found


DRAWN = drawn(24)


def steps(name: str) -> int:
    """After how many steps a configuration is compared."""
    return LONGER.get(name, STEPS)


@functools.cache
def ran() -> dict[str, dict[str, Any]]:
    """All of them; Keras's last, for importing it may change what torch does."""
    scripts = {name: experiment_code("pytorch", config, steps=steps(name)) for name, config in (CASES | LOST).items()}
    scripts |= {name: experiment_code("pytorch", config, steps=30) for name, config in DRAWN.items()}
    scripts["uneven"] = experiment_code("pytorch", HEADLINE, steps=50)
    scripts |= {f"keras {name}": experiment_code("keras", config, steps=steps(name)) for name, config in KERAS.items()}
    return run(RUNNER, scripts, {table.ref.name: table.source for table in OWN.values()})


def lab(config: ExperimentConfig, step: int) -> Any:
    """The lab's snapshot of a step, or the last of a network that was lost before."""
    return next(s for s in bnviz.unfold(config, every=step, tables=TABLES) if s.step or s.diverged)


@pytest.mark.parametrize("name", CASES)
def test_pytorch_ends_at_the_labs_own_numbers_to_the_last_bit(name):
    found, shown = ran()[name], lab(CASES[name], steps(name))

    assert found["step"] == shown.step == steps(name)
    assert found["train_loss"] == float(shown.train_loss)
    assert found["test_accuracy"] == float(shown.test_accuracy)


@pytest.mark.parametrize("name", DRAWN)
def test_pytorch_does_so_for_whatever_is_drawn(name):
    found, shown = ran()[name], lab(DRAWN[name], 30)

    assert found["step"] == shown.step
    if shown.diverged is None:
        assert found["train_loss"] == float(shown.train_loss)
        assert found["test_accuracy"] == float(shown.test_accuracy)


def test_pytorch_prints_what_the_lab_shows_every_20_steps_and_at_the_end():
    stream = bnviz.unfold(HEADLINE, every=10)
    shown = {s.step: s for s in itertools.islice(stream, 6)}
    lines = [
        f"step {step}: loss {np.float32(shown[step].train_loss)!s}, "
        f"test accuracy {float(shown[step].test_accuracy):.1%}"
        for step in (0, 20, 40, 50)
    ]

    assert ran()["uneven"]["said"].splitlines() == lines


@pytest.mark.parametrize("name", LOST)
def test_a_lost_network_ends_at_the_labs_step_and_says_so(name):
    found, shown = ran()[name], lab(LOST[name], STEPS)

    assert shown.diverged is not None
    assert found["step"] == shown.step < STEPS
    assert re.fullmatch(rf"step {shown.step}: the loss is (nan|inf), training ends", found["said"].splitlines()[-1])


@pytest.mark.parametrize("name", [name for name in KERAS if name != "dropout"])
def test_keras_trains_alike_as_far_as_float32_reaches(name):
    found, shown = ran()[f"keras {name}"], lab(KERAS[name], steps(name))

    assert found["step"] == steps(name)
    assert found["loss"] == pytest.approx(float(shown.loss), rel=1e-3)  # of the batch, in train mode
    if KERAS[name].normalization != "batch":
        assert found["train_loss"] == pytest.approx(float(shown.train_loss), rel=1e-3)
        assert found["test_accuracy"] == pytest.approx(float(shown.test_accuracy), abs=0.005)


def test_keras_keeps_the_biased_variance_so_that_batch_norms_eval_mode_differs_as_its_script_says():
    found, shown = ran()["keras batch"]["train_loss"], float(lab(HEADLINE, steps("batch")).train_loss)

    assert found != pytest.approx(shown, rel=1e-3)
    assert found == pytest.approx(shown, rel=0.1)
    assert "biased variance" in experiment_code("keras", HEADLINE)
    assert "biased variance" not in experiment_code("keras", PLAIN)


def test_keras_draws_masks_of_its_own_as_its_script_says():
    found, shown = ran()["keras dropout"]["train_loss"], float(lab(KERAS["dropout"], STEPS).train_loss)

    assert found != pytest.approx(shown, rel=1e-3)
    assert found == pytest.approx(shown, rel=0.5)
    assert "Keras draws its own masks" in experiment_code("keras", KERAS["dropout"])


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (CASES["noisy"], "normalization: Keras has no layer for noisy_batch: choose batch, or .* PyTorch"),
        (CASES["off and on"], "interventions: at step 15 the normalization changes to none, .* or .* PyTorch"),
    ],
)
def test_what_keras_cant_do_says_what_to_do_instead(config, said):
    with pytest.raises(ValueError, match=said):
        experiment_code("keras", config)


def test_a_change_that_changes_nothing_is_no_obstacle_to_keras():
    assert experiment_code("keras", HEADLINE.replace(interventions=turns((5, "batch")))) == experiment_code(
        "keras", HEADLINE
    )


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_script_has_only_what_its_configuration_needs(framework):
    text = experiment_code(framework, HEADLINE)

    others = (
        "relu|tanh|dropout|noise|momentum=0.1|weight_decay|adam|layernorm|moons|math|eps=|learning_rates|block|l2|rng"
    )
    assert not re.search(rf"\b({others})", text, re.IGNORECASE)
    assert len(text.splitlines()) < 110
    assert text.splitlines()[0] == f'"""Digits: 3 hidden layers of 100 (sigmoid, BatchNorm) in {FRAMEWORKS[framework]}.'
    assert "\nSTEPS = 200\n" in text


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_data_set_has_the_shape_the_script_says(dataset):
    data = datasets.load(ExperimentConfig(dataset=dataset))

    assert SHAPES[dataset] == (data.features, len(data.classes))


@st.composite
def configs(draw) -> ExperimentConfig:
    """Any configuration that is valid, up to the limits of every field."""
    groups = draw(st.integers(1, 8))
    values: dict[str, Any] = {"norm_groups": groups, "width": groups * draw(st.integers(2, 64))}
    for name, item in ExperimentConfig.__dataclass_fields__.items():
        limits = item.metadata
        if "choices" in limits:
            values[name] = draw(st.sampled_from(limits["choices"]))
        elif "low" in limits and name not in values:
            kind = st.integers if isinstance(item.default, int) else st.floats
            values[name] = draw(st.just(item.default) | kind(limits["low"], limits["high"]))
    values["norm_affine"] = draw(st.booleans())
    knob = st.tuples(st.integers(0, 10**7), st.sampled_from(NORMALIZATIONS) | st.floats(1e-8, 1e4))
    values["interventions"] = turns(*draw(st.lists(knob, max_size=12)))
    while True:
        try:
            return ExperimentConfig(**values)
        except ConfigError as error:  # the limits across fields
            values[error.field] = ExperimentConfig.__dataclass_fields__[error.field].default
            values |= {"batch_size": 20} if error.field == "batch_size" else {}


@settings(max_examples=200)
@given(st.sampled_from(list(FRAMEWORKS)), configs(), st.integers(1, 10**7))
def test_any_configuration_gives_a_script_that_parses_or_says_what_to_do(framework, config, steps):
    try:
        text, said = experiment_code(framework, config, steps=steps), ""
    except ValueError as error:
        text, said = "", str(error)
    if said:
        assert framework == "keras"
        assert said.endswith("or take the script for PyTorch")
        return
    tree = ast.parse(text)
    modules = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules <= {"math", "os", "keras", "numpy", "torch", "sklearn.datasets", "sklearn.model_selection"}
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.isascii()
    assert "$" not in text
    assert text == experiment_code(framework, config, steps=steps)


def test_ruff_has_nothing_to_say_about_a_script(tmp_path):
    many = turns(*((1000 * step, kind) for step, kind in enumerate(["none", "batch"] * 20)))
    rates = turns(*((12345 * step, 1 / (step + 3)) for step in range(20)))
    odd = 0.12345678901234566
    sample = CASES | KERAS | DRAWN | {
        "many": HEADLINE.replace(interventions=many), "rates": HEADLINE.replace(interventions=rates),
        "wide": ExperimentConfig(
            width=512, norm_groups=256, normalization="group", norm_eps=odd, norm_momentum=odd, norm_affine=False,
            init="normal", init_std=odd, momentum=odd, learning_rate=odd, weight_decay=odd, dropout=odd, noise=odd,
            samples=1790, hidden_layers=30, batch_size=64, seed=2**31 - 1, data_seed=2**31 - 1,
        ),
        "wide batch": ExperimentConfig(
            dataset="breast_cancer", width=512, hidden_layers=29, norm_eps=odd, norm_momentum=odd, norm_affine=False,
            activation="leaky_relu", interventions=turns((1, "batch"), (2, "noisy_batch"), (3, "layer")),
            dropout=odd, optimizer="adam", weight_decay=odd, noise=odd, samples=500,
        ),
        "wide affine": ExperimentConfig(
            normalization="batch", norm_eps=odd, norm_momentum=odd, weight_decay=odd, dropout=odd, dataset="clusters",
            noise=odd, data_seed=2**31 - 1,
        ),
    }  # fmt: skip
    for framework, (name, config) in itertools.product(FRAMEWORKS, sample.items()):
        try:
            text = experiment_code(framework, config, steps=12345)
        except ValueError:
            continue
        (tmp_path / f"{framework}_{re.sub('[^a-z0-9]+', '_', name)}.py").write_text(text)
    options = ["--isolated", "--quiet", "--no-cache", "--line-length", str(WIDTH)]
    rules = ["--select", "A,B,C4,E,ERA,F,FURB,I,N,NPY,PERF,PIE,RET,RUF,SIM,UP,W"]

    for command in (["format", "--diff", *options, "."], ["check", *options, *rules, "."]):
        said = subprocess.run(
            [sys.executable, "-m", "ruff", *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert said.returncode == 0, said.stdout[:2000] + said.stderr[:2000]


@pytest.mark.parametrize("framework", ["jax", "", "PyTorch", "numpy; import os", None])
def test_an_unknown_framework_is_told_the_known_ones(framework):
    with pytest.raises(ValueError, match="framework must be one of pytorch, keras; got"):
        experiment_code(framework, HEADLINE)


@pytest.mark.parametrize("steps", [0, -1, 1.5, True, "1", None, 10**8])
def test_steps_are_a_whole_number_from_1(steps):
    with pytest.raises(ValueError, match="steps must be"):
        experiment_code("pytorch", HEADLINE, steps=steps)
