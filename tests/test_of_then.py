"""MXNet has the NumPy that it was written for, and everybody else the one that is installed."""
import ast
import glob
import math
import operator
import os
import pickle
import shutil
import subprocess
import warnings
from pathlib import Path

import numpy
import printed
import pytest

from d2l_linreg import as_published
from d2l_linreg.compat.mxnet import mx
from d2l_linreg.compat.of_then import of_then
from d2l_linreg.compat.printing import printing_of_2017, printing_of_2019, str_of_2019

numpy_of_then = of_then(numpy)


def names_read(path):
    """The names that a source file of MXNet's reads of NumPy, and of NumPy's modules."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(path.read_text(encoding="utf-8"))
    aliases = {alias.asname or "numpy" for node in ast.walk(tree) if isinstance(node, ast.Import)
               for alias in node.names if alias.name == "numpy"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "numpy" and node.level == 0:
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute):
            names = ast.unparse(node).split(".")
            if names[0] in aliases and all(map(str.isidentifier, names)):
                yield ".".join(names[1:])


def test_mxnet_finds_each_name_of_numpys_that_its_sources_read():
    read = {name for path in Path(mx.__file__).parent.rglob("*.py") for name in names_read(path)}
    assert {"bool", "PZERO", "random.normal", "core.numeric.normalize_axis_tuple"} <= read
    for name in read:
        try:
            operator.attrgetter(name)(numpy_of_then)
        except AttributeError:
            # what is missing of a function or type is none of the module's
            assert callable(operator.attrgetter(name.rpartition(".")[0])(numpy_of_then)), name


@pytest.mark.parametrize("name, value", [
    ("PZERO", 0.), ("NZERO", -0.), ("PINF", math.inf), ("NINF", -math.inf), ("Inf", math.inf)])
def test_constants_are_what_they_were(name, value):
    assert getattr(numpy_of_then, name) == value
    assert math.copysign(1, getattr(numpy_of_then, name)) == math.copysign(1, value)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # NumPy 1's, of what it is to drop
def test_functions_are_what_they_were():
    assert math.isnan(numpy_of_then.NAN) and math.isnan(numpy_of_then.NaN)
    assert numpy_of_then.bool is bool and numpy_of_then.int is int
    assert not numpy_of_then.alltrue([1, 0]) and numpy_of_then.sometrue([1, 0])
    assert numpy_of_then.product([2, 3]) == 6 and numpy_of_then.round_(2.567, 2) == 2.57
    assert numpy_of_then.in1d([[1, 2], [3, 1]], [1]).tolist() == [True, False, False, True]
    assert numpy_of_then.msort([[2, 1], [1, 2]]).tolist() == [[1, 1], [2, 2]]
    assert numpy_of_then.trapz([1, 2, 3]) == 4
    assert isinstance("edge", numpy_of_then.compat.basestring)
    assert numpy_of_then.float64 is numpy.float64
    with pytest.raises(AttributeError, match="nothing_of_numpys"):
        numpy_of_then.nothing_of_numpys
    for name in ("mirr", "npv", "pmt", "ppmt", "pv", "rate"):
        with pytest.raises(RuntimeError, match="numpy.financial"):
            getattr(numpy_of_then, name)(1)


def test_numpys_own_names_stay_as_they_are(run_python):
    run_python("""
import types, warnings
warnings.simplefilter("ignore")  # of names that NumPy is about to drop
import numpy, numpy.testing
for name in dir(numpy):
    getattr(numpy, name)
before = dict(vars(numpy))
import d2l_linreg.d2l, mxnet, mxnet.test_utils
import mxnet.gluon.contrib.estimator
after = vars(numpy)
assert {name for name in after if not isinstance(after[name], types.ModuleType)} == {
    name for name in before if not isinstance(before[name], types.ModuleType)}
assert all(after[name] is before[name] for name in before)
import sys
assert sys.modules["numpy"] is numpy
""")


def test_mxnet_reads_those_names_when_it_is_used(run_python):
    run_python("""
