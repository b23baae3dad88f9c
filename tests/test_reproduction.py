"""The published figures, and that a wrong one is not called right."""
import json
import re
from collections import Counter
from dataclasses import replace

import numpy
import pytest
from exact import exact_here

from d2l_linreg import as_published, d2l, engines, published, reproduce, straight_dope, train
from d2l_linreg.compat.mxnet import mx, numpy_semantics
from d2l_linreg.compat.streams import seeded, stream
from d2l_linreg.engines import native
from d2l_linreg.reproduction import figures
from d2l_linreg.settings import NOTEBOOKS


@pytest.fixture(scope="module")
def fresh():
    return reproduce(runs=0)


@exact_here
def test_all_67_figures_are_identical(fresh):
    assert Counter((f.notebook, f.verdict) for f in fresh.figures) == {
        ("d2l", "identical"): 3,
        ("d2l", "identical (recovered shuffle)"): 36,
        ("straight_dope", "identical"): 6,
        ("straight_dope", "identical (recovered shuffle)"): 22,
    }
    assert fresh.ok


def test_data_figures_are_identical_and_training_figures_at_least_close(fresh):
    assert len(fresh.figures) == 67
    for figure in fresh.figures:
        training = re.match("loss|error|moving average", figure.figure)
        close = training and figure.verdict == "to rounding"
        assert close or figure.verdict.startswith("identical"), figure


@exact_here
def test_train_prints_the_published_lines(notebook, capsys):
    train(notebook, ctx="cpu")
    assert capsys.readouterr().out == published.text(notebook, "training")


def test_prescott_kernel_keeps_data_exact_and_training_within_the_stated_bound(run_python):
    printed = json.loads(run_python(
        "from d2l_linreg import reproduce; print(reproduce(runs=0).to_json())",
        OPENBLAS_CORETYPE="Prescott"))
    assert printed["ok"]
    verdicts = Counter(figure["verdict"] for figure in printed["figures"])
    assert verdicts["identical"] == 9
    assert verdicts["identical (recovered shuffle)"] >= 42
    inexact = [f["figure"] for f in printed["figures"] if f["verdict"] == "to rounding"]
    assert all(name.startswith(("loss", "error", "moving average")) for name in inexact)
    assert printed["witness"] == 67  # of the same steps in "native"'s arithmetic


def test_labels_are_one_fused_multiply_add_rounded_once():
    with seeded(0):
        features, labels = d2l.synthetic_data([2, -3.4], 4.2, 1000)
    with seeded(0):
        stream("np").normal((1000, 2))
        noise = stream("np").normal((1000,), scale=0.01)
    x = features.asnumpy().astype("float64")
    # 2 x0 is exact in float32; so the fused -3.4f * x1 + 2 x0 is this float64 sum, rounded.
    dot = (2 * x[:, 0] + float(numpy.float32(-3.4)) * x[:, 1]).astype("float32")
    expected = dot + numpy.float32(4.2) + noise
    assert (labels.asnumpy() == expected).all()


def test_published_rows_of_the_straight_dope_mini_batch_begin_its_order():
    order = published.order("straight_dope")
    assert order[:4].tolist() == published.document("straight_dope")["minibatch_rows"]


@pytest.mark.parametrize("notebook, num_examples", [("d2l", 1000), ("straight_dope", 10000)])
def test_orders_hold_each_row_once_an_epoch(notebook, num_examples):
    assert (numpy.sort(published.order(notebook)) == numpy.arange(num_examples)).all()


@pytest.mark.parametrize("module, name, fault", [
    (d2l, "sgd", lambda params, lr, batch_size: None),
    (d2l, "linreg", lambda X, w, b: mx.np.dot(X, w) - b),
    (d2l, "squared_loss", lambda y_hat, y: (y_hat - y.reshape(y_hat.shape)) ** 2),
    (straight_dope, "square_loss", lambda yhat, y: mx.nd.mean((yhat - y) ** 2) * 1.01),
])
def test_a_fault_in_the_vocabulary_is_called_different(module, name, fault, monkeypatch):
    monkeypatch.setattr(module, name, fault)
    faulty = reproduce(module.__name__.split(".")[-1], runs=0)
    assert not faulty.ok
    assert "different" in {figure.verdict for figure in faulty.figures}


def test_a_computation_that_raises_makes_its_figures_different_with_the_reason(monkeypatch):
    def fail(*arguments, **keywords):
        raise RuntimeError("no batch today")

    monkeypatch.setattr(d2l, "data_iter", fail)
    faulty = reproduce("d2l", runs=0)
    verdicts = Counter((f.verdict, f.reproduced is None) for f in faulty.figures)
    assert verdicts == {("identical", False): 3, ("different", True): 36}
    reasons = {cell.cell: cell.reason for cell in faulty.cells}
    assert reasons == {"example": None, "mini-batch": "RuntimeError: no batch today",
                       "training": "RuntimeError: no batch today"}
    assert str(faulty).count("no batch today") == 2
    assert not faulty.ok


def test_a_computation_that_raises_without_a_word_is_different_too(monkeypatch):
    def fail(*arguments, **keywords):
        raise AssertionError

    monkeypatch.setattr(d2l, "sgd", fail)
    reasons = [cell.reason for cell in reproduce("d2l", runs=0).cells]
    assert reasons == [None, None, "AssertionError: "]


