"""What MXNet needs to load today, given to it when it is first imported, by whomever.

A current NumPy lacks an alias that MXNet reads, and MXNet's OpenBLAS does not know current
CPUs. An import hook mends both around the import of `mxnet`; until then nothing changes.
"""
import contextlib
import importlib.util
import os
import sys
import warnings

# Aliases of Python's own types that NumPy 1.24 dropped and MXNet still reads.
_NUMPY_ALIASES = {"bool": bool, "int": int}

_WHEELS = (
    "MXNet's native library does not load here: {error}. Wheels that load exist for "
    "Linux x86-64 and aarch64 and macOS x86-64 (MXNet 1.9.1) and for Windows x86-64 "
    "(1.7.0.post2); on Apple silicon use an x86-64 Python or a Linux container."
)


def cpu_has_fma():
    """Whether this CPU has AVX2 and FMA, which OpenBLAS's Haswell kernel needs."""
    from numpy.core import _multiarray_umath

    features = getattr(_multiarray_umath, "__cpu_features__", None)
    if features is not None:
        return bool(features.get("AVX2") and features.get("FMA3"))
    try:  # NumPy before 1.19 does not tell; Linux does
        with open("/proc/cpuinfo", encoding="utf-8") as cpus:
            return {"avx2", "fma"} <= set(cpus.read().split())
    except OSError:
        return False


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
    import numpy

    if numpy.__version__.split(".")[0] != "1":
        raise ImportError("MXNet reads names that NumPy 2 dropped, and NumPy {} is installed; "
                          "pip install 'numpy<2'".format(numpy.__version__))
    for name, alias in _NUMPY_ALIASES.items():
        if not hasattr(numpy, name):
            setattr(numpy, name, alias)


class MXNetFinder:
    """Finds `mxnet` as Python would, and prepares for its execution."""

    prepared = False  # whether it was this finder that MXNet came by

    def find_spec(self, name, path=None, target=None):
        if name != "mxnet":
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is not None:
            execute = spec.loader.exec_module
            spec.loader.exec_module = lambda module: self._execute(execute, module)
        return spec

    def _execute(self, execute, module):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what NumPy dropped, and of MXNet's old syntax
            _restore_numpy_aliases()
            try:
                with _fma_kernel():
                    execute(module)
            except (OSError, RuntimeError) as error:
                raise ImportError(_WHEELS.format(error=error)) from error
        self.prepared = True


finder = MXNetFinder()
sys.meta_path.insert(0, finder)
