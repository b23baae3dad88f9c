"""Eras: `as_published` beside the numbers that notebooks of each of the years hold."""
import importlib
import random
import sys

import numpy
import old_mxnet
import pytest

from d2l_linreg import as_published, d2l, published, straight_dope
from d2l_linreg.compat.eras import ERAS
from d2l_linreg.compat.mxnet import mx, numpy_semantics

# The first row of features in public notebooks of each era, by `nd` or `np`, at a seed
FIRST_ROWS = [
    ("2017", "nd", 1, "-0.67765152 0.03629481"),
    ("2017", "nd", None, "2.21220636 1.16307867"),
    ("late-2017", "nd", 1, "0.11287736 -1.30644417"),
    ("2018", "nd", None, "2.2122064 0.7740038"),
    ("2018", "nd", 1, "-0.6776515 0.10073948"),
    ("2018", "np", None, "2.2122064 0.7740038"),
    ("2020", "np", None, "2.2122064 1.1630787"),
    ("d2l", "np", None, "2.2122064 0.7740038"),
    ("straight_dope", "nd", 1, "-0.67765152 0.03629481"),
]
SWAPPED = [("2017", "nd", "1.16307867 2.21220636"), ("2018", "nd", "1.1630787 0.4838046"),
           ("2020", "np", "1.1630787 2.2122064")]


def row(namespace):
    """The first of a thousand rows, as printed."""
    if namespace == "nd":
        return " ".join(str(mx.nd.random.normal(shape=(1000, 2))[0]).split("\n")[1].strip("[]")
                        .split())
    with numpy_semantics(True):
        return " ".join(str(mx.np.random.normal(0, 1, (1000, 2))[0]).strip("[]").split())


@pytest.mark.parametrize("era, namespace, seed, expected", FIRST_ROWS)
def test_the_first_row_is_the_one_that_was_stored(era, namespace, seed, expected):
    with as_published(era):
        if seed is not None:
            mx.random.seed(seed)
        assert row(namespace) == expected


@pytest.mark.parametrize("era, namespace, expected", SWAPPED)
def test_the_first_row_is_the_one_that_was_stored_with_each_pair_swapped(era, namespace, expected):
    with as_published(era, swapped_pairs=True):
        assert row(namespace) == expected


def test_of_late_2017_draws_3_and_4_hold_what_the_straight_dope_holds_at_its_end():
    """Its 8 printed rows, and their labels, whose noise has a standard deviation of 0.1."""
    with as_published("late-2017"):
        mx.random.seed(1)
        for _ in range(2):
            X = mx.nd.random_normal(shape=(10000, 2)).asnumpy().astype("float64")
            noise = mx.nd.random_normal(shape=(10000,)).asnumpy()
    y = X @ [2, -3.4] + 4.2 + 0.1 * noise
    assert X[0] == pytest.approx([-1.22338355, 2.39233518], abs=5e-9)
    assert y[0] == pytest.approx(-6.09602737, abs=1e-6)
    printed = {(-0.14732301, -1.32803488): 8.25711536, (-0.56128627, 0.48301753): 1.30587864,
               (0.75564283, -0.12659997): 6.15542459, (-0.96057719, -0.96254188): 5.48825312,
               (-0.59027743, -1.52694809): 8.28844357, (-0.00750104, 2.68466949): -5.07566643,
               (1.50308061, 0.54902577): 5.3666563, (1.69129586, 0.32308948): 6.52408457}
    for features, label in printed.items():
        (place,) = numpy.flatnonzero((abs(X - features) < 6e-9).all(axis=1))
        assert y[place] == pytest.approx(label, abs=2e-6)


def test_mxnet_0_12_draws_what_late_2017_draws_by_each_name(mxnet_0_12_wheel, old_libm):
    drawn = old_mxnet.run(mxnet_0_12_wheel, """
mx.random.seed(3)
for i in range(3):
    arrays[str(i)] = nd.random_normal(loc=1, scale=2, shape=(70,))
    arrays[str(i) + "u"] = nd.random_uniform(low=-1, high=2, shape=(5, 3))
""", LD_PRELOAD=str(old_libm))
    with as_published("late-2017"):
        mx.random.seed(3)
        for i, normal in enumerate((mx.nd.random_normal, mx.nd.random.normal, mx.random.normal)):
            assert (normal(1, 2, shape=(70,)).asnumpy() == drawn[str(i)]).all()
            assert (mx.nd.random_uniform(-1, 2, shape=(5, 3)).asnumpy() == drawn[f"{i}u"]).all()


