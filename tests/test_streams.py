"""The random streams: the authors' numbers, whatever the machine's C library."""
import ctypes
import ctypes.util
import itertools
import platform
import threading
from dataclasses import replace

import mxnet_first
import numpy
import old_mxnet
import pytest

from d2l_linreg import as_published, d2l, straight_dope, train
from d2l_linreg.compat import streams
from d2l_linreg.compat.eras import ERAS, OF_THE_NOTEBOOKS
from d2l_linreg.compat.logf import logf_before_2018, logf_since_2018
from d2l_linreg.compat.mxnet import mx, numpy_semantics
from d2l_linreg.compat.streams import seeded, stream

SEEDS = (0, 1, 17, 12345, 2**31 - 1)
SHAPES = ((1,), (3,), (63,), (64,), (65,), (130,), (5, 2), (1000, 2), (7, 3, 2), (10001,),
          (65537,), (70000,))
DISTRIBUTIONS = ((0, 1), (2.5, 0.3), (-1, 10))

glibc_x86 = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or platform.machine() != "x86_64",
    reason="elsewhere MXNet's compiler or C library may round otherwise")

# Draws from all four generators in turn, each call going on from the last, and saves what came
DRAW = f"""
import sys
import numpy
from d2l_linreg.compat.mxnet import mx
draws = {{2017: (mx.np.random.normal, mx.np.random.uniform),
          2019: (mx.nd.random.normal, mx.nd.random.uniform)}}
arrays = {{}}
for seed in {SEEDS}:
    mx.random.seed(seed)
    for i, shape in enumerate({SHAPES}):
        loc, scale = {DISTRIBUTIONS}[i % 3]
        for year, (normal, uniform) in draws.items():
            arrays[f"{{year}} normal {{seed}} {{i}}"] = normal(loc, scale, shape).asnumpy()
            arrays[f"{{year}} uniform {{seed}} {{i}}"] = uniform(loc, loc + scale, shape).asnumpy()
numpy.savez(sys.argv[1], **arrays)
"""


def drawn_by_mxnet(run_python, folder, **environment):
    """What MXNet draws in a process of its own, by name."""
    path = folder / "drawn.npz"
    run_python(DRAW.replace("sys.argv[1]", repr(str(path))), **environment)
    with numpy.load(path) as arrays:
        return dict(arrays)


OURS = {2017: "nd", 2019: "np"}  # where our two notebooks draw from the streams of those years


def compare_with(arrays, years=(2017, 2019), drawing=OF_THE_NOTEBOOKS, **others):
    """Draw the same from our streams; the names of those arrays that differ."""
    different = []
    for seed in SEEDS:
        with seeded(seed, replace(drawing, **others)):
            for i, shape in enumerate(SHAPES):
                loc, scale = DISTRIBUTIONS[i % 3]
                for year in years:
                    ours = {"normal": stream(OURS[year]).normal(shape, loc, scale),
                            "uniform": stream(OURS[year]).uniform(shape, loc, loc + scale)}
                    for kind, drawn in ours.items():
                        name = f"{year} {kind} {seed} {i}"
                        assert drawn.shape == shape and drawn.dtype == numpy.float32
                        if drawn.tobytes() != arrays[name].tobytes():
                            different.append(name)
    return different


@glibc_x86
def test_with_todays_logf_they_are_mxnets_own_streams(run_python, tmp_path):
    arrays = drawn_by_mxnet(run_python, tmp_path)
    assert len(arrays) == 4 * len(SEEDS) * len(SHAPES)
    different = compare_with(arrays)
    assert [name for name in different if "uniform" in name] == []
    assert different != []  # its logf is not the authors'
    assert compare_with(arrays, logf="since 2018") == []


@glibc_x86
def test_the_streams_of_2020_are_todays_mxnets(run_python, tmp_path):
    """By the names of then: `np` has the one engine, `nd` the many."""
    arrays = {name.replace(was, now): array
              for name, array in drawn_by_mxnet(run_python, tmp_path).items()
              for was, now in (("2017", "2019"), ("2019", "2017")) if name.startswith(was)}
    assert compare_with(arrays, drawing=ERAS["2020"].drawing) == []


