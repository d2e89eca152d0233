"""The recordings that ship: two networks that learnt scikit-learn's digits, one of them well and one to death.

`scripts/record_examples.py` makes them. They lie beside this file, in a clone as in an installed package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True)
class Example:
    """A recording that ships: its file, a title, and what can be seen in it."""

    path: Path
    title: str
    text: str


def _example(name: str, title: str, text: str) -> Example:
    return Example(Path(__file__).with_name(f"{name}.bnviz"), title, text)


EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        "digits-conv": _example(
            "digits-conv",
            "A small convolutional network that learns",
            "Three convolutions with BatchNorm2d on handwritten digits, plain SGD, 300 steps: the test accuracy is "
            "above 95 % after some 40 steps. Meanwhile the convolutions' outputs spread further, in the last one to "
            "more than twice as far; batch normalization brings each back to a deviation of 1, times gamma.",
        ),
        "dying-mlp": _example(
            "dying-mlp",
            "A deep network that dies",
            "Twelve hidden ReLU layers without normalization on the same digits. While the learning rate warms up, the "
            "network learns; past a rate of about 0.1 units go dead in every layer, most in the deeper ones. Once none "
            "of the last hidden layer's units gives anything, no gradient reaches any layer before the output, and the "
            "loss stays at that of guessing, ln 10 = 2.30.",
        ),
    }
)
