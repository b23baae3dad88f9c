"""Several workers, as real processes: what they come to, and how they end."""
import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import numpy
import psutil
import pytest
from descent import initial, loop_in_float64, same
from hypothesis import given
from hypothesis import strategies as st
from processes import environ as environ_with

from d2l_linreg import DataError, TrainResult, published, train
from d2l_linreg.cli import main
from d2l_linreg.compat.mxnet import mx
from d2l_linreg.distributed.group import Group
from d2l_linreg.reproduction.figures import DIFFERENT, compare_cell

KILLS = int(os.environ.get("KILLS", 3))
ROLES = ("scheduler", "server 0", "worker 1")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="launch is for POSIX systems")


def start(*arguments, workers=2, servers=1, options=(), environ=None, cwd=None,
          stderr=subprocess.PIPE):
    return subprocess.Popen(
        [sys.executable, "-m", "d2l_linreg", "launch", "-n", str(workers), "-s",
         str(servers), *options, "--", "train", "--ctx", "cpu", *map(str, arguments)],
        env=environ, cwd=cwd, stdout=subprocess.PIPE, stderr=stderr, text=True)


def launch(*arguments, **options):
    """Launch to the end, which must be a good one; what it printed."""
    process = start(*arguments, **options)
    printed, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return printed


def wait_for(condition, seconds=120):
    """The condition's value, once it has one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"nothing in {seconds} s")


def children(launcher, count):
    """Its processes, in the order of starting: scheduler, servers, workers."""
    def found():
        processes = psutil.Process(launcher.pid).children()
        return sorted(processes, key=lambda p: p.pid) if len(processes) == count else None

    return wait_for(found)


def listening(process):
    """The addresses and ports where a process listens; for UDP, where it is bound."""
    try:
        connections = getattr(process, "net_connections", process.connections)(kind="inet")
    except psutil.Error:
        return []
    return [tuple(c.laddr) for c in connections
            if c.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)]


def gone(processes):
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_four_workers_with_batches_of_1_are_one_with_batches_of_4(tmp_path):
    printed = launch("straight_dope", "--batch-size", 1, "--num-epochs", 1, "--shuffle-seed", 3,
                     "--save", tmp_path / "four", workers=4, servers=2)
    four = TrainResult.load(str(tmp_path / "four"))
    one = train("straight_dope", batch_size=4, num_epochs=1, shuffle_seed=3, ctx="cpu",
                verbose=False)
    transcript = printed.partition("\n\n")[0] + "\n"  # of one worker alone
    assert transcript == four.transcript and len(transcript.splitlines()) == 5
    assert printed.count("\nb ") == 1  # and so is what was learned
    assert abs(four.w - one.w).max() <= 1e-5 and abs(four.b - one.b) <= 1e-5
    numpy.testing.assert_allclose(four.epoch_losses, one.epoch_losses, rtol=1.2e-3)
    assert len(four.batch_losses) == len(one.batch_losses) == 2500


def test_workers_print_the_published_figures_to_rounding():
    # Two workers' batches of 5 are the notebook's of 10, and come in the recovered order.
    cell = published.document("d2l")["cells"][-1]
    printed = launch("d2l", "--batch-size", 5).partition("\n\n")[0]
    figures = list(compare_cell("d2l", cell, printed))
    assert len(figures) == 6 and all(figure.verdict != DIFFERENT for figure in figures)


def test_each_worker_reads_its_own_share_of_a_file(tmp_path):
    # 1,000 examples for 3 workers: rows 0 to 333, 333 to 666, and 666 to 999, each shuffled
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
            batch + first for batch in batches for first in (0, 333, 666)]))
    w, b, losses = loop_in_float64("d2l", X, y, *initial("d2l", 3), orders, 0.1, 15)
    numpy.testing.assert_allclose(result.w, w, atol=1e-5)
    numpy.testing.assert_allclose(result.batch_losses, losses, rtol=1e-4)
    # over every example once, though rows 333 and 666 were visited by two workers
    numpy.testing.assert_allclose(result.epoch_losses[-1], ((X @ w + b - y) ** 2).mean() / 2,
                                  rtol=1e-5)


@given(st.data())
def test_parts_of_a_file_are_equally_long_and_no_row_is_in_more_than_two(data):
    workers = data.draw(st.integers(1, 40))
    rows = data.draw(st.integers(workers, 400))
    group, times, counted = Group((mx.cpu(),)), numpy.zeros(rows, int), []
    group.num_workers = workers
    for group.rank in range(workers):
        (part,), shared = group.share(numpy.arange(rows))
        assert len(part) == -(-rows // workers)  # so all take equally many batches of any size
        assert (numpy.diff(part) == 1).all()
        times[part] += 1
        counted += list(part[shared:])
    assert set(times) <= {1, 2} and times.sum() - rows <= workers - 1
    assert counted == list(range(rows))  # each once in the average


def test_a_file_with_fewer_examples_than_workers_is_refused():
    group = Group((mx.cpu(),))
    group.num_workers = 5
    with pytest.raises(DataError, match="4 examples, too few for 5 workers"):
        group.share(numpy.zeros((4, 2)), numpy.zeros(4))


LONG = "--num-epochs", 60, "--shuffle-seed", 3


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The result of a run of two workers to which nothing happened, and its seconds."""
    folder, began = tmp_path_factory.mktemp("undisturbed"), time.monotonic()
    launch(*LONG, "--checkpoint", folder / "checkpoint", "--save", folder / "result")
    return TrainResult.load(str(folder / "result")), time.monotonic() - began


