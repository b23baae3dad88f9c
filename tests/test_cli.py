"""The command line, as a process and as main()."""
import json
import subprocess
import sys

import pytest

from d2l_linreg import __version__, published, reproduction
from d2l_linreg.cli import main
from d2l_linreg.environment import shortfalls


def command(*arguments):
    return subprocess.run([sys.executable, "-m", "d2l_linreg", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)


def test_reproduce_prints_the_table_and_writes_json(tmp_path):
    path = tmp_path / "figures.json"
    finished = command("reproduce", "--json", str(path))
    assert finished.returncode == 0, finished.stdout
    written = json.loads(path.read_text())
    assert set(written) == {"ok", "mxnet", "figures"} and written["ok"] is True
    assert len(written["figures"]) == 67
    for figure in written["figures"]:
        assert set(figure) == {"notebook", "figure", "published", "reproduced", "verdict"}
        assert any(line.split("  ")[0] == figure["notebook"] and figure["figure"] in line
                   and line.endswith(figure["verdict"]) for line in finished.stdout.splitlines())
    if not shortfalls():
        assert "\n67 of 67 identical on MXNet" in finished.stdout
        assert "9 identical, 58 identical (recovered shuffle)." in finished.stdout
    assert "found by search; they are not the authors' own" in finished.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["figures.json"]  # nothing beside it


def test_reproduce_of_one_notebook(capsys):
    assert main(["reproduce", "--notebook", "d2l"]) == 0
    out = capsys.readouterr().out
    assert "39 of 39 identical" in out and "straight_dope" not in out


def test_reproduce_exits_1_when_a_figure_is_different(monkeypatch, capsys):
    document = published.document

    def altered(notebook):
        return json.loads(json.dumps(document(notebook)).replace("6.000587", "6.000588"))

    monkeypatch.setattr(reproduction.published, "document", altered)
    assert main(["reproduce", "--notebook", "d2l"]) == 1
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
    finished = subprocess.run(
        [sys.executable, "-m", "d2l_linreg", "info"], stdout=subprocess.PIPE,
        universal_newlines=True, env=dict(__import__("os").environ, OPENBLAS_CORETYPE="Prescott"))
    assert "Nothing here keeps" not in finished.stdout or "unknown" in finished.stdout
