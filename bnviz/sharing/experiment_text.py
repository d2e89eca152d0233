"""What an experiment's scripts share, whatever the framework: data, random generators, batches, and their layout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from string import Template

from bnviz.experiment.config import REAL_SIZES, TEST_SHARE, ExperimentConfig
from bnviz.experiment.sizes import sizes
from bnviz.experiment.words import VALUES
from bnviz.sharing import experiment_table as own

WIDTH = 88  # ruff's own default
EVALUATED = 512
MAKERS = {"moons": "make_moons", "circles": "make_circles", "clusters": "make_blobs"}
STREAMS = {"WEIGHTS": 0, "BATCHES": 1, "DROPOUT": 2, "NOISE": 3}
DEVIATIONS = {
    "he": "math.sqrt(2 / inputs)",
    "xavier": "math.sqrt(2 / (inputs + outputs))",
    "lecun": "math.sqrt(1 / inputs)",
}
INITS = {
    "he": "He's initial weights",
    "xavier": "Xavier's (Glorot's) initial weights, normal ones",
    "lecun": "LeCun's initial weights",
    "pytorch": "PyTorch's default initial weights",
    "normal": "normal initial weights",
}
OUTPUT = 1000  # the output layer's position

GENERATOR = '''\
def generator(*use):
    """A random generator of its own for each use of the seed."""
    state = np.random.SeedSequence([SEED, *use]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state))'''

BATCHES = '''\
def batches():
    """Batches without end: a new order each epoch, an incomplete last one left out."""
    source = generator(BATCHES)
    while True:
        order = torch.randperm(len(train_y), generator=source)
        x, y = train_x[order], train_y[order]
        for start in range(0, len(y) - BATCH_SIZE + 1, BATCH_SIZE):
            yield x[start : start + BATCH_SIZE], y[start : start + BATCH_SIZE]'''

LOOP = "for step, (x, y) in enumerate(batches()):"

REPORT = """\
    if step % 20 == 0 or step == STEPS:
        train_loss, test_accuracy = evaluate()
        print(f"step {step}: loss {train_loss!s}, test accuracy {test_accuracy:.1%}")
    if step == STEPS:
        break"""

SPIRALS = """\
y = np.arange($samples) % 3
radius = np.sqrt(rng.uniform(0.01, 1.0, $samples))
angle = 2 * np.pi * (radius + y / 3)
x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)"""

XOR = """\
x = rng.uniform(-1, 1, ($samples, 2))
y = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(np.int64)"""


def filled(template: str, **values: str) -> str:
    """The template with its gaps `$name` filled."""
    return Template(template).substitute(values)


def number(value: float) -> str:
    """The shortest text that reads back as the same number; exponents as one writes them, 1e-5 and not 1e-05."""
    return repr(value).replace("e+", "e").replace("e-0", "e-")


def call(head: str, arguments: Sequence[str]) -> str:
    """A call as ruff lays it out: on one line, with its arguments on one, or one a line."""
    indent, inside = " " * (len(head) - len(head.lstrip())), ", ".join(arguments)
    if len(line := f"{head}({inside})") <= WIDTH:
        return line
    if len(line := f"{indent}    {inside}") <= WIDTH:
        return f"{head}(\n{line}\n{indent})"
    return collection(f"{head}(", arguments, ")")


def collection(head: str, items: Sequence[str], tail: str) -> str:
    """A list, set or dictionary as ruff lays it out: on one line or one item a line."""
    if len(line := f"{head}{', '.join(items)}{tail}") <= WIDTH:
        return line
    indent = " " * (len(head) - len(head.lstrip()))
    return "\n".join([head, *(f"{indent}    {item}," for item in items), f"{indent}{tail}"])


def joined(parts: Iterable[str]) -> str:
    """Top-level parts of a script with blank lines between, two around functions and classes."""
    text, before = "", ""
    for part in filter(None, parts):
        defines = any(one.startswith(("def ", "class ", "@")) for one in (before, part))
        text += part if not text else ("\n\n\n" if defines else "\n\n") + part
        before = part
    return text + "\n"


def title(config: ExperimentConfig, framework: str, note: str) -> str:
    """The script's docstring."""
    layers = f"{config.hidden_layers} hidden layer{'s' * (config.hidden_layers > 1)} of {config.width}"
    kinds = [VALUES.get(kind, kind) for kind in (config.activation, config.normalization) if kind != "none"]
    name = VALUES.get(config.dataset, config.dataset)
    return f'"""{name[0].upper()}{name[1:]}: {layers} ({", ".join(kinds)}) in {framework}.\n\n{note}\n"""'


def standard(config: ExperimentConfig) -> str:
    """The imports from the standard library that data and initial weights want."""
    wanted = {"csv": config.own_table is not None, "math": config.init != "normal"}
    return "\n".join(f"import {module}" for module, is_wanted in wanted.items() if is_wanted)


def imports(config: ExperimentConfig, *, plain: Sequence[str], members: Sequence[str] = ()) -> str:
    """The imports from outside the standard library; `members` are whole lines after scikit-learn's."""
    name = f"load_{config.dataset}" if config.dataset in REAL_SIZES else MAKERS.get(config.dataset)
    maker = [f"from sklearn.datasets import {name}"] if name else []
    split = "from sklearn.model_selection import train_test_split"
    return "\n".join([*(f"import {module}" for module in plain), *maker, split, *members])


