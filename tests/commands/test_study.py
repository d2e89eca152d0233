"""`bnviz study`: measured, kept, gone on with, checked, and ended without a trace."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bnviz.commands import study, study_progress
from bnviz.commands.study_progress import _text, duration
from bnviz.studies import bench as studies_bench
from bnviz.studies import results
from bnviz.studies.bench import Used
from bnviz.studies.catalogue import CLAIMS
from bnviz.studies.catalogue import STUDIES as REAL_STUDIES
from bnviz.studies.claim import Claim
from bnviz.studies.default_maps import MAPS
from bnviz.studies.effect_words import sentence
from bnviz.studies.perform import Progress
from bnviz.studies.results import as_result, to_table, write
from bnviz.studies.rules import Estimate
from bnviz.studies.store import Store
from bnviz.studies.worker import Outcome
from tests.commands.conftest import bnviz, lines
from tests.commands.stand_in_study import STUDIES, stand_in
from tests.studies import made_up
from tests.studies.stand_in import MEASURE, alive, python, starts


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file a start of a trial; the studies are those of the stand-in, and so is the folder for results."""
    folder = tmp_path / "notes"
    folder.mkdir()
    stand_in(str(folder), monkeypatch.setattr)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def ship(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Puts made-up results in place of those that come with the package."""
    shelf = tmp_path / "package" / "shipped"
    shelf.mkdir(parents=True)
    monkeypatch.setattr(results, "files", lambda _: shelf.parent)

    def put(name: str, values: dict[int, float]) -> None:
        trials = {one.seed: one for one in STUDIES[name].trials(values)}
        rows = [as_result(trials[seed], name, Outcome(measures={MEASURE: value})) for seed, value in values.items()]
        write(shelf / f"{name}.parquet", to_table(rows))

    return put


def test_the_list_has_a_line_a_study_with_its_size(notes: Path):
    listed = bnviz("study", "--list").stdout.splitlines()
    assert [line.split()[:2] for line in listed] == [[name, str(one.seeds)] for name, one in STUDIES.items()]
    assert all(one.title in line for one, line in zip(STUDIES.values(), listed, strict=True))


def test_a_study_prints_its_verdict_and_keeps_its_rows_in_one_file(notes: Path):
    result = bnviz("study", "quick", "--out", "kept", "--workers", "1")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "quick: supported, 6 seeds",
        "  Quick ones",
        "  the mean is 2.5",
    ]
    assert "6 done, 0 failed, 0 left" in result.stderr
    assert "start-up" in result.stderr
    assert len(list(Path("kept").iterdir())) == 1


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_claim_s_verdict_is_followed_by_every_experiment_with_its_effect_and_interval(
    claim: Claim, capsys: pytest.CaptureFixture[str]
):
    decisive = [experiment.key for experiment in claim.experiments if experiment.prediction]
    verdict = claim.judge(made_up.rows(claim, dict.fromkeys(decisive, True)))
    study._print_verdict(claim, verdict)
    first, title, *experiments = capsys.readouterr().out.splitlines()
    assert first == f"{claim.name}: {verdict.title}, {verdict.seeds} seeds"
    assert title.strip() == claim.title
    for line, experiment, finding in zip(experiments, claim.experiments, verdict.findings, strict=True):
        assert line.strip().startswith(experiment.title)
        assert (finding.outcome or "for comparison") in line.replace("For", "for")
        assert line.endswith(finding.sentence)
        estimate = Estimate(finding.effect, finding.low, finding.high, finding.seeds, finding.bound)
        assert sentence(experiment.says, estimate, finding.unit) in line


def test_kept_trainings_of_another_torch_are_counted_and_run_again(notes: Path):
    others = [
        as_result(one, "quick", Outcome(measures={MEASURE: 9.0}, versions={"torch": "1.0.0", "numpy": "1.2"}))
        for one in STUDIES["quick"].trials(range(2))
    ]
    store = Store("bnviz-studies")
    for row in others:
        store.add(row)
    store.flush()
    result = bnviz("study", "quick", "--seeds", "3")
    assert "2 trainings that are kept were made with torch 1.0.0, numpy 1.2" in result.stderr
    assert sorted(seed for seed, _ in starts(notes)) == [0, 1, 2]
    assert "are kept were" not in bnviz("study", "quick", "--seeds", "3").stderr


def test_other_seeds_than_the_shipped_ones_can_be_measured(notes: Path):
    result = bnviz("study", "quick", "--first-seed", "10", "--seeds", "2")
    assert result.exit_code == 0, result.stderr
    assert "the mean is 10.5" in result.stdout
    assert sorted(seed for seed, _ in starts(notes)) == [10, 11]


def test_premises_that_fail_are_said_after_the_experiments(capsys: pytest.CaptureFixture[str]):
    claim = CLAIMS["because-of-shift"]
    study._print_verdict(claim, claim.judge(results.shipped(claim.name)))
    *_, last = capsys.readouterr().out.splitlines()
    assert last.strip().startswith("But 2 of 3 premises are not borne out: ")


def test_a_map_s_verdict_is_what_it_counts(capsys: pytest.CaptureFixture[str]):
    study._print_verdict(MAPS["rate-and-depth"], MAPS["rate-and-depth"].judge([]))
    assert "nan" not in capsys.readouterr().out


def test_the_help_s_examples_name_studies():
    examples = re.findall(r"bnviz study ([a-z]\S*)", study.study.__doc__ or "")
    assert examples
    assert set(examples) <= {*REAL_STUDIES, "all"}


def test_a_study_goes_on_from_what_is_kept(notes: Path):
    assert bnviz("study", "quick", "--seeds", "2").exit_code == 0
    result = bnviz("study", "quick", "--seeds", "5")
    assert "3 done, 2 kept from before, 0 failed" in result.stderr
    assert "supported, 5 seeds" in result.stdout
    assert sorted(seed for seed, _ in starts(notes)) == [0, 1, 2, 3, 4]
    assert len(list(Path("bnviz-studies").iterdir())) == 1


def test_trainings_that_fail_are_told_and_tried_again(notes: Path):
    for _ in range(2):
        result = bnviz("study", "failing")
        assert result.exit_code == 1
        assert result.stdout.startswith("failing: supported")
        assert "1 of 3 trainings failed and will be tried again: ArithmeticError: seed 1 raises" in result.stderr
    assert sorted(seed for seed, _ in starts(notes)) == [0, 1, 1, 2]


def test_all_studies_share_a_folder_and_equal_trainings(notes: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(STUDIES, "endless")
    result = bnviz("study", "all")
    assert [line.split(":")[0] for line in result.stdout.splitlines() if not line.startswith(" ")] == list(STUDIES)
    seeds = [seed for seed, _ in starts(notes)]
    assert len(seeds) == 6 + 4 + 1  # of the failing study's two others are quick's own


def test_check_bears_out_what_is_shipped_and_counts_equal_numbers(notes: Path, ship):
    ship("quick", {seed: float(seed) + (seed == 1) / 8 for seed in range(6)})
    result = bnviz("study", "quick", "--check")
    assert result.exit_code == 0, result.stderr
    first, second = result.stdout.splitlines()
    assert first.startswith("quick: still supported (the mean is 2.5")
    assert second == "  1 of 2 trainings gave exactly the numbers that are shipped"
    assert not Path("bnviz-studies").exists()


def test_check_fails_where_a_verdict_changes_and_says_which(notes: Path, ship, monkeypatch: pytest.MonkeyPatch):
    for name in ("endless", "failing"):
        monkeypatch.delitem(STUDIES, name)
    ship("quick", dict.fromkeys(range(6), 500.0))
    ship("second", dict.fromkeys(range(4), 1.0))
    result = bnviz("study", "all", "--check")
    assert result.exit_code == 1
    assert "quick: was refuted (the mean is 500) and is supported (the mean is 0.5)" in result.stdout
    assert "second: still supported" in result.stdout


def test_check_fails_where_nothing_is_shipped_or_a_training_fails(notes: Path, ship):
    result = bnviz("study", "quick", "--check")
    assert result.exit_code == 1
    assert "2 of 2 trainings have no shipped results" in result.stdout
    assert starts(notes) == []
    ship("failing", dict.fromkeys(range(3), 0.0))
    object.__setattr__(STUDIES["failing"], "check_seeds", 2)
    try:
        assert bnviz("study", "failing", "--check").exit_code == 1
    finally:
        object.__setattr__(STUDIES["failing"], "check_seeds", 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--list"),
        (["quikc"], "did you mean quick?"),
        (["zzz"], "--list prints all"),
        (["quick", "--seeds", "0"], "'--seeds'"),
        (["quick", "--seeds", "2", "--check"], "leave --seeds and --first-seed out"),
        (["quick", "--first-seed", "2", "--check"], "leave --seeds and --first-seed out"),
        (["quick", "--first-seed", "-1"], "'--first-seed'"),
        (["quick", "--workers", "1000"], "from 1 to 256"),
        (["quick", "--workers", "2", "--cluster", "tcp://1.2.3.4:5"], "leave one out"),
        (["quick", "--out", "notes/file"], "notes/file' is a file"),
        (["quick", "--out", "foreign"], "choose another folder"),
    ],
)
def test_bad_input_is_one_line_on_stderr_that_says_what_to_do(notes: Path, arguments: list[str], said: str):
    (notes / "file").touch()
    Path("foreign").mkdir()
    pq.write_table(pa.table({"a": [1]}), "foreign/a.parquet")
    result = bnviz("study", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("bnviz: ")
    assert said in line


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_study_that_is_stopped_says_how_to_go_on_and_leaves_no_process(tmp_path: Path, sent: int, code: int):
    notes, out = tmp_path / "notes", tmp_path / "kept"
    notes.mkdir()
    command = [
        "-m",
        "tests.commands.stand_in_study",
        str(notes),
        "study",
        "endless",
        "--out",
        str(out),
        "--workers",
        "2",
    ]
    with python(*command) as process:
        while len(starts(notes)) < 5:
            assert process.poll() is None
            time.sleep(0.02)
        pids = {pid for _, pid in starts(notes)}
        process.send_signal(sent)
        _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert (
        said.splitlines()[-1]
        == f"stopped: what is done is kept in {out}; go on with: python -m bnviz study endless --workers 2 --out {out}"
    )
    assert "Traceback" not in said
    told = re.findall(r"(\d+) done", said)
    assert told, said
    assert not any(map(alive, pids))
    done = Store(out).finished(one.key for one in STUDIES["endless"].default_trials())
    assert len(done) == int(told[-1]) >= 2


def test_progress_in_words():
    assert _text(None) == "starting"
    assert _text(Progress(10)) == "workers start, 0 failed, 10 left"
    assert _text(Progress(10, 2, 3, 1, 1, 2.25, 125.0)) == (
        "3 done, 2 kept from before, 1 failed, 5 left, 1 worker lost, about 2 min, start-up 2.2 s"
    )
    assert [duration(seconds) for seconds in (0.4, 89, 100, 7200)] == ["0 s", "89 s", "2 min", "2.0 h"]


def test_a_log_gets_a_line_now_and_then(notes: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(study_progress, "LINES_EVERY", 0.0)
    said = bnviz("study", "quick").stderr.splitlines()
    assert sum(line.startswith("quick: ") for line in said) >= 2


def test_the_real_list_trains_nothing_and_imports_no_torch():
    script = (
        "import sys; from bnviz.commands.app import app\ntry: app(['study', '--list'])\n"
        "finally: print({'torch', 'sklearn', 'scipy', 'distributed'} & set(sys.modules))"
    )
    with python("-c", script) as process:
        said, wrong = process.communicate(timeout=60)
    assert said.splitlines()[-1] == "set()", wrong
    assert len(said.splitlines()) > 10


def test_the_bench_says_how_well_a_study_used_the_machine(monkeypatch: pytest.MonkeyPatch):
    used = Used(runs=40, workers=2, startup=3.0, seconds=21.0, run_seconds=1.0, busy=0.934, overhead=12.34)
    monkeypatch.setattr(studies_bench, "measure", lambda *_, finished: used)
    (found,) = lines(bnviz("bench", "studies", "--json"))
    assert found == {**vars(used), "busy_target": 0.9, "overhead_target": 20.0}
    shown = bnviz("bench", "studies", "--runs", "40").stdout
    assert "40 trainings of 500 steps, 1.00 s each, 2 processes" in shown
    assert "93.4%   target 90% or more" in shown
    assert "12.3 ms  target below 20 ms" in shown
