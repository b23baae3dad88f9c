import json
import os
import platform
import shutil
import signal
import subprocess
import sys

import old_mxnet
import pytest
from processes import environ

from d2l_linreg import published, settings
from d2l_linreg.engines import ENGINES

# A shell has processes that it starts in the background ignore Ctrl-C, and so would theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", params=published.NOTEBOOKS)
def notebook(request):
    """The name of each notebook, in turn."""
    return request.param


@pytest.fixture
def own(notebook):
    """How each notebook trains."""
    return settings.NOTEBOOKS[notebook]


@pytest.fixture(params=ENGINES)
def engine(request):
    """The name of each engine, in turn."""
    return request.param


@pytest.fixture
def republish(monkeypatch):
    """Change a text, which is there once, in what a notebook published."""
    document = published.document

    def change(notebook, was, now):
        text = json.dumps(document(notebook))
        assert text.count(was) == 1
        changed = text.replace(was, now)
        monkeypatch.setattr(published, "document", lambda name: (
            json.loads(changed) if name == notebook else document(name)))

    return change


@pytest.fixture
def saved_at_each_piece(monkeypatch):
    """Have training save its checkpoint every seven steps, at each of which it can stop."""
    monkeypatch.setattr("d2l_linreg.training.orders.STEPS", 7)
    monkeypatch.setattr("d2l_linreg.training.checkpoint.EVERY", 0)


def old_mxnet_wheel(version, tmp_path_factory):
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip(f"MXNet {version}'s wheel is for Linux x86-64")
    folder = tmp_path_factory.mktemp(f"mxnet-{version}")
    try:
        old_mxnet.fetch(version, folder)
    except subprocess.CalledProcessError:
        pytest.skip(f"MXNet {version}'s wheel cannot be downloaded here")
    return folder


@pytest.fixture(scope="session")
def mxnet_0_11_wheel(tmp_path_factory):
    """A folder with MXNet 0.11.0's wheel of 2017, downloaded and unpacked."""
    return old_mxnet_wheel("0.11.0", tmp_path_factory)


@pytest.fixture(scope="session")
def mxnet_0_12_wheel(tmp_path_factory):
    """The same of 0.12.1."""
    return old_mxnet_wheel("0.12.1", tmp_path_factory)


@pytest.fixture(scope="session")
def old_libm(tmp_path_factory):
    """A library to be preloaded: the `logf` and the `powf` of 2017."""
    if sys.platform != "linux" or shutil.which(os.environ.get("CC", "cc")) is None:
        pytest.skip("there is no C compiler here, or no LD_PRELOAD")
    return old_mxnet.compile_old_libm(tmp_path_factory.mktemp("libm"))


@pytest.fixture
def run_python(tmp_path):
    """Run a program in a fresh Python, away from the source tree; return what it printed."""

    def run(program, *arguments, **environment):
        finished = subprocess.run(
            [sys.executable, *arguments, "-c", program], cwd=str(tmp_path),
            env=environ(**environment), capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    return run


def pytest_terminal_summary(terminalreporter):
    hostile = sys.modules.get("test_hostile")
    if hostile is not None and hostile.TRIED:
        tried = ", ".join(f"{name} {count}" for name, count in hostile.TRIED.items())
        terminalreporter.write_line(
            f"hostile inputs tried: {sum(hostile.TRIED.values())} ({tried})")
