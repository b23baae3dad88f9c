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
from hostile_cells import CELLS, SEND
from IPython.core.interactiveshell import InteractiveShell
from made import written
from processes import environ
from traitlets.config import Config

from d2l_linreg.originals.installs import NOT_RUN, refuse
from d2l_linreg.originals.kernel import Stopped, _events, run_cells, signals_held

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


# Whatever a notebook does

def processes_of(folder):
    """Those of kernels that ran in a folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if "D2L_LINREG_RUN" in process.environ() and process.cwd().startswith(str(folder)):
                found.append(process)
    return found


@pytest.mark.parametrize("code", [code for code in CELLS if any(word in code for word in (
    "os._exit(0)", "SIGKILL", "__str__(self): raise", "setsid nohup", "Timer(0.3", "closerange",
    "'display_id': 'q'", "'ename': 1", "10**40"))])
def test_no_cell_costs_what_was_put_out_before_or_leaves_a_process(code, tmp_path):
    texts, stopped = run(notebook("print('before')", code, "print('after')"), tmp_path, timeout=20)
    assert texts[0] == "before\n"
    assert (texts[2] == "after\n") == (stopped is None)
    assert processes_of(tmp_path) == []


def test_a_message_that_is_none_costs_no_other(tmp_path):
    broken = """print("a")
send("comm_open", {"comm_id": "a", "target_name": "jupyter.widget", "data": {}})
send("display_data", {"data": {"text/plain": 5}, "metadata": 1})
print("b")"""
    texts, stopped = run(notebook(SEND + broken, "print('c')"), tmp_path)
    assert stopped is None and texts[1] == "c\n"
    assert {"a", "b"} < set(texts[0].split("\n"))
    assert texts[0].count("An output is left out") == 2


@pytest.mark.parametrize("answer", [
    "", "5", "[", "[5, None, ()]", "x" * 10**6, "(" * 10**4, "{1: 2}",
    f"[('seed', {10**40}, True)]",
    "[('seed', 10**40, True)]", "[('normal', 'nd', (-1,), 0, 1)]", "[('x', 'nd', (1,), 0, 1)]",
    "[('normal', 'nd', ('a',), 0, 1)]", "[('normal', 'nd', (1,), 'a', 1)]"])
def test_what_a_notebook_forges_of_its_draws_is_none(answer):
    assert _events(answer) == []


def test_what_was_drawn_is_taken_as_it_is():
    told = [("seed", None, False), ("seed", 3, True), ("normal", "nd", (3, 2), 0, 1.5),
            ("uniform", "np", (), -1, 1)]
    assert _events(repr([*told, 5])) == told


def test_a_kernel_that_does_not_start_is_told_with_what_it_says(tmp_path, monkeypatch):
    startup = tmp_path / "ipykernel"
    startup.mkdir()
    (startup / "__init__.py").write_text("raise ImportError('no ipykernel, as \\x1b[31mthis')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(OSError, match="the kernel does not start: ImportError: no ipykernel"):
        run(notebook("1"), tmp_path)
    assert processes_of(tmp_path) == []


def ended(path, folder, moments, *numbers):
    """A command's exit status and what it wrote, sent a signal each time a file is there, or after
    so many seconds."""
    command = subprocess.Popen(
        [sys.executable, "-m", "d2l_linreg", "run", path, *WITHOUT_MXNET, "--output", "out.ipynb"],
        cwd=folder, env=environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for moment, number in zip(moments, numbers, strict=True):
            for _ in range(1200 if isinstance(moment, str) else int(moment * 10)):
                if command.poll() is not None or isinstance(moment, str) and (
                        (folder / moment).exists()):
                    break
                time.sleep(0.1)
            command.send_signal(number)
        err = command.communicate(timeout=100)[1]
    finally:
        with contextlib.suppress(ProcessLookupError):
            command.kill()
    assert "Traceback" not in err, err
    return command.returncode


@pytest.mark.parametrize("moments, numbers", [
    (["begun"], [signal.SIGHUP]), (["begun", 0], [signal.SIGINT, signal.SIGTERM]),
    (["begun", 0.2], [signal.SIGTERM, signal.SIGTERM])])
def test_the_first_signal_tells_the_exit_status_and_a_second_costs_nothing(moments, numbers,
                                                                          tmp_path):
    path = written(tmp_path / "book.ipynb", "print('here')",
                   "open('begun', 'w').close()\nimport time\ntime.sleep(600)")
    status = ended(path, tmp_path, moments, *numbers)
    assert status == 128 + numbers[0] or status == -numbers[-1]  # the last came when all was done
    texts = [cell.outputs[0].text for cell in nbformat.read(
        tmp_path / "out.ipynb", as_version=4).cells if cell.get("outputs")]
    assert texts[0] == "here\n" and processes_of(tmp_path) == []


@pytest.mark.parametrize("seconds", [1, 2, 3, 4])
def test_a_signal_before_the_kernel_is_up_leaves_nothing_behind(seconds, tmp_path):
    path = written(tmp_path / "book.ipynb", "import time\ntime.sleep(600)")
    assert ended(path, tmp_path, [seconds], signal.SIGTERM) in (143, -signal.SIGTERM)
    assert processes_of(tmp_path) == []


def test_a_third_signal_ends_it_at_once_and_what_was_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), signals_held() as held:
            signal.raise_signal(signal.SIGHUP)
            assert held.came == []
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)
            assert held.came == [signal.SIGINT] * 2
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGHUP, before)
