"""The command line, as a process and as main()."""
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy
import pytest

from d2l_linreg import __version__, published
from d2l_linreg.cli import main
from d2l_linreg.reproduction import reproduce as reproduction
from d2l_linreg.reproduction.environment import shortfalls


def command(*arguments, **environment):
    """Run the command, away from the source tree."""
    return subprocess.run([sys.executable, "-m", "d2l_linreg", *arguments], capture_output=True,
                          text=True,
                          cwd=tempfile.gettempdir(), env=dict(os.environ, **environment))


def test_reproduce_prints_the_table_and_writes_json(tmp_path):
    path = tmp_path / "figures.json"
    finished = command("reproduce", "--json", str(path))
    assert finished.returncode == 0, finished.stdout
    written = json.loads(path.read_text())
    assert set(written) == {"ok", "mxnet", "figures", "joint"} and written["ok"] is True
    assert len(written["figures"]) == 67
    for figure in written["figures"]:
        verdict = figure["verdict"]
        if "percentile" in figure:
            verdict += ", percentile {:.0f}".format(figure.pop("percentile"))
        assert set(figure) == {"notebook", "figure", "published", "reproduced", "verdict"}
        assert any(line.split("  ")[0] == figure["notebook"] and figure["figure"] in line
                   and line.endswith(verdict) for line in finished.stdout.splitlines())
    for joint in written["joint"]:
        assert set(joint) == {"notebook", "runs", "p_value", "verdict"}
        assert (joint["runs"], joint["verdict"]) == (1000, "ordinary")
    if not shortfalls():
        assert "\n67 of 67 identical on MXNet" in finished.stdout
        assert "9 identical, 58 identical (recovered shuffle)." in finished.stdout
    assert "found by search; they are not the authors' own" in finished.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["figures.json"]  # nothing beside it


def test_reproduce_of_one_notebook(capsys):
    assert main(["reproduce", "--notebook", "d2l", "--runs", "0"]) == 0
    out = capsys.readouterr().out
    assert "39 of 39 identical" in out and "straight_dope" not in out


def test_reproduce_exits_1_when_a_figure_is_different(monkeypatch, capsys):
    document = published.document

    def altered(notebook):
        return json.loads(json.dumps(document(notebook)).replace("6.000587", "6.000588"))

    monkeypatch.setattr(reproduction.published, "document", altered)
    assert main(["reproduce", "--notebook", "d2l", "--runs", "0"]) == 1
    assert "1 different" in capsys.readouterr().out


def test_train_prints_the_published_lines_and_draws(tmp_path):
    path = tmp_path / "loss.png"
    finished = command("train", "--ctx", "cpu", "--plot", str(path))
    assert finished.returncode == 0 and finished.stdout == published.text("d2l", "training")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_train_takes_settings(capsys):
    assert main(["train", "straight_dope", "--ctx", "cpu", "--learning-rate", "0.01",
                 "--num-epochs", "1", "--batch-size", "20", "--shuffle-seed", "5"]) == 0
    assert capsys.readouterr().out.startswith("Epoch 0, batch 499. Moving avg of loss: ")


@pytest.mark.parametrize("arguments, message", [
    ([], "COMMAND"),
    (["fit"], "fit"),
    (["train", "d3l"], "invalid choice: 'd3l'"),
    (["train", "--batch-size", "x"], "invalid int value: 'x'"),
    (["train", "--batch-size", "0"], "batch_size is 0"),
    (["train", "--ctx", "tpu"], "ctx is 'tpu'"),
    (["train", "--plot", "loss.xyz"], "its ending must be one of"),
    (["train", "--plot", "nowhere/loss.png"], "cannot be written"),
    (["reproduce", "--json", "nowhere/figures.json"], "cannot be written"),
    (["reproduce", "--ctx", "tpu"], "ctx is 'tpu'"),
    (["reproduce", "--notebook", "d3l"], "invalid choice"),
])
def test_a_wrong_command_line_exits_2_before_any_work(arguments, message, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert message in err and out == ""


def test_divergence_exits_1(capsys):
    assert main(["train", "--ctx", "cpu", "--learning-rate", "50"]) == 1
    assert "learning_rate 50.0 is too large" in capsys.readouterr().err


def test_version_help_and_info(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__
    assert main(["--help"]) == 0
    assert "reproduce" in capsys.readouterr().out
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    for name in ("mxnet", "numpy", "python", "platform", "BLAS kernel", "contexts"):
        assert "\n" + name in out
    assert ("Nothing here keeps" in out) == (not shortfalls())


def test_info_names_a_kernel_without_fma():
    finished = command("info", OPENBLAS_CORETYPE="Prescott")
    assert finished.returncode == 0
    kernel = re.search("BLAS kernel +(.*)", finished.stdout).group(1)
    if "unknown" not in kernel:
        assert kernel == "Prescott"
        assert "The BLAS kernel Prescott is not one of Haswell" in finished.stdout


def test_a_file_is_replaced_whole_through_a_link_and_a_device_is_left_alone(tmp_path):
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    link.symlink_to(real)
    assert main(["reproduce", "--notebook", "d2l", "--json", str(link)]) == 0
    assert link.is_symlink() and json.loads(real.read_text())["ok"]
    assert main(["reproduce", "--notebook", "d2l", "--json", "/dev/null"]) == 2
    assert main(["reproduce", "--notebook", "d2l", "--json", ""]) == 2


def test_train_on_a_table_and_on_files(tmp_path, capsys):
    rng = numpy.random.RandomState(0)
    X = rng.standard_normal((400, 2))
    y = X @ [2, -3.4] + 4.2
    table = tmp_path / "table.csv"
    numpy.savetxt(str(table), numpy.c_[X[:, :1], y, X[:, 1:]], delimiter=",", comments="",
                  header="size,the price,age")
    numpy.save(str(tmp_path / "X.npy"), X)
    numpy.save(str(tmp_path / "y.npy"), y)
    assert main(["train", "--ctx", "cpu", "--data", str(table), "--label", "the price"]) == 0
    lines = capsys.readouterr().out
    assert main(["train", "--ctx", "cpu", "--data", str(tmp_path / "X.npy"),
                 "--labels", str(tmp_path / "y.npy")]) == 0
    said, *rest = capsys.readouterr().out.splitlines()
    assert said.startswith("400 examples are read from file, shuffled in 1 blocks")
    assert len(lines.splitlines()) == len(rest) == 3
    for arguments, message in (
            (["--data", str(table), "--label", "weight"], "the columns are 'size', 'the price', "),
            (["--data", str(table)], "goes with --label COLUMN"),
            (["--label", "x"], "goes with --label COLUMN"),
            (["--data", "nowhere.csv", "--label", "x"], "nowhere.csv"),
            (["--data", "nowhere.npy", "--labels", "y.npy"], "cannot be read as an .npy file")):
        assert main(["train"] + arguments) == 2
        assert message in capsys.readouterr().err


def test_ctrl_c_while_an_object_is_freed_is_not_lost(run_python):
    assert run_python("""
import signal
from d2l_linreg.training import examples
from d2l_linreg.cli import main

class Freed:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        for _ in range(10):  # where Python lets the signal in
            pass

average = examples.InMemory.average
examples.InMemory.average = lambda *arguments: (Freed(), average(*arguments))[1]
print(main(["train", "--num-epochs", "1000"]))
""").splitlines()[-1] == "130"
