"""Files of examples: read as NumPy reads them, told what they are, and not to change meanwhile."""
import os
import re
import shutil
import sys
import zipfile

import numpy
import pytest
from after_writing import after_writing
from descent import same

from d2l_linreg import DataError, TrainResult, train
from d2l_linreg.training import examples
from d2l_linreg.training.npy import NpyFile

RNG = numpy.random.RandomState(0)


def write(path, array, version=None):
    with open(path, "wb") as file:
        numpy.lib.format.write_array(file, array, version=version)
    return str(path)


@pytest.mark.parametrize("shape", [(11,), (1, 1), (11, 1), (11, 3), (1, 7), (5, 2, 3)])
@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("dtype, version", [
    ("<f4", (1, 0)), (">f8", (2, 0)), ("<f2", (3, 0)), ("?", None), ("u1", None), (">i8", None)])
def test_rows_are_those_that_numpy_reads(shape, order, dtype, version, tmp_path):
    array = numpy.array(RNG.uniform(0, 99, shape), dtype, order=order)
    path = write(tmp_path / "X.npy", array, version)
    whole, loaded = NpyFile.open("data", path), numpy.load(path)
    for rows in (slice(None), slice(2, 5), slice(-3, None), slice(3, 3), slice(None, None, 3),
                 slice(1, 9, 4), slice(None, None, -2), slice(5, 99)):
        part, read = whole[rows], numpy.asarray(whole[rows])
        assert part.shape == read.shape == loaded[rows].shape and len(part) == len(loaded[rows])
        assert part.dtype == read.dtype == loaded.dtype
        assert read.tobytes() == loaded[rows].tobytes()
        assert numpy.asarray(part[1:3]).tobytes() == loaded[rows][1:3].tobytes()
        as_float = numpy.asarray(part, dtype="float32")
        assert as_float.dtype == "float32"
        assert as_float.tobytes() == loaded[rows].astype("float32").tobytes()
    assert [numpy.array(row).tolist() for row in whole] == loaded.tolist()
    assert numpy.array(whole[-1]).tolist() == loaded[-1].tolist()


def cut_off(path):
    os.truncate(path, os.path.getsize(path) - 1)


def as_archive(path):
    with open(path, "wb") as file:
        numpy.savez(file, X=numpy.zeros((2, 2)))


def claims(shape, dtype="'<f4'"):
    """A header alone."""
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


NO_DATA = {  # what it is, and how the error calls it
    "cut off": (cut_off, "which was cut off: it has 143 bytes, but its header promises 144"),
    "an .npz of that name": (as_archive, "it is an .npz archive"),
    "any zip": (lambda path: zipfile.ZipFile(path, "w").close(), "it is an .npz archive, or ano"),
    "empty": (lambda path: path.write_bytes(b""), "it is empty"),
    "text": (lambda path: path.write_text("1,2\n"), "does not begin as such a file does"),
    "a header's beginning": (lambda path: path.write_bytes(b"\x93NUMPY"), "has no header"),
    "a version of later": (lambda path: path.write_bytes(b"\x93NUMPY\x09\x00" + bytes(99)),
                           "has no header"),
    **{f"version {first}.{second}": (
        lambda path, version=bytes((first, second)): path.write_bytes(
            b"\x93NUMPY" + version + claims("(2, 2)")[8:10] + bytes(2) + claims("(2, 2)")[10:]
            + bytes(16)), "has no header") for first, second in ((0, 0), (3, 1), (4, 0), (32, 0))},
    "a length that is no number": (lambda path: path.write_bytes(claims("(True, 2)") + bytes(8)),
                                   r"its shape is \(True, 2\)"),
    "deep": (lambda path: path.write_bytes(claims("(" * 9000)), "has no header"),
    "minus": (lambda path: path.write_bytes(claims("-" * 9000 + "1")), "has no header"),
    "a negative length": (lambda path: path.write_bytes(claims("(-2, -2)") + bytes(16)),
                          r"its shape is \(-2, -2\)"),
    "4 EiB": (lambda path: path.write_bytes(claims(f"({2**60}, 1)")),
              "which was cut off"),
    "2^64 rows of nothing": (lambda path: path.write_bytes(claims(f"({2**64}, 0)")), "of shape"),
    "2^64 columns": (lambda path: path.write_bytes(claims(f"(1, {2**64})")), "which was cut off"),
    "no dimension": (lambda path: path.write_bytes(claims("()") + bytes(4)), "of shape"),
    "objects": (lambda path: write(path, numpy.array([[None]])), "holds object; give real"),
    "complex": (lambda path: write(path, numpy.array([[1j]])), "holds complex128; give real"),
    "columns of names": (lambda path: write(path, numpy.zeros(2, "f4,f8")), "holds .*give real"),
    "nothing": (lambda path: path.unlink(), "No such file"),
    "a folder": (lambda path: [path.unlink(), path.mkdir()], "Is a directory|Permission denied"),
    "a pipe": (lambda path: [path.unlink(), os.mkfifo(path)], "it is a pipe"),
    "a device": (lambda path: [path.unlink(), path.symlink_to("/dev/zero")], "it is a device"),
}


