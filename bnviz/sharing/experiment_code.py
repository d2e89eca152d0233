"""A configuration as a training script to take away: the lab's own numbers in PyTorch, or the same run in Keras.

The script needs nothing of ours and has only what its configuration asks for. Only numbers and words of our own enter
the text, and the name of a table's file, which has no signs that mean anything to Python.
"""

from __future__ import annotations

from collections.abc import Sequence

from bnviz.experiment.config import MAX_STEP, ExperimentConfig
from bnviz.experiment.fields import one_of, whole
from bnviz.experiment.sizes import sizes
from bnviz.sharing import experiment_exchange as exchange
from bnviz.sharing import experiment_text as text
from bnviz.sharing.experiment_keras import keras_script
from bnviz.sharing.experiment_text import call, filled, number

FRAMEWORKS = {"pytorch": "PyTorch", "keras": "Keras 3"}
ACTIVATIONS = {
    "relu": "ReLU", "leaky_relu": "LeakyReLU", "tanh": "Tanh", "sigmoid": "Sigmoid", "gelu": "GELU",
    "linear": "Identity",
}  # fmt: skip

LINEAR = '''\
def linear(inputs, outputs, position):
    """A linear layer with $rule."""
    layer = nn.Linear(inputs, outputs)
    source = generator(WEIGHTS, position)
    with torch.no_grad():
        $draw
    return layer'''

NORMAL = """\
layer.weight.normal_(generator=source).mul_($deviation)
        layer.bias.zero_()"""

UNIFORM = """\
bound = 1 / math.sqrt(inputs)
        layer.weight.uniform_(-bound, bound, generator=source)
        layer.bias.uniform_(-bound, bound, generator=source)"""

DROPOUT = '''\
class Dropout(nn.Module):
    """Zeroes a share of the values in training, with a generator of its own."""

    def __init__(self, position):
        super().__init__()
        self.source = generator(DROPOUT, position)

    def forward(self, x):
        if not self.training:
            return x
        mask = torch.empty_like(x).bernoulli_(1 - DROPPED, generator=self.source)
        return x * mask.div_(1 - DROPPED)'''

NOISE = '''\
class Noise(nn.Module):
    """A new random scale and shift each step (Santurkar et al. 2018), in training."""

    def __init__(self, position):
        super().__init__()
        self.source = generator(NOISE, position)

    def forward(self, x):
        if not self.training:
            return x
        channels = torch.rand((2, x.shape[1]), generator=self.source)
        shift, scale = 0.5 * (2 * channels[0] - 1), 1 + 0.25 * channels[1]
        scale = scale + 0.1 * torch.randn(x.shape, generator=self.source)
        shift = shift + 0.1 * (2 * torch.rand(x.shape, generator=self.source) - 1)
        return x * scale + shift'''

EVALUATE = '''\
@torch.no_grad()
def evaluate():
    """Loss on training samples and accuracy on test samples, in eval mode."""
    model.eval()
    logits = model(seen_x)
    model.train()
    losses = nn.functional.cross_entropy(logits, seen_y, reduction="none")
    right = (logits.argmax(1) == seen_y).float()
    return losses[:$split].mean().numpy(), right[$split:].mean().numpy()'''

RATE = """\
    if step in LEARNING_RATES:
        optimizer.param_groups[0]["lr"] = LEARNING_RATES[step]"""

UPDATE = """\
    loss = nn.functional.cross_entropy(model(x), y)
    if not loss.isfinite():
        print(f"step {step}: the loss is {loss.item()}, training ends")
        break
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()"""


def experiment_code(framework: str, config: ExperimentConfig, *, steps: int = 200) -> str:
    """Return a script that runs as it stands: the lab's data, initial weights, batches and `steps` updates.

    At every 20th step and at the last it prints what the lab shows: the loss on a fixed part of the training split
    and the accuracy on the test split, in eval mode; `train_loss` and `test_accuracy` keep the last. PyTorch's are
    the lab's numbers bit for bit, on the same machine. Keras rounds in other places, and where it computes something
    else its script says so. Lines are as ruff lays them out, within 88 characters. Raises a ValueError for another
    framework, and for what Keras has no layer for; it says what to do instead.
    """
    one_of("framework", framework, tuple(FRAMEWORKS))
    steps = whole("steps", steps, 1, MAX_STEP, "")
    return pytorch_script(config, steps) if framework == "pytorch" else keras_script(config, steps)


