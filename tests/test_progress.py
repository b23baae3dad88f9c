"""What a terminal is told while it waits, and in which colours; nobody else is."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import numpy
import pytest
from made import written
from processes import environ

from d2l_linreg import published

COLOUR = re.compile(r"\x1b\[3[0-9]m")
REPRODUCE = ["reproduce", "--notebook", "d2l"]


def on_terminal(*arguments, out=True, err=True, columns=80, **environment):
    """Run a command with a terminal for its streams, or else a pipe: what came on each."""
    (terminal, its_end), (read, write) = pty.openpty(), os.pipe()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "d2l_linreg", *arguments], stdout=its_end if out else write,
        stderr=its_end if err else write, stdin=subprocess.DEVNULL,
        env=environ(**{"TERM": "xterm", **environment}))
    os.close(its_end)
    os.close(write)
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux's word for its end
            break
        if not piece:
            break
        shown += piece
    with open(read, "rb") as pipe:
        piped = pipe.read()
    os.close(terminal)
    assert process.wait() == 0
    return shown.decode(), piped.decode()


@pytest.mark.parametrize("columns", [80, 0])  # 0: a terminal that does not tell
def test_a_terminal_is_told_each_step_and_nothing_of_it_stays(columns):
    shown, printed = on_terminal(*REPRODUCE, out=False, columns=columns)
    for step in ("loading MXNet ...", "d2l: training step by step ...",
                 "d2l: training by engine 'compiled' ...", "d2l: what its cells print ...",
                 "d2l: its picture ..."):
        assert step in shown
    assert printed.startswith("d2l\n  example") and printed.endswith("\nReproduced.\n")
    last = re.split(r"[\r\n]", shown.rstrip("\r\n"))[-1]
    assert not last.strip("\x1b[AK ")


def test_a_long_training_has_a_bar_past_which_its_lines_are_printed():
    shown, printed = on_terminal("train", "straight_dope", "--engine", "autograd",
                                 "--num-epochs", "4", out=False)
    assert re.search(r"training: +\d+%\|.*/10\.0k", shown)
    assert printed.startswith("Epoch 0, batch 499. Moving avg of loss: ")
    assert len(re.findall("^Epoch ", printed, re.MULTILINE)) == 20


def test_training_from_files_has_a_bar_too(tmp_path):
    numpy.save(tmp_path / "X.npy", numpy.ones((4001, 2), "float32"))
    numpy.save(tmp_path / "y.npy", numpy.ones(4001, "float32"))
    shown, printed = on_terminal(
        "train", "--data", str(tmp_path / "X.npy"), "--labels", str(tmp_path / "y.npy"),
        "--batch-size", "2", "--num-epochs", "3", out=False)  # 2,001 steps an epoch
    assert re.search(r"training: +\d+%\|.*/6\.00k", shown) and "%|" not in printed


@pytest.mark.parametrize("columns", [80, 0])
def test_a_notebook_that_is_run_has_a_bar_of_its_cells(columns, tmp_path):
    book = written(tmp_path / "book.ipynb", "import mxnet", "import time; time.sleep(0.3)")
    shown, printed = on_terminal("run", str(book), "--as", "today", "--output",
                                 str(tmp_path / "out.ipynb"), out=False, columns=columns)
    ran = re.findall(r"running: +\d+%\|[^|]*\| (\d)/\d ", shown)
    assert ran[0] == "0" < ran[-1]
    assert "%|" not in printed


def test_what_is_no_terminal_is_told_nothing():
    shown, printed = on_terminal(*REPRODUCE, err=False)
    assert printed == ""
    assert shown.startswith("d2l\r\n") and shown.endswith("Reproduced.\x1b[0m\r\n")


@pytest.mark.parametrize("out, environment, coloured", [
    (True, {}, True), (True, {"NO_COLOR": "1"}, False), (True, {"NO_COLOR": ""}, True),
    (True, {"TERM": "dumb"}, False), (False, {}, False)])
def test_verdicts_are_coloured_on_a_terminal_unless_no_color_is_set(out, environment, coloured):
    streams = on_terminal(*REPRODUCE, "--runs", "0", out=out, err=not out, **environment)
    text = streams[0 if out else 1]
    assert bool(COLOUR.search(text)) == coloured
    if coloured:
        assert "\x1b[32midentical\x1b[0m" in text and "\x1b[32mReproduced.\x1b[0m" in text
    assert re.sub(r"\x1b\[\d+m", "", text).replace("\r", "").endswith("\nReproduced.\n")


def test_a_difference_is_red(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("""
import json, sys
from d2l_linreg import published
from d2l_linreg.cli import main
document = published.document
published.document = lambda name: json.loads(
    json.dumps(document(name)).replace("6.000587", "6.000588"))
assert main(["reproduce", "--notebook", "d2l", "--runs", "0"]) == 1
""")
    terminal, its_end = pty.openpty()
    with subprocess.Popen([sys.executable, str(script)], stdout=its_end,
                          env=environ(TERM="xterm")) as process:
        os.close(its_end)
        shown = b""
        try:
            while piece := os.read(terminal, 65536):
                shown += piece
        except OSError:
            pass
    os.close(terminal)
    assert process.returncode == 0
    assert b"\x1b[31mdifferent\x1b[0m" in shown and b"\x1b[31mNot reproduced.\x1b[0m" in shown


def test_the_published_run_prints_its_lines_on_a_terminal_as_everywhere():
    shown, _ = on_terminal("train", "d2l")
    seen = ""
    for line in shown.replace("\r\n", "\n").split("\n"):
        left = ""
        for over in line.split("\r"):  # which goes back to the line's beginning
            left = over + left[len(over):]
        seen += left.rstrip() + "\n"
    assert seen.startswith(published.text("d2l", "training") + "\n")