import d2l_linreg, mxnet as mx
from mxnet import np, npx, test_utils
from mxnet.gluon.contrib.estimator import EarlyStoppingHandler
npx.set_np()
a = np.arange(6).reshape(2, 3)
a[a > 3] = -1  # bool
assert a.tolist() == [[0, 1, 2], [3, -1, -1]]
assert np.full(2, True, dtype=bool).dtype == bool
assert np.pad(a, ((1, 1), (1, 1)), mode="constant").shape == (4, 5)  # compat
EarlyStoppingHandler(mx.metric.Accuracy(), mode="max")  # Inf
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("error")
    assert mx.nd.moveaxis(mx.nd.ones((2, 3)), 0, 1).shape == (3, 2)  # core
""")


@pytest.mark.parametrize("package", ["scipy", "sklearn", "h5py", "cv2"])
def test_a_package_too_old_for_this_numpy_does_not_stop_mxnet(package, tmp_path, run_python):
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").write_text("import numpy\nnumpy.no_longer_there\n")
    assert run_python("import d2l_linreg, mxnet; print(mxnet.nd.ones(2).sum().asscalar())",
                      PYTHONPATH=str(tmp_path)) == "2.0\n"


def test_scikit_learn_is_not_loaded_for_mxnet_and_is_there_for_all_others(tmp_path, run_python):
    (tmp_path / "sklearn").mkdir()
    (tmp_path / "sklearn" / "__init__.py").write_text("")
    (tmp_path / "sklearn" / "base.py").write_text("class BaseEstimator: pass")
    assert run_python("""
import sys
import d2l_linreg, mxnet
print("sklearn" in sys.modules, mxnet.model.SKLEARN_INSTALLED)
import sklearn.base
print(sklearn.base.BaseEstimator.__module__)
""", PYTHONPATH=tmp_path) == "False False\nsklearn.base\n"


def test_what_scipy_is_about_to_drop_mxnet_still_has(tmp_path, run_python):
    folder = tmp_path / "scipy" / "sparse"
    folder.mkdir(parents=True)
    (tmp_path / "scipy" / "__init__.py").write_text("")
    (folder / "__init__.py").write_text("""
class csr_matrix: pass
def __getattr__(name):
    if name == "csr":
        raise DeprecationWarning("to be removed in SciPy 2.0.0")
    raise AttributeError(name)
""")
    assert run_python("""
import d2l_linreg, mxnet, scipy.sparse
print(mxnet.nd.array([1, 2]).sum().asscalar(), "csr" in vars(scipy.sparse))
""", PYTHONPATH=tmp_path) == "3.0 False\n"


def test_warnings_as_errors_do_not_stop_a_late_import(run_python):
    run_python("""
