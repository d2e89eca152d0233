from __future__ import annotations

import pytest

from bnviz.studies.catalogue import CLAIMS, STUDIES
from bnviz.studies.default_maps import MAPS
from bnviz.studies.results import shipped

VERDICTS = {
    "faster": "conditional",
    "higher-learning-rates": "supported",
    "initialisation": "supported",
    "any-batch-size": "refuted",
    "vanishing-gradients": "supported",
    "exploding-gradients": "refuted",
    "because-of-shift": "unsupported",
    "reduces-drift": "conditional",
    "reduces-gradient-shift": "conditional",
    "smooths-the-loss": "conditional",
    "replaces-dropout": "unsupported",
    "generalises-better": "unsupported",
    "cannot-overfit": "refuted",
    "divides-by-the-variance": "slip",
    "gamma-becomes-the-variance": "slip",
    "deviation-exactly-one": "slip",
    "supervised": "refuted",
    "dropout-loses-data": "slip",
    "population-statistics": "supported",
    "before-the-activation": "unsupported",
    "images": "conditional",
    "sequences": "refuted",
}


@pytest.fixture(scope="module", params=STUDIES)
def study(request):
    return STUDIES[request.param]


@pytest.fixture(scope="module")
def rows(study):
    return shipped(study.name)


def test_every_study_is_shipped_whole_with_the_versions_it_was_made_with(study, rows):
    assert {row["key"] for row in rows} == {trial.key for trial in study.default_trials()}
    assert all(row["trial"].key == row["key"] for row in rows)
    assert all(row["versions"]["torch"] and row["versions"]["numpy"] for row in rows)


def test_the_part_that_is_measured_again_gives_the_verdict_of_the_whole(study, rows):
    again = {trial.key for trial in study.check_trials()}

    assert study.differs(rows, [row for row in rows if row["key"] in again]) is None


def test_what_was_measured_says_what_is_known_of_batch_normalization():
    assert {name: claim.judge(shipped(name)).kind for name, claim in CLAIMS.items()} == VERDICTS


@pytest.mark.parametrize("name", CLAIMS)
def test_no_verdict_hangs_on_one_seed(name):
    claim, rows = CLAIMS[name], shipped(name)
    for left_out in {row["seed"] for row in rows}:
        assert claim.judge([row for row in rows if row["seed"] != left_out]).kind == VERDICTS[name], left_out


def test_no_shipped_run_lacks_a_number():
    for name, claim in CLAIMS.items():
        findings = claim.judge(shipped(name)).findings
        assert {(finding.seeds, finding.missing) for finding in findings} == {(claim.seeds, 0)}, name


def test_the_premise_about_noise_holds_from_step_to_step_alone_and_the_verdict_says_so():
    verdict = CLAIMS["because-of-shift"].judge(shipped("because-of-shift"))
    found = {one.experiment: one for one in verdict.findings}

    assert {key: found[f"none-{key}"].outcome for key in ("step", "path", "start")} == {
        "step": "borne out",
        "path": "contradicted",
        "start": "contradicted",
    }
    assert "But 2 of 3 premises are not borne out: " in verdict.sentence
    assert "path of the medians" in verdict.sentence
    assert "from step to step" not in verdict.sentence.partition("But")[2]
    for key in ("drift-step", "drift-path", "drift-start"):
        assert found[key].low > 1.25


def test_what_is_refuted_by_an_exception_is_told_by_that_exception():
    refuted = [claim for claim in CLAIMS.values() if claim.universal and VERDICTS[claim.name] == "refuted"]
    assert refuted
    for claim in refuted:
        verdict = claim.judge(shipped(claim.name))
        found = verdict.findings[verdict.main]
        assert found.outcome == "contradicted", claim.name
        assert (verdict.effect, verdict.high, verdict.sentence) == (found.effect, found.high, found.sentence)


def test_on_the_shipped_maps_more_networks_train_with_batch_normalization():
    for study in MAPS.values():
        verdict = study.judge(shipped(study.name))

        assert verdict.kind == "measured"
        if study.arms[-1][0] == "with BN":
            assert verdict.effect > 0.05, study.name
