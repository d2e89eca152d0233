"""Puts measured studies into the package: python scripts/ship_studies.py FOLDER [NAME ...]

FOLDER is what `bnviz study NAME --out FOLDER` has filled. A study is shipped whole, with its default seeds, or not at
all; without NAME every study that is whole is shipped. Exit code 1 means that a NAME is
not whole, 2 that no study is called so.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bnviz.studies.catalogue import STUDIES
from bnviz.studies.results import to_table, write
from bnviz.studies.store import Store

SHELF = Path(__file__).resolve().parent.parent / "bnviz" / "studies" / "shipped"


def main(folder: str, *names: str) -> int:
    if unknown := [name for name in names if name not in STUDIES]:
        print(f"no study is called {', '.join(unknown)}; there are {', '.join(STUDIES)}", file=sys.stderr)
        return 2
    store, missed = Store(folder), 0
    for name in names or STUDIES:
        keys = [trial.key for trial in STUDIES[name].default_trials()]
        rows = store.finished(keys)
        if len(rows) < len(keys):
            lacking = f"{len(keys) - len(rows)} of {len(keys)} trainings are missing, or of another torch or numpy"
            print(f"{name}: {lacking}: not shipped")
            missed += 1
            continue
        file = SHELF / f"{name}.parquet"
        write(file, to_table(list(rows.values())))
        print(f"{name}: {len(rows)} trainings, {file.stat().st_size / 1000:.0f} kB")
    return int(bool(missed and names))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    sys.exit(main(*sys.argv[1:]))