@pytest.mark.parametrize("fault", [
    lambda own, settings: (own, replace(settings, learning_rate=settings.learning_rate * 1.05)),
    lambda own, settings: (replace(own, loss_factor=1), settings)], ids=["rate", "loss"])
@pytest.mark.parametrize("engine", ["compiled", "native"])
def test_a_fault_in_any_engine_makes_the_training_figures_different(engine, fault, monkeypatch):
    # An engine is a class in a module of its name; here is one with a fault in its place.
    faultless = engines.find(engine)

    class Faulty(faultless):
        def __init__(self, own, settings, *others):
            super().__init__(*fault(own, settings), *others)

    monkeypatch.setattr(f"{faultless.__module__}.{faultless.__name__}", Faulty)
    faulty = reproduce("d2l", runs=0)
    assert len([f for f in faulty.figures if f.verdict == "different"]) == 6
    assert f"engine {engine!r} prints 'epoch 1, loss " in faulty.cells[-1].reason
    assert "\n" not in faulty.cells[-1].reason


@exact_here
def test_where_mxnet_is_exact_native_is_held_to_the_last_bit(monkeypatch):
    def off(own, given):
        slope, *others = constants(own, given)
        return numpy.nextafter(slope, numpy.float32(2)), *others

    constants = native.constants
    monkeypatch.setattr(native, "constants", off)
    assert not reproduce("straight_dope", runs=0).ok  # though within the bound on rounding


def test_a_fault_that_all_engines_share_makes_the_training_figures_different(
        notebook, own, monkeypatch):
    faulty = replace(own.settings, learning_rate=own.settings.learning_rate * 1.05)
    monkeypatch.setitem(NOTEBOOKS, notebook, replace(own, settings=faulty))
    faulty = reproduce(notebook, runs=0)
    assert "different" in {f.verdict for f in faulty.figures}
    assert {cell.reason for cell in faulty.cells} == {None}  # no engine is at odds with another


def test_a_figure_off_by_more_than_the_bound_is_different():
    text = published.text("straight_dope", "training")
    off = text.replace("7.71709577181", "7.73")  # 1.7e-3 of its value; the bound is 1.2e-3
    cell = published.document("straight_dope")["cells"][-1]
    verdicts = [f.verdict for f in figures.compare_cell("straight_dope", cell, off)]
    assert verdicts == ["different"] + ["identical (recovered shuffle)"] * 9


@exact_here
def test_where_figures_can_be_exact_rounding_is_no_excuse(republish):
    republish("straight_dope", "9.79254770829e-05", "9.79254770828e-05")
    rounded = reproduce("straight_dope", runs=0)
    assert not rounded.ok and "nothing here keeps it from being exact" in str(rounded)
    assert rounded.witness is None  # none is called


def test_on_another_kernel_rounding_is_an_excuse(run_python):
    assert run_python("""
import json
from d2l_linreg import published, reproduce
document = published.document
published.document = lambda notebook: json.loads(
    json.dumps(document(notebook)).replace("9.79254770829e-05", "9.79254770828e-05"))
rounded = reproduce("straight_dope", runs=0)
print(rounded.ok, any(figure.verdict == "to rounding" for figure in rounded.figures))
print(rounded.summary.splitlines()[0])
""", OPENBLAS_CORETYPE="Prescott") == """True True
MXNet rounds otherwise here; the same steps in the arithmetic of then: 27 of 28.
"""


@pytest.mark.parametrize("notebook, figure, bound", [
    # On paper: u = 2.384e-7; for d2l h = 0.03, u/sqrt(3)/sqrt(0.06) = 5.62e-7, times
    # 4 sqrt(2) = 3.18e-6. For straight_dope h = 0.002: 2.18e-6 * 4 sqrt(2) = 1.231e-5,
    # by 0.01 is 1.231e-3.
    # A loss that is printed to six decimals may move by one in the last.
    ("d2l", "loss, epoch 1", 1e-6), ("d2l", "error in b", 3.18e-6),
    ("straight_dope", "moving average", 1.231e-3)])
def test_rounding_bounds_are_what_the_derivation_comes_to(notebook, figure, bound):
    assert float(figures.rounding_bound(notebook, figure, "1")) == pytest.approx(bound, rel=5e-3)


def test_reproduction_is_the_same_whatever_a_caller_has_numpy_and_mxnet_do(fresh):
    with numpy.printoptions(precision=2, suppress=True), numpy_semantics(True):
        assert reproduce(runs=0) == fresh


def test_reproduction_is_the_same_inside_as_published(fresh):
    with as_published("straight_dope"):
        assert reproduce("d2l", runs=0).figures == fresh.figures[:39]


@pytest.mark.parametrize("arguments, message", [
    (dict(notebook="d3l"), "notebook is 'd3l'.*'straight_dope'"),
    (dict(ctx="tpu"), "ctx is 'tpu'"),
    (dict(runs=1), "runs is 1"), (dict(runs=999), "runs is 999"), (dict(runs=-1), "runs is -1")])
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        reproduce(**arguments)
