"""Claims about how batch normalization works: sentences of articles, tried on real layers."""

from __future__ import annotations

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.claim import Arm, Claim, Experiment, Role
from bnviz.studies.claims.parts import EASY, HEADLINE, WITH, arm, sources
from bnviz.studies.effects import Gain, Level
from bnviz.studies.rules import Prediction, about, above, below

NORMED = HEADLINE.replace(normalization="batch")
TINY = NORMED.replace(init_std=0.0003)
FORMULA = ("deviation_over_variance", "deviation_over_root", "undone_by_variance", "undone_by_root")
LABELS = ("statistics_moved_by_labels", "weights_moved_by_labels")
DROPPED = ("samples_lost", "activations_zeroed", "activations_zeroed_in_eval_mode")
_TRAINED = "All normalizations of the headline's sigmoid network after 40 steps, on its next batch of 60."


def _level(  # noqa: PLR0917 -- one line a statement reads as a table
    key: str, title: str, words: str, network: Arm, measure: str, prediction: Prediction | None, predicts: str,
    says: str, label: str, role: Role = "test", unit: str = "",
) -> Experiment:  # fmt: skip
    return Experiment(
        key=key, title=title, words=words, arms=(network,), effect=Level(network.name, measure, unit),
        prediction=prediction, predicts=predicts, says=says, shows=measure, label=label, role=role,
    )  # fmt: skip


_NET = arm(WITH, NORMED, 40, FORMULA, every=40)
VARIANCE = Claim(
    name="divides-by-the-variance",
    title="BN subtracts the mean and divides by the variance",
    group="formula",
    said="Batch normalization subtracts the batch's mean and divides by its variance.",
    needs="(x - mean) / (variance + eps) has deviation 1, as normalized values do.",
    experiments=(
        _level("variance", "As it is said", _TRAINED, _NET, "deviation_over_variance", about(1, 0.02),
               "The deviation is within 2 % of 1.", "Divided by the variance, the values have deviation {effect}.",
               "deviation"),
        _level("root", "Corrected", _TRAINED, _NET, "deviation_over_root", about(1, 0.02),
               "The deviation is within 2 % of 1.",
               "Divided by sqrt(variance + eps), the values have deviation {effect}.", "deviation", "correction"),
    ),
    note="Divided by the variance, a channel of deviation s comes out with deviation 1 / s: the unit is not removed.",
    sources=sources("ioffe-algorithm-1"),
    slip=True,
)  # fmt: skip
UNDO = Claim(
    name="gamma-becomes-the-variance",
    title="BN can be undone: gamma becomes Var[x], beta becomes E[x]",
    group="formula",
    said="If it helps, the network can learn to undo the normalization: gamma = Var[x] and beta = E[x].",
    needs="With these two, a layer gives back what it was given.",
    experiments=(
        _level("variance", "As it is said", _TRAINED, _NET, "undone_by_variance", below(0.01, 0.01),
               "The output is within 1 % of the input.",
               "With gamma = Var[x] the output misses the input by {effect} of its deviations.",
               "distance to the input, in deviations"),
        _level("root", "Corrected", _TRAINED, _NET, "undone_by_root", below(0.01, 0.01),
               "The output is within 1 % of the input.",
               "With gamma = sqrt(Var[x] + eps) the output misses the input by {effect} of its deviations.",
               "distance to the input, in deviations", "correction"),
    ),
    sources=sources("ioffe"),
    slip=True,
)  # fmt: skip
_SMALL = arm("tiny weights, with BN", TINY, 0, ("smallest_deviation", "deviation_formula_error"))
_USUAL = arm("usual weights, with BN", NORMED, 0, ("smallest_deviation", "deviation_formula_error"))
DEVIATION = Claim(
    name="deviation-exactly-one",
    title="Normalized values have deviation exactly 1",
    group="formula",
    said="After the normalization every channel has mean 0 and standard deviation 1, exactly.",
    needs="The deviation is 1 in every channel, however small the channel's own variance.",
    experiments=(
        _level("tiny", "As it is said, where weights are tiny",
               "Digits, 3 hidden layers of 100 sigmoid units, weights from N(0, 0.0003²): the channel with the "
               "smallest deviation, at step 0.", _SMALL, "smallest_deviation", about(1, 0.001),
               "The deviation is within a thousandth of 1.",
               "In the quietest channel the normalized values have deviation {effect}.", "deviation"),
        _level("formula", "Corrected: the variance is v / (v + eps)", "The same network, all channels.", _SMALL,
               "deviation_formula_error", below(1e-6, 1e-6), "The formula holds to a millionth.",
               "The largest distance of a channel's variance to v / (v + eps) is {effect}.", "distance", "correction"),
        _level("usual", "For comparison: usual weights", "The same with weights from N(0, 0.1²).", _USUAL,
               "smallest_deviation", None, "", "From usual weights it is {effect}.", "deviation", "context"),
    ),
    sources=sources("ioffe-algorithm-1"),
    slip=True,
)  # fmt: skip
_LABELLED = arm(WITH, NORMED, 0, LABELS)
SUPERVISED = Claim(
    name="supervised",
    title="BN is a supervised technique",
    group="formula",
    said="Batch normalization is a supervised learning technique.",
    needs="The batch's statistics depend on the labels.",
    experiments=(
        _level("statistics", "As it is said: permute the labels, look at the statistics",
               "The headline's network and its twin with permuted labels, same weights and inputs: the statistics that "
               "the first step leaves in all layers.", _LABELLED, "statistics_moved_by_labels", above(1e-9, 1e-9),
               "Permuted labels change the statistics.", "Permuted labels change the batch's statistics by {effect}.",
               "largest change"),
        _level("weights", "Corrected: what depends on the labels is the step", "The weights after that step.",
               _LABELLED, "weights_moved_by_labels", above(1e-6, 1e-9), "Permuted labels change the step.",
               "They change the weights' first step by up to {effect}.", "largest change", "correction"),
    ),
    sources=sources("ioffe-algorithm-1"),
    slip=True,
)  # fmt: skip
_DROPPING = arm("dropout 0.5", EASY.replace(activation="tanh", init="xavier", dropout=0.5), 20, DROPPED, every=20)
DROPOUT = Claim(
    name="dropout-loses-data",
    title="Dropout loses a part of the data",
    group="formula",
    said="Dropout loses a quantity of the data, which BN keeps by reducing the dropout rate.",
    needs="With dropout 0.5, half of a batch's samples are lost: they teach the network nothing.",
    experiments=(
        _level("samples", "As it is said: samples without a gradient",
               "Digits, 3 hidden layers of 100 tanh units with dropout 0.5, after 20 steps: the share of the next "
               "batch's samples whose own gradient is 0.", _DROPPING, "samples_lost", about(0.5, 0.05),
               "It is about a half.", "The share of samples that are lost is {effect}.", "share of samples", unit="%"),
        _level("activations", "Corrected: dropout removes activations",
               "The same network on the test split, dropout on, as in training.", _DROPPING,
               "activations_zeroed", about(0.5, 0.02), "About a half of the activations are 0.",
               "With dropout on, the share of activations that are 0 is {effect}.", "share of activations",
               "correction", "%"),
        _level("eval", "Corrected: and none at evaluation", "The same, dropout off, as in eval mode.", _DROPPING,
               "activations_zeroed_in_eval_mode", below(0.001, 0.001), "None are 0.",
               "With dropout off it is {effect}.", "share of activations", "correction", "%"),
    ),
    note="Tried here is whether data are lost at all. Whether BN makes dropout unnecessary is measured in its own "
    "claim.",
    sources=sources("srivastava"),
    slip=True,
)  # fmt: skip

