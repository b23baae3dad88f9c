"""A report's charts, of data made for it: each value where it belongs, in its unit, by its name."""
import base64
import re
from xml.etree import ElementTree

import numpy
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from d2l_linreg import TrainResult, published
from d2l_linreg.compat.mxnet import mx
from d2l_linreg.reproduction import charts, reports
from d2l_linreg.reproduction.figures import Figure
from d2l_linreg.reproduction.pictures import Picture
from d2l_linreg.reproduction.replication import Replicates
from d2l_linreg.reproduction.reproduce import NotebookReproduction
from d2l_linreg.settings import NOTEBOOKS
from d2l_linreg.training.examples import draw

DRAWN = dict(max_examples=8, deadline=None, phases=[Phase.generate])  # shrinking takes minutes


def lines(axes):
    return {line.get_label(): line.get_xydata().T.tolist() for line in axes.lines}


@settings(**DRAWN)
@given(st.integers(1, 12), st.sampled_from([0, 40, 1000]), st.integers(1, 500), st.integers(0, 99))
def test_a_curve_has_both_losses_and_the_band_at_their_times(number, runs, every, seed):
    rng = numpy.random.RandomState(seed)
    was, now = ([f"{value:.6f}" for value in 1 + rng.random_sample(number)] for _ in range(2))
    losses = 1 + rng.random_sample((runs, number)) if runs else None
    figures = [Figure("d2l", "training", "loss", *both, "different")
               for both in zip(was, now, strict=True)]
    panels = charts.curve(figures, losses, every, "what is counted", "which loss").axes
    times = [every * (k + 1) for k in range(number)]
    units = [numpy.ones(number), *([numpy.median(losses, axis=0)] if runs else [])]
    assert len(panels) == len(units)
    for axes, unit in zip(panels, units, strict=True):
        drawn = lines(axes)
        for name, texts in (("published", was), ("reproduced", now)):
            assert drawn[name][0] == times
            assert drawn[name][1] == pytest.approx(numpy.array(texts, "float64") / unit)
        if runs:  # at least 95 % of all lie in the band, and on each side as many above as below
            (band,) = axes.collections
            assert band.get_label() == "replicates"
            edges = band.get_paths()[0].vertices
            for time, column in zip(times, (losses / unit).T, strict=True):
                low, high = (end(edges[edges[:, 0] == time, 1]) for end in (numpy.min, numpy.max))
                below, above = (column < low).sum(), (column > high).sum()
                assert below == above == runs // 40
    assert panels[0].get_yscale() == "log" and panels[0].get_ylabel() == "which loss"
    assert panels[-1].get_xlabel() == "what is counted"
    if runs:
        assert panels[1].get_ylabel() == "loss / replicates' median"


@settings(**DRAWN)
@given(st.integers(3, 300), st.one_of(st.none(), st.floats(-1, 1)), st.integers(0, 99))
def test_a_histogram_counts_what_is_finite_and_marks_what_it_is_told(runs, mark, seed):
    errors = numpy.random.RandomState(seed).standard_normal(runs)
    errors[0] = [numpy.nan, numpy.inf, 0][seed % 3]
    (axes,) = charts.histogram(errors, mark, "what is marked", "which error").axes
    finite = errors[numpy.isfinite(errors)]
    bars = [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_height()) for bar in axes.patches]
    assert sum(height for _, _, height in bars) == len(finite)
    assert bars[0][0] == pytest.approx(finite.min()) and bars[-1][1] == pytest.approx(finite.max())
    assert {name: set(x) for name, (x, _) in lines(axes).items()} == (
        {} if mark is None else {"what is marked": {mark}})
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("which error", "replicates")


@settings(**DRAWN)
@given(st.integers(1, 30), st.integers(0, 99), st.sampled_from([None, (3.5, 2.5)]))
def test_a_scatter_plot_has_the_labels_over_the_second_feature(number, seed, figsize):
    rng = numpy.random.RandomState(seed)
    features, labels = rng.standard_normal((number, 2)), rng.standard_normal(number)
    drawing = charts.scatter(features, labels, figsize, 7)
    (points,) = drawing.axes[0].collections
    assert numpy.asarray(points.get_offsets()) == pytest.approx(
        numpy.array([features[:, 1], labels]).T)
    assert points.get_sizes().tolist() == [7] and drawing.dpi == 72
    assert tuple(drawing.get_size_inches()) == (figsize or (6, 4))  # Jupyter's until 2021


