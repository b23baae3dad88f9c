"""Files are written whole, under no name that anyone could have taken, and no work is lost."""
import contextlib
import errno
import os
import random
import signal
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest
from after_writing import after_writing, ctrl_c
from descent import same

from d2l_linreg import TrainResult, train
from d2l_linreg.cli import main
from d2l_linreg.errors import ArgumentError, CheckpointError
from d2l_linreg.files import Exclusive, check_writable, write_whole

KILLS = int(os.environ.get("KILLS", 8))
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
OTHER_USER = 65534


def exclusive(path, content):
    """Write a file as a checkpoint is written."""
    with contextlib.closing(Exclusive("it", path)) as file:
        file.write(content)


@pytest.fixture(params=[write_whole, exclusive])
def write(request):
    """Either way of writing."""
    return request.param


def tree(folder):
    """What lies in a folder: each name with its content, or what it is."""
    return {path.name: os.readlink(path) if path.is_symlink()
            else path.read_bytes() if path.is_file() else stat.S_IFMT(path.stat().st_mode)
            for path in folder.iterdir()}


# Writing

@pytest.mark.parametrize("there", [True, False])
def test_nothing_beside_the_file_is_touched_whatever_its_name(there, write, tmp_path):
    target = tmp_path / "result.json"
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    names = [f"{before}result{ending}{after}" for before in ("", ".", "#", "~", ".~", "tmp")
             for ending in ("", ".json") for after in (
                 ".part", ".tmp", ".temp", ".new", ".bak", ".lock", ".lck", ".swp", "~", "#", "-")]
    for number, name in enumerate(names):
        if number % 3 == 0:
            (tmp_path / name).write_bytes(b"the user's own")
        elif number % 3 == 1:
            (tmp_path / name).symlink_to(victim)
        else:
            os.mkfifo(tmp_path / name)
    if there:
        target.write_bytes(b"old")
    before = tree(tmp_path)
    write(str(target), b"new")
    assert tree(tmp_path) == dict(before, **{"result.json": b"new"})


def test_no_two_writings_use_one_name_and_each_is_in_the_folder_of_the_file(write, tmp_path):
    sources = []
    with pytest.MonkeyPatch.context() as patch:
        replace = os.replace
        patch.setattr(os, "replace", lambda source, target: (
            sources.append(source), replace(source, target)))
        for _ in range(50):
            write(str(tmp_path / "x"), b"new")
    assert len(set(sources)) == 50 and {os.path.dirname(name) for name in sources} == {
        str(tmp_path)}


