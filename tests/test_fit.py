"""What the command says was learned: by NumPy in float64, and by theory."""
import json
from dataclasses import replace

import numpy
import pytest

from d2l_linreg import published, train
from d2l_linreg.cli import main
from d2l_linreg.training import fit

RNG = numpy.random.default_rng(0)
X = RNG.normal(size=(200, 2)).astype("float32")
NOISE = RNG.normal(size=200)
Y = (X @ [2, -3.4] + 4.2 + NOISE).astype("float32")


def trained(data, notebook="d2l", **settings):
    return train(notebook, data=data, ctx="cpu", verbose=False, **settings)


@pytest.mark.parametrize("factor, notebook", [(0.5, "d2l"), (1, "straight_dope")])
def test_fit_and_least_squares_are_numpys_in_float64(factor, notebook):
    result = trained((X, Y), notebook, num_epochs=5, learning_rate=0.05)
    residual = Y.astype("float64") - result.predict(X).astype("float64")
    assert fit.r_squared(result) == pytest.approx(
        1 - (residual**2).mean() / Y.astype("float64").var(), rel=1e-5)
    Z = numpy.column_stack([X, numpy.ones(200)]).astype("float64")
    theta = numpy.linalg.solve(Z.T @ Z, Z.T @ Y)  # the normal equations
    least = factor * ((Y - Z @ theta)**2).mean()
    assert fit.least_squares_loss(result) == pytest.approx(least, rel=1e-6)


def test_labels_of_one_value_have_no_variance_to_explain():
    assert fit.r_squared(trained((X, numpy.ones(200)))) is None


@pytest.mark.parametrize("far", [0, 1e4])
def test_r_squared_of_files_is_numpys_until_they_change(far, tmp_path):
    features, labels = (str(tmp_path / name) for name in ("X.npy", "y.npy"))
    numpy.save(features, numpy.tile(X, (100, 1)))
    numpy.save(labels, numpy.tile(Y, 100).astype("float64") + far)
    result = trained(features, labels=labels)
    told = 1 - 2 * result.epoch_losses[-1] / (numpy.load(labels).astype("float32").var(
        dtype="float64"))
    assert fit.r_squared(result) == pytest.approx(told, rel=1e-9)
    numpy.save(labels, Y)
    assert fit.r_squared(result) is None
    with pytest.warns(UserWarning, match="data_sha256: labels is .*changed"):
        told = json.loads(fit.to_json(result))
    assert told["w"] == result.w.tolist() and told["data_sha256"] is None is told["r_squared"]


@pytest.mark.parametrize("notebook", published.NOTEBOOKS)
@pytest.mark.parametrize("labels", [Y, (X @ [2, -3.4] + 4.2).astype("float32")])
def test_training_that_has_converged_is_not_blamed(notebook, labels):
    result = trained((X, labels), notebook, num_epochs=400, learning_rate=0.1, batch_size=200)
    assert fit.not_converged(result) is None


def test_the_notebooks_own_data_are_not_judged():
    assert fit.not_converged(train(ctx="cpu", num_epochs=1, verbose=False)) is None


@pytest.mark.parametrize("data, settings, words, others", [
    ((X, Y), {"num_epochs": 2, "learning_rate": 0.001}, "still falls, so give more epochs", "size"),
    ((X, Y), {"num_epochs": 1, "learning_rate": 0.001}, "; give more epochs, which also tell",
     "falls"),
    ((3 * X, Y), {"num_epochs": 2, "learning_rate": 1e-5}, "still falls, so give more epochs",
     "size"),  # though the largest feature is ten times 1
    ((X + [0, 5], Y), {"num_epochs": 2, "learning_rate": 1e-5}, "of unlike size, or far from 0",
     "up and down"),
    ((X, Y), {"num_epochs": 200, "learning_rate": 0.3, "batch_size": 2}, "up and down, so lower",
     "size"),
    ((X * [1, 100], Y), {"num_epochs": 30, "learning_rate": 1e-5}, "of unlike size, or far from 0",
     "falls"),
    ((X + [0, 100], Y), {"num_epochs": 30, "learning_rate": 1e-6, "batch_size": 200},
     "of unlike size, or far from 0", "up and down"),
    ((X[:, :1] * 100, Y), {"num_epochs": 9, "learning_rate": 1e-6, "batch_size": 200},
     "of unlike size, or far from 0", "up and down")])
