"""The experiment's script in Keras 3, on torch, which draws the initial weights and the order of the batches."""

from __future__ import annotations

from bnviz.experiment.config import BATCH_NORMALIZATIONS, ExperimentConfig
from bnviz.experiment.sizes import sizes
from bnviz.sharing import experiment_text as text
from bnviz.sharing.experiment_text import call, filled, number

NOTE = """\
The data, initial weights and batches are the lab's. Keras adds up in another order, so
that losses drift apart in the last digits, and then further."""

HEAD = """\
import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # before Keras is imported"""

FLOATS = """\
train_x, test_x = train_x.astype("float32"), test_x.astype("float32")"""

DENSE = '''\
def dense(inputs, outputs, position):
    """A dense layer with $rule."""
    source = generator(WEIGHTS, position)
    $weight
    $bias
    $layer
    layer.build((None, inputs))
    layer.set_weights([weight.T.numpy(), bias.numpy()])
    return layer'''

NORMAL = """\
weight = torch.empty(outputs, inputs).normal_(generator=source)
    weight *= $deviation"""

UNIFORM = """\
bound = 1 / math.sqrt(inputs)
    weight = torch.empty(outputs, inputs).uniform_(-bound, bound, generator=source)"""

PENALTY = """\
# As a penalty in the loss: the weight_decay of Keras's optimizers is another rule.
L2 = keras.regularizers.L2(WEIGHT_DECAY / 2)"""

BATCH_NOTE = """\
# Keras's momentum is the part that stays. Of each batch it keeps the biased variance
# (divided by B), PyTorch the unbiased one (by B - 1): in eval mode the losses differ.
# In train mode they agree, but for a variance computed as mean(x^2) - mean(x)^2."""

DROPOUT_NOTE = "# Keras draws its own masks: from here on the numbers are not the lab's."

COMPILE = """\
cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer, cross_entropy)"""

EVALUATE = '''\
def evaluate():
    """Loss on training samples and accuracy on test samples, in eval mode."""
    loss = cross_entropy($train_y, model.predict_on_batch($train_x))
    right = model.predict_on_batch($test_x).argmax(1) == $test_y
    return keras.ops.convert_to_numpy(loss), right.mean()'''

RATE = """\
    if step in LEARNING_RATES:$velocities
        optimizer.learning_rate = LEARNING_RATES[step]"""

VELOCITIES = """
        turn = LEARNING_RATES[step] / optimizer.learning_rate
        for velocity in optimizer.momentums:  # Keras's have the old rate in them
            velocity.assign(velocity * turn)"""

UPDATE = """\
    loss = model.train_on_batch(x, y)
    if not np.isfinite(loss):
        print(f"step {step}: the loss is {loss}, training ends")
        break"""


def keras_script(config: ExperimentConfig, steps: int) -> str:
    """Return the script of `experiment_code` in Keras; raises a ValueError for what Keras has no layer for."""
    _refuse(config)
    values = {"DROPPED": number(config.dropout)} if config.dropout else {}
    values |= {"WEIGHT_DECAY": number(config.weight_decay)} if config.weight_decay else {}
    train, test = text.evaluated(config)
    parts = {f"{name}_{end}": part.format(end) for name, part in (("train", train), ("test", test)) for end in "xy"}
    return text.joined(
        [
            text.title(config, "Keras 3", NOTE),
            "\n".join(filter(None, [text.standard(config), HEAD])),
            text.imports(config, plain=["keras", "numpy as np", "torch"]),
            text.settings(config, steps, values, ["WEIGHTS", "BATCHES"]),
            text.GENERATOR,
            text.data(config) + "\n" + FLOATS,
            text.BATCHES,
            PENALTY if config.weight_decay else "",
            _dense(config),
            _model(config),
            _optimizer(config) + "\n" + COMPILE,
            filled(EVALUATE, **parts),
            _loop(config),
        ]
    )


def _refuse(config: ExperimentConfig) -> None:
    instead = "or take the script for PyTorch"
    start, *turns = text.normalizations(config)
    if turns:
        raise ValueError(
            f"interventions: at step {turns[0][0]} the normalization changes to {turns[0][1]}, and Keras can't "
            f"exchange the layers of a model that is built: leave the change out, {instead}"
        )
    if start[1] == "noisy_batch":
        raise ValueError(f"normalization: Keras has no layer for noisy_batch: choose batch, {instead}")


def _penalties(config: ExperimentConfig, *names: str) -> list[str]:
    return [f"{name}_regularizer=L2" for name in names] if config.weight_decay else []


def _dense(config: ExperimentConfig) -> str:
    uniform = config.init == "pytorch"
    return filled(
        DENSE,
        rule=text.INITS[config.init],
        weight=UNIFORM if uniform else filled(NORMAL, deviation=text.deviation(config)),
        bias="bias = torch.empty(outputs).uniform_(-bound, bound, generator=source)"
        if uniform
        else "bias = torch.zeros(outputs)",
        layer=call("    layer = keras.layers.Dense", ["outputs", *_penalties(config, "kernel", "bias")]).lstrip(),
    )


def _norm(config: ExperimentConfig) -> list[str]:
    kind = config.normalization
    if kind == "none":
        return []
    name = {"layer": "LayerNormalization", "group": "GroupNormalization"}.get(kind, "BatchNormalization")
    arguments = [str(config.norm_groups)] if kind == "group" else []
    if kind in BATCH_NORMALIZATIONS:
        arguments.append(f"momentum={number(round(1 - config.norm_momentum, 15))}")
    arguments.append(f"epsilon={number(config.norm_eps)}")
    arguments += _penalties(config, "gamma", "beta") if config.norm_affine else ["center=False", "scale=False"]
    return [call(f"    norm = keras.layers.{name}", arguments), "    model.add(norm)"]


def _model(config: ExperimentConfig) -> str:
    features, classes = sizes(config)
    slope = "keras.layers.LeakyReLU(negative_slope=0.01)"
    made = slope if config.activation == "leaky_relu" else f'keras.layers.Activation("{config.activation}")'
    activation, norm = [f"    model.add({made})"] * (config.activation != "linear"), _norm(config)
    return "\n".join(
        [
            *([BATCH_NOTE] if config.normalization == "batch" else []),
            f"model = keras.Sequential([keras.Input(({features},))])",
            f"for position, inputs in enumerate({text.inputs(config)}):",
            f"    model.add(dense(inputs, {config.width}, position))",
            *(norm + activation if config.norm_position == "before" else activation + norm),
            *(
                [f"    {DROPOUT_NOTE}", "    model.add(keras.layers.Dropout(DROPPED, seed=SEED + position))"]
                if config.dropout
                else []
            ),
            f"model.add(dense({config.width}, {classes}, {text.OUTPUT}))  # its position at any depth",
        ]
    )


def _optimizer(config: ExperimentConfig) -> str:
    if config.optimizer == "adam":
        return "optimizer = keras.optimizers.Adam(LEARNING_RATE, epsilon=1e-8)"
    momentum = [f"momentum={number(config.momentum)}"] if config.momentum else []
    return call("optimizer = keras.optimizers.SGD", ["LEARNING_RATE", *momentum])


def _loop(config: ExperimentConfig) -> str:
    velocities = VELOCITIES if config.optimizer == "sgd" and config.momentum else ""
    rate = [filled(RATE, velocities=velocities)] if text.turns_rate(config) else []
    return "\n".join([text.LOOP, *rate, text.REPORT, UPDATE])
