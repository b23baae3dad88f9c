"""`run --as auto`: of which era a notebook is, told by the numbers that are stored in it.

A notebook of our own making for each era, with numbers that public copies of the lessons hold.
"""
import json
from dataclasses import replace

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import cell, raised, returned, said, written

from d2l_linreg.cli import main
from d2l_linreg.compat.eras import ERAS
from d2l_linreg.compat.streams import seeded, started, stream
from d2l_linreg.originals import execution
from d2l_linreg.originals.evidence import Way, last_digit, way_of

ND = """\
import random
from mxnet import autograd, nd
inputs = nd.random.normal(scale=1, shape=(1000, 2))
targets = 2 * inputs[:, 0] - 3.4 * inputs[:, 1] + 4.2
targets += nd.random.normal(scale=0.01, shape=targets.shape)
"""
SEEDED = """\
import mxnet as mx
from mxnet import nd, autograd
mx.random.seed(1)
"""
DRAWN = """\
X = nd.random_normal(shape=(10000, 2))
y = 2 * X[:, 0] - 3.4 * X[:, 1] + 4.2 + {noise} * nd.random_normal(shape=(10000,))
"""
NP = """\
%matplotlib inline
import random
from mxnet import autograd, np, npx
from d2l import mxnet as d2l
npx.set_np()
inputs = np.random.normal(0, 1, (1000, 2))
targets = np.dot(inputs, np.array([2, -3.4])) + 4.2
targets = (targets + np.random.normal(0, 0.01, targets.shape)).reshape((-1, 1))
"""
TRAINED = """\
w, b = {random}(0, 0.01, {shape}=(2, 1)), {array}.zeros(1)
for p in (w, b):
    p.attach_grad()
for n in (1, 2, 3):
    rows = list(range(1000))
    random.shuffle(rows)
    for at in range(0, 1000, 10):
        of = {array}.array(rows[at:at + 10])
        x, t = inputs.take(of, axis=0), targets.take(of, axis=0).reshape((-1, 1))
        with autograd.record():
            loss = ({array}.dot(x, w) + b - t) ** 2 / 2
        loss.backward()
        for p in (w, b):
            p[:] = p - 0.03 * p.grad / 10
    error = ({array}.dot(inputs, w) + b - targets.reshape((-1, 1))) ** 2 / 2
    print('epoch %d, loss %f' % (n, float(error.mean().asnumpy())))
"""


def ran(folder, *cells, options=()):
    """Run a notebook of these cells by the command; the comparison as JSON, and what is written."""
    path = written(folder / "book.ipynb", *cells)
    code = main(["run", path, "--output", str(folder / "out.ipynb"), "--json",
                 str(folder / "out.json"), *options])
    told = json.loads((folder / "out.json").read_text())
    assert told["ok"] == (code == 0)
    return told, nbformat.read(folder / "out.ipynb", as_version=4)


def verdicts(told):
    return [compared["verdict"] for compared in told["cells"] if compared["verdict"]]


def test_2017_whose_data_cell_had_been_run_once_before(tmp_path, capsys):
    told, notebook = ran(
        tmp_path, SEEDED, DRAWN.format(noise=.01),
        ("print(X[0])\nprint(y[0])", "\n[ 1.3903209   1.98160267]\n<NDArray 2 @cpu(0)>\n\n"
         "[ 0.25257194]\n<NDArray 1 @cpu(0)>\n"))
    assert told["told"].startswith("as MXNet of 2017 (to 0.11)")
    assert "its data cell had been run once before" in told["told"]
    assert verdicts(told) == ["identical"]
    sources = [cell.source for cell in notebook.cells]
    assert sources.count(DRAWN.format(noise=.01)) == 2 and "%as_published 2017" in sources[0]
    assert f"ran {told['told']}" in capsys.readouterr().out
    again, _ = ran(tmp_path, *notebook.cells[1:], options=["--as", "2017"])  # as it is written
    assert verdicts(again) == ["identical"]


