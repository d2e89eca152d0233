"""The stage's scripts, styles and plotly.js, served from the package with long cache headers under a digest."""

from __future__ import annotations

import gzip
import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FRONTEND = Path(__file__).parent / "frontend"
TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
PLOTLY = "plotly.min.js"


def _plotly_file() -> Path:
    spec = find_spec("plotly")
    assert spec is not None, "plotly is a requirement"
    assert spec.origin is not None
    return Path(spec.origin).parent / "package_data" / PLOTLY


@lru_cache(maxsize=1)
def _files() -> dict[str, Path]:
    files = sorted(path for path in FRONTEND.rglob("*") if path.suffix in TYPES)
    return {path.relative_to(FRONTEND).as_posix(): path for path in files} | {PLOTLY: _plotly_file()}


@lru_cache(maxsize=1)
def digest() -> str:
    """Return a digest of all files: a changed file has a new address, an unchanged one is never asked for again."""
    total = hashlib.sha256()
    for name, path in _files().items():
        total.update(name.encode() + (path.read_bytes() if name != PLOTLY else str(path.stat().st_size).encode()))
    return total.hexdigest()[:16]


@lru_cache(maxsize=128)
def content(name: str) -> tuple[bytes, str]:
    """Return a file, compressed once, and its type."""
    path = _files()[name]
    return gzip.compress(path.read_bytes(), 6), TYPES[path.suffix]


async def asset(request: Request) -> Response:
    """Serve one of the known files, compressed; nothing else can be reached."""
    name = request.path_params["name"]
    if request.path_params["digest"] != digest() or name not in _files():
        return Response("not found", 404)
    body, kind = content(name)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Content-Encoding": "gzip"}
    return Response(body, media_type=kind, headers=headers)
