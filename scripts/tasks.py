"""Everything `make` can do, with the standard library alone, so that it works without make too.

python scripts/tasks.py run [streamlit's options]   set up, then start the app
python scripts/tasks.py test                        set up what tests need, then `check`
python scripts/tasks.py check                       format, lint, types, imports, quick tests
python scripts/tasks.py test-slow                   the long studies
python scripts/tasks.py lock                        renew constraints.txt
python scripts/tasks.py install-here [torch index]  what the app runs on, into the Python that runs this (Dockerfile)

Safe to repeat: a finished step leaves a stamp with the hash of what it installed, an interrupted one
leaves a mark, and the next call starts over.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
UNFINISHED = ROOT / ".venv.unfinished"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PIP = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
COMPILE = (
    "uv pip compile --universal --python-version 3.11 --fork-strategy fewest --upgrade "
    "requirements.txt requirements-dev.txt --output-file constraints.txt"
)
HADOLINT = (  # a program beside Python, not a module
    "import pathlib, subprocess, sys, sysconfig; "
    "raise SystemExit(subprocess.call([pathlib.Path(sysconfig.get_path('scripts'), 'hadolint'), *sys.argv[1:]]))"
)
CHECKS = {
    "format": ["-m", "ruff", "format", "--check", "."],
    "lint": ["-m", "ruff", "check", "."],
    "types": ["-m", "mypy"],
    "imports": ["-c", "from importlinter.cli import lint_imports_command as main; main()"],
    "dockerfile": ["-c", HADOLINT, "Dockerfile"],
    "tests": [
        "-m",
        "pytest",
        "-m",
        "not slow and not browser",
        "-n",
        "auto",
        "--maxprocesses",
        "4",
        "--dist",
        "loadfile",  # what a file prepares is prepared once
    ],
    "browser": ["-m", "pytest", "-m", "browser and not slow", "-p", "scripts.browser_skips"],
}


def main(task: str, *options: str) -> int:
    if task == "run":
        set_up("requirements.txt")
        return become([str(PYTHON), "-m", "streamlit", "run", "app.py", *options])
    if task == "test":
        set_up("requirements.txt", "requirements-dev.txt")
        install_browser()
        return check()
    if task == "check":
        return check()
    if task == "test-slow":
        set_up("requirements.txt", "requirements-dev.txt")
        return subprocess.call([PYTHON, "-m", "pytest", "-m", "slow"], cwd=ROOT)
    if task == "lock":
        return lock()
    if task == "install-here":
        return install_here(*options)
    raise SystemExit(__doc__)


# --- the environment ---------------------------------------------------------------------------


def set_up(*requirements: str) -> None:
    """.venv holds what the named files ask for; takes no time when it already does."""
    with one_at_a_time():
        ensure_venv()
        for name in requirements:
            stamp = VENV / f"bnviz-{name}.sha256"
            wanted = digest(ROOT / name, ROOT / "constraints.txt")
            if stamp.is_file() and stamp.read_text() == wanted:
                continue
            with marked_unfinished():
                if name == "requirements.txt":
                    install_torch(pinned("torch"))
                say(f"installing {name}")
                run([*PIP, "install", "-r", name, "-c", "constraints.txt"])
            stamp.write_text(wanted)


def ensure_venv() -> None:
    """A working .venv: made, or made anew where the last set-up was cut short or its Python is gone."""
    if not UNFINISHED.exists() and succeeds([str(PYTHON), "-c", "import pip"]):
        return
    say("making .venv")
    with marked_unfinished():
        try:
            run([sys.executable, "-m", "venv", "--clear", str(VENV)])
        except subprocess.CalledProcessError:
            raise SystemExit("Could not make .venv. On Debian and Ubuntu: apt-get install python3-venv") from None


def install_torch(version: str) -> None:
    """torch first and alone, from PyTorch's CPU index if it answers, so that no CUDA package comes along."""
    is_there = f"from importlib.metadata import version; assert version('torch').split('+')[0] == '{version}'"
    if succeeds([str(PYTHON), "-c", is_there]):
        return
    say(f"installing torch {version}")
    if platform.system() == "Linux":
        if torch_from(CPU_INDEX, version, PIP):
            return
        say("PyTorch's CPU index is out of reach: the default index may bring several GB of CUDA packages")
    run([*PIP, "install", f"torch=={version}", "-c", "constraints.txt"])


def torch_from(index: str, version: str, pip: list[str]) -> bool:
    """Whether torch, without what it requires, could be installed from a CPU index.

    The index is asked once and for 8 seconds at most, apart from the download: a closed network costs
    seconds, and a slow download is not cut short. Windows and macOS get CPU builds from PyPI anyway.
    """
    from_index = ["--index-url", index, "--retries", "0"]
    ask = [*pip, "index", "versions", "torch", *from_index, "--timeout", "4"]
    install = [*pip, "install", "--no-deps", f"torch=={version}", *from_index]
    return succeeds(ask, seconds=8) and subprocess.call(install, cwd=ROOT) == 0


