"""Examples in files larger than memory: the same training, in little memory, and checked."""
import hashlib
import json
import sys

import numpy
import pytest
from descent import initial
from hypothesis import given, settings
from hypothesis import strategies as st

from d2l_linreg import DataError, DivergenceError, train
from d2l_linreg.training import examples
from d2l_linreg.training.given import check_examples, fingerprint

N, BATCH, ROWS = 1000, 8, 96  # rows to a block: 12 batches


@pytest.fixture
def files(tmp_path, monkeypatch):
    rng = numpy.random.RandomState(2)
    X = rng.standard_normal((N, 3))
    y = X @ [1, -2, 3] + 0.5
    numpy.save(str(tmp_path / "X.npy"), X.astype(">f8"))
    numpy.save(str(tmp_path / "y.npy"), y.reshape(-1, 1))
    monkeypatch.setattr(examples, "BLOCK", 4 * 3 * (ROWS + 5))  # a little more than twelve
    return X, y, str(tmp_path / "X.npy"), str(tmp_path / "y.npy")


def block_order(seed, num_epochs, once):
    """Blocks in random order, rows within them in random order; the last block takes the rest."""
    starts = list(range(0, N - ROWS + 1, ROWS))
    stops = starts[1:] + [N]
    orders = []
    rng = numpy.random.RandomState(seed)
    for _ in range(num_epochs):
        if once:
            rng = numpy.random.RandomState(seed)
        orders.append(numpy.concatenate([
            starts[block] + rng.permutation(stops[block] - starts[block])
            for block in rng.permutation(len(starts))]))
    return orders


def test_a_file_trains_as_memory_does_in_the_same_order(engine, files):
    X, y, features, labels = files
    settings = dict(ctx="cpu", batch_size=BATCH, num_epochs=2, engine=engine, verbose=False)
    mapped = train(data=features, labels=labels, shuffle_seed=3, **settings)
    orders = block_order(3, 2, once=False)
    assert not (orders[0] == orders[1]).all()
    # 1,000 is 125 batches of 8, and the last block, of 136 rows, is of 17: but it may be visited
    # anywhere, and no batch is short.
    whole = train(data=(X, y), order=orders, **settings)
    assert mapped.w.tobytes() == whole.w.tobytes()
    assert mapped.batch_losses.tobytes() == whole.batch_losses.tobytes()
    numpy.testing.assert_allclose(mapped.epoch_losses, whole.epoch_losses, rtol=1e-5)
    assert mapped.settings.shuffle_seed == 3


def test_straight_dope_visits_a_file_in_one_order(files):
    X, y, features, labels = files
    settings = dict(ctx="cpu", batch_size=BATCH, num_epochs=2, verbose=False)
    mapped = train("straight_dope", data=features, labels=labels, **settings)
    orders = block_order(0, 2, once=True)
    whole = train("straight_dope", data=(X, y), order=orders[0], **settings)
    assert mapped.batch_losses.tobytes() == whole.batch_losses.tobytes()


def test_it_says_how_it_shuffles(files, capsys):
    _, _, features, labels = files
    train(data=features, labels=labels, ctx="cpu", batch_size=BATCH, num_epochs=2)
    assert capsys.readouterr().out.splitlines()[0] == (
        "1000 examples are read from file in blocks of about 96, "
        "shuffled as blocks and within each")


def test_a_result_of_files_plots_and_predicts(files):
    _, _, features, labels = files
    result = train(data=features, labels=labels, ctx="cpu", batch_size=BATCH, verbose=False)
    assert result.plot().axes
    assert result.predict(numpy.zeros((1, 3))) == pytest.approx(result.b)


