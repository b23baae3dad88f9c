"""A notebook that one was sent is run safely: in this interpreter's kernel, which is ended."""
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid

import nbformat
import psutil
import pytest
from IPython.core.interactiveshell import InteractiveShell
from made import written
from processes import environ
from traitlets.config import Config

from d2l_linreg.originals.installs import NOT_RUN, refuse
from d2l_linreg.originals.kernel import Stopped, run_cells

WITHOUT_MXNET = ["--as", "today"]  # but it loads MXNet



def run(notebook, folder, **options):
    """The cells' printed texts, and what stopped them."""
    stopped = None
    try:
        run_cells(notebook, str(folder), lambda number, events: True, **options)
    except Stopped as reason:
        stopped = reason
    return ["".join(output.text for output in cell.outputs if output.output_type == "stream")
            for cell in notebook.cells], stopped


def notebook(*sources):
    return nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, sources)))


def test_the_kernel_is_this_interpreters_whatever_the_machine_knows(tmp_path, monkeypatch):
    kernels = tmp_path / "kernels" / "python3"
    kernels.mkdir(parents=True)
    (kernels / "kernel.json").write_text(json.dumps({
        "argv": ["/bin/false"], "display_name": "Another", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    texts, stopped = run(notebook(
        "import sys, os\nprint(sys.executable)", "print(os.getcwd())",
        "print(os.environ['PATH'].split(os.pathsep)[0])"), tmp_path)
    assert texts == [f"{sys.executable}\n", f"{tmp_path}\n", f"{os.path.dirname(sys.executable)}\n"]
    assert stopped is None


def test_seeds_and_draws_are_told_cell_by_cell(tmp_path):
    told = {}

    def go_on(number, events):
        told[number] = events
        return number < 2

    run_cells(notebook("%load_ext d2l_linreg\n%as_published 2018\nimport mxnet, numpy\n"
                       "mxnet.random.seed(numpy.int64(1))", "1",
                       "mxnet.nd.random.normal(numpy.float32(.5), 2, shape=numpy.int64(3))\n"
                       "mxnet.nd.random.uniform(shape=(3, 2))", "print('never')"),
              str(tmp_path), go_on)
    assert told == {0: [("seed", 1, False)], 1: [], 2: [
        ("normal", "nd", (3,), 0.5, 2), ("uniform", "nd", (3, 2), 0, 1)]}


def test_a_cell_that_takes_too_long_ends_it(tmp_path):
    texts, stopped = run(notebook("1", "print('here', flush=True)\nimport time\ntime.sleep(60)",
                                  "print('never')"), tmp_path, timeout=2)
    assert str(stopped) == "cell 1 took more than 2 s" and stopped.signal is None
    assert texts == ["", "here\n", ""]


def test_the_first_cell_which_loads_mxnet_may_take_its_time(tmp_path):
    texts, stopped = run(notebook("import time\ntime.sleep(3)\nprint('here')", "print('there')"),
                         tmp_path, timeout=2)
    assert stopped is None and texts == ["here\n", "there\n"]


def test_a_kernel_that_dies_is_told_with_its_cell(tmp_path):
    texts, stopped = run(notebook("print('here')", "import os\nos._exit(1)", "print('never')"),
                         tmp_path)
    assert str(stopped) == "the kernel died in cell 1"
    assert texts == ["here\n", "", ""]


SLOW = ["print('here', flush=True)", """\
import subprocess, sys
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "{mark}"],
                         start_new_session=True)
print("begun", flush=True)
open("begun", "w").close()
!{python} -c "import time; time.sleep(600)" {mark}
""", "print('never')"]


def of_mark(mark):
    return [process for process in psutil.process_iter(["cmdline"])
            if mark in (process.info["cmdline"] or [])]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_kernel_and_all_its_children_and_keeps_what_was_run(number, tmp_path):
    mark = str(uuid.uuid4())
    path = written(tmp_path / "book.ipynb", *(
        source.replace("{mark}", mark).replace("{python}", sys.executable) for source in SLOW))
    command = subprocess.Popen(
        [sys.executable, "-m", "d2l_linreg", "run", path, *WITHOUT_MXNET, "--output", "out.ipynb"],
        cwd=tmp_path, env=environ(), stdout=subprocess.PIPE, text=True)
    try:
        for _ in range(1200):
            if (tmp_path / "begun").exists() and len(of_mark(mark)) == 2 or (
                    command.poll() is not None):
                break
            time.sleep(0.1)
        kernels = psutil.Process(command.pid).children(recursive=True)
        assert len(kernels) >= 3
        command.send_signal(number)
        out = command.communicate(timeout=60)[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            command.kill()
    assert command.returncode == 128 + number
    assert f"not run to its end: it was ended by {signal.Signals(number).name}" in out
    gone, alive = psutil.wait_procs(kernels, timeout=10)
    assert alive == [] and of_mark(mark) == []
    texts = [cell.outputs[0].text for cell in nbformat.read(
        tmp_path / "out.ipynb", as_version=4).cells if cell.get("outputs")]
    assert texts[:2] == ["here\n", "begun\n"]


def test_what_the_kernel_started_has_ended_when_it_has(tmp_path):
    mark = str(uuid.uuid4())
    run(notebook("import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; "
                 f"time.sleep(600)', '{mark}'], start_new_session=True)\n"), tmp_path)
    assert of_mark(mark) == []


# Lines that install

@pytest.fixture
def shell(capsys):
    """A shell of IPython's that refuses to install; to a function that runs a cell in it."""
    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    refuse(shell)

    def run_cell(code):
        shell.run_cell(code).raise_error()
        return capsys.readouterr().out

    return run_cell


@pytest.mark.parametrize("code", [
    "!pip install x", "  !pip3 install x", "!pip3.11 install x", "%pip install x", "pip install x",
    "!python -m pip install x", "!python3 -m pip install x", "!{sys.executable} -m pip install x",
    "!/usr/bin/python3 -u -m pip install x", "%conda install x", "!conda install -y x",
    "!apt install x", "!apt-get -qq install x", "!sudo apt-get install x", "!A=1 pip install x",
    "!pip \\\n  install x", "a = !pip list", "%sx pip list", "%system pip list", "!uv pip list",
    "!uv sync", "!uv add x",
    "def f():\n    !pip install x\nf()", "%time !pip install x", "%%time\n!pip install x",
    "%%bash\npip install x", "%%sh\nls /dev/null\nsudo pip install x", "!mamba install x",
    "!'pip' install x", "get_ipython().system('pip install x')"])
def test_a_line_that_installs_is_not_run_and_that_is_said(code, shell, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    out = shell(code)
    assert NOT_RUN in out and "Traceback" not in out


@pytest.mark.parametrize("code, printed", [
    ("!echo pip install x", "pip install x"), ("!pipx --version || echo none", "none"),
    ("%%bash\necho apt", "apt"), ("x = !echo 1\nprint(x)", "['1']"),
    ("def f(v):\n    !echo {v} $v\nf(3)", "3 3"), ("print('!pip install x')", "!pip install x")])
def test_all_else_is_run(code, printed, shell):
    out = shell(code)
    assert NOT_RUN not in out and printed in out


def test_what_is_captured_of_a_line_that_installs_is_no_lines(shell):
    assert shell("lines = !pip install x\nfor line in lines:\n    print(line)\nprint(len(lines))"
                 ).splitlines()[1:] == ["0"]


def test_with_leave_the_kernels_own_pip_runs(tmp_path):
    texts, _ = run(notebook("!pip --version", "import sys\n!python -c 'import sys; "
                            "print(sys.prefix)'\nprint(sys.prefix)"), tmp_path, allow_installs=True)
    assert f"(python {sys.version_info[0]}.{sys.version_info[1]})" in texts[0]
    first, second = texts[1].splitlines()
    assert first == second