@glibc_x86
def test_mxnet_with_the_logf_of_then_draws_what_they_draw(run_python, tmp_path, old_libm):
    assert compare_with(drawn_by_mxnet(run_python, tmp_path, LD_PRELOAD=str(old_libm))) == []


def drawn_by_old_mxnet(wheel, **environment):
    """What an MXNet of 2017 draws, each call going on from the last, by name."""
    program = ""
    for seed in SEEDS:
        program += f"mx.random.seed({seed})\n"
        for (i, shape), (kind, names) in itertools.product(
                enumerate(SHAPES), (("normal", "loc scale"), ("uniform", "low high"))):
            loc, scale = DISTRIBUTIONS[i % 3]
            parameters = (loc, scale) if kind == "normal" else (loc, loc + scale)
            given = ", ".join(f"{name}={value!r}"
                              for name, value in zip(names.split(), parameters, strict=True))
            program += (f"arrays['2017 {kind} {seed} {i}'] = "
                        f"nd.random_{kind}({given}, shape={shape})\n")
    arrays = old_mxnet.run(wheel, program, **environment)
    assert len(arrays) == 2 * len(SEEDS) * len(SHAPES)
    return arrays


def test_mxnet_0_11_with_the_logf_of_then_draws_what_the_stream_of_2017_draws(
        mxnet_0_11_wheel, old_libm):
    drawn = drawn_by_old_mxnet(mxnet_0_11_wheel, LD_PRELOAD=str(old_libm))
    assert compare_with(drawn, years=(2017,)) == []
    assert compare_with(drawn, years=(2017,), drawing=ERAS["2017"].drawing) == []


def test_mxnet_0_12_draws_what_the_stream_of_late_2017_draws(mxnet_0_12_wheel, old_libm):
    drawing = ERAS["late-2017"].drawing
    with_old_logf = drawn_by_old_mxnet(mxnet_0_12_wheel, LD_PRELOAD=str(old_libm))
    assert compare_with(with_old_logf, years=(2017,), drawing=drawing) == []
    if platform.libc_ver() >= ("glibc", "2.27"):
        drawn = drawn_by_old_mxnet(mxnet_0_12_wheel)
        assert compare_with(drawn, years=(2017,), drawing=drawing, logf="since 2018") == []


def of_each(function, x):
    """A C library's function of many floats."""
    y = numpy.empty_like(x)
    function(x.ctypes.data_as(ctypes.c_void_p), y.ctypes.data_as(ctypes.c_void_p),
             ctypes.c_int64(len(x)))
    return y


@pytest.fixture(scope="module")
def all_that_the_polar_method_has():
    """Every 29th float, and all near powers of two, from 2**-50, below the least sum, to 1."""
    bits = numpy.arange((127 - 50) << 23, (127 << 23) + 1, 29, dtype="int32")
    near = (numpy.arange(127 - 49, 128, dtype="int32") << 23)[:, None] + numpy.arange(-40, 40)
    return numpy.concatenate([bits, near[near <= 127 << 23].astype("int32")]).view("float32")


def test_the_logf_of_then_is_fdlibms(old_libm, all_that_the_polar_method_has):
    x = all_that_the_polar_method_has
    expected = of_each(ctypes.CDLL(str(old_libm)).old_logf_of, x)
    assert logf_before_2018(x).tobytes() == expected.tobytes()
    exact = numpy.log(x.astype("float64"))
    assert (abs(expected - exact) <= numpy.spacing(abs(exact).astype("float32"))).all()


@pytest.mark.skipif(platform.libc_ver() < ("glibc", "2.27"), reason="it is of glibc 2.27 and later")
def test_the_logf_of_today_is_glibcs(old_libm, all_that_the_polar_method_has):
    x = all_that_the_polar_method_has
    expected = of_each(ctypes.CDLL(str(old_libm)).next_logf_of, x)
    assert (logf_before_2018(x) != expected).sum() > 100000  # so it is not the one of then
    assert logf_since_2018(x).tobytes() == expected.tobytes()


