"""`streamlit run app.py` finds an app with its pages and, beside them, the stage's routes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from starlette.routing import Route, WebSocketRoute

from bnviz.live.registry import Registry
from bnviz.live.routes import SOCKET, TAKE, assets_path, routes, warm_up
from bnviz.live.workers import Workers

ROOT = Path(__file__).resolve().parent.parent


def in_a_new_process(code: str, cwd: Path = ROOT) -> str:
    result = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_the_routes_are_the_stream_the_assets_and_what_is_taken_away():
    stream, take, assets = routes()
    assert isinstance(stream, WebSocketRoute)
    assert isinstance(assets, Route)
    assert stream.path == f"/{SOCKET}"
    assert assets.path_regex.match(f"/{assets_path()}stage.js")
    assert isinstance(take, Route)
    assert (take.path, take.methods) == (f"/{TAKE}", {"POST"})


def test_the_warm_up_loads_what_training_needs_and_then_does_as_it_is_told():
    done: list[str] = []
    warm_up(then=lambda: done.append("collected"), registry=Registry(Workers())).join(timeout=60)
    assert done == ["collected"]
    assert "bnviz.training.comparison" in sys.modules, "where no other process trains"


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in its folder", "from another folder"])
def test_the_app_is_found_and_imports_nothing_heavy_before_it_serves(elsewhere, tmp_path):
    code = (
        f"import runpy, sys; found = runpy.run_path({str(ROOT / 'app.py')!r}); "
        "print(type(found['app']).__name__, [m for m in ('torch', 'sklearn', 'scipy') if m in sys.modules])"
    )
    assert in_a_new_process(code, tmp_path if elsewhere else ROOT) == "App []"
