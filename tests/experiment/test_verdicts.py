from __future__ import annotations

import numpy as np
import pytest

from bnviz.experiment.history import History
from bnviz.experiment.snapshot import Divergence
from bnviz.experiment.verdicts import Chance, verdicts

CHANCE = 0.1


def kinds(*histories, chance: float = CHANCE) -> list[tuple[int | None, str]]:
    return [(verdict.arm, verdict.kind) for verdict in verdicts(histories, [Chance(chance, 450)] * len(histories))]


def said(history, kind: str, chance: float = CHANCE):
    return [verdict for verdict in verdicts([history], [Chance(chance, 450)]) if verdict.kind == kind]


def test_before_the_first_snapshot_nothing_is_said_but_that():
    assert kinds(History(), History()) == [(0, "waiting"), (1, "waiting")]


def test_a_broken_arm_is_called_diverged_with_step_and_layer_and_nothing_else(made_up):
    broken = Divergence(290, 1, "hidden layer 2")
    history = made_up(0.95, diverged=broken, dead=(1.0, 1.0, 1.0), gradients=(1e9, 1.0, 1.0, 1.0))
    (verdict,) = verdicts([history], [Chance(CHANCE, 450)])

    assert verdict.kind == "diverged"
    assert "290" in verdict.text
    assert "hidden layer 2" in verdict.number


def test_a_network_whose_loss_falls_is_not_called_stuck_however_long_it_stays_at_chance(made_up):
    falling = made_up(0.1, losses=lambda step: 2.3 * 0.9995**step)

    assert not said(falling, "stuck")
    (verdict,) = said(falling, "waiting")
    assert "falling" in verdict.text
    assert "-4.9% in the last 100 steps" in verdict.number
    assert said(made_up(0.1, losses=lambda step: 2.3 * 0.99999**step), "stuck")


def test_an_accuracy_within_what_guessing_gives_by_luck_is_at_chance(made_up):
    few, many = Chance(0.4, 45), Chance(0.4, 4500)

    assert few.limit == pytest.approx(0.4 + 2 * (0.4 * 0.6 / 45) ** 0.5)
    assert [verdict.kind for verdict in verdicts([made_up(0.5)] * 2, [few, many]) if verdict.arm is not None] == [
        "stuck",
        "training",
    ]


def test_chance_is_called_stuck_only_after_a_hundred_steps(made_up):
    assert said(made_up([0.1] * 11), "stuck")
    assert not said(made_up([0.1] * 10), "stuck")
    assert said(made_up([0.1] * 10), "waiting")
    assert not said(made_up([0.2] * 30), "stuck")


@pytest.mark.parametrize(
    ("accuracy", "kind"), [(0.11, "stuck"), (0.5, "training"), (0.89, "training"), (0.95, "trained")]
)
def test_progress_is_one_verdict_with_the_accuracy_it_rests_on(made_up, accuracy, kind):
    (verdict,) = verdicts([made_up(accuracy)], [Chance(CHANCE, 450)])

    assert verdict.kind == kind
    assert f"{accuracy:.1%}" in verdict.number


def test_when_a_network_has_learnt_is_the_first_step_that_reached_it(made_up):
    (verdict,) = said(made_up([0.1, 0.5, 0.8, 0.92, *[0.95] * 20]), "trained")

    assert verdict.text == "reached 90% between steps 20 and 30", "nobody measured in between"
    (verdict,) = said(made_up([0.95] * 20), "trained")
    assert verdict.text == "reached 90% at step 0"


def test_one_lucky_snapshot_is_no_learning_and_one_unlucky_one_no_failure(made_up):
    assert not said(made_up([*[0.5] * 20, 0.95]), "trained")
    assert said(made_up([*[0.95] * 20, 0.5]), "trained")


@pytest.mark.parametrize("kind", ["saturated", "dead"])
def test_a_layer_is_called_saturated_or_dying_where_most_of_it_is(made_up, kind):
    (verdict,) = said(made_up(0.5, **{kind: (0.1, 0.75, 0.2)}), kind)

    assert "layer 2" in verdict.text
    assert "75%" in verdict.number
    assert not said(made_up(0.5, **{kind: (0.1, 0.45, 0.2)}), kind)
    assert not said(made_up(0.5), kind)


