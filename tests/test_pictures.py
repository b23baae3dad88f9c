"""The scatter plots: the same points on the same axes as in the sources."""
import base64

import numpy
import pytest
from scatter import INSIDE, PUBLISHED, inside_frame, overlap

from d2l_linreg import published
from d2l_linreg.originals import execution


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
from d2l_linreg.compat.mxnet import seeded
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
before = matplotlib.axes.Axes.scatter, dict(matplotlib.rcParams)
with as_published({notebook!r}):
    if {figsize}:
        plt.rcParams["figure.figsize"] = {figsize}
    with seeded({int(notebook == "straight_dope")}):
        X, y = {draw}
    plt.scatter(X[:, 1].asnumpy(), y.asnumpy(), {size})
    print(*plt.axis())
assert before == (matplotlib.axes.Axes.scatter, dict(matplotlib.rcParams))
"""
    drawn = [float(limit) for limit in run_python(program).split()]
    assert drawn == pytest.approx(axes, abs=1e-4)


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
    now, was = inside_frame(png), PUBLISHED[INSIDE]
    height, width = min(now.shape[0], was.shape[0]), min(now.shape[1], was.shape[1])
    assert (height, width) == (217, 334) or seed != 1
    assert least <= overlap(now[:height, :width], was[:height, :width]) <= most


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


def test_published_picture_has_its_size_and_its_frame():
    assert PUBLISHED.shape == (253, 380, 4)
    assert (PUBLISHED[11, 36:370, :3].max(axis=-1) < 0.35).all()
    assert numpy.isclose(PUBLISHED[..., 3].min(), 0)  # 2017's Jupyter drew on nothing