@pytest.mark.parametrize("year, seed, shape, place, published", [
    # (a notebook of d2l's one-day course, on ndarrays: its one random array)
    (2019, 0, (3, 4), slice(12), """2.2122064 0.7740038 1.0434405 1.1839255 1.8917114 -1.2347414
     -1.771029 -0.45138445 0.57938355 -1.856082 -1.9768796 -0.20801921"""),
    # (the Straight Dope notebook itself, editions of 7 and 14 August 2017: a row of a mini-batch)
    (2017, 1, (10000, 2), slice(2 * 8628, 2 * 8628 + 2), "0.28478342 0.8342405"),
    # (the Straight Dope's chapter on ndarrays, July and August 2017: its one random array)
    (2017, 1, (6, 4), slice(24), """-0.67765152 0.03629481 0.10073948 -0.49024421 0.57595438
     -0.95017916 -0.3469252 0.03751944 -0.22134334 -0.72984636 -1.80471897 -2.04010558 -0.80642909
     1.482131 1.22033095 1.04082799 2.23235631 -0.45256865 0.20070229 0.31160426 -0.54968649
     -0.83673775 -0.19819015 -0.78830057"""),
])
def test_numbers_that_other_pages_published_come_out(year, seed, shape, place, published):
    with seeded(seed):
        drawn = stream(OURS[year]).normal(shape).ravel()[place]
    # Printed with eight decimals in 2017, in 2019 with as many as tell a float32 from others
    for number, text in zip(drawn, published.split(), strict=True):
        assert f"{number:.8f}".rstrip("0") == text if year == 2017 else str(number) == text


