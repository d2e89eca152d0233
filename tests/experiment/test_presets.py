from __future__ import annotations

import dataclasses

import pytest

from bnviz.experiment.presets import DEFAULT_PRESET, PRESETS


def differing(arms) -> set[str]:
    tables = [dataclasses.asdict(arm) for arm in arms]
    return {name for name in tables[0] if len({repr(table[name]) for table in tables}) > 1}


@pytest.mark.parametrize("name", sorted(set(PRESETS) - {"small-batch", "noisy-batch"}))
def test_the_twins_of_a_lesson_differ_in_batch_normalization_alone(name):
    arms = PRESETS[name].arms

    assert differing(arms) == {"normalization"}
    assert [arm.normalization for arm in arms] == ["none", "batch"]


def test_small_batches_differ_in_normalization_and_batch_size_and_the_rate_that_goes_with_it():
    arms = PRESETS["small-batch"].arms

    assert differing(arms) == {"normalization", "batch_size", "learning_rate"}
    assert {arm.learning_rate / arm.batch_size for arm in arms} == {0.1 / 32}


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_a_lesson_names_each_arm_and_says_what_to_look_for(preset):
    assert len(preset.names) == len(preset.arms) == len(set(preset.names))
    assert preset.look_for.endswith(".")
    assert all(arm.seed == 0 and not arm.interventions for arm in preset.arms)


def test_noisy_batch_normalization_stands_beside_the_headlines_own_networks():
    arms = PRESETS["noisy-batch"].arms

    assert arms[:2] == PRESETS["headline"].arms
    assert arms[2] == arms[1].replace(normalization="noisy_batch")


def test_there_are_nine_lessons_and_the_headline_comes_first():
    assert len(PRESETS) == 9
    assert next(iter(PRESETS)) == DEFAULT_PRESET
