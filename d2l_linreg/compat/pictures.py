"""How matplotlib drew, in Jupyter, when the notebooks were run."""
import contextlib
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy

# What Jupyter's inline backend set until 2021
_INLINE: Any = {"figure.figsize": (6, 4), "figure.dpi": 72, "figure.subplot.bottom": 0.125,
           "font.size": 10}


@contextlib.contextmanager
def pictures_of_then() -> Iterator[None]:
    """Figures of Jupyter's old size, and scatter plots on the old axes, inside the block.

    Until version 3.1 matplotlib left room for the markers, too: their radius in pixels, by
    what a pixel was in the data's units before the points were drawn.
    """
    import matplotlib
    from matplotlib.axes import Axes

    plain = Axes.scatter

    def scatter(self: Axes, *arguments: Any, **keywords: Any) -> Any:
        pixel = [numpy.ptp(self.get_xlim()) / self.bbox.width,
                 numpy.ptp(self.get_ylim()) / self.bbox.height]
        points = plain(self, *arguments, **keywords)
        offsets = numpy.ma.compressed(points.get_offsets()).reshape(-1, 2)
        if len(offsets) and self.get_xscale() == self.get_yscale() == "linear":
            room = numpy.sqrt(points.get_sizes().max()) / 2 * numpy.array(pixel)
            self.update_datalim([offsets.min(axis=0) - room, offsets.max(axis=0) + room])
            self.autoscale_view()
        return points

    with matplotlib.rc_context(_INLINE), patch.object(Axes, "scatter", scatter):
        yield
