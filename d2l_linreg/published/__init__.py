"""What the two notebooks printed, as data, and orders of the examples that lead there.

The orders in which the authors' runs visited the examples were never recorded. The ones
here were found by search: with them, all that was published comes out. They are not the
authors' own.
"""
import io
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from ..arguments import one_of

if TYPE_CHECKING:
    import numpy

NOTEBOOKS = ("d2l", "straight_dope")
# How many numbers each printed, as counted in the sources: so that none gets lost here
FIGURES = {"d2l": 39, "straight_dope": 28}


def _read(notebook: str, ending: str) -> bytes:
    name = one_of("notebook", notebook, NOTEBOOKS)
    return resources.files(__name__).joinpath(name + ending).read_bytes()


def document(notebook: str) -> dict[str, Any]:
    """What is known of a notebook's published run.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}

    Returns
    -------
    dict
        `title`, `document`, `original` (its address), `shuffle`, `minibatch_rows` (which examples
        its printed mini-batch holds), `scatter` (how its data are drawn), `picture` (in which unit
        its published picture is compared, and in points its size and its axes' frame: place from
        its left and its lower edge, width, height), `scatter_axes` (the ranges of x and y that
        the matplotlib of then chose for it) and `cells`: for each cell with
        text output its name, its `text`, whether that hangs on a `recovered_shuffle`, and the
        names of the `figures` in it.
    """
    return json.loads(_read(notebook, ".json"))


def scatter_coordinates() -> "numpy.ndarray":
    """The points of the scatter plot that the d2l notebook published as SVG, in order of the data.

    matplotlib 3.0.3 draws the reproduced data to the same picture, in each of its 1,239 lines.

    Returns
    -------
    numpy.ndarray of str, shape (1000, 2)
        x and y in points, with six decimals as in the file, whose origin is at the top left.
    """
    import numpy

    return numpy.loadtxt(io.BytesIO(_read("d2l", ".csv")), dtype=str, delimiter=",", skiprows=1)


def scatter_points() -> "numpy.ndarray":
    """The same points in the data's units, as far as six decimals tell.

    Returns
    -------
    numpy.ndarray of float64, shape (1000, 2)
    """
    import numpy

    picture, axes = document("d2l")["picture"], document("d2l")["scatter_axes"]
    (x0, x1, y0, y1), (left, bottom, width, height) = axes, picture["frame"]
    x, y = scatter_coordinates().astype("float64").T
    return numpy.column_stack([x0 + (x - left) / width * (x1 - x0),
                               y0 + (picture["size"][1] - y - bottom) / height * (y1 - y0)])


def scatter_png() -> bytes:
    """The scatter plot that the Straight Dope notebook published.

    matplotlib 2.0.2 draws the reproduced data to the same picture, in each of its 380 x 253
    pixels.

    Returns
    -------
    bytes
        A PNG file.
    """
    return _read("straight_dope", ".png")


def text(notebook: str, cell: str) -> str:
    """The text that one cell of a notebook printed.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}
    cell : str
        Its name in `document(notebook)["cells"]`, as "training".

    Returns
    -------
    str

    Raises
    ------
    ArgumentError
        If there is no such notebook, or it has no such cell.
    """
    texts = {c["cell"]: c["text"] for c in document(notebook)["cells"]}
    return texts[one_of("cell", cell, texts)]


def order(notebook: str) -> "numpy.ndarray":
    """Orders of the examples, found by search, under which the published figures come out.

    They are not the authors' own, which nobody recorded.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}

    Returns
    -------
    numpy.ndarray of uint16
        Rows of the data in the order of visiting: shape (3, 1000), a row an epoch, for d2l;
        (10000,), the one order that both epochs share, for straight_dope.
    """
    import numpy

    return numpy.load(io.BytesIO(_read(notebook, ".npy")))