def test_a_file_larger_than_the_limit_trains_in_less_than_a_gigabyte(tmp_path, run_python):
    if not sys.platform.startswith("linux"):
        pytest.skip("RssAnon is read from Linux's /proc")
    # 6 GB, sparse on disk: zeros, with a one in the first column
    features = numpy.lib.format.open_memmap(
        str(tmp_path / "X.npy"), "w+", "float32", (1500000, 1000))
    features[::1000, 0] = 1
    features.flush()
    del features
    numpy.save(str(tmp_path / "y.npy"), numpy.ones(1500000, "float32"))
    gigabytes, batches, b = json.loads(run_python(r"""
import json, re, threading, time
from d2l_linreg import train
peak, done = [0], threading.Event()
def watch():
    while not done.wait(0.01):
        status = open("/proc/self/status").read()
        peak[0] = max(peak[0], int(re.search(r"RssAnon:\s+(\d+) kB", status).group(1)))
watcher = threading.Thread(target=watch)
watcher.start()
result = train(data="X.npy", labels="y.npy", batch_size=4096, num_epochs=1, learning_rate=0.1,
               ctx="cpu", verbose=False)
done.set()
watcher.join()
print(json.dumps([peak[0] / 1e6, len(result.batch_losses), result.b]))
"""))
    assert 0.05 < gigabytes < 1
    assert batches >= 1500000 // 4096
    assert b == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("X, y, message", [
    (numpy.zeros((4, 2, 1)), numpy.zeros(4), r"data has shape \(4, 2, 1\)"),
    (numpy.zeros((4, 2)), numpy.zeros(5), r"labels \(5,\)"),
    (numpy.full((4, 2), numpy.nan), numpy.zeros(4),
     "data holds values that are NaN or infinite, 8 in all"),
    (numpy.zeros((4, 2)), numpy.array([0, 0, numpy.inf, 0]),
     "labels holds values that are NaN or infinite, 1 in all"),
    (numpy.array([["a"]] * 4), numpy.zeros(4), "data holds <U1"),
    (numpy.zeros((0, 2)), numpy.zeros(0), "data is empty"),
])
def test_bad_files_are_refused_before_any_work(X, y, message, tmp_path):
    numpy.save(str(tmp_path / "X.npy"), X)
    numpy.save(str(tmp_path / "y.npy"), y)
    with pytest.raises(DataError, match=message):
        train(data=str(tmp_path / "X.npy"), labels=str(tmp_path / "y.npy"))


BEYOND = 40000  # rows: a file's are checked 16,384 at a time
ROW = st.sampled_from([0, 16383, 16384, 32767, 32768, BEYOND - 1]) | st.integers(0, BEYOND - 1)


@settings(max_examples=20, deadline=None)
@given(ROW, st.sampled_from(["data", "labels"]), st.sampled_from([numpy.nan, -numpy.inf, 1e300]))
def test_whichever_row_of_a_file_is_bad_it_is_refused(row, which, bad):
    arrays = {"data": numpy.zeros((BEYOND, 2)), "labels": numpy.zeros(BEYOND)}
    arrays[which][row] = bad
    with pytest.raises(DataError, match=f"^{which} (holds|reaches)"):
        check_examples(arrays["data"], arrays["labels"])


@settings(max_examples=20, deadline=None)
@given(ROW, st.sampled_from(["float32", ">f8", "int16"]))
def test_whichever_row_of_the_data_is_another_so_is_their_sum(row, kind):
    array = numpy.random.RandomState(0).standard_normal((BEYOND, 2)).astype(kind)
    other = array.copy()
    other[row, 1] += 1
    for one in (array, other):
        expected = hashlib.sha256(f"{one.shape} {one.dtype}".encode() + one.tobytes())
        assert fingerprint(one) == expected.hexdigest()
    assert fingerprint(array) != fingerprint(other)


@pytest.mark.parametrize("text", ["1,2\n", ""])
def test_a_file_that_is_no_npy_is_refused(text, files, tmp_path):
    _, _, _, labels = files
    (tmp_path / "text.npy").write_text(text)
    with pytest.raises(DataError, match="text.npy', which cannot be read as an .npy file"):
        train(data=str(tmp_path / "text.npy"), labels=labels)


def test_an_order_of_examples_in_files_is_refused(files):
    _, _, features, labels = files
    with pytest.raises(ValueError, match="order is given, but examples from a file"):
        train(data=features, labels=labels, order=numpy.arange(N))


def test_divergence_in_a_file_says_where(files):
    _, _, features, labels = files
    with pytest.raises(DivergenceError, match=r"at batch \d+ of epoch 0"):
        train(data=features, labels=labels, ctx="cpu", batch_size=BATCH, learning_rate=100,
              verbose=False)


@pytest.mark.parametrize("seed", range(8))
def test_divergence_in_a_file_is_counted_in_the_batches_of_all_blocks(seed, tmp_path, monkeypatch):
    # Seven blocks of nine rows, of which the last has four more: so one of its batches is short
    numpy.save(str(tmp_path / "X.npy"), numpy.ones((67, 1), "float32"))
    numpy.save(str(tmp_path / "y.npy"), numpy.full(67, 9, "float32"))
    monkeypatch.setattr(examples, "BLOCK", 4 * 9)
    with pytest.raises(DivergenceError) as raised:
        train(data=str(tmp_path / "X.npy"), labels=str(tmp_path / "y.npy"), ctx="cpu",
              batch_size=3, learning_rate=10, num_epochs=1, shuffle_seed=seed, verbose=False)
    # As all features are 1, a step on m rows multiplies all residuals by 1 - 2 * 10 m / 3.
    (w,), b = initial("d2l", 1)
    residual, number = float(w) + float(b) - 9, 0
    for block in numpy.random.RandomState(seed).permutation(7):
        for m in [3, 3, 3, 3, 1] if block == 6 else [3, 3, 3]:
            if residual ** 2 < 2.0**128:
                residual, number = residual * (1 - 20 * m / 3), number + 1
    assert f"at batch {number} of epoch 0" in str(raised.value)