def test_training_that_has_not_converged_says_by_how_much_and_what_to_change(
        data, settings, words, others):
    result = trained(data, **settings)
    told = fit.not_converged(result)
    ratio = result.epoch_losses[-1] / fit.least_squares_loss(result)
    assert ratio > 1.1 and f" is {ratio:.3g} times that of least squares, " in told
    assert words in told and others not in told


@pytest.mark.parametrize("ratio, converged", [(1.09, True), (1.11, False)])
def test_a_loss_is_near_enough_up_to_1_1_times_the_least(ratio, converged):
    result = trained((X, Y))
    at = replace(result, epoch_losses=(ratio * fit.least_squares_loss(result),))
    assert (fit.not_converged(at) is None) == converged


def test_following_the_advice_converges():
    scaled = (X + [0, 100]) * [1, 5]
    assert fit.not_converged(trained((scaled, Y), num_epochs=30, learning_rate=1e-7))
    as_advised = (scaled - scaled.mean(axis=0)) / scaled.std(axis=0)
    assert fit.not_converged(trained((as_advised, Y), num_epochs=30)) is None


def test_the_command_ends_with_what_was_learned_under_its_names(tmp_path, capsys):
    table = tmp_path / "homes.csv"
    table.write_text("rooms,age,price\n" + "".join(
        f"{a:.6f},{b:.6f},{y:.6f}\n" for (a, b), y in zip(X, Y, strict=True)))
    path = tmp_path / "learned.json"
    assert main(["train", "--ctx", "cpu", "--data", str(table), "--label", "price",
                 "--num-epochs", "20", "--json", str(path)]) == 0
    *_, rooms, age, b, loss, r2 = capsys.readouterr().out.splitlines()
    learned = json.loads(path.read_text())
    assert learned["schema_version"] == 1 and learned["columns"] == ["rooms", "age"]
    for line, name, value in ((rooms, "rooms", learned["w"][0]), (age, "age", learned["w"][1]),
                              (b, "b", learned["b"]), (loss, "loss", learned["loss"]),
                              (r2, "R^2", learned["r_squared"])):
        assert line.split()[0] == name and float(line.split()[1]) == pytest.approx(value, rel=1e-5)
    assert learned["w"] == pytest.approx([2, -3.4], abs=0.3)
    assert learned["loss"] == pytest.approx((NOISE**2).mean() / 2, rel=0.1)


@pytest.mark.parametrize("name", ["b", "loss", "R^2"])
def test_a_column_is_not_taken_for_what_is_ours(name, tmp_path, capsys):
    table = tmp_path / "table.csv"
    table.write_text(f"a,{name},y\n1,2,3\n2,1,4\n3,3,5\n")
    assert main(["train", "--ctx", "cpu", "--data", str(table), "--label", "y"]) == 0
    learned = capsys.readouterr().out.rpartition("\n\n")[2].splitlines()[:5]
    assert [line.split()[0] for line in learned] == ["w[a]", f"w[{name}]", "b", "loss", "R^2"]


def test_the_published_run_says_that_it_is_that_and_no_other_does(capsys):
    words = "These are all published figures of training."
    for notebook in published.NOTEBOOKS:
        for settings, said in (([], True), (["--shuffle-seed", "1"], False)):
            assert main(["train", notebook, "--ctx", "cpu", *settings]) == 0
            out = capsys.readouterr().out
            assert (words in out) == said and "R^2" not in out


def test_many_weights_are_cut_short_and_a_names_escapes_steer_no_terminal(tmp_path, capsys):
    wide = RNG.normal(size=(30, 100))
    table = tmp_path / "wide.csv"
    table.write_text(",".join([*(f"x{i}" for i in range(100)), "y"]) + "\n" + "".join(
        ",".join(f"{x:.4f}" for x in (*row, row[0])) + "\n" for row in wide))
    assert main(["train", "--ctx", "cpu", "--data", str(table), "--label", "y",
                 "--learning-rate", "0.001"]) == 0
    out = capsys.readouterr().out
    assert "... 90 more" in out and "x9 " in out and "x10 " not in out and "\nb " in out
    table.write_text("\x9b31m\u202e,y\n1,2\n2,4\n")
    assert main(["train", "--ctx", "cpu", "--data", str(table), "--label", "y"]) == 0
    assert "\n\\x9b31m\\u202e  " in capsys.readouterr().out