def test_killed_at_random_moments_it_ends_soon_names_the_dead_and_goes_on(
        undisturbed, tmp_path, capsys):
    path = tmp_path / "checkpoint"

    def arguments(name):
        return *LONG, "--checkpoint", path, "--save", tmp_path / name

    undisturbed, seconds = undisturbed
    rng, ends = random.Random(5), []
    for kill in range(KILLS):
        if path.exists():
            path.unlink()
        role = rng.choice(ROLES) if kill >= len(ROLES) else ROLES[kill]
        launcher = start(*arguments("killed"))
        processes = children(launcher, 4)
        if kill == KILLS - 1:  # so that there is something to go on from
            wait_for(lambda: path.exists() and path.stat().st_size)
        else:
            time.sleep(rng.uniform(0, 0.5 * seconds))  # well before its end
        processes[(*ROLES[:2], "worker 0", "worker 1").index(role)].kill()
        began = time.monotonic()
        _, errors = launcher.communicate(timeout=60)
        ends.append(time.monotonic() - began)
        assert launcher.returncode == 1, errors
        assert f"{role} died: killed by signal 9 (SIGKILL)" in errors
        assert gone(processes)
    assert max(ends) < 10
    with capsys.disabled():
        print(f"\nkilled, all were gone within {max(ends):.2f} s")
    resumed = start(*arguments("resumed"))
    _, errors = resumed.communicate(timeout=300)
    assert resumed.returncode == 0 and errors.count("resumed from") == 1, errors
    # Two workers' gradients add up to the same bits in either order.
    assert same(TrainResult.load(str(tmp_path / "resumed")), undisturbed)


ADDRESS = "127.0.0.2" if sys.platform.startswith("linux") else "127.0.0.1"


@contextlib.contextmanager
def told(*arguments, **options):
    """A launcher, and a function that gives what it has said so far."""
    def said():
        with open(errors.name) as lines:
            return [line.partition(": ")[2].strip() for line in lines
                    if line.startswith("d2l-linreg launch: ")]

    with tempfile.NamedTemporaryFile("a") as errors:
        launcher = start(*arguments, **options, stderr=errors)
        launcher.said = errors.name
        try:
            yield launcher, said
        finally:
            launcher.kill()
            launcher.communicate()


def test_who_stands_still_is_named_and_may_go_on_to_the_same_bits(undisturbed, tmp_path):
    arguments = *LONG, "--save", tmp_path / "stopped"
    with told(*arguments, options=("--patience", "2")) as (launcher, said):
        processes = children(launcher, 4)
        wait_for(lambda: all(map(listening, processes)))
        for index, name in (3, "worker 1"), (1, "server 0"), (0, "scheduler"):
            processes[index].suspend()
            wait_for(lambda who=name: (f"{who} stands still: no sign of life for 2 s; after 20 s "
                                       "all will be ended") in said())
            processes[index].resume()
            # after the scheduler all may soon be over
            wait_for(lambda who=name: f"{who} goes on" in said() or launcher.poll() == 0)
        launcher.communicate(timeout=300)
        assert launcher.returncode == 0
    assert same(TrainResult.load(str(tmp_path / "stopped")), undisturbed[0])


