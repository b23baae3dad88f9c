"""Several workers, as real processes: what they come to, and how they end."""
import os
import random
import signal
import subprocess
import sys
import time

import numpy
import psutil
import pytest
from descent import loop_in_float64, same

from d2l_linreg import TrainResult, train
from d2l_linreg.cli import main
from d2l_linreg.settings import NOTEBOOKS
from d2l_linreg.training import draw

KILLS = int(os.environ.get("KILLS", 3))
ROLES = ("scheduler", "server 0", "worker 1")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="launch is for POSIX systems")


def start(*arguments, workers=2, servers=1, options=(), prefix=(), environ=None):
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", "d2l_linreg", "launch", "-n", str(workers), "-s",
         str(servers), *options, "--", "train", "--ctx", "cpu", *map(str, arguments)],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)


def launch(*arguments, **options):
    """Launch to the end, which must be a good one; what it printed."""
    process = start(*arguments, **options)
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return printed


def wait_for(condition, seconds=60):
    """The condition's value, once it has one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("nothing in {} s".format(seconds))


def children(launcher, count):
    """Its processes, in the order of starting: scheduler, servers, workers."""
    def found():
        processes = psutil.Process(launcher.pid).children()
        return sorted(processes, key=lambda p: p.pid) if len(processes) == count else None

    return wait_for(found)


def listening(process):
    """The addresses where a process listens; for UDP, where it is bound."""
    try:
        connections = getattr(process, "net_connections", process.connections)(kind="inet")
    except psutil.Error:
        return []
    return [c.laddr.ip for c in connections if c.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)]


def gone(processes):
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_four_workers_with_batches_of_1_are_one_with_batches_of_4(tmp_path):
    # straight_dope has published the batches of 4, and the order found for them applies
    printed = launch("straight_dope", "--batch-size", 1, "--num-epochs", 1, "--shuffle-seed", 3,
                     "--save", tmp_path / "four", workers=4, servers=2)
    four = TrainResult.load(str(tmp_path / "four"))
    one = train("straight_dope", batch_size=4, num_epochs=1, shuffle_seed=3, ctx="cpu",
                verbose=False)
    assert printed == four.transcript and len(printed.splitlines()) == 5  # of one worker alone
    assert abs(four.w - one.w).max() <= 1e-5 and abs(four.b - one.b) <= 1e-5
    numpy.testing.assert_allclose(four.epoch_losses, one.epoch_losses, rtol=1.2e-3)
    assert len(four.batch_losses) == len(one.batch_losses) == 2500


def test_each_worker_reads_its_own_share_of_a_file(tmp_path):
    # 1,000 examples for 3 workers: rows 0 to 333, 334 to 667, and 666 to 999, each shuffled
    # alike, in 66 batches of 5 and one of 4
    rng = numpy.random.RandomState(4)
    X = rng.standard_normal((1000, 3)).astype("float32")
    y = (X @ [1, -2, 3] + 0.5 + 0.1 * rng.standard_normal(1000)).astype("float32")
    numpy.save(str(tmp_path / "X.npy"), X)
    numpy.save(str(tmp_path / "y.npy"), y)
    launch("--data", tmp_path / "X.npy", "--labels", tmp_path / "y.npy", "--batch-size", 5,
           "--num-epochs", 2, "--learning-rate", 0.1, "--shuffle-seed", 7,
           "--save", tmp_path / "result", workers=3)
    result = TrainResult.load(str(tmp_path / "result"))
    shuffle, orders = numpy.random.RandomState(7).permutation, []
    for _ in range(2):
        shuffle(1)  # of blocks, of which there is one
        own = shuffle(334)
        batches = [own[start:start + 5] for start in range(0, 334, 5)]
        orders.append(numpy.concatenate([
            batch + first for batch in batches for first in (0, 334, 666)]))
    _, params = draw(NOTEBOOKS["d2l"], False, 3)
    w, b, losses = loop_in_float64("d2l", X, y, params[0].ravel(), params[1], orders, 0.1, 15)
    numpy.testing.assert_allclose(result.w, w, atol=1e-5)
    numpy.testing.assert_allclose(result.batch_losses, losses, rtol=1e-4)
    # over every example once, though two were visited by two workers
    numpy.testing.assert_allclose(result.epoch_losses[-1], ((X @ w + b - y) ** 2).mean() / 2,
                                  rtol=1e-5)


def test_killed_at_random_moments_it_ends_soon_names_the_dead_and_goes_on(tmp_path, capsys):
    path = tmp_path / "checkpoint"

    def arguments(name):
        return ("--num-epochs", 60, "--shuffle-seed", 3, "--checkpoint", path,
                "--save", tmp_path / name)

    began = time.monotonic()
    launch(*arguments("undisturbed"))
    seconds = time.monotonic() - began
    undisturbed = TrainResult.load(str(tmp_path / "undisturbed"))
    rng, ends = random.Random(5), []
    for kill in range(KILLS):
        path.unlink()
        role = rng.choice(ROLES) if kill >= len(ROLES) else ROLES[kill]
        launcher = start(*arguments("killed"))
        processes = children(launcher, 4)
        if kill == KILLS - 1:  # so that there is something to go on from
            wait_for(path.exists)
        else:
            time.sleep(rng.uniform(0, 0.8 * seconds))
        processes[(*ROLES[:2], "worker 0", "worker 1").index(role)].kill()
        began = time.monotonic()
        _, errors = launcher.communicate(timeout=60)
        ends.append(time.monotonic() - began)
        assert launcher.returncode == 1, errors
        assert "{} died: killed by signal 9 (SIGKILL)".format(role) in errors
        assert gone(processes)
    assert max(ends) < 10
    with capsys.disabled():
        print("\nkilled, all were gone within {:.2f} s".format(max(ends)))
    resumed = start(*arguments("resumed"))
    _, errors = resumed.communicate(timeout=300)
    assert resumed.returncode == 0 and errors.count("resumed from") == 1, errors
    # Two workers' gradients add up to the same bits in either order.
    assert same(TrainResult.load(str(tmp_path / "resumed")), undisturbed)


@pytest.mark.parametrize("stop, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143),
                                          (signal.SIGKILL, -signal.SIGKILL)])
def test_it_listens_where_it_is_told_and_a_stopped_launcher_leaves_nobody(stop, status):
    address = "127.0.0.2" if sys.platform.startswith("linux") else "127.0.0.1"
    launcher = start("--num-epochs", 10**6, options=("--address", address))
    processes = children(launcher, 4)
    wait_for(lambda: all(map(listening, processes)))
    assert {ip for process in processes for ip in listening(process)} == {address}
    assert listening(psutil.Process(launcher.pid)) == []
    launcher.send_signal(stop)
    began = time.monotonic()
    launcher.communicate(timeout=60)
    assert launcher.returncode == status
    wait_for(lambda: gone(processes), 10)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("arguments, message", [
    ("-n 2 -- reproduce", "only train can be launched"),
    ("-n 2 -- train --kvstore local", "only train can be launched"),
    ("-n 2 --", "usage"),
    ("-n 2 -- train --learning-rate x", "invalid float"),
    ("-n 0 -- train", "WORKERS is 0"),
    ("-n 1 -s 0 -- train", "SERVERS is 0"),
    ("-n 1 --address 0.0.0.0 -- train", "it stands for all addresses"),
    ("-n 1 --address 203.0.113.1 -- train", "nothing can listen"),
    ("-n 1 --hosts hosts -- train", "--hosts goes with --address"),
])
def test_a_wrong_command_starts_nothing(arguments, message, capsys):
    assert main(["launch", *arguments.split()]) == 2
    assert message in capsys.readouterr().err
    assert psutil.Process().children() == []