import d2l_linreg, mxnet, warnings
warnings.simplefilter("error")
import mxnet.contrib, mxnet.test_utils, mxnet.gluon.contrib.estimator, mxnet.rnn
""")


# What float32 and Python's numbers made before NEP 50: float64, as of NumPy's own of 64 bits.
OTHERS = (.01, 3, -2.5, 0.1, 10**6, 2j)
BINARY = (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.eq,
          operator.ne)
ORDERED = (operator.lt, operator.le, operator.gt, operator.ge, operator.floordiv, operator.mod,
           divmod)


@pytest.fixture
def scalar():
    """What `asscalar` gives: 0.1 in float32."""
    with as_published("straight_dope"):
        yield mx.nd.array([.1]).asscalar()


@pytest.mark.parametrize("operate, other", [
    (operate, other) for operate in BINARY + ORDERED for other in OTHERS
    if operate in BINARY or not isinstance(other, complex)])  # which have no order
def test_asscalar_makes_float64_of_pythons_numbers(scalar, operate, other):
    value = numpy.float64(numpy.float32(.1))
    wide = (numpy.complex128 if isinstance(other, complex) else numpy.float64)(other)
    for operands, exact in (((scalar, other), (value, wide)), ((other, scalar), (wide, value))):
        with numpy.errstate(invalid="ignore"):  # of a negative number's power
            made, expected = numpy.asarray(operate(*operands)), numpy.asarray(operate(*exact))
        # Powers differ by an ulp between NumPys; of float32 it would be 1e-7
        numpy.testing.assert_allclose(made, expected, rtol=4e-16)
        assert made.dtype == expected.dtype


def test_asscalar_is_else_what_it_was(scalar):
    assert isinstance(scalar, numpy.float32) and str(type(scalar)) == "<class 'numpy.float32'>"
    assert (int(scalar * 50), float(scalar)) == (5, float(numpy.float32(.1)))
    assert f"{scalar:.3f} {scalar} {scalar!r}" == "0.100 0.10000000149011612 0.1"
    assert "%s %.2e" % (scalar, scalar) == "0.1 1.00e-01"  # noqa: UP031
    assert hash(scalar) == hash(numpy.float32(.1))
    assert type(pickle.loads(pickle.dumps(scalar))) is numpy.float32
    assert numpy.array([scalar, scalar]).dtype == numpy.float32
    for of_it in (-scalar, +scalar, abs(scalar), scalar * scalar, scalar + numpy.float32(1)):
        assert isinstance(of_it, numpy.float32) and (.1 * of_it).dtype == numpy.float64
    assert (scalar + True).dtype == numpy.float32
    assert (scalar * numpy.ones(2, "float32")).dtype == numpy.float32
    assert (mx.nd.ones(2) * scalar).dtype == numpy.float32
    moving = .99 * 0. + .01 * scalar
    assert moving == .01 * float(numpy.float32(.1)) and moving.dtype == numpy.float64


def test_both_parts_of_divmod_are_scalars_of_then():
    with as_published("2017"):
        scalar = mx.nd.array([7.5]).asscalar()
        for pair in (divmod(scalar, scalar), divmod(scalar, mx.nd.array([2]).asscalar())):
            assert [(part * 0.1).dtype for part in pair] == ["float64", "float64"]


def test_asscalar_is_numpys_own_again_afterwards():
    with as_published("straight_dope"):
        pass
    assert type(mx.nd.array([.1]).asscalar()) is numpy.float32


def interpreter(name):
    """An interpreter on the path, or of pyenv's."""
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    found = [path for path in [shutil.which(name),
                               *glob.glob(os.path.join(root, "versions", "*", "bin", name))]
             if path and "shims" not in path]
    return found[0] if found else pytest.skip(f"{name} is not here")


@pytest.mark.parametrize("version, python, tag, printing, strs, reprs", [
    ("1.13.3", "python2.7", "cp27mu", printing_of_2017, 1, 4),
    ("1.16.4", "python3.7", "cp37m", printing_of_2019, 2, 2)])
def test_arrays_are_printed_as_by_the_numpy_of_then(version, python, tag, printing, strs, reprs,
                                                    tmp_path):
    try:
        then = printed.texts_of(version, interpreter(python), tag, tmp_path)
    except subprocess.CalledProcessError:
        pytest.skip(f"the wheel of NumPy {version} cannot be downloaded here")
    with printing():
        now = printed.texts()
    # That many differ, all in a number's last digit or in where a line ends; and of arrays without
    # axes in 2017 the `str`, which was Python 2's of a float: 12 digits.
    shapes = [array.shape for array in printed.arrays()]
    differ = [[shape for shape, *texts in zip(shapes, now, then, strict=True)
               if texts[0][way] != texts[1][way]] for way in (0, 1)]
    assert sum(shape != () for shape in differ[0]) == strs and len(differ[1]) == reprs
    assert version == "1.13.3" or () not in differ[0]


@pytest.mark.skipif(not hasattr(numpy, "set_string_function"), reason="NumPy 2 has no such thing")
def test_how_a_caller_had_numpy_print_is_not_heard(run_python):
    assert run_python("""
import numpy
numpy.set_string_function(lambda array: "of a caller's", repr=False)
from d2l_linreg import as_published, reproduce
assert reproduce("d2l", runs=0).ok
with as_published("straight_dope"):
    print(numpy.float32([.1]))
""") == "[ 0.1]\n"


@pytest.mark.parametrize("kind", ["float32", "float64", "int64"])
def test_an_array_alone_is_told_as_inside_the_block_whatever_is_set(kind):
    rng = numpy.random.RandomState(0)
    for shape in ((1,), (3,), (40, 3), (1000,), (1001,), (2000,)):
        for scale in (1e-6, 0.01, 1, 1e9):
            array = (scale * rng.standard_normal(shape)).astype(kind)
            with printing_of_2019():
                expected = str(array)
            with numpy.printoptions(precision=3, threshold=5, linewidth=30, suppress=True):
                assert str_of_2019(array) == expected
