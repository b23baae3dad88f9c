"""What the two notebooks printed, as data, and orders of the examples that lead there.

The orders in which the authors' runs visited the examples were never recorded. The ones
here were found by search: with them, all that was published comes out. They are not the
authors' own.
"""
import io
import json
import pkgutil

NOTEBOOKS = ("d2l", "straight_dope")


def _read(name):
    return pkgutil.get_data(__name__, name)


def known(notebook):
    """The name of a notebook, if it is one; else a ValueError with the names there are."""
    if not isinstance(notebook, str) or notebook not in NOTEBOOKS:
        raise ValueError("notebook is {!r}; it must be one of {}".format(
            notebook, ", ".join(map(repr, NOTEBOOKS))))
    return notebook


def document(notebook):
    """What is known of a notebook's published run.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}

    Returns
    -------
    dict
        `title`, `document`, `shuffle`, `minibatch_rows` (which examples its printed
        mini-batch holds) and `cells`: for each cell with text output its name, its `text`,
        whether that hangs on a `recovered_shuffle`, and the names of the `figures` in it.
    """
    return json.loads(_read(known(notebook) + ".json").decode())


def scatter_png():
    """The scatter plot that the Straight Dope notebook published.

    matplotlib 2.0.2 draws the reproduced data to the same picture, in each of its 380 x 253
    pixels; `document("straight_dope")["scatter_axes"]` holds the axes' ranges that it chose.

    Returns
    -------
    bytes
        A PNG file.
    """
    return _read("straight_dope.png")


def text(notebook, cell):
    """The text that one cell of a notebook printed.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}
    cell : str
        Its name in `document(notebook)["cells"]`, as "training".

    Returns
    -------
    str
    """
    (found,) = [c["text"] for c in document(notebook)["cells"] if c["cell"] == cell]
    return found


def order(notebook):
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

    return numpy.load(io.BytesIO(_read(known(notebook) + ".npy")))
