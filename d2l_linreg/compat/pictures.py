"""How matplotlib drew, in Jupyter, when the notebooks were run."""
import contextlib
import functools
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy

# What Jupyter's inline backend set until 2021
_INLINE: Any = {"figure.figsize": (6, 4), "figure.dpi": 72, "figure.subplot.bottom": 0.125,
                "font.size": 10, "figure.facecolor": (1, 1, 1, 0),
                "figure.edgecolor": (1, 1, 1, 0)}


@contextlib.contextmanager
def pictures_of_then() -> Iterator[None]:
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

    with contextlib.ExitStack() as stack:
        stack.enter_context(matplotlib.rc_context(_INLINE))
        stack.enter_context(patch.object(Axes, "scatter", scatter))
        stack.enter_context(patch.object(Axes, "get_tightbbox", get_tightbbox))
        stack.enter_context(patch.object(
            RendererBase, "_get_font_height_metrics", font_height, create=True))
        if hasattr(Axis, "_update_ticks") and hasattr(transforms, "_interval_contains_close"):
            stack.enter_context(patch.object(Axis, "_update_ticks", _ticks_just_outside(
                Axis._update_ticks, transforms._interval_contains_close)))
        yield


def _ticks_just_outside(plain: Any, plain_contains: Any) -> Any:
    """`Axis._update_ticks`, with half a pixel for its tolerance in straight axes."""
    from matplotlib import transforms

    def update_ticks(self: Any) -> Any:
        if self.axes.name != "rectilinear":
            return plain(self)
        pixels = self.axes.bbox.width if self.axis_name == "x" else self.axes.bbox.height
        contains = functools.partial(plain_contains, rtol=0.5 / pixels)
        with patch.object(transforms, "_interval_contains_close", contains):
            return plain(self)

    return update_ticks