def test_who_stands_still_ten_times_as_long_is_dead_but_not_if_the_launcher_slept_too():
    with told("--num-epochs", 10**6, options=("--patience", "1")) as (launcher, said):
        processes = children(launcher, 4)
        wait_for(lambda: all(map(listening, processes)))
        everyone = [psutil.Process(launcher.pid), *processes]
        for process in everyone:  # as on a laptop whose lid is closed
            process.suspend()
        time.sleep(11)
        for process in everyone:
            process.resume()
        time.sleep(2)
        assert launcher.poll() is None
        processes[1].suspend()
        began = time.monotonic()
        launcher.communicate(timeout=60)
        assert 8 < time.monotonic() - began < 20
        assert launcher.returncode == 1
        assert [line for line in said() if "stood still" in line] == [
            "server 0 stood still: no sign of life for 10 s; all others were ended"]
        assert gone(processes)


def test_who_is_long_at_work_is_named_and_not_ended(tmp_path):
    # One draws at its end, with a library that comes from a slow disk; the other waits for it. It
    # is MXNet that says which is the first; so whoever draws tells.
    (tmp_path / "sitecustomize.py").write_text("""
import sys, time
class SlowDisk:
    def find_spec(name, *where):
        if name == "matplotlib.backends.backend_svg":
            print("a slow disk", file=sys.stderr, flush=True)
            time.sleep(12)
sys.meta_path.insert(0, SlowDisk)
""")
    with told("--plot", tmp_path / "fit.svg", options=("--patience", "1"),
              environ=environ_with(PYTHONPATH=tmp_path)) as (launcher, said):
        launcher.communicate(timeout=120)
        with open(launcher.said) as lines:
            (who,) = re.findall("^(.*): a slow disk$", lines.read(), re.MULTILINE)
        assert launcher.returncode == 0
        assert f"no step for 1 s; still at work: {who}" in said()
    assert (tmp_path / "fit.svg").exists()


def test_a_group_whose_messages_are_lost_is_ended(tmp_path):
    # MXNet can be told to drop so many of a hundred messages, once all know one another.
    launcher = start(options=("--patience", "1"), environ=environ_with(PS_DROP_MSG="100"))
    _, errors = launcher.communicate(timeout=120)
    assert launcher.returncode == 1
    assert errors.endswith("d2l-linreg launch: every worker stood still: all live, but none had "
                           "what it waits for for 10 s; all others were ended\n")


def zmtp(frame):
    """What says in MXNet's transport's protocol: here I am, and this is my message."""
    def sized(flags, content):
        return bytes([flags, len(content)]) + content

    ready = b"\5READY\x0bSocket-Type" + b"\0\0\0\6DEALER"
    return (b"\xff" + bytes(7) + b"\1\x7f" + b"\3\0NULL" + bytes(48), sized(4, ready),
            sized(0, frame))


def send(address, *parts):
    with contextlib.suppress(ConnectionError), socket.create_connection(address) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.2)


@pytest.mark.parametrize("index, name, parts", [
    (0, "scheduler", (b"\1\0", b"\6\0hello")),  # as in that protocol's first version
    (1, "server 0", zmtp(b"hello")),
    (3, "worker 1", zmtp(b"")),
])
def test_a_stranger_on_a_port_is_called_one(index, name, parts, launched):
    launcher, processes = launched
    ports = [listening(process)[0] for process in processes]
    for address in ports:  # does no harm
        send(address)
        send(address, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        send(address, b"SSH-2.0-OpenSSH_9.6\r\n")
    assert launcher.poll() is None
    send(ports[index], *parts)
    _, errors = launcher.communicate(timeout=60)
    assert launcher.returncode == 1 and gone(processes)
    where = "{}:{}".format(*ports[index])
    assert (f"{name} died: killed by signal 6 (SIGABRT); something other than MXNet connected to "
            f"{where}, a port scanner perhaps; let nobody else reach that") in errors


@pytest.fixture
def launched():
    """A launcher that was told an address, and its processes, which train for long."""
    launcher = start("--num-epochs", 10**6, options=("--address", ADDRESS))
    try:
        processes = children(launcher, 4)
        wait_for(lambda: all(map(listening, processes)))
        yield launcher, processes
    finally:
        launcher.kill()
        launcher.communicate()


def test_it_listens_where_it_is_told_alone(launched):
    launcher, processes = launched
    assert {ip for process in processes for ip, _ in listening(process)} == {ADDRESS}
    assert listening(psutil.Process(launcher.pid)) == []


@pytest.mark.parametrize("stop, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143),
                                          (signal.SIGKILL, -signal.SIGKILL)])