def test_late_2017_as_the_straight_dope_stands_at_its_end(tmp_path):
    told, _ = ran(
        tmp_path, SEEDED, DRAWN.format(noise=.1),
        ("print(X[0])\nprint(y[0])", "\n[-1.22338355  2.39233518]\n<NDArray 2 @cpu(0)>\n\n"
         "[-6.09602737]\n<NDArray 1 @cpu(0)>\n"),
        ("print(2 * X[0, 0] - 3.4 * X[0, 1] + 4.2)", "\n[-6.38070679]\n<NDArray 1 @cpu(0)>\n"))
    assert told["era"] == "late-2017" and "had been run once before" in told["told"]
    assert verdicts(told) == ["identical"] * 2


def test_2018_by_nd_with_another_shuffle(tmp_path, capsys):
    told, notebook = ran(
        tmp_path, "from IPython.display import set_matplotlib_formats\n"
        "set_matplotlib_formats('svg')", ND,
        cell("inputs[0], targets[0]", returned(
            "(\n [2.2122064 0.7740038]\n <NDArray 2 @cpu(0)>, \n [6.000587]\n "
            "<NDArray 1 @cpu(0)>)")),
        (TRAINED.format(random="nd.random.normal", shape="shape", array="nd"),
         "epoch 1, loss 0.040828\nepoch 2, loss 0.000157\nepoch 3, loss 0.000051\n"))
    assert told["era"] == "2018" and "found by search" not in notebook.cells[0].source
    assert verdicts(told)[0] in ("identical", "other layout")  # as IPython breaks tuples
    assert verdicts(told)[1] == "another shuffle"
    assert "ordinary, p = 0." in told["cells"][-1]["reason"]
    out = capsys.readouterr().out
    assert "identical  other layout  to rounding  another shuffle  new  different  failed" in out


def test_2020_by_np_with_all_that_breaks_such_notebooks(tmp_path, capsys):
    told, notebook = ran(
        tmp_path, ("!pip install mxnet==1.7.0\nprint('one')", "Collecting mxnet\nInstalled\none\n"),
        ("%pip install d2l", "Collecting d2l\n"), NP,
        ("print('features:', inputs[0],'\\nlabel:', targets[0])",
         "features: [2.2122064 1.1630787] \nlabel: [4.662078]\n"),
        ("d2l.set_figsize()\nd2l.plt.scatter(inputs[:, 1].asnumpy(), targets.asnumpy(), 1)",
         returned("<matplotlib.collections.PathCollection at 0x7f1066f46e80>")),
        cell("1 / 0", raised("ZeroDivisionError", "division by zero")),
        ("d2l.Module", ),
        "class A(d2l.Module):\n    pass", "A()", "print('new')",
        (TRAINED.format(random="np.random.normal", shape="size", array="np"), said(
            "[00:16:13] src/base.cc:49: GPU context requested, but no GPUs found.\n"
            "epoch 1, loss 0.025200\nepoch 2, loss 0.000090\nepoch 3, loss 0.000052\n")))
    assert told["told"].startswith("as MXNet of 2020 (1.6 and later)")
    assert verdicts(told) == ["identical"] * 3 + ["failed"] * 3 + ["new", "another shuffle"]
    assert [c["reason"] for c in told["cells"][:2]] == [
        "not run: !pip install mxnet==1.7.0", "not run: %pip install d2l"]
    assert notebook.cells[1].source == "!pip install mxnet==1.7.0\nprint('one')"  # as it was
    out = capsys.readouterr().out
    assert "not run, as it may change what is installed" in notebook.cells[1].outputs[0].text
    assert out.count("belongs to another edition") == 1 and "; and so cells 8, 9" in out


def test_pairs_swapped(tmp_path):
    told, notebook = ran(tmp_path, ND, (
        "print(inputs[0])", "\n[1.1630787 0.4838046]\n<NDArray 2 @cpu(0)>\n"))
    assert told["era"] == "2018" and "each pair swapped, as on macOS and Windows" in told["told"]
    assert "%as_published 2018 --swapped-pairs" in notebook.cells[0].source
    assert verdicts(told) == ["identical"]


def test_an_older_numpys_printing_in_2018(tmp_path):
    told, _ = ran(tmp_path, ND, (
        "print(inputs[0])", "\n[ 2.21220636  0.7740038 ]\n<NDArray 2 @cpu(0)>\n"))
    assert "arrays are printed as by NumPy 1.13" in told["told"]
    assert verdicts(told) == ["identical"]


