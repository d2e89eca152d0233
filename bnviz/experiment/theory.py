"""What theory says of gradients at initialisation: the factor per layer, towards the input, of ||dL/dz||^2."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bnviz.experiment.config import ExperimentConfig

Floats = npt.NDArray[np.float64]
LARGE_BATCH = 32


@dataclass(frozen=True)
class GradientFactor:
    """By how much the squared norm of dL/dz grows a layer towards the input at step 0, and where that comes from."""

    value: float
    text: str


def _sigmoid(z: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(z / 2))


def _normal_cdf(z: Floats) -> Floats:
    return np.array([0.5 * (1 + math.erf(v / math.sqrt(2))) for v in z])


def _normal_density(z: Floats) -> Floats:
    return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


Function = Callable[[Floats], Floats]
ACTIVATIONS: dict[str, tuple[Function, Function]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1.0, 0.01)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z))),
    "gelu": (lambda z: z * _normal_cdf(z), lambda z: _normal_cdf(z) + z * _normal_density(z)),
    "linear": (lambda z: z, np.ones_like),
}


def _expectation(values: Floats, z: Floats) -> float:
    """E[f(z)], z ~ N(0, 1), by the midpoint rule, whose kinks at 0 fall between two points."""
    return float((values * _normal_density(z)).sum() * (z[1] - z[0]))


def gaussian_moments(activation: str) -> tuple[float, float, float]:
    """Return E[phi(z)], E[phi(z)^2] and E[phi'(z)^2] for z ~ N(0, 1)."""
    z = (np.arange(-10_000, 10_000) + 0.5) / 1000
    phi, slope = ACTIVATIONS[activation]
    return _expectation(phi(z), z), _expectation(phi(z) ** 2, z), _expectation(slope(z) ** 2, z)


def weight_variance(config: ExperimentConfig) -> float:
    """Return the variance of the initial weights between two hidden layers."""
    return {
        "he": 2 / config.width,
        "xavier": 1 / config.width,
        "lecun": 1 / config.width,
        "pytorch": 1 / (3 * config.width),
        "normal": config.init_std**2,
    }[config.init]


def gradient_factor(config: ExperimentConfig) -> GradientFactor | None:
    """Return the theory's factor a layer at step 0 for large width and batch, or None where there is no constant one.

    Batch normalization before the activation: E[phi'^2] / Var(phi) (Yang et al. 2019, A Mean Field Theory of Batch
    Normalization); layer and group normalization: E[phi'^2] / E[phi^2]; without, for piecewise linear phi:
    fan * Var(w) * E[phi'^2] (He et al. 2015, eq. 14). The initial weights' scale cancels under a normalization.
    Batches under 32 have none: measured, BN's factor for ReLU is then larger, 1.8 at a batch of 8 and 2.8 at 2.
    """
    if (config.norm_position != "before" and config.normalization != "none") or config.dropout:
        return None
    if any(item.step == 0 and item.normalization for item in config.interventions):
        return None
    if config.normalization == "batch" and config.batch_size < LARGE_BATCH:
        return None
    mean, square, slope = gaussian_moments(config.activation)
    if config.normalization == "batch":
        value, text = slope / (square - mean**2), "E[phi'(z)^2] / Var(phi(z))"
    elif config.normalization in ("layer", "group"):
        value, text = slope / square, "E[phi'(z)^2] / E[phi(z)^2]"
    elif config.normalization == "none" and config.activation in ("relu", "leaky_relu", "linear"):
        value, text = config.width * weight_variance(config) * slope, "width * Var(w) * E[phi'(z)^2]"
    else:
        return None
    return GradientFactor(value, f"{text} = {value:.3f} a layer for ||dL/dz||^2, z ~ N(0, 1)")
