"""What this machine runs on, and what in it keeps the published numbers from being exact."""
import os
import platform
from collections.abc import Mapping
from typing import Any

import numpy

from .. import __version__
from ..compat.cpu import ARM, cpu_has_fma
from ..compat.mxnet import EXACT_KERNELS, blas_kernel, mx
from ..compat.streams import seeded, stream
from ..contexts import as_context, num_gpus
from ..gpu_builds import build_for, gpus
from .installed import which_mxnet

# Releases, as mxnet.__version__ names them, seen to print all 67 figures as published.
EXACT_MXNET = ("1.7.0", "1.8.0", "1.9.0", "1.9.1")

# Of what `describe` tells, what the last digits hang on
DECISIVE = ("device", "BLAS kernel", "CPU", "logf")


def describe(ctx: Any = "auto") -> dict[str, str]:
    """Versions, which MXNet this is and from where, platform, and all on which last digits hang.

    Parameters
    ----------
    ctx : str or mxnet.Context, default "auto"
        Where training is done.

    Returns
    -------
    dict of str to str
    """
    return {
        "d2l_linreg": __version__,
        "mxnet": mx.__version__,
        "mxnet is": which_mxnet(),
        "mxnet's folder": os.path.dirname(mx.__file__),
        "numpy": numpy.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "CPU": "ARM, which has fused multiply-add" if ARM else (
            f"{'has' if cpu_has_fma() else 'lacks'} AVX2 and FMA"),
        "BLAS kernel": blas_kernel() or "unknown (this MXNet does not tell)",
        "logf": _logf(),
        "device": f"{as_context(ctx)}{', which is auto' if ctx == 'auto' else ''}",
        "contexts": f"cpu, {num_gpus()} GPUs",
        **{f"GPU {number}": f"{name}, compute capability {capability}: {build_for(capability)}"
           for number, (name, capability) in enumerate(gpus())},
    }


def decisive(environment: Mapping[str, str]) -> str:
    """In one line, on what the last digits hang, of what `describe` told."""
    return "; ".join(f"{name}: {environment[name]}" for name in DECISIVE)


def _logf() -> str:
    """Whose logarithm is in the notebooks' random numbers."""
    library = " ".join(platform.libc_ver()).strip() or "C library"
    with seeded(0):
        return (f"of glibc {stream('np').drawing.logf}, computed by d2l_linreg itself, not by this "
                f"machine's {library}")


def shortfalls(ctx: Any = "auto") -> list[str]:
    """What keeps the training figures from being exact here; data and pictures always are.

    Parameters
    ----------
    ctx : str or mxnet.Context, default "auto"
        Where training is done.

    Returns
    -------
    list of str
        Empty where nothing does.
    """
    found = []
    kernel = blas_kernel()
    if not (ARM or cpu_has_fma()):
        found.append("This CPU has no AVX2 and FMA (or the system does not tell): training "
                     "figures agree to rounding. A CPU with them is exact; so is engine 'native' "
                     "on this one: pip install '.[fast]'.")
    elif kernel is None:
        found.append("This MXNet does not tell its BLAS kernel: training figures may be exact, or "
                     "agree to rounding. The MXNet that comes with d2l_linreg on Linux tells.")
    elif kernel not in EXACT_KERNELS:
        found.append(f"The BLAS kernel {kernel} is not one of {', '.join(EXACT_KERNELS)}, seen to "
                     "be exact: training figures agree to rounding. Unset OPENBLAS_CORETYPE"
                     + ("." if ARM else ", and import d2l_linreg before mxnet."))
    if mx.__version__ not in EXACT_MXNET:
        found.append(f"MXNet {mx.__version__} is not one of {', '.join(EXACT_MXNET)}, seen to be "
                     "exact: training figures agree to rounding. Uninstall it, and the one that "
                     "comes with d2l_linreg is taken.")
    if as_context(ctx).device_type == "gpu":
        found.append(f'ctx="{ctx}" is a GPU, whose arithmetic agrees to rounding; "cpu" is exact.')
    return found