def test_numbers_of_no_stream_are_run_as_today_and_said_so(tmp_path):
    told, _ = ran(tmp_path, ND + "print(inputs[0])", ("print(inputs[1])", (
        "\n[0.12345678 0.87654321]\n<NDArray 2 @cpu(0)>\n")))
    assert told["era"] == "today"
    assert "its stored numbers are of no known stream (another seed, or another machine)" in (
        told["told"])
    assert verdicts(told) == ["new", "different"]


def test_a_thousand_rows_alone_have_no_recovered_shuffle(tmp_path):
    """Data as July 2019's, but a training that is not."""
    told, _ = ran(tmp_path, NP.replace("from d2l import mxnet as d2l", "import d2l"), (
        "print(inputs[0])", "[2.2122064 0.7740038]\n"),
        "rows = list(range(1000))\nrandom.shuffle(rows)\nprint(rows[:4])")
    assert told["era"] == "2018"
    assert "580, 776, 459, 7" not in told["cells"][-1]["fresh"]


@pytest.mark.parametrize("code, message", [
    ("import torch", "is for PyTorch, whose numbers are not MXNet's"),
    ("from d2l import tensorflow as d2l", "is for TensorFlow"),
    ("import mxnet\nprint 'epoch', 1", "cell 0 has a print of Python 2: \"print 'epoch', 1\""),
    ("import numpy", "imports neither mxnet nor d2l")])
