"""Training that is killed, and goes on: the same bits as if nothing had been."""
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy
import pytest
from after_writing import after_writing, ctrl_c
from descent import same
from forged import forged, parts

from d2l_linreg import DataError, TrainResult, published, train
from d2l_linreg.compat.mxnet import mx
from d2l_linreg.distributed.group import Group
from d2l_linreg.training import checkpoint
from d2l_linreg.training.plan import make_plan

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
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "training\n"
    return process


def test_killed_at_random_moments_and_resumed_it_ends_with_the_same_bits(notebook, tmp_path):
    process = start(notebook, tmp_path, "undisturbed")
    began = time.monotonic()
    process.communicate()
    assert process.returncode == 0
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
        unfinished = {p for p in tmp_path.iterdir()} - {
            tmp_path / name for name in ("checkpoint", "undisturbed", "killed", "resumed")}
        assert len(unfinished) <= 1  # as nothing is done after SIGKILL
        for path in unfinished:
            path.unlink()
    assert resumed >= killed / 2  # most kills came after the first checkpoint


@pytest.mark.parametrize("in_files", [False, True])
def test_every_engine_goes_on_from_the_middle_of_an_epoch(
        notebook, engine, in_files, tmp_path, saved_at_each_piece):
    X = numpy.random.RandomState(0).standard_normal((203, 3))
    data = dict(data=(X, X @ [1, 2, 3] + 4))
    if in_files:
        data = dict(data=str(tmp_path / "X.npy"), labels=str(tmp_path / "y.npy"))
        numpy.save(data["data"], X)
        numpy.save(data["labels"], X @ [1, 2, 3] + 4)
    given = dict(data, notebook=notebook, engine=engine, num_epochs=3, batch_size=4, ctx="cpu",
                 learning_rate=0.01, verbose=False)
    undisturbed, path = train(**given), str(tmp_path / "checkpoint")
    for written in (1, 3, 8, 15, 23, 24):  # 51 batches are 8 pieces an epoch
        with pytest.raises(KeyboardInterrupt), after_writing(written, ctrl_c) as before:
            train(checkpoint=path, **given)
        with after_writing(None, ctrl_c) as after:
            assert same(train(checkpoint=path, **given), undisturbed)
        assert len(before + after) == 3 * 8 + 1  # each piece once, and once at the end
        os.remove(path)


def test_moving_averages_come_from_before_and_after_a_stop(tmp_path, monkeypatch):
    monkeypatch.setattr("d2l_linreg.training.orders.STEPS", 300)  # 9 pieces an epoch; one every 500
    monkeypatch.setattr(checkpoint, "EVERY", 0)
    given, path = dict(ctx="cpu", verbose=False), str(tmp_path / "checkpoint")
    undisturbed = train("straight_dope", **given)
    for written in (1, 4, 9, 10, 13):
        with pytest.raises(KeyboardInterrupt), after_writing(written, ctrl_c):
            train("straight_dope", checkpoint=path, **given)
        resumed = train("straight_dope", checkpoint=path, **given)
        assert same(resumed, undisturbed) and resumed.moving_losses == undisturbed.moving_losses
        os.remove(path)


def test_a_run_that_has_ended_gives_its_result_and_its_lines_again(tmp_path, capsys):
    path = str(tmp_path / "checkpoint")
    first = train(ctx="cpu", checkpoint=path)
    lines = capsys.readouterr().out
    again = train(ctx="cpu", checkpoint=path)
    assert same(first, again) and first.seconds <= again.seconds
    out, err = capsys.readouterr()
    assert out == lines and "after 300 steps" in err


def test_a_checkpoint_of_the_data_of_before_is_refused_with_words_that_say_why(
        notebook, tmp_path):
    path = tmp_path / "checkpoint"
    train(notebook, ctx="cpu", num_epochs=1, checkpoint=str(path), verbose=False)
    first, arrays, text = parts(path)
    text["run"]["data"] = None  # as versions before 0.2.0 had it of a notebook's own data
    path.write_bytes(forged(first, arrays, text))
    kept = path.read_bytes()
    with pytest.raises(ValueError, match="before 0.2.0: 3 % of those numbers are off the authors'"):
        train(notebook, ctx="cpu", num_epochs=1, checkpoint=str(path), verbose=False)
    assert path.read_bytes() == kept


def test_an_order_is_the_same_whatever_its_type(tmp_path):
    path, order = str(tmp_path / "checkpoint"), published.order("d2l")
    first = train(ctx="cpu", checkpoint=path, order=order, verbose=False)
    again = train(ctx="cpu", checkpoint=path, order=order.tolist(), verbose=False)
    assert same(first, again) and first.order_sha256 == again.order_sha256 is not None


def test_a_checkpoint_of_another_run_is_refused_and_kept(tmp_path):
    path = tmp_path / "checkpoint"
    X = numpy.random.RandomState(0).standard_normal((50, 2))
    train(data=(X, X[:, 0]), ctx="cpu", checkpoint=str(path), verbose=False)
    kept = path.read_bytes()
    for other, name in ((dict(learning_rate=0.1), "learning_rate"),
                        (dict(engine="native"), "engine"), (dict(batch_size=5), "batch_size"),
                        (dict(shuffle_seed=1), "shuffle_seed"),
                        (dict(data=(X, X[:, 1])), "data"), (dict(num_epochs=4), "num_epochs"),
                        (dict(notebook="straight_dope"), "notebook|learning_rate"),
                        (dict(order=[range(50)] * 3), "order|shuffle_seed")):
        with pytest.raises(ValueError, match=f"of another run: its ({name}) is"):
            train(**dict(dict(data=(X, X[:, 0]), ctx="cpu", checkpoint=str(path), verbose=False),
                         **other))
    assert path.read_bytes() == kept


