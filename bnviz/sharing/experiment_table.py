"""How a script reads a table of somebody's own: with the standard library, just as the lab read it."""

from __future__ import annotations

from bnviz.experiment.config import ExperimentConfig
from bnviz.experiment.own_table import CONSTANT, TableRef

FLAT = f"std[std <= {CONSTANT:.0e} * np.abs(x).max(axis=0)] = 1  # of a constant column"


def constants(config: ExperimentConfig) -> dict[str, str]:
    """The file's name as a constant; a reference's name has no sign that ends a text."""
    return {} if config.own_table is None else {"TABLE": f'"{config.data_name}"'}


def lines(ref: TableRef) -> list[str]:
    """The lines that read a table of somebody's own, whose name is a constant."""
    file = ["file"] if ref.separator == "," else ["file", f"delimiter={ref.separator!r}".replace("'", '"')]
    cell = 'cell.replace(",", ".")' if ref.decimal_comma else "cell"
    return [
        'with open(TABLE, encoding="utf-8-sig", newline="") as file:',
        *(["    next(file)  # says the separator"] if ref.said else []),
        f"    rows = [row for row in csv.reader({', '.join(file)}) if any(map(str.strip, row))]",
        *([f"rows = [row[:{ref.features + 1}] for row in rows]  # blank cells follow"] if ref.blanks else []),
        *(["names = rows.pop(0)"] if ref.header else []),
        f"labels = [row.pop({ref.label - 1}).strip() for row in rows]",
        f"x = np.array([[float({cell}) for cell in row] for row in rows])",
        "classes, y = np.unique(labels, return_inverse=True)",
    ]
