"""Our notebooks, run in a real Jupyter kernel, print what is stored in them."""
import base64
import io
import re
from xml.etree import ElementTree

import matplotlib.image
import numpy
import pytest
from exact import exact_here
from nbclient import NotebookClient
from stored import code_cells, not_yet_run, other_outputs, printed, stored

from d2l_linreg import published


@pytest.fixture(scope="module")
def fresh(notebook):
    """Each notebook, run."""
    fresh = not_yet_run(stored(notebook))
    NotebookClient(fresh, kernel_name="python3", timeout=300).execute()
    return fresh


@exact_here
def test_a_fresh_run_prints_what_is_stored(notebook, fresh):
    for was, now in zip(code_cells(stored(notebook)), code_cells(fresh), strict=True):
        assert printed(now) == printed(was)
        assert other_outputs(now) == other_outputs(was)


@exact_here
def test_each_published_output_has_its_cell(notebook, fresh):
    texts = [printed(cell) for cell in code_cells(fresh)]
    for cell in published.document(notebook)["cells"]:
        assert cell["text"] in texts, cell["cell"]


def pictures(notebook):
    return [output.data for cell in code_cells(notebook) for output in cell.outputs
            if output.output_type in ("display_data", "execute_result")]


def svg_points(svg):
    """Where a scatter plot's markers are, in points."""
    uses = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}use")
    return numpy.array([[float(use.get("x")), float(use.get("y"))] for use in uses
                        if use.get("style", "").count("fill: #1f77b4")])


def png_blocks(data, size=8):
    """Mean brightness of square blocks, which hardly sees how an edge is smoothed."""
    pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(data)))[..., :3].mean(axis=2)
    height, width = (length // size for length in (410, 550))
    return pixels[:height * size, :width * size].reshape(height, size, width, size).mean((1, 3))


def test_fresh_pictures_are_the_stored_ones(notebook, fresh):
    (was,), (now,) = pictures(stored(notebook)), pictures(fresh)
    if notebook == "d2l":
        was, now = svg_points(was["image/svg+xml"]), svg_points(now["image/svg+xml"])
        assert len(was) == 1000
        # Versions of matplotlib lay out axes' labels some points apart: compare up to that.
        was, now = ((a - a.min(axis=0)) / numpy.ptp(a, axis=0) for a in (was, now))
        assert abs(was - now).max() < 1e-3
    else:
        # Matplotlib 3.7 against 3.11: 0.003. The data of another seed: 0.05.
        was, now = png_blocks(was["image/png"]), png_blocks(now["image/png"])
        assert abs(was - now).mean() < 0.01


def test_the_notebook_says_that_the_orders_are_not_the_authors_own(notebook):
    prose = " ".join(cell.source for cell in stored(notebook).cells
                     if cell.cell_type == "markdown")
    assert re.search(r"found by search and (is|are) not the\s+authors'\s+own", prose)