def test_a_checkpoint_tells_kinds_and_numbers_of_devices_apart():
    X, y = numpy.eye(3, dtype="float32"), numpy.ones(3, "float32")
    plan = make_plan(
        "d2l", data=(X, y), labels=None, ctx="cpu", learning_rate=None, num_epochs=None,
        batch_size=None, shuffle_seed=None, order=None, engine="compiled", kvstore=None,
        checkpoint="checkpoint")
    groups = [tuple(map(device, range(count)))
              for device in (mx.cpu, mx.gpu) for count in (1, 2, 3)]
    runs = [replace(plan, group=Group(contexts, "local")).run((X, y)) for contexts in groups]
    assert all(one != other for one, other in itertools.combinations(runs, 2))


@pytest.mark.parametrize("other, message", [
    (dict(engine="compiled"), "its engine is 'autograd', not 'compiled'"),
    (dict(engine="autograd", ctx=["cpu(0)", "cpu(1)"]), "'(compiled|autograd|local)'")])
def test_a_refusal_names_engines_as_users_name_them(other, message, tmp_path):
    path = str(tmp_path / "checkpoint")
    train(ctx="cpu", engine="autograd", num_epochs=1, checkpoint=path, verbose=False)
    with pytest.raises(ValueError, match=message):
        train(**dict(dict(ctx="cpu", num_epochs=1, checkpoint=path, verbose=False), **other))


def test_a_damaged_checkpoint_is_refused_before_any_work(tmp_path, capsys):
    path = tmp_path / "checkpoint"
    train(ctx="cpu", checkpoint=str(path), verbose=False)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="is damaged"):
        train(ctx="cpu", checkpoint=str(path))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("nowhere", ["{}", "{}/no/checkpoint", ""])
def test_a_checkpoint_that_cannot_be_written_is_refused_before_any_work(nowhere, tmp_path, capsys):
    with pytest.raises(ValueError, match="checkpoint is .*cannot be written"):
        train(ctx="cpu", checkpoint=nowhere.format(tmp_path))
    assert capsys.readouterr().out == ""


# After its first checkpoint the disk has no room for a longer one.
FULL = """
import os, resource, shutil, sys
from d2l_linreg import train
from d2l_linreg.training import checkpoint
path, seen = sys.argv[1:]
checkpoint.EVERY, replace = 0, os.replace

def replace_and_fill(source, target):
    replace(source, target)
    if not os.path.exists(seen):
        shutil.copy(path, seen)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (os.path.getsize(path), hard))

os.replace = replace_and_fill
train("straight_dope", ctx="cpu", shuffle_seed=1, verbose=False, checkpoint=path)
"""


def test_a_full_disk_stops_training_and_keeps_the_last_checkpoint(tmp_path):
    pytest.importorskip("resource")
    path, seen = tmp_path / "checkpoint", tmp_path / "seen"
    given = dict(notebook="straight_dope", ctx="cpu", shuffle_seed=1, verbose=False)
    finished = subprocess.run([sys.executable, "-c", FULL, str(path), str(seen)],
                              stderr=subprocess.PIPE, text=True)
    assert "OSError: [Errno 27] File too large" in finished.stderr
    assert path.read_bytes() == seen.read_bytes()
    assert same(train(checkpoint=str(path), **given), train(**given))  # goes on, once there is room


@pytest.mark.parametrize("engine, num_epochs", [("compiled", 40), ("native", 200)])
@pytest.mark.parametrize("stop, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_sigterm_end_the_command_and_the_same_command_goes_on(
        stop, status, engine, num_epochs, tmp_path):
    command = [sys.executable, "-c", MAIN, "train", "straight_dope", "--ctx", "cpu", "--engine",
               engine, "--num-epochs", str(num_epochs), "--checkpoint",
               str(tmp_path / "checkpoint")]

    def run():
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)

    process = run()
    path = tmp_path / "checkpoint"
    while not (path.exists() and path.stat().st_size):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(stop)
    first, errors = process.communicate()
    assert process.returncode == status
    assert errors.endswith("terminated\n" if stop == signal.SIGTERM else "interrupted\n")
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint"]
    # But for what Python says of an array that MXNet was just making
    assert errors.count("Traceback") == errors.count("Exception ignored in")
    second = run()
    lines, errors = second.communicate()
    assert second.returncode == 0 and "resumed from" in errors
    transcript, _, learned = lines.partition("\n\n")
    assert lines.startswith(first) and len(transcript.splitlines()) == 5 * num_epochs
    assert learned.startswith("w[0] ")


@pytest.mark.parametrize("seconds, rest", [(0.001, 1), (0.02, 1), (0.5, 25), (4, 200)])
def test_a_checkpoint_takes_two_hundredths_of_the_time_whatever_its_size(
        seconds, rest, tmp_path, monkeypatch):
    """By a clock of its own: a writing takes so many seconds, and a piece of training a tenth."""
    now, written = [0.0], []

    def write(self, content):
        written.append(now[0])
        now[0] += seconds

    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(checkpoint.Exclusive, "write", write)
    kept = checkpoint.Checkpoint(str(tmp_path / "checkpoint"), {})
    kept.progress.batch_losses = [numpy.zeros(1, "float32")]
    while len(written) < 5:
        now[0] += 0.1
        kept.save()
    assert 1 <= written[0] < 1.2
    for before, after in zip(written, written[1:], strict=False):
        assert rest - 1e-6 <= after - before - seconds < rest + 0.11
    kept.save(at_once=True)
    kept.close()
    assert len(written) == 6
