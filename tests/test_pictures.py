"""The scatter plots: the same points on the same axes as in the sources."""
import base64
import glob
import io
import json
import os
import shutil
import subprocess
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib
import matplotlib.image
import numpy
import pytest
from matplotlib import ft2font
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scatter import INSIDE, PUBLISHED, inside_frame, overlap

from d2l_linreg import as_published, d2l, published, reproduce
from d2l_linreg.compat import streams
from d2l_linreg.compat.pictures import pictures_of_then
from d2l_linreg.compat.streams import seeded
from d2l_linreg.originals import execution
from d2l_linreg.reproduction import charts, pictures, reports
from d2l_linreg.settings import NOTEBOOKS
from d2l_linreg.training.examples import draw

COORDINATES = published.scatter_coordinates().tolist()
SVG = "{http://www.w3.org/2000/svg}"
# As the d2l notebook drew its data, for a matplotlib of its time
DRAW = """
import sys
import numpy
from matplotlib import pyplot
pyplot.rcParams.update({"figure.figsize": (3.5, 2.5), "figure.dpi": 72, "font.size": 10,
                        "figure.subplot.bottom": 0.125, "figure.facecolor": (1, 1, 1, 0)})
figure = pyplot.figure()
pyplot.scatter(*numpy.load(sys.argv[1]), 1)
figure.savefig(sys.argv[2], bbox_inches="tight", facecolor=figure.get_facecolor())
"""


@pytest.mark.parametrize("notebook, figsize, size, axes", [
    # Printed by matplotlib 2.0.2, whose picture is the published one in every pixel
    ("straight_dope", None, None, [-4.6155336, 4.1966048, -11.4299704, 24.9200093]),
    # Printed by matplotlib 3.1.1, of July 2019, in Jupyter's settings of then
    ("d2l", (3.5, 2.5), 1, [-3.6370349, 3.7382586, -12.8512313, 18.5173995]),
])
def test_unmodified_code_draws_on_the_axes_of_then(notebook, figsize, size, axes, run_python):
    draw = {"d2l": "d2l.synthetic_data([2, -3.4], 4.2, 1000)",
            "straight_dope": "straight_dope.synthetic_data()"}[notebook]
    program = f"""
from d2l_linreg import as_published, d2l, straight_dope
from d2l_linreg.compat.streams import seeded
import matplotlib
from matplotlib import transforms
from matplotlib.axis import Axis
from matplotlib.backend_bases import RendererBase
matplotlib.use("agg")
import matplotlib.pyplot as plt
def state():
    return [*map(dict, map(vars, (matplotlib.axes.Axes, Axis, RendererBase, transforms))),
            dict(matplotlib.rcParams)]
before = state()
with as_published({notebook!r}):
    if {figsize}:
        plt.rcParams["figure.figsize"] = {figsize}
    with seeded({int(notebook == "straight_dope")}):
        X, y = {draw}
    plt.scatter(X[:, 1].asnumpy(), y.asnumpy(), {size})
    print(*plt.axis())
plt.close()
assert before == state()
"""
    drawn = [float(limit) for limit in run_python(program).split()]
    assert drawn == pytest.approx(axes, abs=1e-4)


@pytest.mark.parametrize("scales", [("log", "linear"), ("linear", "log"), ("log", "log")])
def test_only_straight_axes_leave_room_for_markers(scales):
    def limits():
        axes = Figure((6, 4), dpi=72).subplots()
        axes.set(xscale=scales[0], yscale=scales[1])
        axes.scatter([1, 10, 100], [1, 10, 1000], 100)
        return (*axes.get_xlim(), *axes.get_ylim())

    plain = limits()
    with pictures_of_then():
        assert limits() == plain


# matplotlib 3.1 came in May 2019, and so between the eras
@pytest.mark.parametrize("era, old", [("2017", True), ("late-2017", True), ("2018", True),
                                      ("2020", False), ("today", False)])
def test_pictures_are_old_before_matplotlib_3_1(era, old):
    plain = Axes.scatter, Axes.get_tightbbox
    with as_published(era):
        assert ((Axes.scatter, Axes.get_tightbbox) != plain) == old
    assert (Axes.scatter, Axes.get_tightbbox) == plain