def test_a_stopped_launcher_leaves_nobody(stop, status, launched):
    launcher, processes = launched
    launcher.send_signal(stop)
    began = time.monotonic()
    launcher.communicate(timeout=60)
    assert launcher.returncode == status
    wait_for(lambda: gone(processes), 10)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("arguments, message", [
    ("-n 2 -- reproduce", "only train can be launched"),
    ("-n 2 -- train --kvstore local", "only train can be launched"),
    ("-n 2 --", "only train can be launched"),
    ("-n 2 -- train --learning-rate x", "invalid float"),
    ("-n 0 -- train", "WORKERS is 0"),
    ("-n 1 -s 0 -- train", "SERVERS is 0"),
    ("-n 1 --address 0.0.0.0 -- train", "it stands for all addresses"),
    ("-n 1 --address 203.0.113.1 -- train", "nothing can listen"),
    ("-n 1 --hosts hosts -- train", "--hosts goes with --address"),
    ("-n 1 --address 127.0.0.1 --hosts nowhere -- train", "--hosts is 'nowhere'"),
    *((f"-n 1 --patience {value} -- train", f"--patience is {read}; give seconds, 1 or more")
      for value, read in (("0.5", 0.5), ("-60", -60.0), ("nan", "nan"), ("inf", "inf"))),
])
def test_a_wrong_command_starts_nothing(arguments, message, capsys):
    assert main(["launch", *arguments.split()]) == 2
    assert message in capsys.readouterr().err
    assert psutil.Process().children() == []