COMPANY = ("company_in_train_mode", "company_in_eval_mode", "accuracy", "train_mode_accuracy")
_SIXTY = arm("batch 60", NORMED, 100, COMPANY, every=20)
_FOUR = arm("batch 4", ExperimentConfig(
    hidden_layers=2, normalization="batch", batch_size=4, learning_rate=0.0125), 1000, COMPANY, every=50)  # fmt: skip
POPULATION = Claim(
    name="population-statistics",
    title="At inference BN uses population statistics",
    group="formula",
    said="In training BN uses the batch's statistics, at inference estimates of the population's.",
    needs="In eval mode a sample's output does not depend on the rest of its batch; in train mode it does.",
    experiments=(
        _level("eval", "Eval mode: change the rest of the batch", "The headline's network after 100 steps; test "
               "samples in the company of 16 sets of training samples.", _SIXTY, "company_in_eval_mode",
               below(1e-4, 1e-4), "The logits do not move.",
               "In eval mode a sample's logits move with its company by {effect} deviations.",
               "movement of the logits"),
        _level("train", "Train mode: change the rest of the batch", "The same in train mode.", _SIXTY,
               "company_in_train_mode", above(0.01, 0.001), "The logits move by more than a hundredth.",
               "In train mode they move by {effect} deviations.", "movement of the logits"),
        Experiment(
            key="small", title="What follows at small batches: the two modes disagree",
            words="Digits, 2 hidden layers of 100 ReLU units, batches of 4, learning rate 0.0125, 1,000 steps: test "
            "accuracy in eval mode against batches of 4 in train mode.",
            arms=(_FOUR,), effect=Gain("batch 4", "batch 4", "accuracy", second_measure="train_mode_accuracy"),
            says="With batches of 4, the test accuracy in eval mode differs from that in train mode by {effect}.",
            role="context", shows="train_mode_accuracy", label="test accuracy in train mode",
        ),
    ),
    sources=sources("ioffe"),
)  # fmt: skip
CLAIMS = (VARIANCE, UNDO, DEVIATION, SUPERVISED, DROPOUT, POPULATION)