@pytest.mark.parametrize("namespace", ["nd", "np"])
def test_all_functions_for_normal_and_uniform_numbers_share_a_stream(namespace):
    """By each name, and into an array that is there."""
    of_nd = [lambda: mx.nd.random.normal(shape=(3, 2)), lambda: mx.nd.random.randn(3, 2),
             lambda: mx.random.randn(3, 2), lambda: mx.nd.normal(shape=(3, 2)),
             lambda: mx.nd.random.normal(out=mx.nd.zeros((3, 2))),
             lambda: mx.random.normal(0, 1, out=mx.nd.zeros((3, 2)))]
    of_np = [lambda: mx.np.random.normal(size=(3, 2)), lambda: mx.np.random.randn(3, 2),
             lambda: mx.np.random.normal(0, 1, (3, 2), out=mx.np.zeros((3, 2)))]
    uniforms = {"nd": [lambda: mx.nd.random.uniform(shape=4), lambda: mx.nd.uniform(shape=4)],
                "np": [lambda: mx.np.random.uniform(size=4), lambda: mx.np.random.rand(4)]}
    for functions in ({"nd": of_nd, "np": of_np}[namespace], uniforms[namespace]):
        drawn = []
        for function in functions:
            with as_published("2018"), numpy_semantics(namespace == "np"):
                function()
                drawn.append(function().asnumpy().tolist())
        assert drawn[0][0] != 0 and all(numbers == drawn[0] for numbers in drawn)


def test_a_number_alone_has_the_shape_that_mxnet_gives_it():
    with as_published("2020"), numpy_semantics(True):
        assert mx.np.random.normal().shape == ()
        assert mx.nd.random.normal().shape == (1,)
    assert (mx.nd.random.normal().shape, mx.np.random.normal().shape) == ((1,), ())


def test_of_2020_numbers_are_todays_mxnets_where_its_c_library_is_todays():
    mx.random.seed(5)
    plain = mx.np.random.uniform(0, 1, (9,)).asnumpy(), mx.nd.random.uniform(shape=9).asnumpy()
    with as_published("2020"):
        mx.random.seed(5)
        ours = mx.np.random.uniform(0, 1, (9,)).asnumpy(), mx.nd.random.uniform(shape=9).asnumpy()
    assert (plain[0] == ours[0]).all() and (plain[1] == ours[1]).all()


@pytest.mark.parametrize("era", ERAS)
def test_an_era_alone_gives_no_recovered_shuffle(era):
    with as_published(era):
        order = list(range(1000))
        random.shuffle(order)
        assert order[:10] != published.document("d2l")["minibatch_rows"]
        X, y = mx.nd.zeros((10000, 2)), mx.nd.arange(10000)
        first = next(iter(mx.io.NDArrayIter(X, y, 4, shuffle=True))).label[0].asnumpy().tolist()
        assert first != published.order("straight_dope")[:4].tolist()


@pytest.mark.parametrize("era, once", [("2017", True), ("late-2017", True), ("2018", True),
                                       ("2020", False)])
def test_ndarrayiter_shuffles_once_until_1_3(era, once):
    with as_published(era):
        batches = mx.io.NDArrayIter(mx.nd.zeros((50, 2)), mx.nd.arange(50), 50, shuffle=True)
        passes = []
        for _ in range(2):
            batches.reset()
            passes.append(next(batches).label[0].asnumpy().tolist())
    assert (passes[0] == passes[1]) == once


@pytest.mark.parametrize("era, printed", [
    ("2017", "[ 0.1  1.5]"), ("late-2017", "[ 0.1  1.5]"), ("2018", "[0.1 1.5]"),
    ("2020", "[0.1 1.5]")])
