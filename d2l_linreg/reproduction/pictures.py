"""The scatter plots that the notebooks published, beside those that matplotlib draws now."""
import io
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree import ElementTree

import matplotlib.image
import numpy
from matplotlib import style
from matplotlib.transforms import Bbox

from .. import published
from ..settings import Notebook
from ..training.examples import draw
from .cells import attempt
from .charts import scatter
from .figures import DIFFERENT, IDENTICAL

SHOWN = 10  # differences that are told one by one

_SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Picture:
    """A scatter plot, as it was published and as it is drawn now.

    Attributes
    ----------
    notebook : str
    unit : str
        What is compared: "coordinates" of points as an SVG file prints them, "pixels" inside the
        axes' frame.
    published, identical : int
        How many there are, and how many of them are drawn now as they were.
    different : tuple of str
        The first of those that are not, a line each.
    reason : str or None
        Why it could not be drawn, if so.
    """

    notebook: str
    unit: str
    published: int
    identical: int
    different: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def verdict(self) -> str:
        """"identical", if all are, or "different"."""
        return IDENTICAL if self.identical == self.published else DIFFERENT

    @property
    def told(self) -> str:
        """In one line, what is identical, and what was first to differ or fail."""
        return "; ".join([f"{self} {IDENTICAL}", *self.different[:1],
                          *([] if self.reason is None else [self.reason])])

    def __str__(self) -> str:
        return f"{self.identical:,} of {self.published:,} {self.unit}"


def compare_picture(own: Notebook) -> Picture:
    """Draw a notebook's data as it drew them, and hold the picture against the published one.

    matplotlib's own settings, whatever its user has set, and Jupyter's of then are used. The
    frame of the axes is put where it was published: on a page its place hangs on how wide the
    labels of the ticks are, and so on the fonts at hand.

    Parameters
    ----------
    own : Notebook

    Returns
    -------
    Picture
    """
    unit = published.document(own.name)["picture"]["unit"]
    file_format, read, as_published = _UNITS[unit]
    was = as_published()
    now, reason = attempt(lambda: read(_drawn(own, file_format)))
    if now is None or now.shape != was.shape:
        return Picture(own.name, unit, was.size, 0, reason=reason or "more or fewer are drawn")
    return Picture(own.name, unit, was.size, int((was == now).sum()), tuple(
        f"{unit}[{', '.join(map(str, place))}] is {now[place]}, not {was[place]}"
        for place in map(tuple, numpy.argwhere(was != now)[:SHOWN])))


def _drawn(own: Notebook, file_format: str) -> bytes:
    """The file of the picture."""
    document, (features, labels) = published.document(own.name), draw(own, 2)[0]
    with style.context("default"):
        drawing = scatter(features, labels, **document["scatter"])
        (axes,), file = drawing.axes, io.BytesIO()
        left, bottom, _, _ = document["picture"]["frame"]
        page = Bbox.from_bounds(axes.bbox.x0 - left, axes.bbox.y0 - bottom,
                                *document["picture"]["size"])
        drawing.savefig(file, format=file_format, dpi=drawing.dpi,
                        bbox_inches=Bbox(page.get_points() / drawing.dpi))
    return file.getvalue()


def _coordinates(svg: bytes) -> numpy.ndarray:
    """Of each point x and y, as printed."""
    points = next(group for group in ElementTree.fromstring(svg).iter(_SVG + "g")
                  if group.get("id") == "PathCollection_1")
    return numpy.array([[use.get("x"), use.get("y")] for use in points.iter(_SVG + "use")])


def _pixels(png: bytes) -> numpy.ndarray:
    """The colours inside the frame, whose lines are rows 11 and 229 and columns 35 and 370."""
    colours = matplotlib.image.imread(io.BytesIO(png))[12:229, 36:370]
    return numpy.char.mod("#%08x", (255 * colours).round().astype("uint8").view(">u4")[..., 0])


# Of each unit the file format that has it, its reader, and what was published
_UNITS: dict[str, tuple[str, Callable[[bytes], numpy.ndarray], Callable[[], numpy.ndarray]]] = {
    "coordinates": ("svg", _coordinates, published.scatter_coordinates),
    "pixels": ("png", _pixels, lambda: _pixels(published.scatter_png())),
}
