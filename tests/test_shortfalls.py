"""What is said to keep figures from being exact, held against what was measured."""
import itertools
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from d2l_linreg import contexts
from d2l_linreg.compat import cpu
from d2l_linreg.compat.cpu import ARM
from d2l_linreg.compat.mxnet import EXACT_KERNELS, mx
from d2l_linreg.reproduction import environment

MATRIX = Path(__file__).parent.parent / ".ci" / "matrix.json"  # what nox measured


@pytest.fixture(scope="module")
def cells():
    if not MATRIX.exists():
        pytest.skip("the matrix is in the checkout alone")
    cells = [cell for cell in json.loads(MATRIX.read_text(encoding="utf-8")) if "of" in cell]
    assert len(cells) > 50 and {cell["of"] for cell in cells} == {67}
    return cells


def test_versions_that_are_called_exact_are_those_that_were_so_in_every_cell(cells):
    exact = {cell["mxnet"]: True for cell in cells}
    for cell in cells:
        if cell.get("kernel") not in ("Prescott", "Sandybridge"):  # which have no FMA
            exact[cell["mxnet"]] &= cell["identical"] == 67
    # As mxnet.__version__ has them: without what the wheel's name adds
    assert set(environment.EXACT_MXNET) == {
        version.partition(".post")[0] for version, was in exact.items() if was}


@pytest.mark.skipif(ARM, reason="the matrix has x86's kernels")
def test_kernels_that_are_called_exact_are_those_that_were_so_on_every_such_version(cells):
    found = {cell["kernel"]: set() for cell in cells if "kernel" in cell}
    for cell in cells:
        if "kernel" in cell and cell["mxnet"].partition(".post")[0] in environment.EXACT_MXNET:
            found[cell["kernel"]].add(cell["identical"])
    assert set(EXACT_KERNELS) == {kernel for kernel, counts in found.items() if counts == {67}}


@pytest.mark.parametrize("arm, fma, kernel, version, ctx", list(itertools.product(
    [False, True], [False, True], [EXACT_KERNELS[0], "Prescott", None], ["1.9.1", "2.0.0"],
    ["cpu", "cpu(1)", "gpu", "gpu(1)", mx.cpu(), mx.gpu(2)])))
def test_each_shortfall_is_told_by_itself(arm, fma, kernel, version, ctx, monkeypatch):
    monkeypatch.setattr(environment, "ARM", arm)
    monkeypatch.setattr(environment, "cpu_has_fma", lambda: fma)
    monkeypatch.setattr(environment, "blas_kernel", lambda: kernel)
    monkeypatch.setattr(environment, "mx", SimpleNamespace(__version__=version))
    monkeypatch.setattr(contexts, "num_gpus", lambda: 3)
    monkeypatch.setattr(contexts, "_failure", lambda ctx: None)
    told = environment.shortfalls(ctx)
    expected = ["no AVX2 and FMA"] if not (arm or fma) else [
        "does not tell its BLAS kernel"] if kernel is None else [
        "BLAS kernel Prescott is not one of"] if kernel == "Prescott" else []
    expected += ["MXNet 2.0.0 is not one of"] if version == "2.0.0" else []
    expected += ["is a GPU"] if "gpu" in str(ctx) else []
    assert len(told) == len(expected)
    assert all(words in line for words, line in zip(expected, told, strict=True))
    assert all("to rounding" in line for line in told)


@pytest.mark.parametrize("fma", [False, True])
def test_what_the_cpu_has_is_told_as_it_is(fma, monkeypatch):
    monkeypatch.setattr(environment, "ARM", False)
    monkeypatch.setattr(environment, "cpu_has_fma", lambda: fma)
    assert environment.describe()["CPU"] == ("has" if fma else "lacks") + " AVX2 and FMA"


@pytest.mark.parametrize("avx2, fma", [(True, True), (True, False), (False, True)])
def test_macos_is_asked_for_both_leaves(avx2, fma, monkeypatch):
    said = {"machdep.cpu.features": "FPU SSE4.2" + " FMA" * fma,
            "machdep.cpu.leaf7_features": "SMEP" + " AVX2" * avx2}
    monkeypatch.setattr("subprocess.run", lambda command, **options: SimpleNamespace(
        stdout="\n".join(said[name] for name in command[2:])))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cpu.cpu_has_fma.__wrapped__() == (avx2 and fma)


@pytest.mark.parametrize("there", [False, True])
def test_windows_is_asked_for_avx2_by_its_number(there, monkeypatch):
    # PF_AVX2_INSTRUCTIONS_AVAILABLE is 40 in winnt.h; 39 is AVX, 41 AVX-512
    kernel32 = SimpleNamespace(IsProcessorFeaturePresent=lambda number: there and number == 40)
    monkeypatch.setattr("ctypes.windll", SimpleNamespace(kernel32=kernel32), raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    assert cpu.cpu_has_fma.__wrapped__() == there


@pytest.mark.parametrize("fails", [KeyError, OSError])
def test_a_system_that_does_not_tell_counts_as_without(fails, monkeypatch):
    def tell():
        raise fails

    monkeypatch.setitem(cpu._FLAGS, sys.platform, tell)
    assert cpu.cpu_has_fma.__wrapped__() is False
