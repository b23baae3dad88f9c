"""Engine "native": the notebooks' steps in compiled code of our own. Same bits, on any CPU."""
import sys

import numpy

from ..compat.mxnet import mx
from ..errors import ArgumentError
from ..settings import Notebook, Settings
from .engine import Array, Engine, Losses, Rows

try:
    from .arithmetic import add_losses, constants, descend
except ImportError as error:
    if error.name != "numba":
        raise
    raise ImportError(
        "engine is 'native', which numba compiles, and numba is not installed: it needs the extra "
        f"fast: pip install '.[fast]'. If pip finds no numba for Python {sys.version_info[0]}."
        f"{sys.version_info[1]}, there is none yet; 'compiled' needs none, and gives the same "
        "bits") from error

AT_ONCE = 2**25  # numbers of features between two moments at which Ctrl-C can be heard


class Native(Engine):
    """The steps of "autograd", rounded as MXNet rounds on OpenBLAS's kernels with FMA.

    Raises
    ------
    ArgumentError
        If `ctx` is a GPU.
    """

    def __init__(self, own: Notebook, settings: Settings, num_features: int,
                 ctx: mx.Context) -> None:
        super().__init__(own, settings, num_features, ctx)
        if ctx.device_type == "gpu":
            raise ArgumentError(f"engine is 'native', which is for the CPU, and ctx is {ctx}; give "
                                "ctx=\"cpu\", or another engine")
        self.constants = constants(own, settings)

    def load(self, array: numpy.ndarray) -> numpy.ndarray:
        """Examples as `epoch` and `mean_loss` take them: as they are."""
        return numpy.ascontiguousarray(array, dtype="float32")

    def epoch(self, features: Array, labels: Array, w: numpy.ndarray, b: numpy.ndarray,
              rows: Rows) -> Losses:
        """Visit examples once; see `Engine.epoch`."""
        losses = numpy.empty(-(-len(rows) // self.settings.batch_size), "float32")
        descend(features, labels, numpy.ascontiguousarray(rows, dtype="int64"),
                self.settings.batch_size, w.reshape(-1), b, self.constants, losses)
        yield losses

    def mean_loss(self, features: Array, labels: Array, w: numpy.ndarray,
                  b: numpy.ndarray) -> float:
        """The notebook's loss, averaged over all examples given."""
        total, rows = numpy.zeros(2, "float32"), numpy.arange(len(labels))
        size = max(AT_ONCE // self.num_features, 1)
        for start in range(0, len(labels), size):
            add_losses(features, labels, rows[start:start + size], w.reshape(-1), b,
                       self.constants[1], total)
        return float(total[0] / numpy.float32(len(labels)))
