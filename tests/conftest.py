import os
import platform
import signal
import subprocess
import sys

import mxnet_0_11
import pytest

# A shell has processes that it starts in the background ignore Ctrl-C, and so would theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def mxnet_0_11_wheel(tmp_path_factory):
    """A folder with MXNet 0.11.0's wheel of 2017, downloaded and unpacked."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("MXNet 0.11.0's wheel is for Linux x86-64")
    folder = tmp_path_factory.mktemp("mxnet-0.11.0")
    try:
        mxnet_0_11.fetch(folder)
    except subprocess.CalledProcessError:
        pytest.skip("MXNet 0.11.0's wheel cannot be downloaded here")
    return folder


@pytest.fixture
def run_python(tmp_path):
    """Run a program in a fresh Python, away from the source tree; return what it printed."""

    def run(program, *arguments, **environment):
        finished = subprocess.run(
            [sys.executable, *arguments, "-c", program], cwd=str(tmp_path),
            env=dict(os.environ, **environment), capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    return run


def pytest_terminal_summary(terminalreporter):
    hostile = sys.modules.get("test_hostile")
    if hostile is not None and hostile.TRIED:
        terminalreporter.write_line("hostile inputs tried: {} ({})".format(
            sum(hostile.TRIED.values()), ", ".join(
                f"{name} {count}" for name, count in hostile.TRIED.items())))