def test_arrays_are_printed_as_then_and_as_asked_for(era, printed):
    array = numpy.array([0.1, 1.5], "float32")
    with as_published(era):
        assert str(array) == printed
    for version, text in (("1.13", "[ 0.1  1.5]"), ("1.16", "[0.1 1.5]")):
        with as_published(era, numpy_printing=version):
            assert str(array) == text


@pytest.mark.parametrize("era", ERAS)
def test_an_array_of_one_number_is_a_number_to_python(era):
    """As in the `'%f' % loss.mean().asnumpy()` of many notebooks, which NumPy 2.5 refuses."""
    with as_published(era):
        one = mx.nd.array([1.75]).asnumpy()
        assert "%f %d" % (one, one) == "1.750000 1" and float(one * 2) == 3.5  # noqa: UP031
        assert "1.75" in repr(one) and repr(one).startswith("array(")
        assert repr(one + numpy.zeros(2)).startswith("array(") and type(one).__name__ == "ndarray"
        assert type(mx.nd.zeros(2).asnumpy()) is numpy.ndarray
    assert type(mx.nd.array([1.75]).asnumpy()) is numpy.ndarray


def test_squares_of_2020_are_the_c_librarys():
    power = mx.nd.NDArray.__pow__
    with as_published("2020"):
        assert mx.nd.NDArray.__pow__ is power


def test_today_changes_no_numbers():
    functions = (mx.np.random.normal, mx.nd.random.normal, mx.io.NDArrayIter, random.shuffle,
                 mx.nd.NDArray.__pow__, mx.nd.NDArray.asscalar, numpy.get_printoptions())
    with as_published("today"):
        assert functions == (
            mx.np.random.normal, mx.nd.random.normal, mx.io.NDArrayIter, random.shuffle,
            mx.nd.NDArray.__pow__, mx.nd.NDArray.asscalar, numpy.get_printoptions())


@pytest.mark.parametrize("arguments, options, message", [
    (("d3l",), {}, "era is 'd3l'"), (("d2l", "tpu"), {}, "ctx is 'tpu'"),
    ((2018,), {}, "era is 2018"),
    (("2018",), {"numpy_printing": "1.14"}, "numpy_printing is '1.14'"),
    (("today",), {"swapped_pairs": True}, "'today' changes nothing; leave them out")])
def test_what_is_unknown_is_refused_before_anything_changes(arguments, options, message):
    before = mx.np.random.normal, mx.context.current_context(), "d2l" in sys.modules
    with pytest.raises(ValueError, match=message), as_published(*arguments, **options):
        pass
    assert before == (mx.np.random.normal, mx.context.current_context(), "d2l" in sys.modules)


def test_vocabularies_draw_as_their_own_notebook_and_in_an_era_as_that_does():
    def drawn():
        mx.random.seed(0)
        first = d2l.synthetic_data([2, -3.4], 4.2, 1000)[0][0].asnumpy().tolist()
        mx.random.seed(0)  # in 2018 both are of one state
        return [first, straight_dope.synthetic_data(1000)[0][0].asnumpy().tolist()]

    p = numpy.array([2.2122064, 1.1630787, 0.7740038], "float32").tolist()
    assert drawn() == [p[::2], p[:2]]
    with as_published("2018"):
        assert drawn() == [p[::2], p[::2]]
    with as_published("2020"):
        assert drawn() == [p[:2], p[::2]]


# What notebooks import

@pytest.mark.parametrize("era", ["d2l", "2018", "2020", "today"])
def test_d2l_can_be_imported_inside_only(era):
    with as_published(era):
        import d2l as book
        from d2l import mxnet

        assert book.set_figsize is mxnet.set_figsize is d2l.set_figsize
        assert book.synthetic_data is d2l.synthetic_data
        assert importlib.util.find_spec("d2l") is not None
    with pytest.raises(ImportError):
        importlib.import_module("d2l")


def test_a_folder_named_d2l_is_no_package_that_someone_wants(tmp_path, monkeypatch):
    (tmp_path / "d2l").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    with as_published("today"):
        import d2l as book

        assert book.linreg is d2l.linreg


