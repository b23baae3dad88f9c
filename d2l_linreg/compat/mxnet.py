"""The one door to MXNet: everything else in the package takes `mx` from here."""
import contextlib
import ctypes
import os
import warnings
from collections.abc import Iterator

from . import streams
from .cpu import ARM, cpu_has_fma
from .loading import HALF_IMPORTED, check_version, finder, note_seeds, parts

try:
    import mxnet as mx
except ModuleNotFoundError as error:
    if error.name != "mxnet":
        raise
    raise ImportError("MXNet is not here: it comes along when d2l_linreg is installed, as by "
                      "`pip install .` in a checkout") from error

# OpenBLAS's kernels that were seen to agree bit for bit over whole training runs of both
# notebooks, on the kind of CPU that this is.
EXACT_KERNELS = ("armv8", "neoversen1") if ARM else ("Haswell", "Zen", "SkylakeX")

_IMPORTED_EARLIER = (
    "mxnet was imported before d2l_linreg, so its OpenBLAS runs the {kernel} kernel, "
    "which has no fused multiply-add: data and pictures stay exact, the training figures "
    "agree with the published ones only to rounding. Import d2l_linreg first, or set "
    "OPENBLAS_CORETYPE=Haswell before Python starts."
)


def blas_kernel() -> str | None:
    """The name of the kernel that MXNet's OpenBLAS runs, None where it does not tell."""
    library = ctypes.CDLL(mx.libinfo.find_lib_path()[0])
    try:
        corename = library.openblas_get_corename
    except AttributeError:  # another BLAS, or one whose symbols are hidden
        return None
    corename.restype = ctypes.c_char_p
    return corename().decode()


if not finder.prepared:
    # A mere folder of that name, or what a second import makes of a first one's parts
    if getattr(mx, "__file__", None) is None or not all(
            hasattr(mx, part.partition(".")[0]) for part in parts()):
        raise ImportError(HALF_IMPORTED)
    check_version(os.path.dirname(mx.__file__))
    note_seeds(mx)
    streams.restart(None)
    if cpu_has_fma() and blas_kernel() not in (*EXACT_KERNELS, None):
        warnings.warn(_IMPORTED_EARLIER.format(kernel=blas_kernel()), stacklevel=2)


@contextlib.contextmanager
def numpy_semantics(active: bool) -> Iterator[None]:
    """MXNet's NumPy shapes and arrays on or off, for this thread, inside the block only."""
    scopes = [mx.util.np_shape, mx.util.np_array]  # MXNet refuses NumPy arrays without shapes
    first, second = scopes if active else reversed(scopes)
    with first(active), second(active):
        yield
