"""What the CPU can do, as its system tells it.

NumPy knows, too, but where it keeps that has moved with each of its versions, and threadpoolctl
tells which kernel a library runs, not which it could. What is asked here has been the same for
decades.
"""
import functools
import platform
import sys

ARM = platform.machine().lower() in ("aarch64", "arm64")

_AVX2 = 40  # PF_AVX2_INSTRUCTIONS_AVAILABLE; every CPU with AVX2 but VIA's has FMA


@functools.cache
def cpu_has_fma() -> bool:
    """Whether this CPU has AVX2 and FMA, which OpenBLAS's Haswell kernel needs."""
    try:
        return {"avx2", "fma"} <= _FLAGS[sys.platform]()
    except (KeyError, OSError):
        return False


def _of_linux() -> set[str]:
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return set(file.read().split())


def _of_macos() -> set[str]:
    import subprocess

    return set(subprocess.run(
        ["/usr/sbin/sysctl", "-n", "machdep.cpu.features", "machdep.cpu.leaf7_features"],
        capture_output=True, text=True).stdout.lower().split())


def _of_windows() -> set[str]:
    import ctypes

    there = ctypes.windll.kernel32.IsProcessorFeaturePresent(_AVX2)  # type: ignore[attr-defined]
    return {"avx2", "fma"} if there else set()


_FLAGS = {"linux": _of_linux, "darwin": _of_macos, "win32": _of_windows}
