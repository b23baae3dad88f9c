"""Training that is killed, and goes on: the same bits as if nothing had been."""
import os
import random
import signal
import subprocess
import sys
import time

import numpy
import pytest
from descent import same

from d2l_linreg import DataError, TrainResult, train
from d2l_linreg.training import checkpoint

NOTEBOOKS = ("d2l", "straight_dope")
KILLS = int(os.environ.get("KILLS", 8))

# Writes its checkpoint as often as it can, so that kills fall into the writing, too.
TRAIN = """
import sys
from d2l_linreg import train
from d2l_linreg.training import checkpoint
checkpoint.EVERY = 0
notebook, path, saved = sys.argv[1:]
print("training", flush=True)
train(notebook, ctx="cpu", num_epochs={"d2l": 80, "straight_dope": 12}[notebook], shuffle_seed=3,
      checkpoint=path, verbose=False).save(saved)
"""

# The command line, likewise
MAIN = """
import sys
from d2l_linreg.training import checkpoint
from d2l_linreg.cli import main
checkpoint.EVERY = 0
sys.exit(main())
"""


def start(notebook, folder, name):
    """A process that is just about to train, and then saves its result as `name`."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN, notebook, str(folder / "checkpoint"), str(folder / name)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert process.stdout.readline() == "training\n"
    return process


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_killed_at_random_moments_and_resumed_it_ends_with_the_same_bits(notebook, tmp_path):
    process = start(notebook, tmp_path, "undisturbed")
    began = time.monotonic()
    assert process.wait() == 0
    seconds = time.monotonic() - began
    undisturbed = TrainResult.load(str(tmp_path / "undisturbed"))
    rng, killed, resumed = random.Random(notebook), 0, 0
    while killed < KILLS // 2:
        (tmp_path / "checkpoint").unlink()
        process = start(notebook, tmp_path, "killed")
        time.sleep(rng.uniform(0, 0.9 * seconds))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL  # it may have ended before
        again = start(notebook, tmp_path, "resumed")
        _, errors = again.communicate()
        assert again.returncode == 0, errors
        resumed += "resumed from" in errors
        assert same(TrainResult.load(str(tmp_path / "resumed")), undisturbed)
        assert {p.name for p in tmp_path.iterdir()} <= {
            "checkpoint", "undisturbed", "killed", "killed.part", "resumed"}
    assert resumed >= killed / 2  # most kills came after the first checkpoint


@pytest.mark.parametrize("engine", ["compiled", "autograd", "scan", "fused"])
@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_engine_goes_on_from_the_middle_of_an_epoch(notebook, engine, tmp_path, monkeypatch):
    monkeypatch.setattr("d2l_linreg.training.orders.STEPS", 7)  # so that an epoch has many pieces
    monkeypatch.setattr(checkpoint, "EVERY", 0)
    rng = numpy.random.RandomState(0)
    X = rng.standard_normal((203, 3))
    numpy.save(str(tmp_path / "X.npy"), X)
    numpy.save(str(tmp_path / "y.npy"), X @ [1, 2, 3] + 4)
    files = dict(data=str(tmp_path / "X.npy"), labels=str(tmp_path / "y.npy"))
    for given in (files, dict(data=(X, X @ [1, 2, 3] + 4))):
        given.update(notebook=notebook, engine=engine, num_epochs=3, batch_size=4, ctx="cpu",
                     learning_rate=0.01, verbose=False)
        undisturbed = train(**given)
        save, path = checkpoint.Checkpoint.save, str(tmp_path / "checkpoint")
        for stop_after in (1, 3, 8, 15, 23, 24):  # 8 pieces an epoch
            stopped = []

            def save_and_stop(self, at_once=False):
                save(self, at_once)
                stopped.append(self.progress.segments)
                if self.progress.segments == stop_after and not at_once:
                    raise KeyboardInterrupt

            monkeypatch.setattr(checkpoint.Checkpoint, "save", save_and_stop)
            with pytest.raises(KeyboardInterrupt):
                train(checkpoint=path, **given)
            monkeypatch.setattr(checkpoint.Checkpoint, "save", save)
            assert same(train(checkpoint=path, **given), undisturbed)
            assert len(stopped) == stop_after
            os.remove(path)


def test_a_run_that_has_ended_gives_its_result_and_its_lines_again(tmp_path, capsys):
    path = str(tmp_path / "checkpoint")
    first = train(ctx="cpu", checkpoint=path)
    lines = capsys.readouterr().out
    again = train(ctx="cpu", checkpoint=path)
    assert same(first, again) and first.seconds <= again.seconds
    out, err = capsys.readouterr()
    assert out == lines and "after 300 steps" in err


def test_a_checkpoint_of_another_run_is_refused_and_kept(tmp_path):
    path = tmp_path / "checkpoint"
    X = numpy.random.RandomState(0).standard_normal((50, 2))
    train(data=(X, X[:, 0]), ctx="cpu", checkpoint=str(path), verbose=False)
    kept = path.read_bytes()
    for other, name in ((dict(learning_rate=0.1), "learning_rate"), (dict(engine="scan"), "engine"),
                        (dict(batch_size=5), "batch_size"), (dict(shuffle_seed=1), "shuffle_seed"),
                        (dict(data=(X, X[:, 1])), "data"), (dict(num_epochs=4), "num_epochs"),
                        (dict(notebook="straight_dope"), "notebook|learning_rate"),
                        (dict(order=[range(50)] * 3), "order|shuffle_seed")):
        with pytest.raises(ValueError, match=f"of another run: its ({name}) is"):
            train(**dict(dict(data=(X, X[:, 0]), ctx="cpu", checkpoint=str(path), verbose=False),
                         **other))
    assert path.read_bytes() == kept


def test_a_damaged_checkpoint_is_refused_before_any_work(tmp_path, capsys):
    path = tmp_path / "checkpoint"
    train(ctx="cpu", checkpoint=str(path), verbose=False)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="is damaged"):
        train(ctx="cpu", checkpoint=str(path))
    assert capsys.readouterr().out == ""
    for nowhere in (str(tmp_path), str(tmp_path / "no" / "checkpoint"), ""):
        with pytest.raises(ValueError, match="checkpoint is .*cannot be written"):
            train(ctx="cpu", checkpoint=nowhere)


def test_a_full_disk_stops_training_and_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "EVERY", 0)
    path = tmp_path / "checkpoint"
    undisturbed = train("straight_dope", ctx="cpu", shuffle_seed=1, verbose=False)
    save, saved = checkpoint.Checkpoint.save, []

    def save_until_the_disk_is_full(self, at_once=False):
        if saved:
            (tmp_path / "checkpoint.part").symlink_to("/dev/full")
        save(self, at_once)
        saved.append(path.read_bytes())

    monkeypatch.setattr(checkpoint.Checkpoint, "save", save_until_the_disk_is_full)
    with pytest.raises(OSError, match="No space left"):
        train("straight_dope", ctx="cpu", shuffle_seed=1, checkpoint=str(path), verbose=False)
    assert [path.read_bytes()] == saved
    monkeypatch.setattr(checkpoint.Checkpoint, "save", save)
    assert same(undisturbed, train("straight_dope", ctx="cpu", shuffle_seed=1,
                                   checkpoint=str(path), verbose=False))


@pytest.mark.parametrize("stop, status", [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_ctrl_c_and_sigterm_end_the_command_and_the_same_command_goes_on(stop, status, tmp_path):
    command = [sys.executable, "-c", MAIN, "train", "straight_dope", "--ctx", "cpu",
               "--num-epochs", "40", "--checkpoint", str(tmp_path / "checkpoint")]

    def run():
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                universal_newlines=True)

    process = run()
    while not (tmp_path / "checkpoint").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(stop)
    first, errors = process.communicate()
    assert process.returncode == status
    assert errors == "" if stop == signal.SIGTERM else errors.endswith("interrupted\n")
    # But for what Python says of an array that MXNet was just making
    assert errors.count("Traceback") == errors.count("Exception ignored in")
    second = run()
    lines, errors = second.communicate()
    assert second.returncode == 0 and "resumed from" in errors
    assert lines.startswith(first) and len(lines.splitlines()) == 5 * 40
