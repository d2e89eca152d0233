from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import datasets as sklearn_datasets
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from bnviz.experiment.config import DATASETS, PLANAR_DATASETS, REAL_SIZES, ExperimentConfig
from bnviz.training.datasets import _load, load


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_splits_have_the_sizes_the_configuration_says_and_are_stratified(dataset):
    config = ExperimentConfig(dataset=dataset, batch_size=2)
    data = load(config)

    assert len(data.train_y) == len(data.train_x) == config.training_samples
    assert len(data.test_y) + len(data.train_y) == config.total_samples
    shares = [torch.bincount(y, minlength=len(data.classes)) / len(y) for y in (data.train_y, data.test_y)]
    torch.testing.assert_close(*shares, atol=0.02, rtol=0)
    assert data.chance == pytest.approx(np.bincount(data.test_y).max() / len(data.test_y))


def test_digits_are_split_into_1347_and_450():
    data = load(ExperimentConfig())

    assert (len(data.train_y), len(data.test_y), data.features) == (1347, 450, 64)


@pytest.mark.parametrize("dataset", REAL_SIZES)
def test_pixels_are_standardised_all_alike_and_each_column_of_a_table_by_its_own_scale(dataset):
    bunch = getattr(sklearn_datasets, f"load_{dataset}")()
    config = ExperimentConfig(dataset=dataset, batch_size=2, data_seed=3)
    train_x, test_x, train_y, test_y = train_test_split(
        bunch.data, bunch.target, test_size=0.25, stratify=bunch.target, random_state=3
    )
    if dataset == "digits":
        mean, scale = train_x.mean(), train_x.std()
    else:
        scaler = StandardScaler().fit(train_x)
        mean, scale = scaler.mean_, scaler.scale_
    data = load(config)

    np.testing.assert_allclose(data.train_x, (train_x - mean) / scale, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(data.test_x, (test_x - mean) / scale, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(data.train_y, train_y)
    np.testing.assert_array_equal(data.test_y, test_y)


@pytest.mark.parametrize("dataset", PLANAR_DATASETS)
def test_generated_training_inputs_have_mean_0_and_deviation_1_over_all(dataset):
    data = load(ExperimentConfig(dataset=dataset, noise=0.1))

    assert data.features == 2
    assert data.train_x.mean().item() == pytest.approx(0, abs=1e-5)
    assert data.train_x.std(correction=0).item() == pytest.approx(1, rel=1e-5)
    assert data.images is None


def test_spirals_have_three_arms_of_one_turn_a_third_of_a_turn_apart():
    data = load(ExperimentConfig(dataset="spirals"))
    x, y = data.train_x.double().numpy(), data.train_y.numpy()

    # Turned back by its arm and its radius, every point lies at one angle, about the right centre:
    # standardising moved the origin by the same number in both directions.
    spreads = [unwound(x - shift, y).std() for shift in np.linspace(-0.5, 0.5, 201)]
    assert len(data.classes) == 3
    assert min(spreads) < 0.05
    assert np.median(spreads) > 0.2


def unwound(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    radius = np.hypot(*x.T)
    return np.angle((x[:, 0] + 1j * x[:, 1]) * np.exp(-2j * np.pi * (radius / radius.max() + y / 3)))


def test_xor_quarters_and_clusters_are_what_they_are_called():
    xor, clusters = load(ExperimentConfig(dataset="xor")), load(ExperimentConfig(dataset="clusters"))
    shift = -xor.train_x.mean()
    signs = torch.sign(xor.train_x + shift)

    assert ((signs.prod(1) < 0).long() == xor.train_y).float().mean() > 0.9
    assert len(clusters.classes) == 4


def test_equal_seeds_give_equal_data_and_others_do_not():
    configs = [ExperimentConfig(dataset="moons", noise=0.1, data_seed=seed, samples=200) for seed in (1, 2)]
    one, other = (load(config) for config in configs)
    _load.cache_clear()
    again = load(configs[0])

    assert one is not again
    assert torch.equal(one.train_x, again.train_x)
    assert torch.equal(one.test_y, again.test_y)
    assert not torch.equal(one.train_x, other.train_x)


def test_the_seed_of_the_network_does_not_touch_the_data():
    assert load(ExperimentConfig(seed=1)).train_x is load(ExperimentConfig(seed=2)).train_x


@pytest.mark.parametrize("samples", [40, 200])
def test_a_smaller_real_data_set_is_a_stratified_part_of_it(samples):
    data = load(ExperimentConfig(samples=samples, batch_size=2))

    assert len(data.train_y) + len(data.test_y) == samples
    assert torch.bincount(torch.cat([data.train_y, data.test_y])).tolist() == pytest.approx([samples / 10] * 10, abs=1)


def test_noise_disturbs_the_inputs_of_real_data_by_its_deviation_and_leaves_labels_and_images():
    plain, noisy = load(ExperimentConfig()), load(ExperimentConfig(noise=0.3))
    difference = noisy.train_x - plain.train_x

    assert difference.std().item() == pytest.approx(0.3, rel=0.02)
    assert difference.mean().item() == pytest.approx(0, abs=0.01)
    assert torch.equal(plain.train_y, noisy.train_y)
    np.testing.assert_array_equal(plain.images, noisy.images)


def test_the_shown_images_are_the_first_test_samples_as_pixels():
    data = load(ExperimentConfig())
    pixels = sklearn_datasets.load_digits().data

    assert data.images.shape == (12, 64)
    assert data.images.max() <= 16
    assert all((pixels == image).all(1).any() for image in data.images)
    correlation = np.corrcoef(data.images.ravel(), data.test_x[:12].numpy().ravel())[0, 1]
    assert correlation == pytest.approx(1)


@pytest.mark.parametrize("dataset", REAL_SIZES)
@pytest.mark.parametrize("missing", [1, 2, 5, 9, 20])
def test_any_number_of_samples_of_a_real_data_set_can_be_taken(dataset, missing):
    samples = REAL_SIZES[dataset] - missing
    data = load(ExperimentConfig(dataset=dataset, samples=samples, batch_size=16))

    assert len(data.train_y) + len(data.test_y) == samples
    assert len(data.train_y.unique()) == len(data.classes)
