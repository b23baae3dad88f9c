"""Results in files: the same bits come back, and nothing comes back from a damaged file."""
import hashlib
import io
import json
import os
import random

import numpy
import pytest
from descent import same
from forged import damaged, forged, parts

from d2l_linreg import DataError, TrainResult, train
from d2l_linreg.training import storage


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A file's bytes, and the result in it."""
    path = tmp_path_factory.mktemp("stored") / "result"
    X = numpy.random.RandomState(0).standard_normal((50, 2))
    result = train(data=(X, X @ [1, 2] + 3), ctx="cpu", verbose=False)
    result.save(str(path))
    return path.read_bytes(), result


@pytest.fixture(scope="module")
def reloaded(notebook, tmp_path_factory):
    """A result, and the same from a file."""
    path = tmp_path_factory.mktemp("reloaded") / "result"
    result = train(notebook, ctx="cpu", verbose=False)
    result.save(str(path))
    return result, TrainResult.load(str(path))


def test_a_result_comes_back_with_the_same_bits(reloaded):
    result, loaded = reloaded
    assert same(result, loaded) and loaded.w.dtype == result.w.dtype
    assert loaded.w_error.tobytes() == result.w_error.tobytes()
    for name in ("notebook", "settings", "b_error", "moving_losses", "ctx", "seconds"):
        assert getattr(loaded, name) == getattr(result, name)


def test_a_result_tells_its_data_and_order_by_their_sums_wherever_they_are(notebook, tmp_path):
    X, y = numpy.arange(40, dtype="float32").reshape(20, 2) / 40, numpy.ones(20, "float32")
    digest = hashlib.sha256()
    for array in (X, y):
        digest.update(f"{array.shape} float32".encode() + array.tobytes())
    numpy.save(tmp_path / "X.npy", X)
    numpy.save(tmp_path / "y.npy", y)
    for data in (dict(data=(X, y)),
                 dict(data=str(tmp_path / "X.npy"), labels=str(tmp_path / "y.npy"))):
        result = train(notebook, ctx="cpu", verbose=False, **data)
        result.save(tmp_path / "result")
        loaded = TrainResult.load(tmp_path / "result")
        assert result.data_sha256 == loaded.data_sha256 == digest.hexdigest()
        assert result.order_sha256 is None is loaded.order_sha256  # a shuffle by seed


def test_a_result_that_an_earlier_version_saved_is_read(tmp_path):
    result = train(ctx="cpu", num_epochs=1, verbose=False)
    path = str(tmp_path / "result")
    result.save(path)
    first, arrays, text = parts(path)
    del text["data_sha256"], text["order_sha256"]  # versions before 0.2.0 had neither
    with open(path, "wb") as file:
        file.write(forged(first, arrays, text))
    loaded = TrainResult.load(path)
    assert loaded.data_sha256 == result.data_sha256 and loaded.order_sha256 is None


def test_a_result_from_a_file_predicts_and_plots(reloaded):
    result, loaded = reloaded
    assert (loaded.predict(result.features) == result.predict(result.features)).all()
    assert len(loaded.plot().axes) == 2


def test_a_result_is_one_file(stored, tmp_path):
    stored[1].save(str(tmp_path / "result"))
    assert [p.name for p in tmp_path.iterdir()] == ["result"]


def test_the_format_is_the_documented_one(stored):
    content, result = stored
    first, sum_, archive = content.split(b"\n", 2)
    assert first == b"d2l_linreg TrainResult 1"
    assert sum_.decode() == hashlib.sha256(archive).hexdigest()
    members = numpy.load(io.BytesIO(archive), allow_pickle=False)
    assert set(members) == {"text", "w", "batch_losses", "features", "labels"}
    assert json.loads(members["text"].item())["b"] == result.b


def test_10000_damaged_files_are_refused(stored, tmp_path):
    content, result = stored
    path, rng, whole = tmp_path / "damaged", random.Random(0), 0
    for _ in range(10000):
        changed = bytes(damaged(content, rng))
        path.write_bytes(changed)
        try:
            loaded = TrainResult.load(str(path))
        except DataError as error:
            assert str(path) in str(error)
        else:
            assert changed == content and same(loaded, result)  # bits flipped there and back
            whole += 1
    assert whole < 10


@pytest.mark.parametrize("content, message", [
    (b"", "does not begin with 'd2l_linreg TrainResult 1'"),
    (b"\x93NUMPY", "does not begin with"),
    (b"d2l_linreg checkpoint 1\n", "does not begin with"),
    (b"d2l_linreg TrainResult 2\nabc\n", "does not begin with"),
    (b"d2l_linreg TrainResult 1\n" + 64 * b"0" + b"\nabc", "is damaged"),
])
def test_foreign_files_are_refused(content, message, tmp_path):
    path = tmp_path / "foreign"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        TrainResult.load(str(path))


@pytest.mark.parametrize("text", [{}, {"ctx": "cpu(0)"}, {"ctx": 5}])
def test_a_whole_file_with_something_else_in_it_is_refused(text, tmp_path):
    path = str(tmp_path / "other")
    storage.save(path, "TrainResult", {"w": numpy.zeros(2)}, text)
    with pytest.raises(DataError, match="does not hold what a TrainResult does"):
        TrainResult.load(path)


@pytest.mark.parametrize("path", [os.curdir, "nowhere", "\0", "", 3, None])
def test_what_cannot_be_opened_is_refused(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        TrainResult.load(path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_device_without_an_end_is_refused():
    with pytest.raises(DataError, match="cannot be read: it is a device"):
        TrainResult.load("/dev/full")  # zeros for ever, to who reads it


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="cannot be read: it is a pipe"):
        TrainResult.load(tmp_path / "pipe")