def pytorch_script(config: ExperimentConfig, steps: int) -> str:
    """Return the script of `experiment_code` in PyTorch."""
    turns = text.normalizations(config)
    kinds = [kind for _, kind in turns]
    uses = ["WEIGHTS", "BATCHES", *(["DROPOUT"] * bool(config.dropout)), *(["NOISE"] * ("noisy_batch" in kinds))]
    values = exchange.constants(config, kinds) | ({"DROPPED": number(config.dropout)} if config.dropout else {})
    return text.joined(
        [
            text.title(config, "PyTorch", "The numbers are the lab's own; on the same machine, to the last bit."),
            text.standard(config),
            text.imports(config, plain=["numpy as np", "torch"], members=["from torch import nn"]),
            text.settings(config, steps, values, uses),
            "torch.set_num_threads(1)  # with more, sums add up in another order",
            text.GENERATOR,
            text.data(config),
            _tensors(config),
            text.BATCHES,
            _linear(config),
            DROPOUT if config.dropout else "",
            NOISE if "noisy_batch" in kinds else "",
            _model(config, kinds),
            _optimizer(config),
            filled(EVALUATE, split=str(min(config.training_samples, text.EVALUATED))),
            *exchange.functions(config, kinds),
            _loop(config, turns),
        ]
    )


def _tensors(config: ExperimentConfig) -> str:
    train, test = text.evaluated(config)
    return "\n".join(
        [
            "train_x, test_x = torch.tensor(train_x).float(), torch.tensor(test_x).float()",
            "train_y, test_y = torch.tensor(train_y), torch.tensor(test_y)",
            "# What is evaluated, in one pass.",
            *(f"seen_{end} = torch.cat([{train.format(end)}, {test.format(end)}])" for end in "xy"),
        ]
    )


def _linear(config: ExperimentConfig) -> str:
    draw = UNIFORM if config.init == "pytorch" else filled(NORMAL, deviation=text.deviation(config))
    return filled(LINEAR, rule=text.INITS[config.init], draw=draw)


def _model(config: ExperimentConfig, kinds: Sequence[str]) -> str:
    """One plain chain; blocks with named layers where the normalization is exchanged later."""
    norms = [("norm", exchange.norm(config, kinds[0]))]
    if "noisy_batch" in kinds:
        norms.append(("noise", exchange.noise(kinds[0])))
    activation = [("activation", f"nn.{ACTIVATIONS[config.activation]}()")]
    parts = [("linear", f"linear(inputs, {config.width}, position)")]
    parts += norms + activation if config.norm_position == "before" else activation + norms
    if config.dropout:
        parts.append(("dropout", "Dropout(position)"))
    if len(kinds) > 1:
        body = ["block = nn.Sequential()", *(f"block.{name} = {made}" for name, made in parts), "model.append(block)"]
    else:
        body = [f"model.append({made})" for _, made in parts if made != "nn.Identity()"]
    classes = sizes(config)[1]
    lines = [
        "model = nn.Sequential()",
        f"for position, inputs in enumerate({text.inputs(config)}):",
        *(f"    {line}" for line in body),
        f"model.append(linear({config.width}, {classes}, {text.OUTPUT}))  # its position at any depth",
    ]
    return "\n".join(lines)


def _optimizer(config: ExperimentConfig) -> str:
    arguments = ["model.parameters()", "LEARNING_RATE"]
    if config.optimizer == "sgd" and config.momentum:
        arguments.append(f"momentum={number(config.momentum)}")
    if config.weight_decay:
        arguments.append(f"weight_decay={number(config.weight_decay)}")
    name = "Adam" if config.optimizer == "adam" else "SGD"
    return call(f"optimizer = torch.optim.{name}", [*arguments, "fused=True"])


def _loop(config: ExperimentConfig, turns: Sequence[tuple[int, str]]) -> str:
    rate = [RATE] if text.turns_rate(config) else []
    return "\n".join([text.LOOP, *rate, *exchange.turns(config, turns), text.REPORT, UPDATE])
