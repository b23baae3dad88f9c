import os
import subprocess
import sys

import pytest


@pytest.fixture
def run_python(tmp_path):
    """Run a program in a fresh Python, away from the source tree; return what it printed."""

    def run(program, *arguments, **environment):
        finished = subprocess.run(
            [sys.executable, *arguments, "-c", program], cwd=str(tmp_path),
            env=dict(os.environ, **environment), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    return run