@pytest.mark.parametrize(
    ("gradients", "kind"),
    [
        ((0.01, 0.1, 1.0, 1.0), "vanishing"), ((0.0, 0.1, 1.0, 1.0), "vanishing"), ((0.2, 0.5, 1.0, 1.0), None),
        ((100.0, 10.0, 1.0, 1.0), "exploding"), ((5.0, 2.0, 1.0, 1.0), None), ((1.0, 0.5, 0.0, 1.0), None),
        ((0.0, 0.0, 0.0, 0.0), None), ((np.nan, 1.0, 1.0, 1.0), None), ((1.0, 1.0, 1.0, 1e-9), None),
    ],
)  # fmt: skip
def test_gradients_are_judged_from_the_last_hidden_layer_to_the_first(made_up, gradients, kind):
    found = {verdict.kind for verdict in verdicts([made_up(0.5, gradients=gradients)], [Chance(CHANCE, 450)])}

    assert found & {"vanishing", "exploding"} == ({kind} if kind else set())


def test_how_much_smaller_the_gradients_are_is_said(made_up):
    (verdict,) = said(made_up(0.5, gradients=(0.001, 0.1, 1.0, 1.0)), "vanishing")

    assert verdict.number == "1,000 times smaller in layer 1 than in layer 3"
    (verdict,) = said(made_up(0.5, gradients=(0.0, 0.1, 1.0, 1.0)), "vanishing")
    assert verdict.number == "too small for a 32-bit number in layer 1"


def test_two_layers_have_no_depth_to_judge(made_up):
    history = made_up(0.5, saturated=[np.nan] * 2, dead=[np.nan] * 2, gradients=(1e-6, 1.0, 1.0))

    assert not said(history, "vanishing")


def test_equal_curves_make_no_real_difference(made_up):
    assert (None, "no_difference") in kinds(made_up(0.9), made_up(0.91))


def test_a_gap_at_the_end_is_a_difference_with_its_points(made_up):
    found = verdicts([made_up(0.5), made_up(0.95)], [Chance(CHANCE, 450)] * 2)

    assert found[0].arm is None
    assert found[0].kind == "difference"
    assert "45.0 points" in found[0].text


def test_arms_that_meet_at_the_end_but_not_on_the_way_are_no_equals(made_up):
    late, early = made_up([*[0.1] * 20, *[0.95] * 10]), made_up([0.1, *[0.95] * 29])
    found = kinds(late, early)

    assert (None, "difference") in found
    assert (None, "no_difference") not in found


@pytest.mark.parametrize("count", [1, 5])
def test_arms_are_not_compared_in_the_first_fifty_steps(made_up, count):
    assert not [arm for arm, _ in kinds(made_up([0.1] * count), made_up([0.9] * count)) if arm is None]


def test_arms_are_not_compared_where_one_broke_or_has_not_started_or_is_alone(made_up):
    broken = made_up(0.1, diverged=Divergence(290, 0, "hidden layer 1"))

    for histories in ([broken, made_up(0.9)], [made_up(0.9), History()], [made_up(0.9)]):
        assert not [arm for arm, _ in kinds(*histories) if arm is None]


def test_arms_whose_histories_were_thinned_apart_are_compared_step_by_step(made_up):
    curve = np.linspace(0.1, 0.95, 300)

    assert (None, "no_difference") in kinds(made_up(curve), made_up(curve, max_snapshots=40))


def test_a_loss_far_above_that_of_the_start_is_neither_training_nor_stuck(made_up):
    (verdict,) = said(made_up(0.1, losses=lambda step: 2.3 if step == 0 else 12_000 - step), "worse")

    assert verdict.number == "training loss 2.3 at step 0, 1.17e+04 as the median of the last 5 measured steps"
    assert not said(made_up(0.1, losses=lambda step: 2.3 if step == 0 else 4.0), "worse")
