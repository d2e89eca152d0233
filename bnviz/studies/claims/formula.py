"""Claims about how batch normalization works: sentences of articles, tried on real layers."""

from __future__ import annotations

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies.claim import Arm, Claim, Experiment, Role
from bnviz.studies.claims.parts import EASY, HEADLINE, WITH, arm, sources
from bnviz.studies.effects import Gap, Level
from bnviz.studies.predictions import Prediction, about, above, below

NORMED = HEADLINE.replace(normalization="batch")
TINY = NORMED.replace(init_std=0.0003)
FORMULA = ("deviation_over_variance", "deviation_over_root", "undone_by_variance", "undone_by_root")
LABELS = ("statistics_moved_by_labels", "weights_moved_by_labels")
DROPPED = ("samples_lost", "activations_zeroed", "activations_zeroed_in_eval_mode")
_HEADLINE = "Digits, 3 hidden layers of 100 sigmoid units with BN, weights from N(0, 0.1²), learning rate 0.5"
_TRAINED = f"{_HEADLINE}. What its BN layers are given after 40 steps, on the next batch of 60."


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
    needs="(x - mean) / (variance + eps) has standard deviation 1, as normalized values do.",
    experiments=(
        _level("variance", "As it is said", _TRAINED, _NET, "deviation_over_variance", about(1, 0.02),
               "The standard deviation is within 2 % of 1.",
               "Divided by the variance, the values have the standard deviation {effect}.", "standard deviation"),
        _level("root", "Corrected", _TRAINED, _NET, "deviation_over_root", about(1, 0.02),
               "The standard deviation is within 2 % of 1.",
               "Divided by sqrt(variance + eps), the values have the standard deviation {effect}.",
               "standard deviation", "correction"),
    ),
    note="Divided by its variance s², a channel of standard deviation s comes out with standard deviation 1 / s.",
    sources=sources("ioffe-algorithm-1"),
    slip=True,
)  # fmt: skip
UNDO = Claim(
    name="gamma-becomes-the-variance",
    title="BN can be undone: gamma becomes Var[x], beta becomes E[x]",
    group="formula",
    said="If it helps, the network can learn to undo the normalization: gamma = Var[x] and beta = E[x].",
    needs="With these two, a BN layer gives back what it was given.",
    experiments=(
        _level("variance", "As it is said", _TRAINED, _NET, "undone_by_variance", below(0.01, 0.01),
               "The output misses the input by less than a hundredth of the input's standard deviation.",
               "With gamma = Var[x], the output misses the input, in standard deviations of the input, by {effect}.",
               "distance to the input, in its standard deviations"),
        _level("root", "Corrected", _TRAINED, _NET, "undone_by_root", below(0.01, 0.01),
               "The output misses the input by less than a hundredth of the input's standard deviation.",
               "With gamma = sqrt(Var[x] + eps), it misses the input by {effect}.",
               "distance to the input, in its standard deviations", "correction"),
    ),
    sources=sources("ioffe"),
    slip=True,
)  # fmt: skip
_SMALL = arm("tiny weights, with BN", TINY, 0, ("smallest_deviation", "deviation_formula_error"))
_USUAL = arm("usual weights, with BN", NORMED, 0, ("smallest_deviation", "deviation_formula_error"))
DEVIATION = Claim(
    name="deviation-exactly-one",
    title="Normalized values have standard deviation exactly 1",
    group="formula",
    said="After the normalization every channel has mean 0 and standard deviation 1, exactly.",
    needs="The standard deviation is 1 in every channel, also where the channel's own variance v is small.",
    experiments=(
        _level("tiny", "As it is said, where weights are tiny",
               "Digits, 3 hidden layers of 100 sigmoid units, weights from N(0, 0.0003²): of all channels the one "
               "whose normalized values have the smallest standard deviation, at step 0.", _SMALL,
               "smallest_deviation", about(1, 0.001), "It is within a thousandth of 1.",
               "From tiny weights, the smallest standard deviation of any channel is {effect}.",
               "smallest standard deviation"),
        _level("formula", "Corrected: the variance is v / (v + eps)", "The same network, all channels.", _SMALL,
               "deviation_formula_error", below(1e-6, 1e-6), "The formula holds to a millionth.",
               "The largest difference between a channel's variance and v / (v + eps) is {effect}.",
               "largest difference", "correction"),
        _level("usual", "For comparison: usual weights", "The same with weights from N(0, 0.1²).", _USUAL,
               "smallest_deviation", None, "",
               "From usual weights, the smallest standard deviation of any channel is {effect}.",
               "smallest standard deviation", "context"),
    ),
    sources=sources("ioffe-algorithm-1"),
    slip=True,
    universal=True,
)  # fmt: skip
_LABELLED = arm(WITH, NORMED, 0, LABELS)
SUPERVISED = Claim(
    name="supervised",
    title="BN is a supervised technique",
    group="formula",
    said="Batch normalization is a supervised learning technique.",
    needs="A supervised technique uses the labels: what BN computes from a batch would depend on them.",
    experiments=(
        _level("statistics", "Permute the labels, look at the statistics",
               f"{_HEADLINE}, and its twin with permuted labels, the same weights and inputs: the means and variances "
               "that the first step leaves in all BN layers.", _LABELLED,
               "statistics_moved_by_labels", above(1e-9, 1e-9), "Permuted labels change the statistics.",
               "Permuted labels change the batch's statistics by {effect}.", "largest change"),
        _level("weights", "For comparison: what depends on the labels is the step", "The weights after that step.",
               _LABELLED, "weights_moved_by_labels", None, "",
               "Permuted labels change the weights after the first step by up to {effect}.", "largest change",
               "context"),
    ),
    note="Supervised is the wrong word: a batch's mean and variance are those of its inputs, and BN is given no "
    "labels. The networks that it is part of are often supervised: their loss uses the labels, and gamma and beta "
    "learn from it as all weights do. BN serves networks that learn without labels just as well.",
    sources=sources("ioffe-algorithm-1"),
)  # fmt: skip
_DROPPING = arm("dropout 0.5", EASY.replace(activation="tanh", init="xavier", dropout=0.5), 20, DROPPED, every=20)
DROPOUT = Claim(
    name="dropout-loses-data",
    title="Dropout loses a part of the data",
    group="formula",
    said="Dropout loses a quantity of the data, which BN keeps by reducing the dropout rate.",
    needs="With dropout 0.5, half of a batch's samples are lost: their gradient is 0, they teach the network nothing.",
    experiments=(
        _level("samples", "As it is said: samples without a gradient",
               "Digits, 3 hidden layers of 100 tanh units with dropout 0.5, after 20 steps: the share of the next "
               "batch's samples whose own gradient is 0.", _DROPPING, "samples_lost", about(0.5, 0.05),
               "It is about a half.", "The share of samples whose gradient is 0 is {effect}.", "share of samples",
               unit="%"),
        _level("activations", "Corrected: dropout removes activations",
               "The same network on the test split, dropout on, as in training.", _DROPPING,
               "activations_zeroed", about(0.5, 0.02), "About a half of the activations are 0.",
               "With dropout on, the share of activations that are 0 is {effect}.", "share of activations",
               "correction", "%"),
        _level("eval", "Corrected: and none at evaluation", "The same, dropout off, as in eval mode.", _DROPPING,
               "activations_zeroed_in_eval_mode", below(0.001, 0.001), "None are 0.",
               "With dropout off, that share is {effect}.", "share of activations", "correction", "%"),
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
        _level("eval", "Eval mode: change the rest of the batch", f"{_HEADLINE}, after 100 steps: the logits (a "
               "network's outputs, one a class) of 8 test samples, each in a batch with 16 different sets of training "
               "samples.", _SIXTY, "company_in_eval_mode", below(1e-4, 1e-4), "The logits do not move.",
               "When the rest of the batch is changed, a sample's logits move in eval mode by {effect} of their "
               "standard deviations.", "movement of the logits, in standard deviations"),
        _level("train", "Train mode: change the rest of the batch", "The same network and samples, in train mode.",
               _SIXTY, "company_in_train_mode", above(0.01, 0.001), "The logits move by more than a hundredth.",
               "In train mode they move by {effect} of their standard deviations.",
               "movement of the logits, in standard deviations"),
        Experiment(
            key="small", title="What follows at small batches: the two modes disagree",
            words="Digits, 2 hidden layers of 100 ReLU units, batches of 4, learning rate 0.0125, 1,000 steps: test "
            "accuracy in eval mode (running statistics) and in train mode (statistics of batches of 4).",
            arms=(_FOUR,),
            effect=Gap("batch 4", ("accuracy", "train_mode_accuracy"), ("eval mode", "train mode")),
            says="With batches of 4, the test accuracy is {effect} {higher} in eval mode than in train mode.",
            role="context", shows="accuracy", label="test accuracy",
        ),
    ),
    sources=sources("ioffe"),
)  # fmt: skip
CLAIMS = (VARIANCE, UNDO, DEVIATION, SUPERVISED, DROPOUT, POPULATION)
