"""What a command prints is the least of it: where nothing can be printed, its files are there."""
import json
import os
import subprocess
import sys

import pytest
from processes import environ

from d2l_linreg import TrainResult, published

COMMANDS = {
    "train": (["train", "--ctx", "cpu", "--save", "file"], ["file"]),
    "reproduce": (["reproduce", "--notebook", "d2l", "--runs", "0", "--json", "file"], ["file"]),
    "run": (["run", "stored.ipynb", "--as", "today", "--output", "file", "--json", "cells"],
            ["file", "cells"]),
    "notebooks": (["notebooks", "."], ["d2l.ipynb", "straight_dope.ipynb"]),
    "info": (["info"], []),
    "--help": (["--help"], [])}
PROGRAM = [sys.executable, "-m", "d2l_linreg"]
GREEK = "\N{GREEK SMALL LETTER ALPHA}"


@pytest.fixture(params=COMMANDS)
def command(request, tmp_path):
    """A command that can be run in its folder, and the files that it writes there."""
    if request.param == "run":
        v4 = pytest.importorskip("nbformat.v4")
        cell = v4.new_code_cell(f"print('{GREEK}')", outputs=[
            v4.new_output("stream", name="stdout", text="beta\n")])
        (tmp_path / "stored.ipynb").write_text(json.dumps(v4.new_notebook(cells=[cell])))
    return COMMANDS[request.param]


def run(arguments, folder, shell="{}", **environment):
    """Run it as a shell does that redirects its streams; its status, and what came out."""
    line = " ".join(f"'{word}'" for word in [*PROGRAM, *arguments])
    return subprocess.run(["bash", "-c", "set -o pipefail; " + shell.format(line)], cwd=folder,
                          env=environ(**environment), capture_output=True)


def written(folder, files):
    """See that each file is there, and whole."""
    for name in files:
        content = (folder / name).read_bytes()
        assert content.startswith((b"{", b"d2l_linreg TrainResult")), content[:100]
        json.loads(content) if content[:1] == b"{" else TrainResult.load(str(folder / name))
    assert {p.name for p in folder.iterdir()} - {"stored.ipynb"} == set(files)


def expected_status(arguments):
    """Its status when all can be printed."""
    return 1 if arguments[0] == "run" else 0  # whose cell puts out something else than was stored


@pytest.mark.parametrize("command, shell", [
    *((name, "{} | true") for name in COMMANDS),
    *(("train", shell) for shell in (
        "{} | head -1", "{} 2>&1 | head -1", "{} >&-", "{} 2>&-", "{} <&- >&- 2>&-")),
    ("reproduce", "{} <&- >&- 2>&-"), ("run", "{} <&- >&- 2>&-"), ("run", "{} 2> /dev/full")],
    indirect=["command"], ids=lambda word: word.replace("|", "into"))  # in tables, too
def test_a_reader_that_went_away_or_was_never_there_is_no_failure(shell, command, tmp_path):
    arguments, files = command
    finished = run(arguments, tmp_path, shell)
    assert finished.returncode == expected_status(arguments), finished
    assert finished.stderr == b"" or shell == "{} | true" and b"d2l-linreg" not in finished.stderr
    written(tmp_path, files)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_full_disk_under_what_is_printed_costs_no_file_and_is_told(command, tmp_path):
    arguments, files = command
    finished = run(arguments, tmp_path, "{} > /dev/full")
    assert finished.returncode == 1
    assert finished.stderr.decode().splitlines() == [
        "d2l-linreg: what it prints cannot be written: [Errno 28] No space left on device"]
    written(tmp_path, files)


@pytest.mark.parametrize("command, encoding", [
    ("run", "ascii"), ("run", "latin-1"), ("run", "utf-16-le"), ("reproduce", "ascii")],
    indirect=["command"])
def test_what_the_encoding_lacks_is_escaped(encoding, command, tmp_path):
    arguments, files = command
    finished = run(arguments, tmp_path, PYTHONIOENCODING=encoding)
    assert finished.returncode == expected_status(arguments), finished
    out = finished.stdout.decode(encoding)
    assert finished.stderr == b"" and (
        arguments[0] != "run" or ("\\u03b1" if encoding[:5] != "utf-1" else GREEK) in out)
    written(tmp_path, files)


@pytest.mark.parametrize("shell, told", [("{} > /dev/full", True), ("{} | head -0", False)],
                         ids=["/dev/full", "head"])
@pytest.mark.parametrize("notebook", published.NOTEBOOKS)
def test_what_train_cannot_print_costs_python_no_result(notebook, shell, told, tmp_path):
    program = f"import d2l_linreg as d; d.train({notebook!r}, ctx='cpu').save('file')"
    finished = subprocess.run(
        ["bash", "-c", shell.format(f"'{sys.executable}' -u -c \"{program}\"")], cwd=tmp_path,
        env=environ(), capture_output=True, text=True)
    written(tmp_path, ["file"])
    assert ("UserWarning: what is printed cannot be written: [Errno 28]" in finished.stderr) == told
    assert "Traceback" not in finished.stderr


def test_what_is_printed_where_nothing_is_in_its_way_is_what_was_published(tmp_path):
    finished = run(COMMANDS["train"][0], tmp_path)
    assert finished.stdout.decode().startswith(published.text("d2l", "training") + "\n")


def test_a_stream_that_is_closed_is_not_taken_for_a_file(tmp_path):
    program = ("import os, sys; from d2l_linreg.cli import main; "
               "status = main(['train', '--ctx', 'cpu', '--checkpoint', 'c', '--save', 'file']); "
               "os.write(1, b'noise'); os.write(2, b'noise'); sys.exit(status)")
    finished = subprocess.run(["bash", "-c", f'{sys.executable} -c "{program}" >&- 2>&-'],
                              cwd=tmp_path)
    assert finished.returncode == 0
    assert TrainResult.load(str(tmp_path / "file")).w.size == 2
    assert b"noise" not in (tmp_path / "c").read_bytes() + (tmp_path / "file").read_bytes()