@pytest.mark.parametrize("plant", ["symlink_to", "hardlink_to", "fifo"])
def test_a_name_that_someone_guessed_is_neither_written_through_nor_removed(
        plant, write, tmp_path, monkeypatch):
    victim, target = tmp_path / "victim", tmp_path / "x"
    victim.write_bytes(b"precious")
    target.write_bytes(b"old")
    monkeypatch.setattr("secrets.token_hex", lambda size: "guessed")
    guessed = tmp_path / ".d2l_linreg-guessed"
    os.mkfifo(guessed) if plant == "fifo" else getattr(guessed, plant)(victim)
    with pytest.raises((OSError, ArgumentError), match="File exists"):
        write(str(target), b"new")
    assert victim.read_bytes() == b"precious" and os.path.lexists(guessed)
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660, 0o755, 0o777, 0o200])
def test_the_mode_of_what_is_replaced_is_kept(mode, write, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(mode)
    write(str(path), b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_what_is_secret_is_so_before_its_first_byte_is_written(tmp_path, monkeypatch):
    path, modes = tmp_path / "x", []
    path.write_bytes(b"old")
    path.chmod(0o600)
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode)), fsync(descriptor)))
    write_whole(str(path), b"secret")
    assert modes == [0o600]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_mode_that_open_would_give_it(umask, write, tmp_path):
    before = os.umask(umask)
    try:
        write(str(tmp_path / "x"), b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o666 & ~umask


@pytest.mark.skipif(not ROOT, reason="only root may give files away")
def test_a_file_stays_its_owners_when_root_replaces_it(write, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"old")
    os.chown(path, OTHER_USER, OTHER_USER)
    write(str(path), b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (OTHER_USER, OTHER_USER)


@pytest.mark.parametrize("links, there", [(1, True), (1, False), (3, True), (3, False)])
def test_a_link_stays_and_the_file_that_it_leads_to_is_written(links, there, write, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    real = target = tmp_path / "elsewhere" / "real"
    if there:
        real.write_bytes(b"old")
    for number in range(links):
        link = tmp_path / f"link{number}"
        link.symlink_to(os.path.relpath(target, tmp_path))
        target = link
    write(str(target), b"new")
    assert target.is_symlink() and real.read_bytes() == b"new"
    assert len(list(tmp_path.rglob("*"))) == links + 2


@pytest.mark.parametrize("size", [1, 100_000], ids=["within a buffer", "beyond it"])
def test_it_is_on_the_disk_whole_before_it_takes_the_old_ones_place(
        size, write, tmp_path, monkeypatch):
    path, synced, placed = tmp_path / "x", {}, []
    fsync, replace = os.fsync, os.replace

    def note(descriptor):
        fsync(descriptor)
        synced[os.fstat(descriptor).st_ino] = os.fstat(descriptor).st_size

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "replace", lambda source, target: (
        placed.append(os.stat(source).st_ino), replace(source, target)))
    write(str(path), b"n" * size)
    assert synced == {placed[0]: size}


def test_text_goes_in_utf_8_and_what_has_no_place_there_as_an_escape(tmp_path):
    write_whole(str(tmp_path / "x"), "\N{GREEK SMALL LETTER ALPHA}\udc80\r\n")
    assert (tmp_path / "x").read_bytes() == b"\xce\xb1\\udc80\r\n"


# What cannot be written

@pytest.fixture
def refused(tmp_path):
    """By its kind, a file that cannot be written."""
    undo = []

    def make(kind):
        path = tmp_path / "x"
        if kind == "read-only":
            path.write_bytes(b"old")
            path.chmod(0o444)
        elif kind == "a folder":
            path.mkdir()
        elif kind == "a pipe":
            os.mkfifo(path)
        elif kind == "a socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(os.path.relpath(path))
        elif kind == "no folder":
            return str(tmp_path / "no" / "x")
        elif kind == "below a file":
            path.write_bytes(b"old")
            return str(path / "x")
        elif kind == "a name that ends in a slash":
            return str(path) + "/"
        elif kind == "no name":
            return ""
        elif kind == "too long a name":
            return str(tmp_path / ("n" * 256))
        elif kind == "a loop of links":
            path.symlink_to(path)
        elif kind == "a folder that takes no file":
            if ROOT:  # who may write into any other
                path = Path("/proc/self/x")
            else:
                path = tmp_path / "no" / "x"
                path.parent.mkdir(0o555)
        elif kind == "a NUL":
            return str(path) + "\0"
        elif kind == "immutable":
            path.write_bytes(b"old")
            if not ROOT or subprocess.run(["chattr", "+i", str(path)],
                                          capture_output=True).returncode:
                pytest.skip("nothing is made immutable here")
            undo.append(["chattr", "-i", str(path)])
        elif kind == "mounted":
            path.write_bytes(b"old")
            (tmp_path / "other").write_bytes(b"old")
            if not ROOT or subprocess.run(["mount", "--bind", str(tmp_path / "other"), str(path)],
                                          capture_output=True).returncode:
                pytest.skip("nothing is mounted here")
            undo.append(["umount", str(path)])
        return str(path)

    yield make
    for command in undo:
        subprocess.run(command, check=True)


KINDS = ["read-only", "a folder", "a pipe", "a socket", "no folder", "below a file",
         "a name that ends in a slash", "no name", "too long a name", "a loop of links", "a NUL",
         "a folder that takes no file", "immutable", "mounted"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_written_is_refused_before_the_work_and_left_as_it_is(
        kind, refused, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = refused(kind)
    before = tree(tmp_path)
    with pytest.raises(ArgumentError, match="^it is here, which cannot be written: .+; name"):
        check_writable("it is here, which", path)
    with pytest.raises(ArgumentError, match="^it .*cannot be written"):
        Exclusive("it", path)
    for command in (["train", "--save"], ["train", "--checkpoint"], ["reproduce", "--json"]):
        assert main([*command, path]) == 2
        out, err = capsys.readouterr()
        assert out == "" and "cannot be written" in err
    assert tree(tmp_path) == before


@pytest.mark.skipif(not ROOT, reason="only root can be someone else")
def test_anothers_file_in_a_folder_for_all_is_refused_before_the_work(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    (shared / "x").write_bytes(b"root's")
    (shared / "x").chmod(0o666)

    def become_another():
        os.setgid(OTHER_USER)
        os.setuid(OTHER_USER)

    # Not this interpreter, which another may be unable to read
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            become_another()
            check_writable("it", str(shared / "x"))
        except ArgumentError as error:
            status = 0 if "Operation not permitted" in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert tree(shared) == {"x": b"root's"}


def test_seeing_that_a_file_can_be_written_disturbs_nobody_who_writes_it(tmp_path):
    path = tmp_path / "result"
    with ThreadPoolExecutor(4) as pool:  # workers of one launch all see to it at once
        checks = [pool.submit(check_writable, "it", str(path)) for _ in range(200)]
        for number in range(100):
            write_whole(str(path), str(number))
            assert path.read_text() == str(number)
        for check in checks:
            check.result()
    assert [p.name for p in tmp_path.iterdir()] == ["result"]


# A write that fails after the work

# On a disk on which no file can grow beyond 20 bytes
SMALL_DISK = """
import resource, sys, tempfile
from d2l_linreg.files import Exclusive, write_whole
path, tempfile.tempdir, way = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (20, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    write_whole(path, b"n" * 21) if way == "write_whole" else Exclusive("it", path).write(b"n" * 21)
except OSError as error:
    print(error)
"""


def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing_else(write, tmp_path):
    pytest.importorskip("resource")
    path = tmp_path / "x"
    path.write_bytes(b"old")
    finished = subprocess.run([sys.executable, "-c", SMALL_DISK, str(path), str(tmp_path),
                               write.__name__], stdout=subprocess.PIPE, text=True)
    assert finished.stdout == ("[Errno 27] File too large; its content could be kept nowhere else: "
                               f"{str(path)!r}\n")
    assert tree(tmp_path) == {"x": b"old"}


@pytest.mark.parametrize("beside", [True, False])
def test_what_cannot_be_written_after_the_work_is_kept_under_a_name_that_the_error_gives(
        beside, write, tmp_path, monkeypatch):
    temporary, folder = tmp_path / "temporary", tmp_path / "folder"
    temporary.mkdir()
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    replace = os.replace

    def fail(source, target):
        if not beside:
            folder.rename(tmp_path / "away")  # the folder is lost meanwhile
        replace(source + "gone", target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="its content is kept in '") as raised:
        write(str(folder / "x.json"), b"computed")
    (kept,) = (folder if beside else temporary).iterdir()
    assert repr(str(kept)) in str(raised.value) and kept.read_bytes() == b"computed"
    assert kept.suffix == ".json" and str(folder / "x.json") in str(raised.value)


@pytest.mark.parametrize("command, lost", [
    (["train", "--ctx", "cpu", "--save", "a", "--plot", "b.svg"], "a"),
    (["train", "--ctx", "cpu", "--save", "a", "--plot", "b.svg"], "b.svg"),
    (["train", "--ctx", "cpu", "--checkpoint", "c", "--save", "a", "--json", "b"], "c"),
    (["reproduce", "--notebook", "d2l", "--json", "a", "--junit", "b", "--markdown", "c"], "a")])
def test_one_output_that_fails_costs_no_other_and_not_itself(
        command, lost, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    named = [word for word in command if word.partition(".")[0] in ("a", "b", "c")]
    replace = os.replace

    def fail(source, target):
        if os.path.basename(target) == lost:
            raise OSError(errno.EBUSY, "busy")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    assert main(command) == 1
    out, err = capsys.readouterr()
    kept = err.partition("its content is kept in '")[2].partition("'")[0]
    assert os.path.getsize(kept) > 100 and lost in err
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        {*named, os.path.basename(kept)} - {lost})
    assert ("loss" if command[0] == "train" else "training") in out
    if command[0] == "train" and lost == "a":
        assert same(TrainResult.load(kept), train(ctx="cpu", verbose=False))


def test_what_goes_below_a_folder_that_went_away_is_kept_among_temporary_files(
        tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    replace = os.replace

    def fail(source, target):
        os.remove(source)
        folder.rmdir()
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="its content is kept in '.*: 'x'$") as raised:
        write_whole("x", b"computed")
    (kept,) = tmp_path.iterdir()
    assert repr(str(kept)) in str(raised.value) and kept.read_bytes() == b"computed"
    with pytest.raises(OSError, match="its content is kept in '.*: 'y'$"):
        write_whole("y", b"computed")  # from the beginning


@pytest.mark.parametrize("device", ["/dev/stdout", "/dev/stderr", "printed"])
def test_what_is_printed_to_is_not_replaced(device, tmp_path):
    if not os.path.exists("/dev/stdout"):
        pytest.skip("a device of Linux")
    finished = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m d2l_linreg train --ctx cpu --json {device} "
                       f">{'> errors 2>' if device[-3:] == 'err' else ''} printed"],
        cwd=tmp_path, capture_output=True, text=True)
    assert finished.returncode == 2
    told = (tmp_path / "printed").read_text() + finished.stderr
    assert "cannot be written: " in told and "is where this process prints" in told


def test_data_that_changed_since_cost_no_output_but_what_needs_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    numpy.save("X.npy", numpy.ones((20, 2), "float32"))
    numpy.save("y.npy", numpy.arange(20, dtype="float32"))
    plot = TrainResult.plot

    def change_and_plot(result):
        os.utime("X.npy", (1, 1))
        return plot(result)

    monkeypatch.setattr(TrainResult, "plot", change_and_plot)
    assert main(["train", "--ctx", "cpu", "--data", "X.npy", "--labels", "y.npy", "--save", "a",
                 "--json", "b", "--plot", "c.png"]) == 1
    out, err = capsys.readouterr()
    assert "Traceback" not in err and "which changed while it was trained from" in err
    assert out.splitlines()[-1].startswith("R^2") and {"a", "b"} < set(os.listdir())


def test_a_bug_in_one_output_costs_no_other(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(TrainResult, "plot", lambda self: 1 / 0)
    assert main(["train", "--ctx", "cpu", "--plot", str(tmp_path / "b.png"), "--save",
                 str(tmp_path / "a")]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert TrainResult.load(str(tmp_path / "a")).b


def test_a_last_checkpoint_that_fails_is_kept_and_training_goes_on_from_it(tmp_path, monkeypatch):
    path, replace = tmp_path / "checkpoint", os.replace
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda source, target: replace(source + "gone", target))
        with pytest.raises(CheckpointError, match="its content is kept in '") as raised:
            train(ctx="cpu", checkpoint=str(path), verbose=False)
    assert same(raised.value.result, train(ctx="cpu", verbose=False))
    kept = str(raised.value).partition("kept in '")[2].partition("'")[0]
    os.rename(kept, path)  # nothing is there: there was no checkpoint before
    resumed = train(ctx="cpu", checkpoint=str(path), verbose=False)
    assert same(resumed, train(ctx="cpu", verbose=False))


# One writer at a time

def test_a_checkpoint_has_one_writer_at_a_time(tmp_path):
    path = str(tmp_path / "checkpoint")
    for _ in range(3):
        with ThreadPoolExecutor(1) as pool, contextlib.closing(Exclusive("it", path)) as held:
            for content in (b"", b"1", b"22"):
                refused = pool.submit(Exclusive, "it", path).exception(10)  # which waits for no one
                assert isinstance(refused, ArgumentError)
                assert str(refused).startswith("it is in use by another process; ")
                held.write(content + b"x")
                assert Path(path).read_bytes() == content + b"x"
    Exclusive("it", path).close()
    assert Path(path).read_bytes() == b"22x"


def test_a_checkpoint_to_which_nothing_was_written_goes(tmp_path):
    Exclusive("it", str(tmp_path / "checkpoint")).close()
    with pytest.raises(ArithmeticError):
        train(ctx="cpu", learning_rate=1e10, checkpoint=str(tmp_path / "checkpoint"))
    assert tree(tmp_path) == {}


def test_what_someone_put_in_an_empty_checkpoints_place_stays(tmp_path):
    held = Exclusive("it", str(tmp_path / "checkpoint"))
    (tmp_path / "copy").write_bytes(b"good")
    os.replace(tmp_path / "copy", tmp_path / "checkpoint")
    held.close()
    assert tree(tmp_path) == {"checkpoint": b"good"}


def test_a_lock_is_never_two_writers_however_they_come_and_go(tmp_path):
    path, owners, both = str(tmp_path / "checkpoint"), [], []

    def come_and_go(seed):
        rng, times = random.Random(seed), 0
        while times < 100:
            try:
                held = Exclusive("it", path)
            except ArgumentError:
                continue
            owners.append(seed)
            for _ in range(rng.randrange(3)):  # at none it goes, and another is made
                held.write(b"x")
            both.append(len(owners) > 1)
            owners.remove(seed)
            held.close()
            if rng.randrange(2):
                os.path.exists(path) and time.sleep(0)
            times += 1

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(come_and_go, range(3)))
    assert len(both) == 300 and not any(both)


def test_after_an_error_or_ctrl_c_the_checkpoint_is_free_at_once(tmp_path, saved_at_each_piece):
    path = str(tmp_path / "checkpoint")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt) as raised, after_writing(2, ctrl_c):
            train(ctx="cpu", checkpoint=path, verbose=False)
    with pytest.raises(ValueError, match="of another run") as other:
        train(ctx="cpu", checkpoint=path, num_epochs=2, verbose=False)
    assert raised and other  # their frames are still there, as a notebook keeps them
    assert same(train(ctx="cpu", checkpoint=path, verbose=False), train(ctx="cpu", verbose=False))


TRAIN = """
import sys
from d2l_linreg import train
from d2l_linreg.training import checkpoint
from d2l_linreg.cli import main
checkpoint.EVERY = 0
print("training", flush=True)
sys.exit(main(["train", "--ctx", "cpu", "--engine", "native", "--num-epochs", "300",
               "--checkpoint", sys.argv[1], "--save", sys.argv[2]]))
"""


def start(checkpoint, saved):
    """A process that trains."""
    process = subprocess.Popen([sys.executable, "-c", TRAIN, str(checkpoint), str(saved)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "training\n"
    return process


def test_of_two_processes_on_one_checkpoint_one_is_refused_and_kills_cost_nothing(tmp_path):
    pytest.importorskip("numba")
    path, rng = tmp_path / "checkpoint", random.Random(0)
    expected = train(ctx="cpu", engine="native", num_epochs=300, verbose=False)
    for _ in range(KILLS // 4):
        processes = [start(path, tmp_path / f"saved{n}") for n in range(2)]
        time.sleep(rng.uniform(0, 5))
        how = rng.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        processes[0].send_signal(how)
        ended = [process.communicate() for process in processes]
        for process, (_, errors) in zip(processes, ended, strict=True):
            assert process.returncode in (0, 2, 130, 143, -how), errors
            assert (process.returncode == 2) == ("is in use by another process" in errors)
        assert same(train(ctx="cpu", engine="native", num_epochs=300, checkpoint=str(path),
                          verbose=False), expected)
        left = {p.name for p in tmp_path.iterdir()} - {"checkpoint", "saved0", "saved1"}
        assert len(left) <= (how == signal.SIGKILL), left
        for name in ("checkpoint", *left):
            (tmp_path / name).unlink()
