"""Claims about where batch normalization is placed and used: before or after, images, sequences."""

from __future__ import annotations

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.claim import Arm, Claim, Experiment, Role
from bnviz.studies.claims.parts import EASY, HEADLINE, WITH, WITHOUT, arm, pair, sources
from bnviz.studies.effects import Gain, Level
from bnviz.studies.predictions import Prediction, above, below

BEFORE, AFTER = "before", "after"


def _placed(config: ExperimentConfig, steps: int) -> tuple[Arm, Arm]:
    first, second = (
        arm(place, config.replace(normalization="batch", norm_position=place), steps, ("accuracy",), every=20)
        for place in (BEFORE, AFTER)
    )
    return first, second


def _position(key: str, title: str, words: str, arms: tuple[Arm, Arm], role: Role = "test") -> Experiment:
    return Experiment(
        key=key, title=title, words=words, arms=arms, effect=Gain(BEFORE, AFTER), prediction=above(0.005, -0.005),
        predicts="Before is more than half a point more accurate.",
        says=f"{title}: with BN before the activation, the test accuracy is {{effect}} {{higher}} than after it.",
        shows="accuracy", label="test accuracy", role=role,
    )  # fmt: skip


_SIGMOID = EASY.replace(activation="sigmoid", init="xavier")
POSITION = Claim(
    name="before-the-activation",
    title="BN belongs before the activation",
    group="formula",
    said="Batch normalization works better before the activation than after it.",
    needs="The same network is clearly more accurate with BN before the activation.",
    experiments=(
        _position("relu", "ReLU", "Digits, 3 hidden layers of 100 ReLU units, He's weights, learning rate 0.1, batches "
                  "of 64, 300 steps.", _placed(EASY, 300), "counter"),
        _position("tanh", "Tanh", "The same with tanh units and Xavier's weights.",
                  _placed(EASY.replace(activation="tanh", init="xavier"), 300)),
        _position("sigmoid", "Sigmoid", "The same with sigmoid units.", _placed(_SIGMOID, 300)),
        _position("sigmoid-early", "Six sigmoid layers, early",
                  "6 hidden layers of 100 sigmoid units, Xavier's weights, 100 steps.",
                  _placed(_SIGMOID.replace(hidden_layers=6), 100)),
    ),
    sources=sources("ioffe"),
)  # fmt: skip

_IMAGES = arm("BatchNorm2d", ExperimentConfig(normalization="batch"), 0,
              ("batch_and_space", "batch_alone", "space_alone"))  # fmt: skip
_PADDED, _PADDED_LAYER = (
    arm(name, ExperimentConfig().replace(normalization=kind), 0, (measure,))
    for name, kind, measure in (
        ("BatchNorm", "batch", "padding_moves_batch_norm"), ("LayerNorm", "layer", "padding_moves_layer_norm"),
    )
)  # fmt: skip


def _level(  # noqa: PLR0917 -- one line a statement reads as a table
    key: str,
    title: str,
    words: str,
    of: Arm,
    measure: str,
    prediction: Prediction,
    predicts: str,
    says: str,
    label: str,
) -> Experiment:
    return Experiment(
        key=key, title=title, words=words, arms=(of,), effect=Level(of.name, measure), prediction=prediction,
        predicts=predicts, says=says, shows=measure, label=label,
    )  # fmt: skip


_LAYERS = "Digits as images, 3 convolutions (3 × 3) of 8 channels instead of dense layers"


def _convolutions(key: str, title: str, words: str, config: ExperimentConfig, role: Role = "test") -> Experiment:
    return Experiment(
        key=key, title=title, words=f"{_LAYERS}, {words}, 150 steps.",
        arms=pair(config, 0, ("convolutional_accuracy",)), effect=Gain(WITH, WITHOUT, "convolutional_accuracy"),
        prediction=above(0.1, 0.0), predicts="The test accuracy with BN is more than 10 points higher.",
        says=f"{title}: with BN the test accuracy is {{effect}} {{higher}} than without.", role=role,
        shows="convolutional_accuracy", label="test accuracy after 150 steps",
    )  # fmt: skip


_CONVOLUTION = "64 digits behind a random 3 × 3 convolution with 8 channels; PyTorch's BatchNorm2d in train mode."
IMAGES = Claim(
    name="images",
    title="BN works for images: per channel, over batch and space",
    group="formula",
    said="BN suits convolutional networks: each channel is normalised over the batch and all places of the image.",
    needs="BatchNorm2d gives what one mean and one variance a channel over batch and space give, and not what "
    "statistics at each place, or in each image, give; and convolutional networks are clearly more accurate with it.",
    experiments=(
        _convolutions("sigmoid", "Sigmoid convolutions from small weights",
                      "sigmoid, weights from N(0, 0.1²), learning rate 0.5, batches of 60", HEADLINE),
        _level("both", "Over batch and space", _CONVOLUTION, _IMAGES, "batch_and_space", below(1e-6, 1e-6),
               "The two are equal.", "From statistics over batch and space, BatchNorm2d differs by {effect}.",
               "largest difference"),
        _level("batch", "Over the batch alone", _CONVOLUTION, _IMAGES, "batch_alone", above(0.1, 0.01),
               "The two differ.", "From statistics at each place, BatchNorm2d differs by up to {effect}.",
               "largest difference"),
        _level("space", "Over each image alone", _CONVOLUTION, _IMAGES, "space_alone", above(0.1, 0.01),
               "The two differ.", "From statistics in each image, BatchNorm2d differs by up to {effect}.",
               "largest difference"),
        _convolutions("relu", "ReLU convolutions, well initialised",
                      "ReLU, He's weights, learning rate 0.1, batches of 64", EASY, "counter"),
    ),
    note="Not measured here: generative adversarial networks, where BN in generator and discriminator is common but "
    "whose training has no accuracy to compare.",
    sources=sources("ioffe", "wu", "radford"),
)  # fmt: skip
_ROWS = "64 digits read row by row as sequences of 4 to 8 time steps, padded with zeros to 8 and then to 16."
SEQUENCES = Claim(
    name="sequences",
    title="Padded sequences can be batch-normalised as they are",
    group="formula",
    said="Sequences that are padded to one length can be batch-normalised as they are.",
    needs="Sequences in one batch are filled up with zeros (padded) to the same length. A sequence's own normalised "
    "values do not depend on how many zeros that takes.",
    experiments=(
        Experiment(
            key="padding", title="BN: the same sequences with more padding", words=_ROWS, arms=(_PADDED,),
            effect=Level(_PADDED.name, "padding_moves_batch_norm"), prediction=below(0.01, 0.05),
            predicts="The values move by less than a hundredth of their standard deviation.",
            says="Longer padding moves the batch-normalised values of a sequence by {effect} of their standard "
            "deviations.",
            shows="padding_moves_batch_norm", label="movement, in standard deviations",
        ),
        Experiment(
            key="layer", title="For comparison: LayerNorm", words=_ROWS,
            arms=(_PADDED_LAYER,), effect=Level(_PADDED_LAYER.name, "padding_moves_layer_norm"), role="context",
            says="Longer padding moves layer-normalised values by {effect} of their standard deviations.",
            shows="padding_moves_layer_norm", label="movement, in standard deviations",
        ),
    ),
    note="The batch's statistics mix the sequences' values with the zeros of the padding. Sequence models and "
    "transformers use LayerNorm instead. Not measured here: the training of recurrent networks.",
    sources=sources("ba"),
)  # fmt: skip
CLAIMS = (POSITION, IMAGES, SEQUENCES)
