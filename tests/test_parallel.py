"""Several devices: the batch is shared among them, and training is what one device's is."""
from types import SimpleNamespace

import numpy
import pytest
from after_writing import after_writing, ctrl_c
from descent import initial, loop_in_float64, same, shuffles
from hypothesis import given, settings
from hypothesis import strategies as st

from d2l_linreg import ContextError, TrainResult, published, train
from d2l_linreg.cli import main
from d2l_linreg.compat.mxnet import mx
from d2l_linreg.reproduction.figures import DIFFERENT, compare_cell
from d2l_linreg.settings import NOTEBOOKS
from d2l_linreg.training import examples
from d2l_linreg.training.orders import dealt

DEVICES = ["cpu(0)", "cpu(1)", "cpu(2)"]


@pytest.mark.parametrize("notebook, num_devices", [("d2l", 2), ("d2l", 3), ("straight_dope", 2)])
def test_published_figures_come_out_to_rounding(notebook, num_devices, capsys):
    result = train(notebook, ctx=DEVICES[:num_devices])
    printed = capsys.readouterr().out
    assert printed == result.transcript
    cell = published.document(notebook)["cells"][-1]
    assert [figure for figure in compare_cell(notebook, cell, printed)
            if figure.verdict == DIFFERENT] == []
    assert result.ctx == tuple(mx.cpu(i) for i in range(num_devices))


@pytest.mark.parametrize("num_examples", [103, 7])
def test_batches_that_do_not_divide_are_shared_too(notebook, num_examples):
    # 103 in batches of 7 over 3 devices, 3, 2 and 2 examples each: d2l's last batch has 5,
    # straight_dope's is filled up
    rng = numpy.random.RandomState(1)
    X = rng.standard_normal((num_examples, 4))
    y = X @ [1, 2, 3, 4] + 5
    orders, order = shuffles(notebook, rng, num_examples, 3)
    result = train(notebook, data=(X, y), ctx=DEVICES, batch_size=7, learning_rate=0.05,
                   num_epochs=3, order=order, verbose=False)
    w, b, losses = loop_in_float64(notebook, X.astype("float32"), y.astype("float32"),
                                   *initial(notebook, 4), orders, 0.05, 7)
    # float32 rounds each of a step's sums by 2**-24 of numbers up to about 30; 45 steps, each
    # of which shrinks what deviation there is, leave less than 1e-5
    numpy.testing.assert_allclose(result.w, w, atol=1e-5)
    numpy.testing.assert_allclose(result.b, b, atol=1e-5)
    numpy.testing.assert_allclose(result.batch_losses, losses, rtol=1e-4, atol=1e-4)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(published.NOTEBOOKS), st.integers(1, 40), st.integers(1, 5),
       st.integers(1, 7))
def test_workers_take_each_batch_in_turn_and_equally_many(notebook, num_rows, workers, batch_size):
    rows = numpy.random.RandomState(num_rows).permutation(num_rows).tolist()
    each = [dealt(numpy.array(rows), NOTEBOOKS[notebook], batch_size, SimpleNamespace(
        num_workers=workers, rank=rank, kvstore="dist_sync", contexts=("cpu",)), False).tolist()
        for rank in range(workers)]
    batch_size = min(batch_size, num_rows)  # no more room is taken than there are rows
    whole = workers * batch_size
    missing = -num_rows % whole  # straight_dope fills up from the beginning; as far as that goes
    filled = rows + (rows[:missing] if notebook == "straight_dope" else [])
    batches = [filled[start:start + whole] for start in range(0, len(filled), whole)]
    for rank, taken in enumerate(each):
        assert len(taken) == len(batches) * batch_size
        for batch, start in zip(batches, range(0, len(taken), batch_size), strict=True):
            share = batch[rank * batch_size:(rank + 1) * batch_size]
            assert taken[start:start + batch_size] == share + [-1] * (batch_size - len(share))