def settings(config: ExperimentConfig, steps: int, values: dict[str, str], uses: Sequence[str]) -> str:
    """The constants: what one would like to change first, then the framework's own `values`, and the seed's uses."""
    turns = {turn.step or 0: turn.learning_rate for turn in config.interventions if turn.learning_rate is not None}
    rate = turns.pop(0, config.learning_rate)
    values = {
        **own.constants(config),
        "SEED": str(config.seed),
        "STEPS": str(steps),
        "BATCH_SIZE": str(config.batch_size),
        "LEARNING_RATE": number(rate),
        **values,
    }
    lines = [f"{name} = {value}" for name, value in values.items()]
    if turns:
        lines.append(collection("LEARNING_RATES = {", [f"{step}: {number(turns[step])}" for step in turns], "}"))
    return "\n".join(
        [*lines, f"{', '.join(uses)} = {', '.join(str(STREAMS[use]) for use in uses)}  # uses of the seed"]
    )


def turns_rate(config: ExperimentConfig) -> bool:
    """Whether the learning rate is turned after the start."""
    return any(turn.learning_rate is not None and turn.step for turn in config.interventions)


def normalizations(config: ExperimentConfig) -> list[tuple[int, str]]:
    """Each normalization with the step from which on it is in force; the first is the start's, at step -1."""
    kinds = [(-1, str(config.normalization))]
    for turn in config.interventions:
        if turn.normalization not in (None, kinds[-1][1]):
            kinds.append((turn.step or 0, str(turn.normalization)))
    return kinds


def inputs(config: ExperimentConfig) -> str:
    """The list of the hidden layers' numbers of inputs."""
    features, more = str(sizes(config)[0]), config.hidden_layers - 1
    rest = [str(config.width)] * more if more < 4 else [f"*[{config.width}] * {more}"]
    return f"[{', '.join([features, *rest])}]"


def deviation(config: ExperimentConfig) -> str:
    """The expression of the initial weights' standard deviation."""
    return DEVIATIONS.get(config.init, number(config.init_std))


def evaluated(config: ExperimentConfig) -> tuple[str, str]:
    """The evaluated parts of the training and of the test split, with a gap for x or y."""
    sizes = config.training_samples, config.total_samples - config.training_samples
    train, test = (f"[:{EVALUATED}]" if size > EVALUATED else "" for size in sizes)
    return f"train_{{}}{train}", f"test_{{}}{test}"


STANDARDISED = {
    "alike": "mean, std = train_x.mean(), train_x.std()  # one of each for all features",
    "table": "mean, std = train_x.mean(axis=0), train_x.std(axis=0)  # one of each a column",
}


def data(config: ExperimentConfig) -> str:
    """The lines that leave the lab's split, standardised train_x, test_x (float64), train_y and test_y."""
    real, ref = config.real_size is not None, config.own_table
    lines = _real(config) if real else _generated(config)
    split = ["x", "y", f"test_size={TEST_SHARE}", "stratify=y", f"random_state={config.data_seed}"]
    lines += [
        call("train_x, test_x, train_y, test_y = train_test_split", split),
        STANDARDISED["table" if config.columnwise else "alike"],
        *([own.FLAT] if ref is not None else []),
        "train_x, test_x = (train_x - mean) / std, (test_x - mean) / std",
    ]
    if real and config.noise:
        lines += [
            f"{part} = {part} + {number(config.noise)} * rng.standard_normal({part}.shape)"
            for part in ("train_x", "test_x")
        ]
    return "\n".join(lines)


def _real(config: ExperimentConfig) -> list[str]:
    size, samples, ref = config.real_size, config.total_samples, config.own_table
    assert size is not None
    lines = [f"x, y = load_{config.dataset}(return_X_y=True)"] if ref is None else own.lines(ref)
    state = str(config.data_seed)
    if config.noise:
        lines, state = [f"rng = np.random.RandomState({config.data_seed})", *lines], "rng"
    if samples < size:
        part = ["x", "y", f"train_size={samples}", "stratify=y", f"random_state={state}"]
        if size - samples < sizes(config)[1]:  # too few are left over to hold every class
            part.remove("stratify=y")
        lines.append(call("x, _, y, _ = train_test_split", part))
    return lines


def _generated(config: ExperimentConfig) -> list[str]:
    samples, noise, seed = str(config.total_samples), number(config.noise), config.data_seed
    state = f"random_state={seed}"
    noisy = [f"noise={noise}"] if config.noise else []
    if config.dataset == "moons":
        return [call("x, y = make_moons", [samples, *noisy, state])]
    if config.dataset == "circles":
        return [call("x, y = make_circles", [samples, *noisy, "factor=0.5", state])]
    if config.dataset == "clusters":
        spread = f"cluster_std={number(0.5 + config.noise)}"
        centers = "centers = [(-2, -2), (-2, 2), (2, -2), (2, 2)]"
        return [centers, call("x, y = make_blobs", [samples, "centers=centers", spread, state])]
    text = filled({"spirals": SPIRALS, "xor": XOR}[config.dataset], samples=samples)
    added = [f"x = x + {noise} * rng.standard_normal(x.shape)"] if config.noise else []
    return [f"rng = np.random.RandomState({seed})", text, *added]