@pytest.mark.filterwarnings("ignore")  # NumPy's, on headers that it makes something of
@pytest.mark.parametrize("argument", ["data", "labels"])
@pytest.mark.parametrize("what", NO_DATA)
def test_a_file_that_is_none_is_called_what_it_is(what, argument, tmp_path):
    if what in ("a pipe", "a device") and not hasattr(os, "mkfifo"):
        pytest.skip("of POSIX")
    spoil, message = NO_DATA[what]
    files = dict(data=tmp_path / "X.npy", labels=tmp_path / "y.npy")
    for path in files.values():
        write(path, numpy.zeros((4, 1), "f4"))
    spoil(files[argument])
    with pytest.raises(DataError, match=f"^{argument} .*{message}"):
        train(**files)


@pytest.mark.filterwarnings("ignore:Reading `.npy`")  # NumPy's, on what Python 2 wrote
@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("shape", ["(2, 2)", "(2L, 2L)", "(2, 2L)", "(0x2, 2)", "(+2, 2)", "[2, 2]",
                                   "(2, 2.0)", "(2, 2) #\xe9", "(2, 2) #\xc3\xa9", "(2, 2)\0", "2"])
def test_a_header_is_read_or_refused_as_numpy_does(shape, version, tmp_path):
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}\n}}\n".encode("latin-1")
    path, array = tmp_path / "X.npy", numpy.arange(4, dtype="f4")
    path.write_bytes(b"\x93NUMPY" + bytes((version, 0)) + len(text).to_bytes(
        2 if version == 1 else 4, "little") + text + array.tobytes())
    try:
        loaded = numpy.load(path)
    except Exception:
        with pytest.raises(DataError, match="^data is .* cannot be read as an .npy file"):
            NpyFile.open("data", str(path))
    else:
        read = numpy.asarray(NpyFile.open("data", str(path)))
        assert read.shape == loaded.shape == (2, 2) and read.tobytes() == array.tobytes()


@pytest.mark.parametrize("argument, value, words", [
    ("data", b"X.npy", "b'X.npy', of type bytes"), ("labels", b"y.npy", "b'y.npy', of type bytes"),
    ("labels", None, "None"), ("labels", [1, 2], r"\[1, 2\]"), ("data", "X\0", "'X.x00'")])
