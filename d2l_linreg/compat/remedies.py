"""What to do where MXNet's native library does not load."""
import os
import platform
import re

from .cpu import ARM

# By the library of which the system says that it is missing; of several it names but one.
_MISSING = {
    r"libgomp|libquadmath":
        "MXNet needs libgomp.so.1 and libquadmath.so.0, which slim images leave out: install "
        "Debian's libgomp1 and libquadmath0, or what your system calls them",
    r"libopenblas":
        "The wheel of MXNet 1.8.0 was built without it: take 1.8.0.post0, or remove it, "
        "with `pip uninstall mxnet`, and the MXNet that came with d2l_linreg is used",
    r"libcu|libnv|libnccl":
        "This MXNet is a build for NVIDIA GPUs, and needs CUDA's libraries and the driver's: "
        "docs/gpu.md tells how to install them",
}
# By system and kind of CPU
_PLATFORMS = {
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


def does_not_load(error: Exception, origin: str | None) -> str:
    """Say why MXNet, whose first file is `origin`, does not load here, and what to do."""
    remedy = next((remedy for missing, remedy in _MISSING.items() if re.match(missing, str(error))),
                  _PLATFORMS.get((platform.system(), ARM), _WHEELS))
    folder = os.path.dirname(origin) if origin else "mxnet's folder"
    return (f"MXNet's native library does not load here: {error}. "
            + remedy.format(folder=folder) + ".")
