"""The engine "native": MXNet's own bits, for any batch and width, on any CPU."""
import platform
import threading
import time
from pathlib import Path

import numpy
import pytest
from descent import same
from exact import exact_here
from hypothesis import given, settings
from hypothesis import strategies as st

from d2l_linreg import published, train
from d2l_linreg.contexts import as_context
from d2l_linreg.engines import native
from d2l_linreg.settings import NOTEBOOKS

x86_64 = pytest.mark.skipif("x86" not in platform.machine(), reason="x86-64's kernels")


def data(num_examples, num_features, seed=0):
    rng = numpy.random.RandomState(seed)
    X = rng.standard_normal((num_examples, num_features)).astype("float32")
    return X, X @ rng.uniform(-3, 3, num_features) + 4 + 0.01 * rng.standard_normal(num_examples)


def both(notebook, num_examples, num_features, batch_size, num_epochs=2, seed=0):
    return [train(notebook, data=data(num_examples, num_features, seed), ctx="cpu",
                  batch_size=batch_size, num_epochs=num_epochs, shuffle_seed=seed,
                  learning_rate=0.1 / (num_features + 8), engine=engine, verbose=False)
            for engine in ("native", "autograd")]


@exact_here
@pytest.mark.parametrize("shuffle_seed", [None, 1])
def test_whole_notebooks_are_autograd_bit_for_bit(notebook, shuffle_seed):
    assert same(*(train(notebook, ctx="cpu", shuffle_seed=shuffle_seed, engine=engine,
                        verbose=False) for engine in ("native", "autograd")))


# Where OpenBLAS's sums of products fall into blocks, over features and over a batch
CORNERS = [1, 2, 7, 8, 9, 16, 17, 319, 320, 321, 333, 639, 640, 641, 647, 960, 961, 1279, 1283]


@exact_here
@pytest.mark.parametrize("num_features", CORNERS)
def test_predictions_are_in_openblas_s_blocks(notebook, num_features):
    assert same(*both(notebook, 60, num_features, 12))


@exact_here
@pytest.mark.parametrize("batch_size", [*CORNERS, 2048, 4095, 4096])
def test_gradients_are_in_openblas_s_blocks_and_means_are_kahan_s(notebook, batch_size):
    assert same(*both(notebook, 2 * batch_size + 3, 5, batch_size))


def log_uniform(highest):
    return st.floats(0, 1).map(lambda place: int((highest + 1) ** place)).map(
        lambda count: min(max(count, 1), highest))


@exact_here
@settings(max_examples=150, deadline=None, derandomize=True)
@given(notebook=st.sampled_from(list(NOTEBOOKS)), batch_size=log_uniform(4096),
       num_features=log_uniform(1300), batches=st.integers(1, 3), rest=st.floats(0, 1),
       seed=st.integers(0, 2**32 - 1))
def test_any_shape_is_autograd_bit_for_bit(
        notebook, batch_size, num_features, batches, rest, seed):
    num_examples = batches * batch_size + int(rest * batch_size)  # most often a short last batch
    native_, autograd = both(notebook, num_examples, num_features, batch_size, 1, seed)
    assert same(native_, autograd)


@exact_here
def test_one_example_and_fewer_than_a_batch_are_autograd_bit_for_bit(notebook):
    assert same(*both(notebook, 1, 3, 1))
    assert same(*both("d2l", 1, 3, 5)) and same(*both("d2l", 3, 1000, 4096))


@x86_64
@exact_here
@pytest.mark.parametrize("kernel", ["Haswell", "Zen", "SkylakeX"])
def test_whole_notebooks_are_autograd_on_each_kernel_with_fma(kernel, run_python):
    assert run_python("""
from d2l_linreg import train
for notebook in "d2l", "straight_dope":
    one, other = (train(notebook, ctx="cpu", engine=engine, verbose=False)
                  for engine in ("native", "autograd"))
    print((one.w == other.w).all(), one.b == other.b, one.epoch_losses == other.epoch_losses,
          (one.batch_losses == other.batch_losses).all())
""", OPENBLAS_CORETYPE=kernel) == 2 * "True True True True\n"


@x86_64
@pytest.mark.parametrize("environment", [
    dict(OPENBLAS_CORETYPE="Prescott"),  # MXNet's sums are not fused
    dict(NUMBA_CPU_NAME="x86-64", NUMBA_CPU_FEATURES="")], ids=["BLAS", "CPU"])
