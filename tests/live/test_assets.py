"""The stage's files come compressed, stay for good in the browser's cache, and nothing else can be reached."""

from __future__ import annotations

import gzip
import http.client
import re

import pytest

from bnviz.live.assets import FRONTEND, _files, digest
from bnviz.live.routes import assets_path


@pytest.fixture
def get(server):
    """Ask for a path exactly as it is written: no client tidies it up."""

    def ask(path: str, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        try:
            connection.putrequest(method, path, skip_accept_encoding=True)
            connection.endheaders()
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    return ask


@pytest.mark.parametrize("name", sorted(_files()))
def test_every_file_comes_whole_compressed_and_is_cached_for_good(get, name):
    response, body = get(f"/{assets_path()}{name}")
    assert response.status == 200
    assert gzip.decompress(body) == _files()[name].read_bytes()
    assert response.headers["Content-Encoding"] == "gzip"
    assert {"public", "immutable", "max-age=31536000"} == set(response.headers["Cache-Control"].split(", "))
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    assert response.headers["Content-Type"] == f"{kind}; charset=utf-8"


def test_everything_that_a_script_imports_is_served():
    for path in FRONTEND.rglob("*.js"):
        for name in re.findall(r'(?:from|import\()\s*"(\.[\w./-]+)"', path.read_text()):
            imported = (path.parent / name).resolve().relative_to(FRONTEND).as_posix()
            assert imported in _files(), f"{path.name} imports {name}"


def test_a_changed_file_has_another_address(monkeypatch, tmp_path):
    before = digest()
    changed = tmp_path / "stage.js"
    changed.write_text("// changed")
    monkeypatch.setattr("bnviz.live.assets._files", lambda: {**_files(), "stage.js": changed})
    assert digest.__wrapped__() != before


@pytest.mark.parametrize(
    "path",
    [
        "{assets}nothing.js",
        "{assets}",
        "{assets}../../app.py",
        "{assets}..%2f..%2f..%2fapp.py",
        "{assets}%2e%2e/%2e%2e/app.py",
        "{assets}..\\..\\app.py",
        "{assets}stage.js%00.css",
        "{assets}/stage.js",
        "{assets}STAGE.JS",
        "{assets}%2fetc%2fpasswd",
        "{assets}decode.js/../../../live/assets.py",
        "/bnviz/assets/0123456789abcdef/stage.js",
        "/bnviz/assets/../live/frontend/stage.js",
        "/bnviz/assets//stage.js",
        "/bnviz/live/frontend/stage.js",
    ],
)
def test_unknown_names_and_tricks_with_paths_are_not_found(get, path):
    response, body = get(path.replace("{assets}", f"/{assets_path()}"))
    assert response.status == 404
    assert b"import" not in body
    assert "immutable" not in response.headers.get("Cache-Control", ""), "an error must not stay in a cache"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_files_can_only_be_read(get, method):
    response, _ = get(f"/{assets_path()}stage.js", method)
    assert response.status == 405