def test_draws_in_pieces_are_those_of_an_engine_that_never_looks_ahead():
    """Of 2017's one engine, by NumPy's own mt19937 and float64's logarithm, to rounding."""
    words = numpy.random.RandomState(127 * 3).randint(0, 2**32, 40000, dtype="uint32")
    x, y = 2 * (words / 2.0**32).reshape(-1, 2).T - 1
    hit = x * x + y * y <= 1
    x, y = x[hit], y[hit]
    r2 = x * x + y * y
    expected = numpy.stack([y, x], 1) * numpy.sqrt(-2 * numpy.log(r2) / r2)[:, None]
    counts = [1, 2, 3, 700, 1, 4000, 5, 6000]
    with seeded(3):
        drawn = [stream("nd").normal((count,)) for count in counts]
    pair = 0
    for count, ours in zip(counts, drawn, strict=True):  # each call begins a new pair
        theirs = expected[pair:pair + -(-count // 2)].ravel()[:count]
        # Where the logarithm is near 0, so that its relative error is large, no more than this
        assert ours == pytest.approx(theirs, abs=1e-4)
        pair += -(-count // 2)


def test_a_large_draw_is_the_same_in_bounded_portions(year_of_stream, monkeypatch):
    def draw():
        with seeded(5):
            return [stream(OURS[year_of_stream]).normal((150001,)) for _ in range(2)]

    whole = draw()
    monkeypatch.setattr(streams, "_AT_ONCE", 5000)
    assert [part.tobytes() for part in draw()] == [part.tobytes() for part in whole]


@pytest.fixture(params=[2017, 2019])
def year_of_stream(request):
    return request.param


def first(year):
    return stream(OURS[year]).normal((3,)).tolist()


def first_of(year, seed):
    with seeded(seed):
        return first(year)


@pytest.mark.parametrize("seed", [mx.random.seed, mx.npx.random.seed, mx.rnd.seed])
def test_mxnets_seed_decides_however_it_is_set(seed, year_of_stream):
    seed(5)
    assert first(year_of_stream) == first_of(year_of_stream, 5) != first(year_of_stream)
    seed(5)
    assert first(year_of_stream) == first_of(year_of_stream, 5) != first_of(year_of_stream, 6)


@glibc_x86
@pytest.mark.parametrize("arguments", [(-3,), (2**33 + 7,), (True,), (5, "cpu"),
                                       (5, mx.cpu(1)), (numpy.int64(4),)])
def test_a_seed_means_what_it_means_to_mxnet(arguments):
    mx.random.seed(77)
    mx.random.seed(*arguments)
    low, high = 0, 1
    for theirs, year in ((mx.np.random.uniform, 2017), (mx.nd.random.uniform, 2019)):
        ours = stream(OURS[year]).uniform((9,))
        assert theirs(low, high, (9,)).asnumpy().tolist() == ours.tolist()


def test_seeding_a_gpu_seeds_nothing_here(year_of_stream):
    streams.restart(5)
    first(year_of_stream)
    streams.restart(5, "gpu(0)")
    assert first(year_of_stream) != first_of(year_of_stream, 5)


def test_a_seed_that_mxnet_refuses_changes_nothing(year_of_stream):
    mx.random.seed(5)
    with pytest.raises(ValueError, match="must be int"):
        mx.random.seed("6")
    assert first(year_of_stream) == first_of(year_of_stream, 5)


def test_a_process_that_nobody_seeded_has_seed_0(run_python):
    assert run_python("from d2l_linreg import d2l; "
                      "print(*d2l.synthetic_data([2, -3.4], 4.2, 1000)[0][0].asnumpy())"
                      ) == "2.2122064 0.7740038\n"


def test_mxnet_that_was_here_before_has_a_seed_that_nobody_saw(run_python):
    drawn = run_python(mxnet_first.BEGINNING + """
mx = mxnet
mx.random.seed(5)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from d2l_linreg import straight_dope, train
    train(verbose=False)  # draws from a stream of its own
    assert not [w for w in caught if "random.seed" in str(w.message)]
    for _ in range(2):
        straight_dope.init_params()
    (warning,) = [w for w in caught if "random.seed" in str(w.message)]
    assert "Import d2l_linreg first" in str(warning.message)
    mx.random.seed(1)
    X, _ = straight_dope.synthetic_data(10)
    assert len([w for w in caught if "random.seed" in str(w.message)]) == 1
print(X[0].asnumpy().tolist())
""", OPENBLAS_CORETYPE="Haswell" if "x86" in platform.machine() else "",
                       PYTHONPATH=mxnet_first.FOLDER)
    assert drawn == f"{first_of(2017, 1)[:2]}\n"


def test_ours_and_mxnets_generator_do_not_touch_each_other(notebook):
    def theirs(between):
        mx.random.seed(9)
        between()
        return [mx.nd.random.normal(shape=(4,)).asnumpy().tolist(),
                mx.np.random.normal(size=(4,)).asnumpy().tolist()]

    def ours(between):
        mx.random.seed(9)
        between()
        return first(2017), first(2019)

    def mixed():
        train(notebook, ctx="cpu", num_epochs=1, verbose=False)
        with as_published(notebook):
            d2l.init_params()
        straight_dope.synthetic_data(10)

    assert theirs(mixed) == theirs(lambda: None)
    assert ours(lambda: mx.nd.random.normal(shape=(100,)).wait_to_read()) == ours(lambda: None)


def test_the_greatest_word_gives_a_uniform_number_below_1(monkeypatch):
    # As float32 each word from 2**32 - 128 on is 2**32
    words = numpy.array([0, 2**31, 2**32 - 256, 2**32 - 128, 2**32 - 1], "uint32")
    monkeypatch.setattr(streams, "_first_words", lambda seed: numpy.resize(words, 624))
    with streams.seeded(1):
        drawn = stream("nd").uniform((5,))
    assert drawn.tolist() == [0, 0.5, 1 - 2**-24, 1 - 2**-24, 1 - 2**-24]


@pytest.mark.parametrize("namespace", ["nd", "np"])
def test_whoever_listens_is_told_what_was_drawn_by_whom(namespace, monkeypatch):
    monkeypatch.setattr(streams, "noted", [])
    with streams.seeded(1):
        stream(namespace).normal((3, 2), 1, scale=2)
        stream(namespace).uniform((4,), high=5)
    assert streams.noted == [("normal", namespace, (3, 2), 1, 2),
                             ("uniform", namespace, (4,), 0, 5)]


def test_each_thread_has_its_own_block():
    drawn = {}

    def draw(seed):
        with seeded(seed):
            drawn[seed] = [stream("nd").normal((5000,)).tobytes() for _ in range(20)]

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    concurrent = dict(drawn)
    for seed in range(6):
        draw(seed)
    assert drawn == concurrent


def test_published_data_are_drawn_whatever_the_default_device():
    with mx.cpu(1), numpy_semantics(True), seeded(0):
        features, _ = d2l.synthetic_data([2, -3.4], 4.2, 1000)
    assert features.ctx == mx.cpu(1) and str(features[0]) == "[2.2122064 0.7740038]"