def test_what_was_published_comes_out_without_fused_multiply_add(environment, run_python):
    printed = run_python("""
from d2l_linreg import train
for notebook in "d2l", "straight_dope":
    train(notebook, ctx="cpu", engine="native")
""", **environment)
    assert printed == "".join(published.text(name, "training") for name in NOTEBOOKS)


COMPILED = """
from d2l_linreg import published, train
transcript = train(engine="native", ctx="cpu", verbose=False).transcript
print(transcript == published.text("d2l", "training"))
from d2l_linreg.engines import arithmetic
print(sum(arithmetic.descend.stats.cache_hits.values()))
"""


def test_compiled_code_is_kept_in_the_users_cache_and_beside_no_source(tmp_path, run_python):
    home = str(tmp_path / "home")
    kept = dict(HOME=home, XDG_CACHE_HOME=home, LOCALAPPDATA=home, NUMBA_CACHE_DIR=None)
    beside = set(Path(native.__file__).parent.rglob("*"))
    assert run_python(COMPILED, **kept) == "True\n0\n"
    assert list(tmp_path.rglob("*.nbi")) and list(tmp_path.rglob("*.nbc"))
    assert run_python(COMPILED, **kept) == "True\n1\n"
    assert {path for path in set(Path(native.__file__).parent.rglob("*")) - beside
            if path.suffix in (".nbi", ".nbc")} == set()
    for path in tmp_path.rglob("*.nb?"):  # damaged
        path.write_bytes(path.read_bytes()[:100])
    assert run_python(COMPILED, **kept) == "True\n0\n"


def test_where_nothing_can_be_kept_it_compiles_all_the_same(tmp_path, run_python):
    (tmp_path / "file").write_text("")
    for _ in range(2):
        assert run_python(COMPILED, NUMBA_CACHE_DIR=str(tmp_path / "file")) == "True\n0\n"


def test_losses_are_averaged_in_pieces_to_the_same_bits(notebook, monkeypatch):
    X, y = data(1000, 3)
    whole = train(notebook, data=(X, y), ctx="cpu", engine="native", verbose=False)
    monkeypatch.setattr(native, "AT_ONCE", 3 * 77)
    assert same(whole, train(notebook, data=(X, y), ctx="cpu", engine="native", verbose=False))


def test_arrays_that_cannot_be_written_to_are_read(notebook):
    X, y = data(50, 2)
    X.flags.writeable = y.flags.writeable = False
    order = numpy.arange(50, dtype="uint16")[None].repeat(3, axis=0)
    order = order if notebook == "d2l" else order[0]
    order.flags.writeable = False
    given = dict(data=(X, y), order=order, ctx="cpu", verbose=False)
    assert same(train(notebook, engine="native", **given), train(notebook, **given))


def test_it_says_that_it_is_for_the_cpu():
    own = NOTEBOOKS["d2l"]
    with pytest.raises(ValueError, match="'native', which is for the CPU, and ctx is gpu"):
        native.Native(own, own.settings, 2, native.mx.gpu(0))
    native.Native(own, own.settings, 2, as_context("cpu"))


def test_without_numba_it_says_what_to_install_and_all_else_works(run_python):
    assert run_python("""
import sys
sys.modules["numba"] = None
from d2l_linreg import reproduce, train
try:
    train(engine="native", ctx="cpu")
except ImportError as error:
    print(error)
print(reproduce("d2l", runs=0).ok)
""") == (
        "engine is 'native', which numba compiles, and numba is not installed: it needs the extra "
        "fast: pip install '.[fast]'. If pip finds no numba for Python {}.{}, there is none yet; "
        "'compiled' needs none, and gives the same bits\nTrue\n"
        .format(*platform.python_version_tuple()))


def test_it_lets_other_threads_run():
    X, y = (array.astype("float32") for array in data(400000, 20))
    own, moments, done = NOTEBOOKS["straight_dope"], [], threading.Event()

    def look():
        while not done.is_set():
            moments.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=look)
    thread.start()
    w, b, losses = numpy.zeros(20, "float32"), numpy.zeros(1, "float32"), numpy.zeros(1, "float32")
    rows = numpy.tile(numpy.arange(len(y)), 10)
    started = time.perf_counter()
    native.descend(X, y, rows, len(rows), w, b, native.constants(own, own.settings), losses)
    ended = time.perf_counter()
    done.set()
    thread.join()
    assert len([moment for moment in moments if started < moment < ended]) > 5
