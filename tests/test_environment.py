"""On what a run ran is told as it is, and rounding is an excuse just where something rounds."""
import ctypes
import json
import platform
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from processes import environ

from d2l_linreg import reproduce
from d2l_linreg.compat import eras, streams
from d2l_linreg.compat.mxnet import mx
from d2l_linreg.reproduction import environment
from d2l_linreg.reproduction.pictures import compare_picture
from d2l_linreg.settings import NOTEBOOKS

X86 = platform.machine().lower() in ("x86_64", "amd64")
# Measured over whole training runs of both notebooks, on one CPU that has them all: those of the
# first line print all 67 figures, those of the second differ in straight_dope's averages.
EXACT = ["Haswell", "Zen", "SkylakeX"]
ROUNDING = ["Prescott", "Nehalem", "Sandybridge", "Barcelona", "Core2", "Atom", None]


@pytest.fixture
def machine(monkeypatch):
    """A machine on which all is exact, but for what a test changes in it."""
    def of(kernel="Haswell", fma=True, version="1.9.1", arm=False):
        monkeypatch.setattr(environment, "blas_kernel", lambda: kernel)
        monkeypatch.setattr(environment, "cpu_has_fma", lambda: fma)
        monkeypatch.setattr(environment, "ARM", arm)
        monkeypatch.setattr(mx, "__version__", version)
        if arm:
            monkeypatch.setattr(environment, "EXACT_KERNELS", ("armv8", "neoversen1"))

    return of


@pytest.mark.skipif(not X86, reason="these kernels are x86-64's")
@pytest.mark.parametrize("kernel", EXACT + ROUNDING)
def test_just_the_kernels_seen_to_be_exact_leave_no_excuse(kernel, machine):
    machine(kernel=kernel)
    found = environment.shortfalls("cpu")
    assert len(found) == (kernel not in EXACT)
    assert all((kernel or "does not tell") in line for line in found)


# What mxnet.__version__ is in the wheels of 1.7.0.post2, 1.8.0.post0, 1.9.0, 1.9.1 and others
@pytest.mark.parametrize("version, exact", [
    ("1.7.0", True), ("1.8.0", True), ("1.9.0", True), ("1.9.1", True), ("1.6.0", False),
    ("2.0.0", False), ("1.9.2", False), ("", False)])
def test_just_the_releases_seen_to_be_exact_leave_no_excuse(version, exact, machine):
    machine(version=version)
    found = environment.shortfalls("cpu")
    assert len(found) == (not exact)
    assert all(line.startswith(f"MXNet {version} is not one of 1.7.0, ") for line in found)


def test_a_cpu_without_fma_is_told_once_whatever_its_kernel(machine):
    for kernel in EXACT + ROUNDING:
        machine(kernel=kernel, fma=False)
        (line,) = environment.shortfalls("cpu")
        assert line.startswith("This CPU has no AVX2 and FMA")
        assert environment.describe("cpu")["CPU"] == "lacks AVX2 and FMA"


@pytest.mark.parametrize("kernel", ["armv8", "neoversen1", "thunderx2t99", None])
def test_an_arm_cpu_has_fma_and_kernels_of_its_own(kernel, machine):
    machine(kernel=kernel, fma=False, arm=True)  # fma is x86-64's question
    assert len(environment.shortfalls("cpu")) == (kernel in ("thunderx2t99", None))
    assert environment.describe("cpu")["CPU"] == "ARM, which has fused multiply-add"


@pytest.fixture
def gpus(monkeypatch):
    """A machine with two GPUs that work: where they are, not what they compute, is asked."""
    monkeypatch.setattr("d2l_linreg.contexts.num_gpus", lambda: 2)
    monkeypatch.setattr("d2l_linreg.contexts._failure", lambda ctx: None)


@pytest.mark.parametrize("ctx, device", [
    ("cpu", "cpu(0)"), ("cpu(1)", "cpu(1)"), ("gpu", "gpu(0)"), ("gpu(1)", "gpu(1)"),
    (mx.gpu(1), "gpu(1)"), (mx.cpu(), "cpu(0)"), ("auto", "gpu(0), which is auto")])
def test_rounding_is_an_excuse_where_training_is_on_a_gpu(ctx, device, gpus, machine):
    machine()
    assert environment.describe(ctx)["device"] == device
    found = environment.shortfalls(ctx)
    assert len(found) == ("gpu" in device)
    assert all(line.startswith(f'ctx="{ctx}" is a GPU') for line in found)


def test_every_reason_is_told(gpus, machine):
    machine(kernel="Prescott", version="2.0.0")
    assert len(environment.shortfalls("gpu")) == 3


@pytest.mark.skipif(not X86, reason="these kernels are x86-64's")
@pytest.mark.parametrize("asked", [None, "Prescott", "Zen"])
def test_the_kernel_that_is_told_is_the_one_that_openblas_says_it_runs(asked, tmp_path):
    finished = subprocess.run(
        [sys.executable, "-c", "import json; from d2l_linreg.reproduction import environment as e; "
         "print(json.dumps([e.describe('cpu'), e.shortfalls('cpu')]))"],
        env=environ(OPENBLAS_CORETYPE=asked, OPENBLAS_VERBOSE="2"), cwd=tmp_path, text=True,
        check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    *said, printed = finished.stdout.splitlines()
    found, shortfalls = json.loads(printed)
    *_, kernel = re.findall("^Core: (.*)$", "\n".join(said), re.MULTILINE)  # NumPy's, then MXNet's
    assert found["BLAS kernel"] == kernel and asked in (kernel, None)
    assert bool(shortfalls) == (kernel not in EXACT)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_cpu_has_what_its_flags_say():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = set(re.findall(r"\w+", file.read()))
    told = environment.describe("cpu")["CPU"]
    assert told == ("has AVX2 and FMA" if {"avx2", "fma"} <= flags else "lacks AVX2 and FMA"
                    ) or not X86


def test_the_logf_that_is_told_is_the_one_that_draws(monkeypatch):
    assert environment.describe("cpu")["logf"].startswith("of glibc before 2018, computed by d2l")
    monkeypatch.setattr(streams.seeded.__wrapped__, "__defaults__",
                        (replace(eras.OF_THE_NOTEBOOKS, logf="since 2018"),))
    assert environment.describe("cpu")["logf"].startswith("of glibc since 2018, computed by d2l")
    assert compare_picture(NOTEBOOKS["d2l"]).verdict == "different"  # 27 of its points


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no glibc, which tells its version")
def test_the_c_library_that_is_told_is_the_one_that_is_here():
    version = ctypes.CDLL(None).gnu_get_libc_version
    version.restype = ctypes.c_char_p
    told = environment.describe("cpu")["logf"]
    assert told.endswith(f"not by this machine's glibc {version().decode()}")


def test_a_run_tells_the_device_that_it_was_given():
    run = reproduce("d2l", ctx="cpu(1)", runs=0)
    assert run.environment["device"] == "cpu(1)" and run.mxnet == mx.__version__
    assert run.shortfalls == tuple(environment.shortfalls("cpu"))
    assert environment.decisive(run.environment).startswith("device: cpu(1); BLAS kernel: ")


def test_a_runs_excuses_are_those_of_the_device_it_was_given(machine, monkeypatch):
    asked = []
    monkeypatch.setattr("d2l_linreg.reproduction.reproduce.shortfalls",
                        lambda ctx: asked.append(str(ctx)) or ["it rounds"])
    run = reproduce("d2l", ctx="cpu(1)", runs=0)
    assert asked == ["cpu(1)"] and run.shortfalls == ("it rounds",)
