from __future__ import annotations

import math
import random
import re
from collections import Counter

import pytest

from bnviz.studies.catalogue import CLAIMS, STUDIES
from bnviz.studies.claim import GROUPS, Claim
from bnviz.studies.effects import Level
from bnviz.studies.measures import MEASURES
from bnviz.studies.rules import FEWEST, Estimate
from tests.studies.made_up import rows

ABSOLUTE = re.compile(r"\b(always|never|any|every|cannot|whatever|however|exactly)\b")
ALL = pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)


def keys(claim: Claim, *roles: str) -> list[str]:
    return [experiment.key for experiment in claim.experiments if experiment.role in roles and experiment.prediction]


def fates(claim: Claim, decisive: dict[str, bool]) -> dict[str, bool]:
    """Premises and corrections come true; the rest as is said."""
    return {**dict.fromkeys(keys(claim, "premise", "correction"), True), **decisive}


@ALL
def test_a_claim_whose_predictions_all_come_true_is_supported(claim):
    decisive = keys(claim, "test", "counter")

    verdict = claim.judge(rows(claim, fates(claim, dict.fromkeys(decisive, True))))

    assert verdict.kind == "supported", verdict.findings


@ALL
def test_a_claim_whose_predictions_are_all_contradicted_is_refuted_or_a_slip_of_the_pen(claim):
    decisive = dict.fromkeys(keys(claim, "test", "counter"), False)

    verdict = claim.judge(rows(claim, fates(claim, decisive)))

    assert verdict.kind == ("slip" if claim.slip else "refuted"), verdict.findings


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS.values() if claim.slip], ids=lambda claim: claim.name)
def test_a_slip_of_the_pen_is_none_where_the_corrected_sentence_is_wrong_too(claim):
    wrong = dict.fromkeys(keys(claim, "test", "counter", "correction"), False)

    assert claim.judge(rows(claim, wrong)).kind == "refuted"


several = [claim for claim in CLAIMS.values() if len(keys(claim, "test", "counter")) > 1]


@pytest.mark.parametrize("claim", several, ids=lambda claim: claim.name)
def test_a_claim_that_comes_true_in_one_experiment_alone_is_supported_under_conditions_if_its_words_allow_any(claim):
    first, *others = keys(claim, "test", "counter")

    verdict = claim.judge(rows(claim, fates(claim, {first: True, **dict.fromkeys(others, False)})))

    assert verdict.kind == ("refuted" if claim.universal else "conditional"), verdict.findings
    assert verdict.main == (1 if claim.universal else 0)


@ALL
def test_a_claim_allows_no_exception_where_its_words_do_not(claim):
    words = f"{claim.title} {claim.said}".lower()

    assert claim.universal == bool(ABSOLUTE.search(words)), ABSOLUTE.findall(words)
    assert ("allow no exception" in claim.rule) == claim.universal


with_premises = pytest.mark.parametrize(
    "claim", [c for c in CLAIMS.values() if keys(c, "premise")], ids=lambda claim: claim.name
)


@with_premises
def test_experiments_of_which_no_premise_holds_decide_nothing(claim):
    decided = fates(claim, dict.fromkeys(keys(claim, "test", "counter"), True))
    decided |= dict.fromkeys(keys(claim, "premise"), False)

    verdict = claim.judge(rows(claim, decided))

    assert (verdict.kind, verdict.title) == ("open", "no verdict: no premise holds")


@with_premises
@pytest.mark.parametrize(("come_true", "kind"), [(True, "conditional"), (False, "unsupported")])
def test_where_some_premises_fail_the_verdict_is_weaker_and_names_them(claim, come_true, kind):
    held, *failed = keys(claim, "premise")
    decided = dict.fromkeys(keys(claim, "test", "counter"), come_true) | {held: True} | dict.fromkeys(failed, False)

    verdict = claim.judge(rows(claim, decided))

    assert verdict.kind == kind, verdict.findings
    titles = {one.key: one.title.removeprefix("Premise: ") for one in claim.experiments}
    assert all(titles[key] in verdict.sentence for key in failed)
    assert f"{len(failed)} of {len(failed) + 1} premises are not borne out" in verdict.sentence


@ALL
@pytest.mark.parametrize("seeds", [range(0), range(2), range(4)], ids=["none", "two", "four"])
def test_too_few_runs_leave_a_claim_open(claim, seeds):
    verdict = claim.judge(rows(claim, fates(claim, dict.fromkeys(keys(claim, "test", "counter"), True)), seeds))

    assert verdict.kind == "open"
    assert verdict.seeds == len(seeds)
    few = f"too few seeds for a verdict ({len(seeds)} of {FEWEST})"
    assert verdict.title == (few if len(seeds) else "not measured yet")


