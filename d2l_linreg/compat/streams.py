"""The two streams of normal numbers, as the notebooks' MXNet drew them.

MXNet kept both and swapped their names: what `mx.nd` drew in 2017 comes out of today's
`mx.np`, and what `mx.np` drew in 2019 comes out of today's `mx.nd`. Both are drawn on the
CPU, whose generator is the one that the published numbers came from.
"""
from .mxnet import mx

# MXNet's own, also where `as_published` has put others in their place
_nd_normal, _np_normal = mx.nd.random.normal, mx.np.random.normal


def normal_2017(shape: tuple[int, ...], loc: float = 0, scale: float = 1) -> mx.nd.NDArray:
    """Normal numbers by the stream of 2017, `mxnet.nd.NDArray` of float32, on the CPU.

    Bit for bit what `nd.random_normal` of MXNet 0.11.0 gives.
    """
    return _np_normal(loc, scale, shape, ctx=mx.cpu()).as_nd_ndarray()


def normal_2019(shape: tuple[int, ...], loc: float = 0, scale: float = 1) -> mx.np.ndarray:
    """Normal numbers by the stream of 2019, `mxnet.np.ndarray` of float32, on the CPU."""
    return _nd_normal(loc, scale, shape, ctx=mx.cpu()).as_np_ndarray()
