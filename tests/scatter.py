"""The scatter plot that the Straight Dope notebook published, and how alike two such plots are."""
import io

import matplotlib.image
import numpy

from d2l_linreg import published

PUBLISHED = matplotlib.image.imread(io.BytesIO(published.scatter_png()))
# Inside the published picture's frame, which lies on rows 11 and 229, columns 35 and 370
INSIDE = slice(12, 229), slice(36, 370)


def inside_frame(png):
    """The pixels inside the axes' frame: its lines are the long dark ones."""
    picture = matplotlib.image.imread(io.BytesIO(png))
    dark = picture[..., :3].max(axis=2) < 0.35
    rows, columns = (numpy.flatnonzero(dark.mean(axis=axis) > 0.6) for axis in (1, 0))
    return picture[rows[0] + 1:rows[-1], columns[0] + 1:columns[-1]]


def overlap(one, other):
    """Of the pixels that are blue in either picture, the share that are blue in both."""
    one, other = (picture[..., 2] - picture[..., 0] > 0.3 for picture in (one, other))
    return (one & other).sum() / (one | other).sum()