@pytest.mark.parametrize("seed, least, most", [(1, 0.99, 1), (2, 0, 0.85)])
def test_unmodified_code_draws_the_published_picture(seed, least, most, tmp_path):
    # Measured: 1, each pixel, for the published data; 0.76 for those of another seed
    path = tmp_path / "book.md"
    path.write_text(f"""
```python
%matplotlib inline
import matplotlib.pyplot as plt
import mxnet as mx
from mxnet import nd
mx.random.seed({seed})
X = nd.random_normal(shape=(10000, 2))
y = 2 * X[:, 0] - 3.4 * X[:, 1] + 4.2 + .01 * nd.random_normal(shape=(10000,))
plt.scatter(X[:, 1].asnumpy(), y.asnumpy())
plt.show()
```
""")
    (cell,) = [c for c in execution.run(str(path)).notebook.cells if "scatter" in c.source]
    (png,) = [base64.b64decode(o.data["image/png"]) for o in cell.outputs if "data" in o]
    if seed == 1 and ft2font.__freetype_version__ == "2.6.1":  # labels of ticks are the same, too
        assert (matplotlib.image.imread(io.BytesIO(png)) == PUBLISHED).all()
    now, was = inside_frame(png), PUBLISHED[INSIDE]
    height, width = min(now.shape[0], was.shape[0]), min(now.shape[1], was.shape[1])
    assert (height, width) == (217, 334) or seed != 1
    assert least <= overlap(now[:height, :width], was[:height, :width]) <= most


def test_d2ls_own_code_shows_the_published_picture_with_its_margins(tmp_path):
    path = tmp_path / "course.md"
    path.write_text("""
```python
%matplotlib inline
import d2l
features, labels = d2l.synthetic_data([2, -3.4], 4.2, 1000)
d2l.set_figsize((3.5, 2.5))
d2l.plt.scatter(features[:, 1].asnumpy(), labels.asnumpy(), 1);
```
""")
    executed = execution.run(str(path), "d2l")
    (data,) = [output.data for cell in executed.notebook.cells
               for output in cell.get("outputs", []) if "data" in output]
    assert sorted(data) == ["image/svg+xml", "text/plain"]  # as then
    check_svg(data["image/svg+xml"])


def check_svg(svg):
    """All of the published picture but for how its file is laid out."""
    root = ElementTree.fromstring(svg.encode())
    assert [root.get(name) for name in ("width", "height", "viewBox")] == [
        "241.304688pt", "170.478125pt", "0 0 241.304688 170.478125"]
    (clip,) = root.iterfind(f".//{SVG}clipPath/*")
    assert clip.attrib == {"x": "35.304688", "y": "10.7", "width": "195.3", "height": "135.9"}
    uses = root.iterfind(f".//*[@id='PathCollection_1']//{SVG}use")
    assert [[use.get("x"), use.get("y")] for use in uses] == COORDINATES


@pytest.fixture(scope="module")
def matplotlib_3_0_3(tmp_path_factory):
    """A Python that has matplotlib 3.0.3, of February 2019."""
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser(os.path.join("~", ".pyenv")))
    found = glob.glob(os.path.join(pyenv, "versions", "3.7.*", "bin", "python")) or [
        shutil.which("python3.7")]
    if found[0] is None:
        pytest.skip("there is no Python 3.7 here, for which matplotlib 3.0.3 has a wheel")
    folder = tmp_path_factory.mktemp("matplotlib-3.0.3")
    try:
        subprocess.run([found[0], "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet",
                        "--only-binary", ":all:", "matplotlib==3.0.3"], check=True)
    except subprocess.CalledProcessError:
        pytest.skip("matplotlib 3.0.3 cannot be installed for the Python 3.7 here")
    return str(folder / "bin" / "python")


def test_matplotlib_of_then_draws_the_published_file(matplotlib_3_0_3, tmp_path):
    with seeded(0):
        features, labels = d2l.own_data(1000)
    data, drawn = tmp_path / "data.npy", tmp_path / "drawn.svg"
    numpy.save(data, numpy.stack([features[:, 1].asnumpy(), labels.asnumpy()]))
    subprocess.run([matplotlib_3_0_3, "-c", DRAW, str(data), str(drawn)], check=True,
                   env=dict(os.environ, MPLBACKEND="svg"))
    svg = drawn.read_text()
    assert len(svg.splitlines()) == 1239  # as many as the published file has
    check_svg(svg)


@pytest.fixture(scope="module")
def fresh():
    return reproduce(runs=0)


def test_reproduce_counts_coordinates_and_pixels_beside_the_figures(fresh):
    assert [str(picture) for picture in fresh.pictures] == [
        "2,000 of 2,000 coordinates", "72,478 of 72,478 pixels"]
    assert ("67 printed figures, 2,000 of 2,000 coordinates, 72,478 of 72,478 pixels identical"
            in fresh.summary)
    assert [json.loads(fresh.to_json())["pictures"][i]["identical"] for i in (0, 1)] == [
        2000, 217 * 334]


