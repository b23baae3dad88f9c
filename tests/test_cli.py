"""The command line, as a process and as main()."""
import hashlib
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy
import pytest
from exact import exact_here
from processes import environ

from d2l_linreg import __version__, d2l, published
from d2l_linreg.cli import _parser, main
from d2l_linreg.compat.mxnet import mx
from d2l_linreg.compat.streams import seeded
from d2l_linreg.reproduction.environment import shortfalls
from d2l_linreg.settings import NOTEBOOKS

# A number that a notebook computed, in what it printed
FIGURE = re.compile(r"-?(?<!\d)\d+\.\d+(?:e[-+]\d+)?|^\d+$", re.MULTILINE)


def command(*arguments, **environment):
    """Run the command, away from the source tree."""
    return subprocess.run([sys.executable, "-m", "d2l_linreg", *arguments], capture_output=True,
                          text=True,
                          cwd=tempfile.gettempdir(), env=environ(**environment))


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """What `reproduce --json` printed, and the folder that it wrote into."""
    folder = tmp_path_factory.mktemp("reproduced")
    finished = command("reproduce", "--json", str(folder / "figures.json"))
    assert finished.returncode == 0, finished.stdout
    return finished.stdout, folder


@pytest.fixture(scope="module")
def figures(reproduced):
    """What `reproduce --json` wrote."""
    return json.loads((reproduced[1] / "figures.json").read_text())


def test_reproduce_writes_67_figures_as_json(figures):
    assert figures["ok"] is True and set(figures) == {
        "ok", "mxnet", "figures", "cells", "pictures", "joint", "runs", "environment", "shortfalls",
        "miscounted", "schema_version", "recovered_shuffles"}
    assert figures["schema_version"] == 1
    assert figures["recovered_shuffles"] == "found by search; they are not the authors' own"
    assert {"d2l_linreg", "mxnet", "numpy", "python", "platform", "CPU", "BLAS kernel", "logf",
            "device"} <= set(figures["environment"])
    assert len(figures["figures"]) == 67
    for figure in figures["figures"]:
        assert set(figure) - {"percentile"} == {
            "notebook", "cell", "figure", "published", "reproduced", "verdict"}


def test_reproduce_writes_what_it_trained_on_as_json(notebook, figures):
    (run,) = [run for run in figures["runs"] if run["notebook"] == notebook]
    digest = hashlib.sha256()  # of shapes, types and bytes: on paper, for the data and their order
    with seeded(0 if notebook == "d2l" else 1):
        data = NOTEBOOKS[notebook].vocabulary.own_data(1000 if notebook == "d2l" else 10000)
    for array in (array.asnumpy() for array in data):
        digest.update(f"{array.shape} float32".encode() + array.tobytes())
    assert run["data_sha256"] == digest.hexdigest()
    order = published.order(notebook).astype("int64")
    assert run["order_sha256"] == hashlib.sha256(
        f"{order.shape} int64".encode() + order.tobytes()).hexdigest()


def test_reproduce_writes_nothing_beside_its_file(reproduced):
    assert [p.name for p in reproduced[1].iterdir()] == ["figures.json"]


def test_reproduce_prints_a_line_a_cell_then_one_a_notebook_on_others_and_the_verdict_last(
        reproduced, figures):
    lines = reproduced[0].splitlines()
    assert max(map(len, lines)) <= 80
    places = [i for i, line in enumerate(lines) if line in published.NOTEBOOKS]
    for notebook, place in zip(published.NOTEBOOKS, places, strict=True):
        cells = published.document(notebook)["cells"]
        for number, cell in enumerate(cells, place + 1):
            count, recovered = len(cell["figures"]), cell["recovered_shuffle"]
            name, counted, *verdict = re.split("  +", lines[number].strip())
            assert (name, counted) == (cell["cell"], f"{count} of {count}")
            assert verdict == ["identical" + (" (recovered shuffle)" if recovered else "")]
        picture = re.split("  +", lines[place + len(cells) + 1].strip())
        assert picture[0].startswith("picture, ") and picture[2] == "identical"
        assert sum(line.startswith(f"{notebook}, training figures among 1,000 other shuffles: p = ")
                   for line in lines) == 1
    assert lines[-1] == "Reproduced."
    assert "\x1b" not in reproduced[0]


