"""Measurements made up so that a claim's predictions come true, or their contraries."""

from __future__ import annotations

import math

from bnviz.studies.claim import Claim, Experiment
from bnviz.studies.effects import Duration, Gain, Gap, Level, Ratio, Reach
from bnviz.studies.study import Row, as_row

SEEDS = range(6)
Cells = dict[tuple[str, str], float]  # (key of the arm's trial, measure) -> value


def inside(limits: tuple[float, float]) -> float:
    """A number well inside an open range."""
    low, high = limits
    if math.isinf(high):
        return 2 * low + 0.1 if low >= 0 else 0.1
    if math.isinf(low):
        return high / 2 if high > 0 else high - 0.1
    return (low + high) / 2


def wanted(experiment: Experiment, come_true: bool) -> float:
    prediction = experiment.prediction
    assert prediction is not None
    return inside(prediction.borne_out if come_true else prediction.contradicted[0])


def settle(cells: Cells, experiment: Experiment, value: float) -> None:
    """Fill in measures that give the experiment's effect this value, keeping what is there."""
    effect, keys = experiment.effect, {arm.name: arm.trial.key for arm in experiment.arms}
    match effect:
        case Level():
            cells[keys[effect.arm], effect.measure] = value
        case Gain():
            one, other = (keys[effect.first], effect.measure), (keys[effect.second], effect.measure)
            _relate(cells, one, other, lambda second: second + value, lambda first: first - value, 0.5)
        case Gap():
            one, other = ((keys[effect.arm], measure) for measure in effect.measures)
            _relate(cells, one, other, lambda second: second + value, lambda first: first - value, 0.5)
        case Ratio() | Duration():
            one, other = (keys[effect.first], effect.measure), (keys[effect.second], effect.measure)
            _relate(cells, one, other, lambda second: second * value, lambda first: first / value, 100.0)
        case Reach():
            _sweep(cells, experiment, effect, value)


def _relate(cells, one, other, forth, back, start):
    if one in cells:
        cells[other] = back(cells[one])
    else:
        cells[one] = forth(cells.setdefault(other, start))


def _sweep(cells: Cells, experiment: Experiment, effect: Reach, value: float) -> None:
    """The wider group trains at all but the ends of the sweep, the narrower near one value in the middle."""
    wide, narrow = (effect.first, effect.second) if value > 1 else (effect.second, effect.first)
    for group in (wide, narrow):
        arms = sorted((arm for arm in experiment.arms if arm.group == group), key=lambda arm: arm.at)
        good = range(1, len(arms) - 1) if group == wide else range(2, 4)
        for index, arm in enumerate(arms):
            cells[arm.trial.key, "accuracy"] = 0.95 if index in good else 0.1
            cells[arm.trial.key, "chance"] = 0.1


def rows(claim: Claim, verdicts: dict[str, bool], seeds: range = SEEDS) -> list[Row]:
    """Rows in which the named experiments come true or their contraries do."""
    cells: Cells = {}
    for experiment in claim.experiments:
        if experiment.key in verdicts:
            settle(cells, experiment, wanted(experiment, verdicts[experiment.key]))
    made = []
    for arm in {arm.trial.key: arm for arm in claim.arms}.values():
        for seed in seeds:
            measures = {
                name: cells.get((arm.trial.key, name), 1.0) * (1 + 1e-5 * ((7 * seed) % 5))
                for name in arm.trial.measures
            }
            made.append(as_row(arm.seeded(seed), measures))
    return made
