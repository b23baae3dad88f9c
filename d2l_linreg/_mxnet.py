"""The one door to MXNet: everything else in the package takes `mx` from here.

A current NumPy lacks an alias that MXNet reads, and MXNet's OpenBLAS does not
know current CPUs. Both are mended here, before MXNet is first imported.
"""
import contextlib
import ctypes
import os
import sys
import threading
import warnings

import numpy

# Aliases of Python's own types that NumPy 1.24 dropped and MXNet still reads.
_NUMPY_ALIASES = {"bool": bool, "int": int}

# Kernels seen to agree bit for bit over whole training runs of both notebooks.
FMA_KERNELS = ("Haswell", "Zen", "SkylakeX")

_WHEELS = (
    "MXNet's native library does not load here: {error}. Wheels that load exist for "
    "Linux x86-64 and aarch64 and macOS x86-64 (MXNet 1.9.1) and for Windows x86-64 "
    "(1.7.0.post2); on Apple silicon use an x86-64 Python or a Linux container."
)
_IMPORTED_EARLIER = (
    "mxnet was imported before d2l_linreg, so its OpenBLAS runs the {kernel} kernel, "
    "which has no fused multiply-add: data and labels stay exact, the training figures "
    "agree with the published ones only to rounding. Import d2l_linreg first, or set "
    "OPENBLAS_CORETYPE=Haswell before Python starts."
)


def cpu_has_fma():
    """Whether this CPU has AVX2 and FMA, which OpenBLAS's Haswell kernel needs."""
    from numpy.core._multiarray_umath import __cpu_features__ as features

    return bool(features.get("AVX2") and features.get("FMA3"))


def blas_kernel():
    """The name of the kernel that MXNet's OpenBLAS runs, None where it does not tell."""
    library = ctypes.CDLL(mx.libinfo.find_lib_path()[0])
    try:
        corename = library.openblas_get_corename
    except AttributeError:  # another BLAS, or one whose symbols are hidden
        return None
    corename.restype = ctypes.c_char_p
    return corename().decode()


@contextlib.contextmanager
def _fma_kernel():
    """Let OpenBLAS, which reads the variable once as it loads, use fused multiply-adds."""
    if "OPENBLAS_CORETYPE" in os.environ or not cpu_has_fma():
        yield
        return
    os.environ["OPENBLAS_CORETYPE"] = "Haswell"
    try:
        yield
    finally:
        del os.environ["OPENBLAS_CORETYPE"]


def _restore_numpy_aliases():
    for name, alias in _NUMPY_ALIASES.items():
        if not hasattr(numpy, name):
            setattr(numpy, name, alias)


def _import_mxnet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that NumPy dropped, and of MXNet's old syntax
        _restore_numpy_aliases()
        try:
            with _fma_kernel():
                import mxnet
        except (OSError, RuntimeError) as error:
            raise ImportError(_WHEELS.format(error=error)) from error
    return mxnet


_imported_earlier = "mxnet" in sys.modules
mx = _import_mxnet()
if _imported_earlier and cpu_has_fma() and blas_kernel() not in FMA_KERNELS + (None,):
    warnings.warn(_IMPORTED_EARLIER.format(kernel=blas_kernel()), stacklevel=2)


@contextlib.contextmanager
def numpy_semantics(active):
    """MXNet's NumPy shapes and arrays on or off, for this thread, inside the block only."""
    scopes = [mx.util.np_shape, mx.util.np_array]  # MXNet refuses NumPy arrays without shapes
    first, second = scopes if active else reversed(scopes)
    with first(active), second(active):
        yield


_generator = threading.Lock()  # MXNet has one generator for the whole process


@contextlib.contextmanager
def seeded(seed):
    """MXNet's random generator at `seed`, on the CPU, inside the block.

    Its state can be neither read nor put back. So a number is taken from it first,
    and seeds it afterwards: a caller's own stream goes on, and does not start anew
    at the same place after each block.
    """
    with _generator, mx.cpu():
        onward = int(mx.nd.random.randint(0, 2**31 - 1, shape=(1,)).asscalar())
        mx.random.seed(seed)
        try:
            yield
        finally:
            mx.random.seed(onward)