def test_reproduce_v_prints_a_line_for_each_figure_that_it_writes(capsys):
    assert main(["reproduce", "-v"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    figures = [(name, number) for notebook in published.NOTEBOOKS
               for cell in published.document(notebook)["cells"]
               for name, number in zip(cell["figures"], FIGURE.findall(cell["text"]), strict=True)]
    rows = [re.fullmatch(r"    (\S.{34}) +(\S+) +(\S+)( +\d+%)?", line) for line in lines]
    rows = [row for row in rows if row]
    assert [(row[1].rstrip(), row[2], row[3]) for row in rows] == [
        (name, number, number) for name, number in figures]
    assert sum(row[4] is not None for row in rows) == 16


def test_reproduce_calls_the_training_figures_ordinary_among_1000_shuffles(figures):
    for joint in figures["joint"]:
        assert set(joint) == {"notebook", "runs", "p_value", "verdict"}
        assert (joint["runs"], joint["verdict"]) == (1000, "ordinary")


@exact_here
def test_reproduce_counts_67_identical_figures(reproduced):
    assert ("\n67 of 67 printed figures, 2,000 of 2,000 coordinates, 72,478 of 72,478 pixels\n"
            "  identical on MXNet") in reproduced[0]
    assert "9 identical, 58 identical (recovered shuffle)." in reproduced[0]


def test_reproduce_says_that_the_orders_are_not_the_authors_own(reproduced):
    assert "found by search; they are not the authors' own" in reproduced[0]


def test_reproduce_of_one_notebook(capsys):
    assert main(["reproduce", "--notebook", "d2l", "--runs", "0"]) == 0
    out = capsys.readouterr().out
    assert "39 of 39 printed figures, 2,000 of 2,000 coordinates identical" in out
    assert out.endswith("\nReproduced.\n")
    assert "straight_dope" not in out


def test_reproduce_exits_1_when_a_figure_is_different(republish, capsys):
    republish("d2l", "6.000587", "6.000588")
    assert main(["reproduce", "--notebook", "d2l", "--runs", "0"]) == 1
    out = capsys.readouterr().out
    assert "1 different" in out and out.endswith("\nNot reproduced.\n")
    assert "\nDifferent, published over reproduced:\n  d2l labels[0]\n    6.000588\n" in out
    assert "\n    6.000588\n    6.000587\n" in out
    assert "`d2l-linreg info`" in out  # what to do


def test_train_prints_the_published_lines_and_draws(tmp_path):
    path = tmp_path / "loss.png"
    finished = command("train", "--ctx", "cpu", "--plot", str(path))
    assert finished.returncode == 0
    assert finished.stdout.startswith(published.text("d2l", "training") + "\n")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_train_takes_settings(capsys):
    assert main(["train", "straight_dope", "--ctx", "cpu", "--learning-rate", "0.01",
                 "--num-epochs", "1", "--batch-size", "20", "--shuffle-seed", "5"]) == 0
    assert capsys.readouterr().out.startswith("Epoch 0, batch 499. Moving avg of loss: ")


@pytest.mark.parametrize("arguments, message", [
    (["fit"], "fit"),
    (["trian"], "did you mean 'train'?"), (["reproduce", "--notebook", "d2"], "did you mean 'd2l'"),
    (["train", "straight-dope"], "did you mean 'straight_dope'?"),
    (["train", "D2L"], "did you mean 'd2l'?"), (["TRAIN"], "did you mean 'train'?"),
    (["xyzzy"], "(choose from reproduce, train, launch, run, notebooks, info)"),
    (["train", "--lable", "y"], "there is no option --lable; did you mean '--label'?"),
    (["--verison"], "did you mean '--version'?"),
    (["train", "d3l"], "invalid choice: 'd3l'"),
    (["train", "--batch-size", "x"], "invalid int value: 'x'"),
    (["train", "--batch-size", "0"], "batch_size is 0"),
    (["train", "--ctx", "tpu"], "ctx is 'tpu'"),
    (["train", "--plot", "loss.xyz"], "its ending must be one of"),
    (["train", "--plot", "nowhere/loss.png"], "cannot be written"),
    (["reproduce", "--json", "nowhere/figures.json"], "cannot be written"),
    (["reproduce", "--json", "/dev/null"], "cannot be written"),
    (["reproduce", "--json", ""], "cannot be written"),
    (["reproduce", "--ctx", "tpu"], "ctx is 'tpu'"),
    (["reproduce", "--notebook", "d3l"], "invalid choice"),
    (["train", "--label", "x"], "goes with --label COLUMN"),
    (["train", "--data", "table.csv"], "goes with --label COLUMN"),
    (["train", "--data", "X.npy"], "FILE.npy with --labels FILE.npy"),
    (["train", "--labels", "y.npy"], "FILE.npy with --labels FILE.npy"),
    (["train", "--data", "table.csv", "--label", "x", "--labels", "y.npy"], "goes with --label"),
    (["train", "--data", "nowhere.csv", "--label", "x"], "nowhere.csv"),
    (["train", "--data", "nowhere.npy", "--labels", "y.npy"], "cannot be read as an .npy file"),
])
def test_a_wrong_command_line_exits_2_before_any_work(arguments, message, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert message in err and out == ""


def test_divergence_exits_1(capsys):
    assert main(["train", "--ctx", "cpu", "--learning-rate", "50"]) == 1
    assert "learning_rate 50.0 is too large" in capsys.readouterr().err


def test_a_value_error_that_is_none_of_ours_is_a_bug_and_shows_its_traceback(monkeypatch):
    def init_params(num_features):
        raise ValueError("a bug")

    monkeypatch.setattr(d2l, "init_params", init_params)
    with pytest.raises(ValueError, match="a bug"):
        main(["train", "--ctx", "cpu"])


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_one_notebook_that_cannot_be_written_costs_not_the_other(tmp_path, monkeypatch, capsys):
    replace = os.replace

    def fail(source, target):
        replace(source + ("gone" if target.endswith("d2l.ipynb") else ""), target)

    monkeypatch.setattr(os, "replace", fail)
    assert main(["notebooks", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    there = str(tmp_path / "straight_dope.ipynb")
    assert out == there + "\n" and os.path.exists(there) and "its content is kept in '" in err


def test_a_link_that_leads_nowhere_is_there_too(tmp_path, capsys):
    (tmp_path / "d2l.ipynb").symlink_to(tmp_path / "nowhere")
    assert main(["notebooks", str(tmp_path)]) == 2
    assert "there already: " in capsys.readouterr().err and not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["", "reproduce", "train", "launch", "run", "notebooks", "info"])
def test_help_has_a_sentence_for_every_option_and_ends_with_an_example_that_works(
        name, tmp_path, capsys):
    assert main([*([name] if name else []), "--help"]) == 0
    told = capsys.readouterr().out
    parser = _parser()
    if name:
        (commands,) = (action for action in parser._actions if isinstance(action.choices, dict))
        parser = commands.choices[name]
    for action in parser._actions:
        assert action.help or isinstance(action.choices, dict), action
    example = told.splitlines()[-1].removeprefix("Example: ")
    assert example.startswith("d2l-linreg") and name in example
    finished = subprocess.run(
        ["bash", "-euc", f'd2l-linreg() {{ {sys.executable} -m d2l_linreg "$@"; }}; {example}'],
        cwd=tmp_path, env=environ(), capture_output=True, text=True)
    assert finished.returncode == 0, finished


def test_without_a_command_there_is_help(capsys):
    assert main([]) == 0
    without = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert without == capsys.readouterr().out


def test_help_names_the_commands(capsys):
    assert main(["--help"]) == 0
    assert "reproduce" in capsys.readouterr().out


def test_info_says_what_is_here_and_whether_numbers_can_be_exact(capsys):
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    for name in ("mxnet", "numpy", "python", "platform", "BLAS kernel", "contexts"):
        assert "\n" + name in out
    assert ("Nothing here keeps" in out) == (not shortfalls())


@pytest.fixture
def mxnet_of_0_1_0(tmp_path):
    """MXNet installed by pip, as a thing that something else requires."""
    (tmp_path / "mxnet").symlink_to(os.path.dirname(mx.__file__), target_is_directory=True)
    (tmp_path / "mxnet-1.9.1.dist-info").mkdir()
    (tmp_path / "mxnet-1.9.1.dist-info" / "METADATA").write_text("Name: mxnet\nVersion: 1.9.1\n")
    (tmp_path / "mxnet-1.9.1.dist-info" / "top_level.txt").write_text("mxnet\n")
    return tmp_path


def test_info_says_which_mxnet_is_in_use_and_how_to_be_rid_of_what_0_1_0_brought(mxnet_of_0_1_0):
    finished = command("info", PYTHONPATH=mxnet_of_0_1_0)
    with open(mx.libinfo.find_lib_path()[0], "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    assert f"installed apart (mxnet 1.9.1): libmxnet.so sha256:{digest}\n" in finished.stdout
    assert f"\nmxnet's folder        {mxnet_of_0_1_0 / 'mxnet'}\n" in finished.stdout
    assert "`pip uninstall mxnet`, then `pip install --upgrade numpy`" in finished.stderr


@pytest.mark.parametrize("name, content", [
    ("mxnet-1.9.1.dist-info/REQUESTED", ""),  # the user's wish
    ("other-1.dist-info/METADATA", "Name: other\nVersion: 1\nRequires-Dist: mxnet>=1.8\n")])
def test_an_mxnet_that_is_wanted_is_nothing_to_be_rid_of(name, content, mxnet_of_0_1_0):
    (mxnet_of_0_1_0 / name).parent.mkdir(exist_ok=True)
    (mxnet_of_0_1_0 / name).write_text(content)
    assert command("info", PYTHONPATH=mxnet_of_0_1_0).stderr == ""


def test_info_names_a_kernel_without_fma():
    finished = command("info", OPENBLAS_CORETYPE="Prescott")
    assert finished.returncode == 0
    kernel = re.search("BLAS kernel +(.*)", finished.stdout).group(1)
    if "unknown" not in kernel:
        assert kernel == "Prescott"
        assert "The BLAS kernel Prescott is not one of Haswell" in finished.stdout


def test_a_file_is_replaced_whole_through_a_link(tmp_path):
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    link.symlink_to(real)
    assert main(["reproduce", "--notebook", "d2l", "--runs", "0", "--json", str(link)]) == 0
    assert link.is_symlink() and json.loads(real.read_text())["ok"]


@pytest.fixture
def examples(tmp_path):
    """400 examples in a folder, as a table and as two files."""
    X = numpy.random.RandomState(0).standard_normal((400, 2))
    y = X @ [2, -3.4] + 4.2
    numpy.savetxt(str(tmp_path / "table.csv"), numpy.c_[X[:, :1], y, X[:, 1:]], delimiter=",",
                  comments="", header="size,the price,age")
    numpy.save(str(tmp_path / "X.npy"), X)
    numpy.save(str(tmp_path / "y.npy"), y)
    return tmp_path


@pytest.mark.parametrize("function, command, expected", [
    ("reproduction.reproduce.reproduce", "reproduce --notebook straight_dope --ctx cpu(2) "
     "--runs 1234", dict(notebook="straight_dope", ctx="cpu(2)", runs=1234)),
    ("training.train.train", "train straight_dope --data X.npy --labels y.npy --engine autograd "
     "--ctx cpu(2) --kvstore local --learning-rate 0.25 --num-epochs 7 --batch-size 8 "
     "--shuffle-seed 9 --checkpoint c",
     dict(notebook="straight_dope", data="X.npy", labels="y.npy", engine="autograd", ctx="cpu(2)",
          kvstore="local", learning_rate=0.25, num_epochs=7, batch_size=8, shuffle_seed=9,
          checkpoint="c")),
    ("training.train.train", "train --ctx cpu(0),cpu(1)",
     dict(notebook="d2l", engine="compiled", ctx=["cpu(0)", "cpu(1)"])),
    ("originals.execution.run", "run n.ipynb --as 2018 --ctx cpu(2) --swapped-pairs "
     "--numpy-printing 1.13 --timeout 7.5 --allow-installs",
     dict(path="n.ipynb", era="2018", ctx="cpu(2)", swapped_pairs=True, numpy_printing="1.13",
          timeout=7.5, allow_installs=True)),
    ("originals.execution.run", "run n.ipynb",
     dict(path="n.ipynb", era="auto", swapped_pairs=False, allow_installs=False))],
    ids=["reproduce", "train", "train on two devices", "run", "run by default"])
def test_each_option_reaches_what_does_the_work(
        function, command, expected, monkeypatch, tmp_path):
    def note(*arguments, **keywords):
        noted.update(signature.bind(*arguments, **keywords).arguments)
        raise KeyboardInterrupt

    module, _, name = f"d2l_linreg.{function}".rpartition(".")
    signature, noted = inspect.signature(getattr(importlib.import_module(module), name)), {}
    monkeypatch.setattr(importlib.import_module(module), name, note)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n.ipynb").write_text("{}")
    assert main(command.split()) == 130
    assert {key: value for key, value in noted.items() if value is not None} == expected


def test_train_on_a_table(examples, capsys):
    assert main(["train", "--ctx", "cpu", "--data", str(examples / "table.csv"),
                 "--label", "the price"]) == 0
    said = capsys.readouterr().out
    assert len(said.partition("\n\n")[0].splitlines()) == 3 and "\nR^2 " in said


def test_a_table_without_the_column_of_labels_is_refused_with_those_it_has(examples, capsys):
    assert main(["train", "--data", str(examples / "table.csv"), "--label", "weight"]) == 2
    assert "the columns are 'size', 'the price', " in capsys.readouterr().err


def test_train_on_files(examples, capsys):
    assert main(["train", "--ctx", "cpu", "--data", str(examples / "X.npy"),
                 "--labels", str(examples / "y.npy")]) == 0
    said, *rest = capsys.readouterr().out.splitlines()
    assert said.startswith("400 examples are read from file in blocks of about 400, ")
    assert rest.index("") == 3
    assert [line.split()[0] for line in rest[4:]] == ["w[0]", "w[1]", "b", "loss", "R^2"]


def test_ctrl_c_while_an_object_is_freed_is_not_lost(run_python):
    assert run_python("""
import signal
from d2l_linreg import d2l
from d2l_linreg.cli import main

class Freed:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
        for _ in range(10):  # where Python lets the signal in
            pass

squared_loss = d2l.squared_loss
d2l.squared_loss = lambda *arguments: (Freed(), squared_loss(*arguments))[1]
print(main(["train", "--num-epochs", "1000"]))
""").splitlines()[-1] == "130"
