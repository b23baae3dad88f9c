"""What MXNet needs to load today, given to it when it is first imported, by whomever.

A current NumPy lacks an alias that MXNet reads, and MXNet's OpenBLAS does not know current
CPUs. An import hook mends both around the import of `mxnet`; until then nothing changes. The one
thing of MXNet's that stays changed is its `random.seed`, which tells its seed in passing.
"""
import contextlib
import functools
import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

# Aliases of Python's own types that NumPy 1.24 dropped and MXNet still reads.
_NUMPY_ALIASES = {"bool": bool, "int": int}

ARM = platform.machine().lower() in ("aarch64", "arm64")

# What to do where MXNet's native library does not load, by system and kind of CPU
_REMEDIES = {
    ("Linux", True):
        "MXNet's wheel for Linux aarch64 is linked with libarmpl_lp64_mp.so, libamath.so and "
        "libastring.so, which are Arm's and come neither with it nor from PyPI. OpenBLAS can stand "
        "in: install Debian's libopenblas0, liblapacke and libgomp1; then, in {folder}, "
        "ln -s /usr/lib/aarch64-linux-gnu/libopenblas.so.0 libarmpl_lp64_mp.so; "
        "ln -s /usr/lib/aarch64-linux-gnu/liblapacke.so.3 libamath.so; "
        "ln -s /lib/aarch64-linux-gnu/libm.so.6 libastring.so",
    ("Darwin", True):
        "MXNet has no wheel for Apple silicon; use an x86-64 Python, or Linux in a container",
    ("Windows", False): "The newest wheel for Windows is MXNet 1.7.0.post2, for x86-64",
}
_WHEELS = "Wheels that load are for Linux x86-64 and macOS x86-64 (MXNet 1.9.1)"


def _does_not_load(error: Exception, spec: ModuleSpec | None) -> str:
    remedy = _REMEDIES.get((platform.system(), ARM), _WHEELS)
    folder = os.path.dirname(spec.origin) if spec is not None and spec.origin else "mxnet's folder"
    return (f"MXNet's native library does not load here: {error}. "
            + remedy.format(folder=folder) + ".")


def cpu_has_fma() -> bool:
    """Whether this CPU has AVX2 and FMA, which OpenBLAS's Haswell kernel needs."""
    from numpy.core._multiarray_umath import __cpu_features__ as features

    return bool(features.get("AVX2") and features.get("FMA3"))


@contextlib.contextmanager
def _fma_kernel() -> Iterator[None]:
    """Let OpenBLAS, which reads the variable once as it loads, use fused multiply-adds."""
    if "OPENBLAS_CORETYPE" in os.environ or not cpu_has_fma():
        yield
        return
    os.environ["OPENBLAS_CORETYPE"] = "Haswell"
    try:
        yield
    finally:
        del os.environ["OPENBLAS_CORETYPE"]


def _restore_numpy_aliases() -> None:
    import numpy

    if numpy.__version__.split(".")[0] != "1":
        raise ImportError(f"MXNet reads names that NumPy 2 dropped, and NumPy {numpy.__version__} "
                          "is installed; pip install 'numpy<2'")
    for name, alias in _NUMPY_ALIASES.items():
        if not hasattr(numpy, name):
            setattr(numpy, name, alias)


def note_seeds(mxnet: ModuleType) -> None:
    """Have the package's own random streams start anew wherever MXNet's generator does."""
    from . import streams

    plain = mxnet.random.seed  # which `mx.npx.random.seed` calls, too

    @functools.wraps(plain)
    def seed(seed_state: int, ctx: Any = "all") -> None:
        plain(seed_state, ctx)
        streams.restart(int(seed_state), ctx)

    mxnet.random.seed = seed


class MXNetFinder:
    """Finds `mxnet` as Python would, and prepares for its execution."""

    prepared = False  # whether it was this finder that MXNet came by

    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        """Find MXNet; of everything else, nothing."""
        if name != "mxnet":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module
            # An attribute of this one loader, which Python makes anew for each import
            vars(spec.loader)["exec_module"] = lambda module: self._execute(execute, module)
        return spec

    def _execute(self, execute: Callable[[ModuleType], Any], module: ModuleType) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what NumPy dropped, and of MXNet's old syntax
            _restore_numpy_aliases()
            try:
                with _fma_kernel():
                    execute(module)
            except (OSError, RuntimeError) as error:
                raise ImportError(_does_not_load(error, module.__spec__)) from error
        note_seeds(module)
        self.prepared = True


finder = MXNetFinder()
sys.meta_path.insert(0, finder)