def test_what_is_not_for_mxnet_is_told_as_what_it_is(code, message, tmp_path, capsys):
    path = written(tmp_path / "book.ipynb", code)
    assert main(["run", path, "--output", str(tmp_path / "out.ipynb")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize("code, era", [
    ("import d2l", "d2l"), ("from mxnet import autograd, np", "d2l"),
    ("%matplotlib inline\nfrom mxnet import npx", "d2l"), ("from mxnet import nd", "straight_dope"),
    ("!ls\nimport mxnet as mx\nfrom mxnet import ndarray as nd", "straight_dope"),
    ("from d2l import mxnet as d2l\nfrom mxnet import np", "2020"), ("import mxnet", None)])
def test_without_numbers_imports_decide(code, era):
    assert execution._by_imports(nbformat.v4.new_notebook(cells=[cell(code)])) == era


# The search itself, over what a notebook seeded and drew

def events(namespace="nd", seed=1, n=10000, in_one_cell=False):
    seeds, drawn = [("seed", seed, False)], [("normal", namespace, (n, 2), 0, 1),
                                              ("normal", namespace, (n,), 0, 1)]
    return {2: seeds + drawn} if in_one_cell else {1: seeds, 2: drawn}


@pytest.mark.parametrize("stored, drawn, way", [
    ("[-0.67765152  0.03629481]", events(), Way("2017", numpy_printing="1.13")),
    ("[0.11287736 -1.30644417]", events(), Way("late-2017", numpy_printing="1.13")),
    ("[-1.30644405  0.11287735]", events(), Way("late-2017", True, numpy_printing="1.13")),
    ("[0.3003075 0.2310724]", events(seed=0), Way("late-2017")),
    ("[-0.6776515 0.10073948]", events(), Way("2018", numpy_printing="1.16")),
    ("[2.2122064 1.1630787]", events("np", 0, 1000), Way("2020", numpy_printing="1.16")),
    ("[1.1630787 2.2122064]", events("np", 0, 1000), Way("2020", True, numpy_printing="1.16")),
    ("[ 1.3903209   1.98160267]", events(), Way("2017", False, 1, "1.13")),
    ("[-1.22338355  2.39233518]", events(), Way("late-2017", False, 1, "1.13")),
    # a seed in the data cell itself: it draws the same again
    ("[ 1.3903209   1.98160267]", events(in_one_cell=True), None),
    ("[-0.67765152 0.03629481]", {}, None), ("-0.67765152", events(), None), ("", events(), None),
    ("[-0.67765 0.03630]", events(seed=2), None), ("[-0.678 0.036]", events(), None),
    ("1 2 3", events(), None),
    ("[-0.67765152 0.03629481]", {**events(), 3: [("normal", "nd", (2**30,), 0, 1)]},
     Way("2017", numpy_printing="1.13"))])
def test_the_way_is_found(stored, drawn, way):
    found = way_of(drawn, stored)
    if way is not None and found is not None and found.numpy_printing is None:
        way = Way(way.era, way.swapped_pairs, way.earlier_runs)
    assert found == way


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([(era.name, namespace) for era in ERAS.values()
                        for namespace in era.namespaces]),
       st.booleans(), st.integers(0, 2), st.integers(0, 99), st.booleans())
def test_the_way_is_found_whichever_it_was(of, swapped_pairs, runs, seed, on_device):
    """By what a later cell drew, which hangs on all that was drawn before."""
    era, namespace = of
    drawing = replace(ERAS[era].drawing, swapped_pairs=swapped_pairs)
    drawn = started(seed, drawing, on_device)[namespace]
    for _ in range(runs + 1):
        drawn.normal((25, 2))
    drawn.uniform((7,))
    stored = " ".join(f"{number:.8f}" for number in drawn.normal((20,)))
    happened = {1: [("seed", seed, on_device)], 2: [("normal", namespace, (25, 2), 0, 1)],
                3: [("uniform", namespace, (7,), 0, 1)], 4: [("normal", namespace, (20,), 0, 1)]}
    # Of `nd` since 2018 only `logf` differs, which twenty numbers need not show
    found = way_of(happened, stored, era if namespace == "nd" else None)
    assert (found.era, found.swapped_pairs, found.earlier_runs) == (era, swapped_pairs, runs)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("runs, times", [(0, None), (1, "once"), (2, "2 times")])
@pytest.mark.parametrize("printing", [None, "1.13", "1.16"])
def test_a_way_is_told_with_all_that_is_not_its_eras(swapped, runs, times, printing):
    told = str(Way("2018", swapped, runs, printing))
    assert told.startswith("as MXNet of 2018 (1.0.0.post4 to 1.5): its stored numbers are of that")
    assert ("each pair swapped, as on macOS and Windows" in told) == swapped
    assert (f"had been run {times} before, and so it is here" in told) == bool(runs)
    assert ("had been run" in told) == bool(runs)
    assert ("printed as by NumPy" in told) == ("NumPy 1.13" in told) == (printing == "1.13")


@pytest.mark.parametrize("number, digit", [
    ("1.25", -2), ("-0.67765152", -8), ("4.0352345e-04", -11), ("1.5e+05", 4), ("7", 0)])
def test_the_last_digit_of_a_number_counts_a_power_of_ten(number, digit):
    assert last_digit(number) == digit


@pytest.mark.parametrize("odd_ones", range(5))
@pytest.mark.parametrize("printing", ["1.13", "1.16"])
def test_numpy_is_told_by_most_of_the_numbers(printing, odd_ones):
    """A number or two may be of another hand."""
    forms = [lambda value: f"{value:.8f}".rstrip("0"), str]
    with seeded(3):
        drawn = stream("np").normal((60,))
    telling = [value for value in drawn if forms[0](value) != forms[1](value)]
    assert len(telling) > 20
    form, other = forms if printing == "1.13" else reversed(forms)
    odd = telling[:odd_ones]
    stored = " ".join((other if value in odd else form)(value) for value in drawn)
    found = way_of({1: [("seed", 3, False), ("normal", "np", (60,), 0, 1)]}, stored)
    assert found.numpy_printing == printing


def test_the_era_that_is_wanted_first_wins_only_where_numbers_leave_it_open():
    """Of `nd` from 2018 on only `logf` differs: in the second row, but not in the first."""
    drawn = events("nd", 0, 1000)
    assert way_of(drawn, "[2.2122064 0.7740038]", "2020").era == "2020"
    assert way_of(drawn, "[2.2122064 0.7740038]", "2018").era == "2018"
    both = "[[2.2122064 0.7740038] [1.0434405 1.1839255]]"  # as d2l's course printed it
    assert way_of(drawn, both, "2020").era == "2018"