def test_examples_in_files_are_shared_too(notebook, tmp_path, monkeypatch):
    rng = numpy.random.RandomState(0)
    X = rng.standard_normal((203, 3))
    numpy.save(str(tmp_path / "X.npy"), X)
    numpy.save(str(tmp_path / "y.npy"), X @ [1, 2, 3] + 4)
    monkeypatch.setattr(examples, "BLOCK", 4 * 3 * 50)
    given = dict(notebook=notebook, data=str(tmp_path / "X.npy"), labels=str(tmp_path / "y.npy"),
                 batch_size=8, learning_rate=0.01, num_epochs=2, verbose=False)
    several, one = train(ctx=DEVICES, **given), train(ctx="cpu", **given)
    numpy.testing.assert_allclose(several.w, one.w, atol=1e-5)
    numpy.testing.assert_allclose(several.batch_losses, one.batch_losses, rtol=1e-4)
    numpy.testing.assert_allclose(several.epoch_losses, one.epoch_losses, rtol=1e-4)


@pytest.mark.parametrize("kvstore", ["local", "device"])
def test_one_device_can_go_through_a_store(kvstore):
    through_a_store, plain = (train(ctx="cpu", kvstore=name, verbose=False)
                              for name in (kvstore, None))
    numpy.testing.assert_allclose(through_a_store.w, plain.w, atol=3.2e-6)


@pytest.fixture
def stopped(tmp_path, saved_at_each_piece):
    """The arguments of a run on three devices that stopped after 9 of its 15 pieces."""
    given = dict(ctx=DEVICES, num_epochs=1, verbose=False, checkpoint=str(tmp_path / "checkpoint"))
    with pytest.raises(KeyboardInterrupt), after_writing(9, ctrl_c):
        train(**given)
    return given


def test_a_checkpoint_goes_on_to_the_same_bits_on_the_same_devices(stopped):
    assert same(train(**stopped), train(**dict(stopped, checkpoint=None)))


def test_a_checkpoint_of_other_devices_is_refused(stopped):
    with pytest.raises(ValueError, match="another run: its devices is 3, not 2"):
        train(**dict(stopped, ctx=DEVICES[:2]))


def test_a_result_of_several_devices_is_saved_and_loaded(tmp_path):
    result = train(ctx=DEVICES, num_epochs=1, verbose=False)
    result.save(str(tmp_path / "result"))
    loaded = TrainResult.load(str(tmp_path / "result"))
    assert same(loaded, result) and loaded.ctx == result.ctx == (mx.cpu(0), mx.cpu(1), mx.cpu(2))


def test_the_command_line_names_devices_with_commas(capsys):
    assert main(["train", "--ctx", "cpu(0),cpu(1)", "--num-epochs", "1"]) == 0
    assert capsys.readouterr().out.startswith("epoch 1, loss 0.0")


def test_a_device_that_is_none_is_refused_among_others(capsys):
    assert main(["train", "--ctx", "cpu(0),tpu"]) == 2
    assert "ctx is 'tpu'" in capsys.readouterr().err


@pytest.mark.parametrize("given, message", [
    (dict(ctx=DEVICES, engine="native"), "engine is 'native', which is for one device"),
    (dict(ctx="cpu", kvstore="local", engine="native"), "engine is 'native', which is for one"),
    (dict(ctx=DEVICES, batch_size=2), "batch_size is 2, and ctx names 3 devices"),
    (dict(kvstore="dist_async"), "kvstore is 'dist_async'; it must be one of 'local', 'device'"),
    (dict(kvstore=["local"]), "kvstore is "),
    (dict(kvstore="dist_sync"), "not one of several workers.*d2l-linreg launch -n WORKERS"),
])
def test_what_cannot_be_is_refused_at_once(given, message, monkeypatch):
    monkeypatch.delenv("DMLC_ROLE", raising=False)
    with pytest.raises(ValueError, match=message):
        train(**given)


@pytest.mark.parametrize("ctx", [[], ["auto"], ["cpu", "auto"], ["cpu", "cpu(0)"], ["cpu", 1],
                                 (mx.cpu(), mx.cpu())])
def test_devices_are_named_one_by_one_and_once(ctx):
    with pytest.raises(ContextError, match="ctx is"):
        train(ctx=ctx)


def test_a_build_without_the_distributed_store_is_named(monkeypatch):
    monkeypatch.setattr(mx.runtime.Features, "is_enabled", lambda self, name: False)
    with pytest.raises(ValueError, match="this build of MXNet .* has no distributed KVStore"):
        train(kvstore="dist_sync")
