"""Worker processes: what they import, how many threads they use, and what they never do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bnviz.experiment.config import ExperimentConfig
from bnviz.studies import executor
from bnviz.studies.bench import measure
from bnviz.studies.errors import StudyError
from bnviz.studies.executor import LocalPool
from bnviz.studies.perform import perform
from bnviz.studies.trial import Trial, run_trial
from bnviz.studies.worker import RunTrial, hello, versions
from bnviz.training.processes import cores
from tests.studies.stand_in import python, trials


def seen_inside() -> dict[str, object]:
    torch = sys.modules.get("torch")
    return {
        "threads": torch.get_num_threads() if torch else None,
        "omp": os.environ.get("OMP_NUM_THREADS"),
        "nice": os.nice(0),
        "pid": os.getpid(),
    }


def test_workers_have_one_thread_each_and_torch_before_the_first_trial(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with LocalPool(1, gently=True) as pool:
        inside = pool.submit(seen_inside).result()
        assert inside["threads"] == 1
        assert inside["omp"] == "1"
        assert inside["nice"] == os.nice(0) + 10
        assert inside["pid"] != os.getpid()
        assert pool.greet(60)
        assert pool.startup is not None
        small = ExperimentConfig(hidden_layers=1, width=8, samples=100, batch_size=16)
        asked = [Trial(config=small.replace(seed=seed), steps=6, measures=("accuracy",)) for seed in (0, 1)]
        found = {row["trial"]: row["measures"] for row in perform(asked, pool)}
        assert found == {trial: run_trial(trial) for trial in asked}  # bit for bit what this process measures


def test_a_worker_without_warmth_imports_no_torch(shared_pool: LocalPool):
    inside = shared_pool.submit(seen_inside).result()
    assert inside["threads"] is None
    assert inside["nice"] == os.nice(0)


def test_a_greeting_says_who_is_there_and_with_what(shared_pool: LocalPool):
    found = shared_pool.submit(hello, ()).result()
    assert found.versions == versions()
    assert found.pid != os.getpid()


@pytest.mark.parametrize("package", ["bnviz", "torch", "numpy"])
def test_workers_with_another_version_are_never_ready(package: str, run: RunTrial, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(executor, "versions", lambda: {**versions(), package: "0.0.1"})
    with LocalPool(1, warm=()) as pool:
        for _ in range(2):
            with pytest.raises(StudyError, match=rf"the workers have {package} \S+ and here is 0\.0\.1"):
                pool.greet(60)
            assert not pool.ready
        with pytest.raises(StudyError, match="install the same version there"):
            list(perform(trials(1), pool, run=run))


def test_another_build_of_the_same_version_is_welcome(monkeypatch: pytest.MonkeyPatch):
    torch = versions()["torch"].partition("+")[0]
    monkeypatch.setattr(executor, "versions", lambda: {**versions(), "torch": f"{torch}+cu130"})
    with LocalPool(1, warm=()) as pool:
        assert pool.greet(60)


def test_workers_never_run_the_caller_s_script_again(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(
        "print('the script runs')\n"
        "from bnviz.studies.executor import LocalPool\n"
        "with LocalPool(2, warm=()) as pool:\n"
        "    print(sum(future.result() for future in [pool.submit(abs, -1) for _ in range(8)]))\n"
    )
    with python("-c", f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')") as process:
        said, wrong = process.communicate(timeout=60)
    assert said.splitlines() == ["the script runs", "8"]
    assert wrong == ""


def test_the_default_is_a_process_a_core():
    assert 1 <= LocalPool().workers == cores() <= (os.cpu_count() or 1)


@pytest.mark.slow
def test_the_bench_adds_up():
    used = measure(6, 5, 2)
    assert (used.runs, used.workers) == (6, 2)
    assert 0 < used.busy < 1.05
    assert used.overhead == pytest.approx(1000 * (used.seconds * 2 / 6 - used.run_seconds))
