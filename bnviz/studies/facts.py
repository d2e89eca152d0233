"""Measures of a layer rather than of a training: statements about batch normalization, tried on a network."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from bnviz.studies.runs import Measure, Run


def _fact(room: str, name: str) -> Callable[[Run], float]:
    """A statement about a layer, tried on the network as it stands at the end."""

    def read(run: Run) -> float:
        from bnviz.training.facts import axes, convolutions, formula, inputs

        rooms: dict[str, ModuleType] = {
            "axes": axes,
            "convolutions": convolutions,
            "formula": formula,
            "inputs": inputs,
        }
        return float(getattr(rooms[room], name)(run.training))

    return read


FACTS = {
    name: Measure(doc, "", _fact(room, name))
    for room, name, doc in (
        ("formula", "deviation_over_variance", "deviation after dividing by variance + eps"),
        ("formula", "deviation_over_root", "deviation after dividing by sqrt(variance + eps)"),
        ("formula", "undone_by_variance", "distance to x with gamma = Var[x], beta = E[x], in deviations"),
        ("formula", "undone_by_root", "distance to x with gamma = sqrt(Var[x] + eps), beta = E[x], in deviations"),
        ("formula", "smallest_deviation", "deviation of the normalized values in the quietest channel"),
        ("formula", "deviation_formula_error", "largest distance of a normalized variance to v / (v + eps)"),
        ("inputs", "statistics_moved_by_labels", "largest change of a batch statistic by permuted labels"),
        ("inputs", "weights_moved_by_labels", "largest change of a weight's first step by permuted labels"),
        ("inputs", "company_in_train_mode", "how far logits move with the rest of the batch, train mode"),
        ("inputs", "company_in_eval_mode", "how far logits move with the rest of the batch, eval mode"),
        ("inputs", "samples_lost", "share of a batch's samples without a gradient"),
        ("inputs", "activations_zeroed", "share of hidden activations that are 0, test split, dropout on"),
        (
            "inputs",
            "activations_zeroed_in_eval_mode",
            "share of hidden activations that are 0, test split, dropout off",
        ),
        ("convolutions", "convolutional_accuracy", "test accuracy of convolutions in the place of dense layers"),
        ("axes", "batch_and_space", "distance of BatchNorm2d to statistics over batch and space"),
        ("axes", "batch_alone", "distance of BatchNorm2d to statistics over the batch alone"),
        ("axes", "space_alone", "distance of BatchNorm2d to statistics over each image's space"),
        ("axes", "padding_moves_batch_norm", "change of a sequence's values by longer padding, batch norm"),
        ("axes", "padding_moves_layer_norm", "change of a sequence's values by longer padding, layer norm"),
    )
}
