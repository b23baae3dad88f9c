"""Our notebooks, run in a real Jupyter kernel, print what is stored in them."""
import base64
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import nbformat
import numpy
import pytest
from nbclient import NotebookClient

from d2l_linreg import published
from d2l_linreg.reproduction.environment import shortfalls

FOLDER = Path(__file__).parent.parent / "notebooks"
NOTEBOOKS = ("d2l", "straight_dope")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.fixture(scope="module", params=NOTEBOOKS)
def stored_and_fresh(request):
    stored = nbformat.read(str(FOLDER / (request.param + ".ipynb")), as_version=4)
    fresh = nbformat.from_dict(stored)
    for cell in code_cells(fresh):
        cell.outputs = []
    NotebookClient(fresh, kernel_name="python3", timeout=300).execute()
    return request.param, stored, fresh


def printed(cell):
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def other_outputs(cell):
    return [(output.output_type, sorted(output.get("data", {}))) for output in cell.outputs
            if output.output_type != "stream"]


@pytest.mark.skipif(bool(shortfalls()), reason=" ".join(shortfalls()))
def test_a_fresh_run_prints_what_is_stored(stored_and_fresh):
    _, stored, fresh = stored_and_fresh
    for was, now in zip(code_cells(stored), code_cells(fresh)):
        assert printed(now) == printed(was)
        assert other_outputs(now) == other_outputs(was)


@pytest.mark.skipif(bool(shortfalls()), reason=" ".join(shortfalls()))
def test_each_published_output_has_its_cell(stored_and_fresh):
    name, _, fresh = stored_and_fresh
    texts = [printed(cell) for cell in code_cells(fresh)]
    for cell in published.document(name)["cells"]:
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


def test_fresh_pictures_are_the_stored_ones(stored_and_fresh):
    name, stored, fresh = stored_and_fresh
    (was,), (now,) = pictures(stored), pictures(fresh)
    if name == "d2l":
        was, now = svg_points(was["image/svg+xml"]), svg_points(now["image/svg+xml"])
        assert len(was) == 1000
        # Versions of matplotlib lay out axes' labels some points apart: compare up to that.
        was, now = ((a - a.min(axis=0)) / numpy.ptp(a, axis=0) for a in (was, now))
        assert abs(was - now).max() < 1e-3
    else:
        # Matplotlib 3.7 against 3.11: 0.003. The data of another seed: 0.05.
        was, now = png_blocks(was["image/png"]), png_blocks(now["image/png"])
        assert abs(was - now).mean() < 0.01


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_the_notebook_says_that_the_orders_are_not_the_authors_own(name):
    notebook = nbformat.read(str(FOLDER / (name + ".ipynb")), as_version=4)
    prose = " ".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert re.search(r"found by search and (is|are) not the\s+authors'\s+own", prose)
