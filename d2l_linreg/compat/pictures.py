"""How matplotlib drew, in Jupyter, when the notebooks were run."""
import functools
import threading
from typing import Any

import numpy

from .blocks import Changes, block, replaced

# What Jupyter's inline backend set until 2021
_INLINE: Any = {"figure.figsize": (6, 4), "figure.dpi": 72, "figure.subplot.bottom": 0.125,
                "font.size": 10, "figure.facecolor": (1, 1, 1, 0),
                "figure.edgecolor": (1, 1, 1, 0)}


@block
def pictures_of_then() -> Changes:
    """Figures of Jupyter's old size, margins and axes inside the block.

    Until version 3.1 matplotlib

    - left room in a scatter plot for the markers, too: their radius in pixels, by what a pixel
      was in the data's units before the points were drawn;
    - counted ticks on all four sides in a figure's tight box, which Jupyter shows, those of the
      x axis at the sides and those of the y axis above and below, and the labels of axes that
      are switched off;
    - drew ticks up to half a pixel outside the axes.

    And until 3.11 it measured how high a line of text is by the letters "lp".
    """
    import matplotlib
    from matplotlib import transforms
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.backend_bases import RendererBase

    plain_scatter, plain_box = Axes.scatter, Axes.get_tightbbox

    def scatter(self: Axes, *arguments: Any, **keywords: Any) -> Any:
        pixel = [numpy.ptp(self.get_xlim()) / self.bbox.width,
                 numpy.ptp(self.get_ylim()) / self.bbox.height]
        points = plain_scatter(self, *arguments, **keywords)
        offsets = numpy.ma.compressed(points.get_offsets()).reshape(-1, 2)
        if len(offsets) and self.get_xscale() == self.get_yscale() == "linear":
            room = numpy.sqrt(points.get_sizes().max()) / 2 * numpy.array(pixel)
            self.update_datalim([offsets.min(axis=0) - room, offsets.max(axis=0) + room])
            self.autoscale_view()
        return points

    def get_tightbbox(self: Axes, renderer: Any = None, *arguments: Any, **keywords: Any) -> Any:
        box = plain_box(self, renderer, *arguments, **keywords)
        if box is None:
            return None
        both = self.xaxis, self.yaxis
        x, y = (axis.get_tick_padding() if self.axison and axis.get_visible() else 0
                for axis in both)
        boxes = [box, transforms.Bbox(self.bbox.get_points() + [[-x, -y], [x, y]])]
        if not self.axison:
            boxes += filter(None, (axis.get_tightbbox(renderer) for axis in both))
        return transforms.Bbox.union(boxes)

    def font_height(self: RendererBase, font: Any) -> tuple[float, float, float]:
        _, height, descent = self.get_text_width_height_descent("lp", font, False)
        return height - descent, descent, 0

    was = dict(matplotlib.rcParams.copy())
    del was["backend"]  # as matplotlib's rc_context does
    yield functools.partial(dict.update, matplotlib.rcParams, was)
    matplotlib.rcParams.update(_INLINE)
    yield from replaced(Axes, "scatter", scatter)
    yield from replaced(Axes, "get_tightbbox", get_tightbbox)
    yield from replaced(RendererBase, "_get_font_height_metrics", font_height)
    if hasattr(Axis, "_update_ticks") and hasattr(transforms, "_interval_contains_close"):
        yield from _ticks_just_outside(Axis, transforms)


def _ticks_just_outside(axis: Any, transforms: Any) -> Changes:
    """Half a pixel of tolerance in `Axis._update_ticks`, where axes are straight."""
    plain, plain_contains = axis._update_ticks, transforms._interval_contains_close
    updated = threading.local()  # as two threads may draw at a time

    def contains(interval: Any, val: Any, rtol: float = 1e-10) -> Any:
        return plain_contains(interval, val, getattr(updated, "tolerance", rtol))

    def update_ticks(self: Any) -> Any:
        if self.axes.name != "rectilinear":
            return plain(self)
        pixels = self.axes.bbox.width if self.axis_name == "x" else self.axes.bbox.height
        updated.tolerance = 0.5 / pixels
        try:
            return plain(self)
        finally:
            vars(updated).clear()

    yield from replaced(transforms, "_interval_contains_close", contains)
    yield from replaced(axis, "_update_ticks", update_ticks)