def install_here(index: str = CPU_INDEX) -> int:
    """What the app runs on, into the Python that runs this; fails rather than bring CUDA along.

    On Linux PyPI's torch is a CUDA build: it needs several GB of NVIDIA's packages and does not even import
    without them. So it is refused as soon as it is there, before it can ask for them.
    """
    pip, version = [sys.executable, "-m", "pip", "--disable-pip-version-check"], pinned("torch")
    if not index or not torch_from(index, version, pip):
        say(f"asking pip's own index for torch {version}" + (f": {index} is out of reach" if index else ""))
        run([*pip, "install", "--no-deps", f"torch=={version}"])
    if cuda := built_for_cuda():
        raise SystemExit(
            f"torch {version} came as a build for CUDA {cuda}: some 5 GB, and nothing here uses it. "
            f"Let {CPU_INDEX} be reached, or name another index of CPU builds (--build-arg TORCH_INDEX=https://...)"
        )
    run([*pip, "install", "-r", "requirements.txt", "-c", "constraints.txt"])
    if brought := sorted(name for name in installed() if re.match(r"nvidia|cuda|triton", name)):
        raise SystemExit(f"CUDA packages came along: {', '.join(brought)}")
    return 0


def built_for_cuda() -> str | None:
    """The CUDA version that torch here was built for, read from its files: a CUDA build may not import."""
    torch = importlib.metadata.distribution("torch")
    text = Path(str(torch.locate_file("torch/version.py"))).read_text()
    found = re.search(r"^cuda\b.*= *'([\d.]+)'", text, re.MULTILINE)
    return found[1] if found else None


def installed() -> list[str]:
    return [package.metadata["Name"].lower() for package in importlib.metadata.distributions()]


def pinned(package: str) -> str:
    """The version that requirements*.txt ask for; an image has but one of the two files."""
    files = (ROOT / name for name in ("requirements.txt", "requirements-dev.txt"))
    text = "".join(file.read_text() for file in files if file.is_file())
    versions: dict[str, str] = dict(re.findall(r"^([\w-]+)==(\S+)", text, re.MULTILINE))
    return versions[package]


def digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@contextlib.contextmanager
def marked_unfinished() -> Iterator[None]:
    """What is killed in here is started over next time; where pip itself gave up, it has tidied up."""
    UNFINISHED.touch()
    try:
        yield
    except subprocess.CalledProcessError as error:
        if error.returncode > 0:
            UNFINISHED.unlink()
        raise
    UNFINISHED.unlink()


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two set-ups at once would spoil each other; Windows has no flock and goes without."""
    with (ROOT / ".venv.lock").open("w") as file:
        with contextlib.suppress(ImportError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lock() -> int:
    """constraints.txt anew, for every system and Python from 3.11 on.

    uv reads torch's requirements from pyproject.toml ([tool.uv]), where they are listed without CUDA.
    """
    with one_at_a_time():
        ensure_venv()
    run([*PIP, "install", "--quiet", f"uv=={pinned('uv')}"])
    run([str(PYTHON), "-m", *COMPILE.split()])
    text = (ROOT / "constraints.txt").read_text()
    leaked = re.findall(r"^(?:nvidia|cuda|triton).*|^.*\+cpu.*", text, re.MULTILINE)
    if leaked:
        raise SystemExit(f"constraints.txt must fit every machine, but holds {leaked}: see [tool.uv] in pyproject.toml")
    return 0


# --- checks and tests --------------------------------------------------------------------------


def check() -> int:
    """Every check, even after one has failed, and one line at the end that says which did."""
    failed = []
    for name, arguments in CHECKS.items():
        say(name)
        started = time.monotonic()
        status = subprocess.call([PYTHON, *arguments], cwd=ROOT)
        say(f"{name}: {'failed' if status else 'ok'}, {time.monotonic() - started:.1f} s")
        if status:
            failed.append(name)
    say(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def install_browser() -> None:
    """Debian's chromium, its driver and what Playwright's needs, where missing and apt-get may be used."""
    browser = shutil.which("chromium") and shutil.which("chromedriver")
    if browser and succeeds([str(PYTHON), "-m", "playwright", "--version"]):  # fails where libatomic1 is missing
        return
    as_root = [] if getattr(os, "geteuid", lambda: 1)() == 0 else ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]
    if not shutil.which("apt-get") or (as_root and not shutil.which("sudo")):
        say("no chromium here and no way to install it: browser tests will be skipped")
        return
    say("installing Debian's chromium, chromium-driver and libatomic1")
    apt_get = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]
    packages = ["install", "-y", "--no-install-recommends", "chromium", "chromium-driver", "libatomic1"]
    if subprocess.call([*apt_get, "update"]) or subprocess.call([*apt_get, *packages]):
        say("apt-get could not install chromium: browser tests will be skipped")


# --- small things ------------------------------------------------------------------------------


def run(command: list[str]) -> None:
    subprocess.run(command, cwd=ROOT, check=True)


def become(command: list[str]) -> int:
    """Run as this very process where the system can, so that Ctrl-C and signals go straight to it."""
    os.chdir(ROOT)
    if os.name == "posix":
        os.execv(command[0], command)
    return subprocess.call(command)


def succeeds(command: list[str], seconds: float = 60) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired, OSError):
        return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=seconds, check=False).returncode == 0
    return False


def say(message: str) -> None:
    print(f"bnviz: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts this may well have an older one
        raise SystemExit(f"bnviz needs Python 3.11 or later, this is {platform.python_version()}")
    try:
        raise SystemExit(main(*(sys.argv[1:] or [""])))
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"bnviz: failed with status {error.returncode}: {' '.join(error.cmd)}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