def made(own):
    """A reproduction whose every number is another."""
    rng = numpy.random.RandomState(0)
    figures = [Figure(own.name, cell["cell"], name, f"{rng.random_sample():.6f}",
                      f"{rng.random_sample():.6f}", "different")
               for cell in published.document(own.name)["cells"] for name in cell["figures"]]
    result = TrainResult(
        notebook=own.name, settings=own.settings, w=None, b=0.5, epoch_losses=(),
        moving_losses=None, w_error=rng.standard_normal(2), b_error=rng.standard_normal(),
        ctx=mx.cpu(), seconds=1.0, transcript="", batch_losses=None,
        features=rng.standard_normal((20, 2)), labels=rng.standard_normal(20))
    replicates = Replicates(
        own.name, 0, rng.standard_normal((50, 2)), rng.standard_normal(50),
        rng.random_sample((50, own.settings.num_epochs)),
        rng.random_sample((50, 10)) if own.averages_every else None)
    return NotebookReproduction(own.name, tuple(figures), (), Picture(own.name, "pixels", 1, 1),
                                result, replicates=replicates)


def test_the_page_has_each_chart_of_its_own_data(notebook, own, monkeypatch):
    def noting(name):
        plain = getattr(charts, name)

        def note(*arguments, **keywords):
            calls.append((name, *arguments))
            return plain(*arguments, **keywords)

        monkeypatch.setattr(charts, name, note)

    calls, fresh = [], made(own)
    for name in ("curve", "histogram", "scatter"):
        noting(name)
    shown = reports._shown(fresh)
    by_name = {figure.figure: float(figure.published) for figure in fresh.figures}
    errors = [*fresh.replicates.w_error.T, fresh.replicates.b_error]
    histograms = [call for call in calls if call[0] == "histogram"]
    assert [name for name, *_ in shown["histograms"]] == ["w[0]", "w[1]", "b"]
    for (_, over, mark, marked, label), error, own_error, name in zip(
            histograms, errors, [*fresh.result.w_error, fresh.result.b_error],
            ("w[0]", "w[1]", "b"), strict=True):
        assert (over == error).all() and label == f"true minus estimated {name}"
        # d2l published its final errors; straight_dope did not
        assert (mark, marked) == ((by_name[f"error in {name}"], "published") if notebook == "d2l"
                                  else (own_error, "reproduced"))
    (_, drawn, band, *labels), = [call for call in calls if call[0] == "curve"]
    replicates = fresh.replicates
    if notebook == "d2l":
        assert labels == [1, "epoch (1,000 examples each)", "loss (half the squared error)"]
        assert band is replicates.epoch_losses
        assert [figure.figure for figure in drawn] == [f"loss, epoch {i}" for i in (1, 2, 3)]
    else:
        assert labels == [500, "step (4 examples each)", "loss (squared error)"]
        assert band is replicates.moving_losses
        assert [figure.figure for figure in drawn] == [
            f"moving average, epoch {epoch}, batch {batch}"
            for epoch in (0, 1) for batch in range(499, 2500, 500)]
    *before, (_, features, labels) = [call[:3] for call in calls if call[0] == "scatter"]
    assert features is fresh.result.features and labels is fresh.result.labels
    # straight_dope's picture was published as pixels, and those are shown
    if notebook == "straight_dope":
        assert shown["published_scatter"] == charts.uri("png", published.scatter_png())
        assert before == []
    else:  # of d2l's the points are at hand, which are those of its data
        (_, features, labels), = before
        assert features[:, 1] == pytest.approx(DATA[0], abs=1e-6)
        assert labels == pytest.approx(DATA[1], abs=1e-6)
        points = drawn_points(shown["published_scatter"])
        apart = points - published.scatter_coordinates().astype("float64")
        assert abs(apart - apart[0]).max() < 1e-5  # but for where it lies on its page


DATA = draw(NOTEBOOKS["d2l"], 2)[0][0][:, 1], draw(NOTEBOOKS["d2l"], 2)[0][1]


def drawn_points(uri):
    """Where a picture in lines has its points."""
    picture = ElementTree.fromstring(base64.b64decode(uri.partition(",")[2]))
    points, = (group for group in picture.iter() if group.get("id") == "PathCollection_1")
    return numpy.array([[point.get("x"), point.get("y")] for point in points.iter()
                        if point.tag.endswith("use")], dtype="float64")


def test_a_chart_is_drawn_on_nothing():
    drawing = ElementTree.fromstring(base64.b64decode(charts.svg(charts.histogram(
        numpy.arange(10.0), 3, "marked", "error")).partition(",")[2]))
    for name in ("patch_1", "patch_2"):  # behind all, and behind the axes
        group, = (group for group in drawing.iter() if group.get("id") == name)
        assert re.search("fill: none|opacity: 0[;\"]", ElementTree.tostring(group).decode())