def test_a_node_without_the_environment_that_launch_sets_says_so(monkeypatch, capsys):
    monkeypatch.delenv("DMLC_ROLE", raising=False)
    assert main(["node"]) == 2
    assert "DMLC_ROLE" in capsys.readouterr().err


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def start_by_hand(*workers):
    """A scheduler, a server, and workers, each given as its folder and its command."""
    environ = dict(os.environ, DMLC_PS_ROOT_URI="127.0.0.1", DMLC_PS_ROOT_PORT=str(free_port()),
                   DMLC_NUM_WORKER=str(len(workers)), DMLC_NUM_SERVER="1",
                   DMLC_NODE_HOST="127.0.0.1")
    node = None, ["-m", "d2l_linreg", "node"]
    return [subprocess.Popen(
        [sys.executable, *command], cwd=folder and str(folder), env=dict(environ, DMLC_ROLE=role),
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for role, (folder, command) in zip(["scheduler", "server"] + ["worker"] * len(workers),
                                           [node, node, *workers], strict=True)]


def test_a_server_unpickles_nothing_that_it_is_sent(tmp_path):
    attack = """
import os, sys, time
import d2l_linreg, mxnet
class Attack:
    def __reduce__(self):
        return os.mkdir, (sys.argv[1],)
store = mxnet.kv.create("dist_sync")
store._send_command_to_servers(0, __import__("pickle").dumps(Attack(), 0).decode())
"""
    (_, server, _) = processes = start_by_hand((tmp_path, ["-c", attack, "attacked"]))
    try:
        errors = server.communicate(timeout=120)[1]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert "this server unpickles nothing" in errors
    assert not (tmp_path / "attacked").exists()


def test_workers_that_read_different_checkpoints_are_refused(tmp_path):
    (tmp_path / "alone").mkdir()
    arguments = ["--ctx", "cpu", "--batch-size", "5", "--checkpoint", "checkpoint"]
    launch(*arguments[2:], cwd=str(tmp_path))
    worker = ["-m", "d2l_linreg", "train", "--kvstore", "dist_sync", *arguments]
    processes = start_by_hand((tmp_path, worker), (tmp_path / "alone", worker))
    try:
        for process in processes[2:]:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 2 and "name a file that all can read" in errors
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert not list((tmp_path / "alone").iterdir())


def needs(command):
    path = shutil.which(command, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{command} is not installed")
    return path


def working_in(folder):
    """All processes, whoever started them, that work in a folder."""
    return [process for process in psutil.process_iter(["cwd", "environ"])
            if process.info["cwd"] == folder]


@pytest.fixture
def ssh_server(tmp_path):
    """An ssh server on 127.0.0.1 with keys of its own: its port, and an environment for clients."""
    server, client, keygen = map(needs, ("sshd", "ssh", "ssh-keygen"))
    for name in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)],
                       check=True)
    (tmp_path / "server").write_text(
        f"ListenAddress 127.0.0.1\nHostKey {tmp_path}/host\n"
        f"AuthorizedKeysFile {tmp_path}/user.pub\nStrictModes no\nPidFile none\nUsePAM no\n")
    (tmp_path / "client").write_text(
        f"IdentityFile {tmp_path}/user\nUserKnownHostsFile {tmp_path}/known_hosts\n"
        "IdentitiesOnly yes\nLogLevel ERROR\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ssh").write_text(f'#!/bin/sh\nexec {client} -F {tmp_path}/client "$@"\n')
    (tmp_path / "bin" / "ssh").chmod(0o755)
    environ = dict(os.environ, PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    if os.getuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)  # where root's server is to have no rights
    port = free_port()
    process = subprocess.Popen([server, "-D", "-e", "-f", str(tmp_path / "server"), "-p",
                                str(port)], stderr=subprocess.PIPE)

    def answers():
        return subprocess.run(["ssh", "-o", "StrictHostKeyChecking=no", "127.0.0.1", "-p",
                               str(port), "true"], env=environ).returncode == 0

    try:
        wait_for(lambda: process.poll() is not None or answers())
        if process.poll() is not None:
            pytest.skip(f"sshd does not run here: {process.stderr.read()}")
        yield port, environ
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("line", ["here", "127.0.0.1:ssh", "127.0.0.1:", "::1", ""])
def test_a_line_that_names_no_machine_is_refused(line, tmp_path, capsys):
    (tmp_path / "hosts").write_text(line + "\n")
    assert main(["launch", "-n", "1", "--address", "127.0.0.1", "--hosts", str(tmp_path / "hosts"),
                 "--", "train"]) == 2
    assert "give a file with a machine's numeric address a line" in capsys.readouterr().err


@pytest.fixture
def over_ssh(ssh_server, tmp_path):
    """How to launch two workers over ssh, in a folder of their own."""
    port, environ = ssh_server
    (tmp_path / "hosts").write_text(f"127.0.0.1:{port}\n127.0.0.1:{port}\n")
    there = tmp_path / "a folder; it's there"  # a name that a shell takes apart
    there.mkdir()
    return dict(options=("--address", "127.0.0.1", "--hosts", str(tmp_path / "hosts"),
                         "--patience", "2"), environ=environ, cwd=str(there))


def test_over_ssh_it_trains(over_ssh, tmp_path):
    launch("--batch-size", 5, "--save", tmp_path / "it's saved", **over_ssh)
    result = TrainResult.load(str(tmp_path / "it's saved"))
    assert abs(result.w - train(ctx="cpu", verbose=False).w).max() <= 1e-5


def test_over_ssh_a_worker_is_named_that_stands_still_and_then_is_killed(over_ssh):
    def workers():
        found = [process for process in working_in(over_ssh["cwd"])
                 if process.info["environ"].get("DMLC_ROLE") == "worker" and listening(process)]
        return found if len(found) == 2 else None

    names = {"worker 0 on 127.0.0.1", "worker 1 on 127.0.0.1"}
    with told("--num-epochs", 10**6, **over_ssh) as (launcher, said):
        worker = wait_for(workers)[0]
        worker.suspend()
        try:
            wait_for(lambda: {line.partition(" stands still: ")[0] for line in said()}.difference(
                line.partition(" goes on")[0] for line in said()) & names)
        finally:
            worker.kill()
        began = time.monotonic()
        launcher.communicate(timeout=60)
        assert launcher.returncode == 1
        name = said()[-1].partition(" died: killed, or its connection lost; all others were")[0]
        assert name in names
        assert (f"{name} stands still: no sign of life for 2 s; after 20 s all will be ended"
                in said())
        wait_for(lambda: gone(working_in(over_ssh["cwd"])), 10)
        assert time.monotonic() - began < 10