@ALL
def test_the_verdict_does_not_depend_on_the_order_of_the_rows_nor_on_other_studies_rows(claim):
    mine = rows(claim, fates(claim, dict.fromkeys(keys(claim, "test", "counter"), True)))
    other = next(one for one in CLAIMS.values() if one.name != claim.name and not set(one.arms) & set(claim.arms))
    mixed = [*mine, *(row for row in rows(other, {}) if row["key"] not in {m["key"] for m in mine})]
    random.Random(0).shuffle(mixed)

    assert claim.judge(mixed).findings == claim.judge(mine).findings


def test_a_study_that_is_measured_again_says_which_verdict_has_changed():
    claim = CLAIMS["faster"]
    true, false = (rows(claim, dict.fromkeys(keys(claim, "test", "counter"), fate)) for fate in (True, False))

    assert claim.differs(true, true) is None
    said = claim.differs(true, false)
    assert said is not None
    assert "was supported" in said
    assert "is refuted" in said


@ALL
def test_every_claim_says_what_it_is_how_it_is_decided_and_where_it_comes_from(claim):
    assert claim.group in GROUPS
    assert claim.said.endswith(".")
    assert claim.needs.endswith(".")
    assert claim.sources
    assert ("slip of the pen" in claim.rule) == claim.slip
    assert ("premise" in claim.rule) == bool(keys(claim, "premise"))
    assert all(source.url.startswith("https://") for source in claim.sources)
    names = [experiment.key for experiment in claim.experiments]
    assert len(set(names)) == len(names)
    for experiment in claim.experiments:
        assert "{effect}" in experiment.says
        assert experiment.shows in MEASURES
        assert (experiment.prediction is None) == (experiment.role == "context") == (not experiment.predicts)
        for arm in experiment.arms:
            assert experiment.shows in arm.trial.measures
        assert len({arm.name for arm in experiment.arms}) == len(experiment.arms)


@ALL
def test_a_sentence_holds_the_effect_and_its_interval(claim):
    verdict = claim.judge(rows(claim, fates(claim, dict.fromkeys(keys(claim, "test", "counter"), True))))

    for finding in verdict.findings:
        assert "{" not in finding.sentence
        if not math.isnan(finding.effect):
            assert finding.low <= finding.effect <= finding.high
            assert finding.seeds == 6


def test_equal_trials_of_several_claims_are_one():
    trials = [trial.key for claim in CLAIMS.values() for trial in claim.default_trials()]

    assert len(set(trials)) < len(trials)


def test_studies_are_named_by_what_a_command_line_takes():
    for name, study in STUDIES.items():
        assert study.name == name
        assert name.replace("-", "").isalnum()
        assert name == name.lower()
        assert 0 < study.check_seeds <= study.seeds
        assert study.check_seeds >= FEWEST or not isinstance(study, Claim)
        assert {t.key for t in study.check_trials()} <= {t.key for t in study.default_trials()}


def test_where_one_network_diverged_the_seeds_that_count_are_said_and_nothing_is_decided():
    claim = CLAIMS["replaces-dropout"]
    made = rows(claim, fates(claim, dict.fromkeys(keys(claim, "test"), True)), range(10))
    without = next(arm for arm in claim.arms if arm.name == "without BN")
    broken = {without.seeded(seed).key for seed in range(3)}
    for row in made:
        if row["key"] in broken:
            row["measures"]["test_loss"] = math.nan

    accuracy, loss = (claim.judge(made).findings[index] for index in (1, 2))

    assert (accuracy.seeds, accuracy.missing, accuracy.outcome) == (10, 0, "borne out")
    assert (loss.seeds, loss.missing, loss.outcome) == (7, 3, "open")
    assert "3 of 10 seeds gave no number, in one network alone" in loss.sentence
    assert (claim.judge(made).kind, claim.judge(made).title) == ("open", "no verdict: runs gave no number")


def test_seeds_of_which_a_network_was_not_run_are_not_counted():
    claim = CLAIMS["replaces-dropout"]
    made = rows(claim, fates(claim, dict.fromkeys(keys(claim, "test"), True)), range(8))
    lost = next(arm for arm in claim.arms if arm.name == "without BN").seeded(3).key

    found = claim.judge([row for row in made if row["key"] != lost]).findings

    assert [finding.seeds for finding in found] == [8, 7, 7]
    assert {finding.missing for finding in found} == {0}


@pytest.mark.parametrize("name", ["faster", "replaces-dropout", "initialisation"])
def test_a_seed_that_failed_in_one_network_is_missing_and_nothing_is_decided(name):
    claim = CLAIMS[name]
    made = rows(claim, fates(claim, dict.fromkeys(keys(claim, "test", "counter"), True)), range(8))
    first = claim.experiments[0]
    broken = {first.arms[0].seeded(seed).key for seed in range(2)}

    found = first.find({row["key"]: {} if row["key"] in broken else row["measures"] for row in made}, range(8))

    assert (found.seeds, found.missing, found.outcome) == (6, 2, "open")
    assert "2 of 8 seeds gave no number, in one network alone: that decides nothing" in found.sentence


