"""Which of MXNet's builds serve which NVIDIA GPUs.

A build holds machine code for some compute capabilities, which runs on GPUs of the same major and
the same or a later minor number. As read from the wheels for Linux x86-64 on PyPI: 1.9.1 for CUDA
11.1, 11.2, 11.6 and 11.7 has 5.0, 6.0, 7.0, 8.0 and 8.6, and no PTX, which a driver could compile
for later ones; for CUDA 11.0 it ends with 8.0, for 10.1 and 10.2 with 7.5. Of the releases that
this package works with, 1.7.0.post1 for CUDA 10.1 and 10.2 alone has PTX, of 7.5.
"""
import re
import subprocess

_SERVED = ("mxnet-cu112 and mxnet-cu117, 1.9.1, have code for it; they are for Linux x86-64, and "
           "need CUDA 11 and cuDNN 8 libraries, as docs/gpu.md tells")
_NEWER = ("no build of 1.9.1 has code for it, as that ends with 8.6, for GPUs up to 8.9; "
          "mxnet-cu102 1.7.0.post1 has PTX, which a driver compiles, slowly: see docs/gpu.md")
_OLDER = "no build of 1.9.1 has code for it, as that begins with 5.0"


def gpus() -> list[tuple[str, str]]:
    """The NVIDIA GPUs of this machine whose compute capability `nvidia-smi`, the driver's, tells.

    Returns
    -------
    list of (str, str)
        Name and compute capability of each; empty where there is no driver, or an old one.
    """
    try:
        printed = subprocess.run(
            ["nvidia-smi", "--query-gpu=name,compute_cap", "--format=csv,noheader"],
            capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return re.findall(r"^(.*?),\s*(\d+\.\d+)\s*$", printed, re.MULTILINE)


def build_for(capability: str) -> str:
    """Which build of MXNet serves a GPU of a compute capability such as "8.6"."""
    if float(capability) >= 9:
        return _NEWER
    return _SERVED if float(capability) >= 5 else _OLDER


def advice() -> str:
    """Which builds of MXNet serve the GPUs of this machine or, if none is known, which GPUs."""
    return "; ".join(
        f"{name} (compute capability {capability}): {build_for(capability)}"
        for name, capability in dict.fromkeys(gpus())
    ) or f"an NVIDIA GPU of compute capability 5.0 to 8.9: {_SERVED}; a newer one: none"
