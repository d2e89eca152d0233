"""Tables as strangers have them, for the tests."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from bnviz.experiment.own_table import OwnTable
from bnviz.sharing.table_file import read_table


def written(rows: Sequence[Sequence[object]], **form: object) -> bytes:
    """Rows as the standard library writes them."""
    out = io.StringIO(newline="")
    csv.writer(out, **form).writerows(rows)
    return out.getvalue().encode()


def iris() -> bytes:
    """Fisher's irises, as a data frame writes them."""
    from sklearn.datasets import load_iris

    bunch = load_iris()
    names = [name.removesuffix(" (cm)") for name in bunch.feature_names]
    kinds = [str(bunch.target_names[index]) for index in bunch.target]
    return written([[*names, "species"], *([*row, kind] for row, kind in zip(bunch.data.tolist(), kinds, strict=True))])


def blobs(rows: int = 120, features: int = 3, classes: int = 2, *, seed: int = 0) -> bytes:
    """Clusters of points, one a class, in columns of very different units."""
    random = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    x = (random.normal(size=(rows, features)) + 3 * y[:, None]) * 10.0 ** np.arange(features)
    head = [*(f"x{number}" for number in range(features)), "kind"]
    return written([head, *([*values, f"k{label}"] for values, label in zip(x.tolist(), y.tolist(), strict=True))])


def iris_table() -> OwnTable:
    return read_table("iris.csv", iris())