def test_seeds_that_failed_in_all_networks_are_missing_and_the_others_decide():
    claim = CLAIMS["faster"]
    made = rows(claim, fates(claim, dict.fromkeys(keys(claim, "test", "counter"), True)), range(8))
    for row in made:
        if row["seed"] == 3:
            row["measures"].clear()

    verdict = claim.judge(made)

    assert {(one.seeds, one.missing) for one in verdict.findings} == {(7, 1)}
    assert verdict.kind == "supported"


@pytest.mark.parametrize("name", ["initialisation", "higher-learning-rates", "faster"])
def test_where_both_networks_go_beyond_what_was_tried_no_verdict_is_given_for_that_reason(name):
    claim = CLAIMS[name]
    made = rows(claim, {})
    for row in made:  # rows alike: every network trains wherever it was tried, or none arrives
        row["measures"] |= {"accuracy": 0.9, "chance": 0.1} if name != "faster" else {"steps_to_90": math.nan}

    verdict = claim.judge(made)

    assert (verdict.kind, verdict.title) == ("open", "no verdict: both networks go beyond what was tried")
    assert "so that nothing compares them" in verdict.sentence
    assert "gave no number" not in verdict.sentence


def well_initialised(arm) -> bool:
    config = arm.trial.config
    return config.activation == "relu" and config.init == "he"


@ALL
def test_well_initialised_relu_networks_are_counter_cases_wherever_others_are_tried_too(claim):
    compared = [
        one for one in claim.experiments
        if one.prediction and one.role in ("test", "counter") and not isinstance(one.effect, Level)
    ]  # fmt: skip
    easy = [one for one in compared if all(map(well_initialised, one.arms))]
    if len(easy) < len(compared):
        assert {one.role for one in easy} <= {"counter"}


@ALL
def test_a_prediction_says_what_contradicts_it_as_the_rule_takes_it(claim):
    for experiment in claim.experiments:
        if experiment.prediction is None:
            assert experiment.predicted == ""
            continue
        assert experiment.predicted.startswith(experiment.predicts)
        assert "Borne out" in experiment.predicted
        assert ("contradicted" in experiment.predicted) == bool(experiment.prediction.contradicted)
        assert "contradict" not in experiment.predicts


def test_shares_are_said_in_points_and_per_cent():
    experiments = {one.key: one for name in ("faster", "any-batch-size") for one in CLAIMS[name].experiments}

    assert experiments["sigmoid"].predicted.endswith("Borne out above 1.25 times; contradicted below 0.8 times.")
    said = "Borne out above -2.0 points; contradicted below -5.0 points."
    assert experiments["two"].predicted.endswith(said)
    (convolutions, *_) = CLAIMS["images"].experiments
    assert convolutions.predicted.endswith("Borne out above +10.0 points; contradicted below 0 points.")
    labels, _ = CLAIMS["supervised"].experiments
    assert labels.predicted.endswith("Borne out above 10⁻⁹; contradicted below 10⁻⁹.")


def test_every_prediction_of_a_claim_about_dropout_is_tried_on_the_same_data():
    arms = CLAIMS["replaces-dropout"].arms

    assert len({arm.trial.config.replace(normalization="none", dropout=0.0) for arm in arms}) == 1


def test_small_batches_see_as_many_samples_as_large_ones():
    for experiment in CLAIMS["any-batch-size"].experiments:
        assert len({arm.trial.steps * arm.trial.config.batch_size for arm in experiment.arms}) == 1


@pytest.mark.parametrize("first", [CLAIMS["any-batch-size"].experiments[0], CLAIMS["any-batch-size"].experiments[1]])
def test_what_is_better_from_small_batches_bears_out_that_they_work(first):
    def outcome(gain: float) -> str:
        return first.prediction.outcome(Estimate(gain, gain - 0.001, gain + 0.001, 8))

    assert [outcome(gain) for gain in (0.1, 0.0, -0.01)] == ["borne out"] * 3
    assert outcome(-0.03) == "not borne out"
    assert outcome(-0.1) == "contradicted"


def test_drift_is_judged_by_every_measure_of_it():
    measures = {"drift_path", "drift_per_look", "drift_from_start"}
    because, reduces = CLAIMS["because-of-shift"], CLAIMS["reduces-drift"]

    premises = [one for one in because.experiments if one.role == "premise"]
    assert {one.shows for one in premises} == measures
    assert {(one.effect.first, one.effect.second) for one in premises} == {("noisy BN", "without BN")}
    networks = Counter(one.key.rpartition("-")[0] for one in reduces.experiments)
    assert set(networks.values()) == {3}
    assert {one.shows for one in reduces.experiments} == measures


def test_what_is_clearly_more_is_as_much_in_all_claims_about_speed_shift_and_landscape():
    limits = {
        one.prediction.borne_out
        for name in ("faster", "because-of-shift", "reduces-drift", "reduces-gradient-shift", "smooths-the-loss")
        for one in CLAIMS[name].experiments
        if one.prediction
    }

    assert limits == {(1.25, math.inf)}
