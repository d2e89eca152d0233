"""What the claims are put together from: settings, pairs of arms, sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.presets import PRESETS
from bnviz.studies.claim import Arm, Source
from bnviz.studies.measures import LEARNT
from bnviz.studies.trial import Trial

WITHOUT, WITH = "without BN", "with BN"
CLEARLY = 1.25  # so many times faster, further, larger is clearly so; nearer to 1 is about equal
HEADLINE = PRESETS["headline"].arms[0]
EASY = PRESETS["no-difference"].arms[0]
DEEP = ExperimentConfig(hidden_layers=10, width=64)
SMALL_WEIGHTS = PRESETS["initialisation"].arms[0]

IOFFE = (
    "Ioffe & Szegedy 2015, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift"
)
SOURCES = {
    "ioffe": Source(IOFFE, "https://arxiv.org/abs/1502.03167"),
    "ioffe-figure-1": Source(f"{IOFFE}, Fig. 1", "https://arxiv.org/abs/1502.03167"),
    "ioffe-algorithm-1": Source(f"{IOFFE}, algorithm 1", "https://arxiv.org/abs/1502.03167"),
    "santurkar": Source(
        "Santurkar, Tsipras, Ilyas & Madry 2018, How Does Batch Normalization Help Optimization?",
        "https://arxiv.org/abs/1805.11604",
    ),
    "santurkar-2-1": Source(
        "Santurkar, Tsipras, Ilyas & Madry 2018, How Does Batch Normalization Help Optimization?, section 2.1, Fig. 2",
        "https://arxiv.org/abs/1805.11604",
    ),
    "bjorck": Source(
        "Bjorck, Gomes, Selman & Weinberger 2018, Understanding Batch Normalization", "https://arxiv.org/abs/1806.02375"
    ),
    "luo": Source(
        "Luo, Wang, Shao & Peng 2019, Towards Understanding Regularization in Batch Normalization",
        "https://arxiv.org/abs/1809.00846",
    ),
    "yang": Source(
        "Yang, Pennington, Rao, Sohl-Dickstein & Schoenholz 2019, A Mean Field Theory of Batch Normalization",
        "https://arxiv.org/abs/1902.08129",
    ),
    "ba": Source("Ba, Kiros & Hinton 2016, Layer Normalization", "https://arxiv.org/abs/1607.06450"),
    "wu": Source("Wu & He 2018, Group Normalization", "https://arxiv.org/abs/1803.08494"),
    "van-laarhoven": Source(
        "van Laarhoven 2017, L2 Regularization versus Batch and Weight Normalization", "https://arxiv.org/abs/1706.05350"
    ),
    "srivastava": Source(
        "Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov 2014, Dropout: A Simple Way to Prevent Neural "
        "Networks from Overfitting",
        "https://jmlr.org/papers/v15/srivastava14a.html",
    ),
    "he": Source(
        "He, Zhang, Ren & Sun 2015, Delving Deep into Rectifiers", "https://arxiv.org/abs/1502.01852"
    ),
    "radford": Source(
        "Radford, Metz & Chintala 2016, Unsupervised Representation Learning with Deep Convolutional Generative "
        "Adversarial Networks",
        "https://arxiv.org/abs/1511.06434",
    ),
}  # fmt: skip


def sources(*names: str) -> tuple[Source, ...]:
    """Return the named sources."""
    return tuple(SOURCES[name] for name in names)


def arm(name: str, config: ExperimentConfig, steps: int, measures: Sequence[str], **more: Any) -> Arm:
    """Return an arm; `every` and `reach` belong to its trial, the rest to its place in the experiment."""
    trial = {key: more.pop(key) for key in ("every", "reach") if key in more}
    return Arm(name=name, trial=Trial(config=config, steps=steps, measures=tuple(measures), **trial), **more)


def pair(config: ExperimentConfig, steps: int, measures: Sequence[str], **more: Any) -> tuple[Arm, Arm]:
    """Return the configuration's arms without and with batch normalization."""
    return (
        arm(WITHOUT, config.replace(normalization="none"), steps, measures, **more),
        arm(WITH, config.replace(normalization="batch"), steps, measures, **more),
    )


def race(config: ExperimentConfig, steps: int, every: int) -> tuple[Arm, Arm]:
    """Return the pair, each trained until its test accuracy is 90 %."""
    return pair(config, steps, ("steps_to_90",), every=every, reach=LEARNT)


def sweep(config: ExperimentConfig, field: str, values: Sequence[float], steps: int, every: int) -> tuple[Arm, ...]:
    """Return the pair at each value of a field; the groups are without and with batch normalization."""
    return tuple(
        arm(
            f"{name}, {value:g}", config.replace(normalization=kind, **{field: value}), steps, ("accuracy", "chance"),
            every=every, group=name, at=value,
        )
        for name, kind in ((WITHOUT, "none"), (WITH, "batch"))
        for value in values
    )  # fmt: skip