@pytest.fixture(params=[True, False])
def theirs(request, tmp_path, monkeypatch):
    """A package d2l as PyPI's, with a name that ours lacks and one that it has; loaded or not."""
    (tmp_path / "d2l").mkdir()
    (tmp_path / "d2l" / "__init__.py").write_text("__version__ = '1.0.3'\n")
    (tmp_path / "d2l" / "mxnet.py").write_text(
        "import sys\nModule, linreg = 'their Module', 'theirs'\nd2l = sys.modules[__name__]\n"
        "assert d2l.Module\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = importlib.import_module("d2l.mxnet") if request.param else None
    yield before
    for name in ("d2l", "d2l.mxnet"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("era", ["d2l", "2018", "2020"])
def test_ours_shadows_an_installed_d2l_which_is_given_back(era, theirs):
    with as_published(era):
        import d2l as book

        assert book.linreg is d2l.linreg and hasattr(book, "Module") == (era == "2020")
    assert sys.modules.get("d2l.mxnet") is theirs
    from d2l import mxnet

    assert mxnet.linreg == "theirs"


def test_of_2020_an_installed_d2l_has_the_names_that_ours_lacks(theirs):
    with as_published("2020"):
        from d2l import mxnet as book

        assert (book.Module, book.linreg) == ("their Module", d2l.linreg)
    assert sys.modules.get("d2l.mxnet") is theirs


def test_today_an_installed_d2l_is_as_it_is(theirs):
    with as_published("today"):
        from d2l import mxnet as book

        assert book.linreg == "theirs"


@pytest.mark.parametrize("era, code", [
    ("d2l", "import d2l; d2l.Module"), ("2020", "from d2l import mxnet as d2l; d2l.Module"),
    ("2018", "from d2l import torch as d2l"), ("2020", "import d2l.tensorflow")])
def test_a_name_of_another_editions_is_told_as_that(era, code):
    with as_published(era), pytest.raises((AttributeError, ImportError)) as caught:
        exec(code, {})
    message = str(caught.value)
    assert message.startswith(("d2l.Module belongs", "d2l.torch belongs", "d2l.tensorflow belongs"))
    assert "another edition of Dive into Deep Learning, whose package is d2l on PyPI" in message
    assert "its numbers are not ours" in message


@pytest.mark.parametrize("era, remedy", [
    ("2018", "only under the era 2020 its names are used"), ("d2l", "only under the era 2020"),
    ("2020", "pip install --no-deps d2l, and pandas")])
def test_what_is_lacking_is_told_with_the_remedy_of_the_era(era, remedy):
    with as_published(era), pytest.raises(AttributeError, match=remedy):
        importlib.import_module("d2l").nothing_of_this_name


def test_the_book_is_there_for_who_looks_at_it():
    with as_published("d2l"):
        import d2l as book

        assert not hasattr(book, "Module") and not hasattr(book, "_repr_html_")
        assert "d2l" in repr(book)


def test_set_matplotlib_formats_is_where_it_was(run_python):
    assert run_python("""
import IPython.display, d2l_linreg
before = hasattr(IPython.display, "set_matplotlib_formats")
with d2l_linreg.as_published("2018"):
    from IPython.display import set_matplotlib_formats
    set_matplotlib_formats("svg")
print(hasattr(IPython.display, "set_matplotlib_formats") == before)
""") == "True\n"


def test_the_cpu_stands_in_for_gpus_if_it_is_asked_for():
    before = mx.gpu
    with as_published("2018", "cpu"):
        from mxnet import gpu

        assert mx.gpu(3) == gpu() == mx.npx.gpu(1) == mx.context.gpu() == mx.cpu()
        assert mx.nd.ones(2, ctx=mx.gpu()).sum().asscalar() == 2
    with as_published("2018"):
        assert mx.gpu is before


def test_imports_do_not_import_mxnet_for_the_command_line(run_python):
    assert run_python("import d2l_linreg.compat.eras, sys; "
                      "print('numpy' in sys.modules)") == "False\n"