@pytest.mark.parametrize("settings", [
    {"font.family": "monospace", "font.size": 17}, {"savefig.bbox": "tight", "savefig.dpi": 200},
    {"lines.markersize": 9, "axes.xmargin": 0.2, "scatter.marker": "x"}])
def test_pictures_are_the_same_whatever_someone_has_matplotlib_do(own, settings):
    with matplotlib.rc_context(settings):
        assert pictures.compare_picture(own).verdict == "identical"


def test_todays_logf_gives_another_picture(monkeypatch):
    # float64's logarithm, rounded: as good as today's C libraries', and not that of then
    monkeypatch.setitem(streams.LOGF, "before 2018",
                        lambda x: numpy.log(x.astype("float64")).astype("float32"))
    picture = pictures.compare_picture(NOTEBOOKS["d2l"])
    assert picture.verdict == "different" and 1900 < picture.identical < 1990
    assert len(picture.different) == 10


@pytest.mark.parametrize("name, fault, told", [
    ("d2l", "152.110325", "coordinates[0, 0] is 152.110325, not 152.110326"),
    ("straight_dope", None, "pixels[100, 100] is #")])
def test_one_difference_fails_the_run_and_is_told(name, fault, told, monkeypatch, fresh):
    form, read, was = pictures._UNITS[fresh.pictures[fault is None].unit]
    wrong = was()
    wrong[(0, 0) if fault else (100, 100)] = "152.110326" if fault else "#12345678"
    monkeypatch.setitem(pictures._UNITS, fresh.pictures[fault is None].unit,
                        (form, read, lambda: wrong))
    picture = pictures.compare_picture(NOTEBOOKS[name])
    assert picture.identical == picture.published - 1 and picture.different[0].startswith(told)
    run = replace(fresh, notebooks=tuple(
        replace(notebook, picture=picture) if notebook.notebook == name else notebook
        for notebook in fresh.notebooks))
    assert not run.ok
    forms = " ".join(str(run).split()), run.to_json(), reports.to_html(run), reports.to_junit(run)
    assert all(told in form for form in forms)
    assert "different" in reports.to_markdown(run)


def test_a_picture_that_cannot_be_drawn_is_different_with_the_reason(monkeypatch, own):
    def fail(*arguments, **keywords):
        raise MemoryError("no canvas today")

    monkeypatch.setattr(pictures, "scatter", fail)
    picture = pictures.compare_picture(own)
    assert (picture.verdict, picture.identical) == ("different", 0)
    assert picture.told.endswith("MemoryError: no canvas today")


def test_training_and_help_load_no_matplotlib(run_python):
    assert run_python("""
import sys
from d2l_linreg import train
from d2l_linreg.cli import main
train(verbose=False)
main(["--help"])
print("matplotlib" in sys.modules)
""").endswith("False\n")


@pytest.mark.parametrize("axis, published_ticks", [
    # where the published picture has its ticks: -10 to 25 by 5, and -4 to 4
    ("y", {-10: 220, -5: 190, 0: 160, 5: 131, 10: 101, 15: 71, 20: 41, 25: 11}),
    ("x", {-4: 59, -3: 97, -2: 135, -1: 173, 0: 211, 1: 249, 2: 287, 3: 325, 4: 363}),
])
def test_scatter_axes_put_ticks_where_the_published_picture_has_them(axis, published_ticks):
    x0, x1, y0, y1 = published.document("straight_dope")["scatter_axes"]
    for value, pixel in published_ticks.items():
        if axis == "x":
            at = 35 + (value - x0) / (x1 - x0) * 0.775 * 432
        else:
            at = 229 - (value - y0) / (y1 - y0) * 0.755 * 288
        assert abs(at - pixel) <= 1


def test_ticks_are_drawn_where_the_published_picture_has_some():
    # Of straight_dope's the topmost, at 25, is half a pixel outside the axes
    features, labels = draw(NOTEBOOKS["straight_dope"], 2)[0]
    with pictures_of_then():
        drawing, file = charts.scatter(features, labels), io.StringIO()
        drawing.savefig(file, format="svg")
    ticks = [group.get("id")[0] for group in ElementTree.fromstring(file.getvalue()).iter(SVG + "g")
             if group.get("id", "")[1:].startswith("tick_")]
    assert (ticks.count("x"), ticks.count("y")) == (9, 8)


def test_published_picture_has_its_size_and_its_frame():
    assert PUBLISHED.shape == (253, 380, 4)
    assert (PUBLISHED[11, 36:370, :3].max(axis=-1) < 0.35).all()
    assert numpy.isclose(PUBLISHED[..., 3].min(), 0)  # 2017's Jupyter drew on nothing