def test_a_name_that_is_none_is_called_what_it_is(argument, value, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("X.npy", "y.npy"):
        write(name, numpy.zeros((4, 1)))
    with pytest.raises(DataError, match=f"^{argument} is {words}.*(give|cannot be read)"):
        train(**{**dict(data="X.npy", labels="y.npy"), argument: value})


# A file that changes

N, ROWS, BATCH = 400, 40, 4


@pytest.fixture
def files(tmp_path, monkeypatch, saved_at_each_piece):
    """Features and labels in files that are read in ten blocks, and a copy of them."""
    X = RNG.standard_normal((N, 3))
    (tmp_path / "copy").mkdir()
    for name, array in (("X.npy", X), ("y.npy", (X @ [1, -2, 3] + 0.5).reshape(-1, 1))):
        write(tmp_path / name, array)
        shutil.copy(tmp_path / name, tmp_path / "copy")
    monkeypatch.setattr(examples, "BLOCK", 4 * 3 * ROWS)
    monkeypatch.chdir(tmp_path)
    return dict(data="X.npy", labels="y.npy", ctx="cpu", batch_size=BATCH, num_epochs=2,
                verbose=False)


def write_over(name):
    with open(name, "r+b") as file:
        file.seek(-8, os.SEEK_END)
        file.write(numpy.float64(0.25).tobytes())


def replace(name):
    write(name + ".new", numpy.zeros_like(numpy.load(name)))
    os.replace(name + ".new", name)


def put_back(name):
    shutil.copy(os.path.join("copy", name), name)


def at_its_old_time(name, size):
    time = os.stat(name).st_mtime_ns
    os.truncate(name, size)
    os.utime(name, ns=(time, time))


CHANGES = {
    "cut off": lambda name: os.truncate(name, 500), "emptied": lambda name: os.truncate(name, 0),
    "longer": lambda name: os.truncate(name, os.path.getsize(name) + 8),
    "written over": write_over, "replaced": replace, "removed": os.remove,
    "a pipe now": lambda name: [os.remove(name), os.mkfifo(name)],
    "a folder now": lambda name: [os.remove(name), os.mkdir(name)],
    "touched": lambda name: os.utime(name, ns=(0, os.stat(name).st_mtime_ns + 1)),
    "shorter, at its old time": lambda name: at_its_old_time(name, os.path.getsize(name) - 8),
    "longer, at its old time": lambda name: at_its_old_time(name, os.path.getsize(name) + 8),
}


@pytest.mark.skipif(sys.platform == "win32", reason="what is open cannot be removed there")
@pytest.mark.parametrize("name", ["X.npy", "y.npy"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_stops_training_and_the_checkpoint_is_good(change, name, files):
    undisturbed = train(**files)
    which = "data" if name == "X.npy" else "labels"
    with after_writing(3, lambda: CHANGES[change](name)), pytest.raises(
            DataError, match=f"^{which} is '.*{name}', which changed while it was trained from: .*"
                             "train again, from the checkpoint"):
        train(checkpoint="checkpoint", **files)
    if os.path.isdir(name):
        os.rmdir(name)
    elif os.path.exists(name):
        os.remove(name)
    put_back(name)
    with after_writing(None, None) as placed:
        assert same(train(checkpoint="checkpoint", **files), undisturbed)
    assert 0 < len(placed) < 2 * 20 + 1  # of 20 pieces an epoch some were done before


def test_with_other_content_the_checkpoint_is_of_another_run(files):
    with after_writing(3, lambda: write_over("X.npy")), pytest.raises(DataError, match="changed"):
        train(checkpoint="checkpoint", **files)
    with pytest.raises(ValueError, match="of another run: its data is"):
        train(checkpoint="checkpoint", **files)


def test_a_change_before_the_work_is_seen_while_it_is_checked(files, monkeypatch):
    opened = NpyFile.open

    def opened_and_changed(name, path):
        file = opened(name, path)
        write_over(path)
        return file

    monkeypatch.setattr(NpyFile, "open", opened_and_changed)
    with pytest.raises(DataError, match="which changed while it was trained from"):
        train(**files)


def test_a_change_during_a_reading_is_seen_after_it(files):
    class ChangedWhileRead(NpyFile):
        def _read(self, file):
            array = super()._read(file)
            write_over(self.path)
            return array

    file = ChangedWhileRead(**vars(NpyFile.open("data", "X.npy")))
    with pytest.raises(DataError, match="data is .*X.npy', which changed while it was trained"):
        numpy.asarray(file)


def test_a_file_is_found_again_from_another_folder(files, tmp_path, monkeypatch):
    result, X = train(**files), numpy.load("X.npy")
    monkeypatch.chdir(tmp_path / "copy")
    os.remove("X.npy")
    assert numpy.asarray(result.features).tobytes() == X.tobytes()
    assert result.features.shape == (N, 3) and result.labels.shape == (N,)  # in a column there


def test_no_sum_is_told_of_files_that_have_changed_since(files):
    result = train(**files)
    write_over("y.npy")
    with pytest.raises(DataError, match="labels is .*changed while it was trained from"):
        result.data_sha256
    with pytest.raises(DataError, match="labels is .*changed while it was trained from"):
        result.plot()
    with pytest.warns(UserWarning, match="saved without data_sha256: labels is .*changed"):
        result.save("result")  # and not lost
    loaded = TrainResult.load("result")
    assert same(loaded, result) and loaded.data_sha256 is None is loaded.features


def test_a_sum_is_told_again_once_it_was(files):
    result = train(**files)
    told = result.data_sha256
    os.remove("X.npy")
    result.save("result")
    assert TrainResult.load("result").data_sha256 == told and re.fullmatch("[0-9a-f]{64}", told)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="of Linux")
def test_no_file_is_left_open(files):
    result, before = train(**files), len(os.listdir("/proc/self/fd"))
    numpy.asarray(result.features)
    os.truncate("y.npy", 10)
    with pytest.raises(DataError):
        numpy.asarray(result.labels)
    assert len(os.listdir("/proc/self/fd")) == before