@pytest.fixture
def two_hosts():
    """Two network namespaces with an address each, and a cable between them."""
    ip, names = needs("ip"), [f"d2l-linreg-{os.getpid()}-{i}" for i in (1, 2)]
    made = []
    try:
        for name in names:
            made.append(subprocess.run([ip, "netns", "add", name], stderr=subprocess.PIPE))
        for command in [
                "link add left netns {0} type veth peer name right netns {1}",
                "-n {0} addr add 198.51.100.1/24 dev left", "-n {0} link set left up",
                "-n {1} addr add 198.51.100.2/24 dev right", "-n {1} link set right up",
                "-n {0} link set lo up", "-n {1} link set lo up"]:
            made.append(subprocess.run([ip, *command.format(*names).split()],
                                       stderr=subprocess.PIPE))
        failed = [run.stderr for run in made if run.returncode]
        if failed:
            pytest.skip(f"no network namespaces here: {failed[0]}")
        yield [(f"198.51.100.{i}", [ip, "netns", "exec", name])
               for i, name in enumerate(names, 1)]
    finally:
        for name in names:
            subprocess.run([ip, "netns", "del", name], stderr=subprocess.PIPE)


def test_two_hosts_with_addresses_of_their_own_train_together(two_hosts, tmp_path):
    # As docs/machines.md says to without launch: a scheduler, a server and a worker on one host,
    # and a server and a worker on the other
    (first, _), _ = two_hosts
    server = [sys.executable, "-m", "d2l_linreg", "node"]
    worker = [sys.executable, "-m", "d2l_linreg", "train", "--ctx", "cpu", "--kvstore",
              "dist_sync", "--batch-size", "5", "--num-epochs", "10", "--shuffle-seed", "1",
              "--save", str(tmp_path / "result")]
    processes, listened, ours = [], {}, os.readlink("/proc/self/ns/net")
    try:
        for role, command, host in (("scheduler", server, 0), ("server", server, 0),
                                    ("server", server, 1), ("worker", worker, 0),
                                    ("worker", worker, 1)):
            address, inside = two_hosts[host]
            processes.append((address, subprocess.Popen([*inside, *command], env=dict(
                os.environ, DMLC_ROLE=role, DMLC_PS_ROOT_URI=first, DMLC_PS_ROOT_PORT="9100",
                DMLC_NUM_WORKER="2", DMLC_NUM_SERVER="2", DMLC_NODE_HOST=address),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))

        def all_end():
            for address, process in processes:
                try:  # as seen in the process's own namespace, once it is there
                    if os.readlink(f"/proc/{process.pid}/ns/net") == ours:
                        continue
                    with open(f"/proc/{process.pid}/net/tcp") as file:
                        found = file.read().splitlines()[1:]
                except OSError:  # it has ended
                    continue
                listened.setdefault(address, set()).update(
                    line.split()[1].partition(":")[0] for line in found if line.split()[3] == "0A")
            return processes[0][1].poll() is not None
        wait_for(all_end, 120)  # then all will
        printed = [process.communicate(timeout=60) for _, process in processes]
        assert [process.returncode for _, process in processes] == [0] * 5, printed
    finally:
        for _, process in processes:
            process.kill()
            process.communicate()
    assert sorted(len(out.partition("\n\n")[0].splitlines()) for out, _ in printed) == [
        0, 0, 0, 0, 12]
    # 198.51.100.1 and .2 in /proc's hexadecimal, last byte first
    assert listened == {"198.51.100.1": {"016433C6"}, "198.51.100.2": {"026433C6"}}
    one = train(ctx="cpu", num_epochs=10, shuffle_seed=1, verbose=False)
    assert abs(TrainResult.load(str(tmp_path / "result")).w - one.w).max() <= 1e-5
