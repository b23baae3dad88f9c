"""Choosing a device."""
import os
import re
import warnings

import pytest

from d2l_linreg import ContextError, contexts, gpu_builds, train, try_all_gpus, try_gpu
from d2l_linreg.compat.mxnet import mx
from d2l_linreg.reproduction import environment

without_gpu = pytest.mark.skipif(contexts.num_gpus() > 0, reason="this MXNet sees a GPU")


@pytest.mark.parametrize("ctx, expected", [
    ("cpu", mx.cpu()), ("cpu(3)", mx.cpu(3)), (mx.cpu(1), mx.cpu(1))])
def test_cpu_contexts_are_read(ctx, expected):
    assert contexts.as_context(ctx) == expected


@without_gpu
def test_without_a_gpu_auto_is_the_cpu_and_says_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert contexts.as_context("auto") == try_gpu() == try_gpu(3) == mx.cpu()
    assert try_all_gpus() == [mx.cpu()]


@without_gpu
@pytest.mark.parametrize("ctx", ["gpu", "gpu(1)", mx.gpu(0)])
def test_a_gpu_that_is_not_there_is_refused_with_the_remedy(ctx):
    with pytest.raises(ContextError, match=r"sees 0 GPUs; use \"cpu\" or \"auto\".*mxnet-cu112"):
        train(ctx=ctx)


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Have the machine say, as NVIDIA's driver does, which GPUs it has."""
    def say(*lines, status=0):
        command = tmp_path / "nvidia-smi"
        command.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines)
                           + f"exit {status}\n")
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return say


# What each has is NVIDIA's to say, which builds have code for it their wheels': see gpu_builds.
@pytest.mark.parametrize("name, capability, served", [
    ("Tesla K80", "3.7", False), ("Tesla M60", "5.2", True), ("Tesla T4", "7.5", True),
    ("NVIDIA A100-SXM4-40GB", "8.0", True), ("NVIDIA L4", "8.9", True),
    ("NVIDIA H100 80GB HBM3", "9.0", False), ("NVIDIA B200", "10.0", False),
    ("NVIDIA GeForce RTX 5090", "12.0", False)])
def test_no_build_is_advised_that_has_no_code_for_the_gpu(name, capability, served, driver):
    driver(f"{name}, {capability}", f"{name}, {capability}")
    assert gpu_builds.gpus() == [(name, capability)] * 2
    said = gpu_builds.advice()
    assert said.count(name) == 1 and f"(compute capability {capability}): " in said
    assert ("mxnet-cu112 and mxnet-cu117, 1.9.1, have code for it" in said) == served
    assert ("no build of 1.9.1 has code for it" in said) != served
    with pytest.raises(ContextError, match=re.escape(said)):
        contexts.as_context("gpu(9)")
    assert environment.describe()["GPU 1"].startswith(f"{name}, compute capability {capability}")


@pytest.mark.parametrize("lines, status", [
    ([], 0), (['Field "compute_cap" is not a valid field to query.'], 2), (["No devices"], 9),
    (["GRID, [N/A]"], 0), (["NVIDIA H100"], 0)])
def test_a_driver_that_does_not_tell_is_no_driver(lines, status, driver):
    driver(*lines, status=status)
    assert gpu_builds.gpus() == []
    assert "of compute capability 5.0 to 8.9: mxnet-cu112" in gpu_builds.advice()
    assert gpu_builds.advice().endswith("a newer one: none")


def test_of_several_gpus_each_has_its_own_advice(driver):
    driver("NVIDIA A100-SXM4-40GB, 8.0", "GRID, [N/A]", "NVIDIA H100 80GB HBM3, 9.0")
    assert gpu_builds.gpus() == [("NVIDIA A100-SXM4-40GB", "8.0"), ("NVIDIA H100 80GB HBM3", "9.0")]
    one, other = gpu_builds.advice().split("; NVIDIA H100")
    assert "have code for it" in one and "no build of 1.9.1 has code for it" in other


@pytest.fixture
def gpu_that_does_not_work(monkeypatch):
    """MXNet counts a GPU, and its build for CPUs then really fails to compute on it."""
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 1)


@without_gpu
def test_instead_of_a_gpu_that_does_not_work_auto_is_the_cpu_and_says_why(gpu_that_does_not_work):
    with pytest.warns(UserWarning, match=r"gpu\(0\) does not work, so the CPU is used: .*GPU.*"
                                         r"Of MXNet's builds, for .*compute capability"):
        assert contexts.as_context("auto") == mx.cpu()


@without_gpu
def test_a_gpu_that_does_not_work_is_refused_where_it_is_named(gpu_that_does_not_work):
    with pytest.raises(ContextError, match="sees but cannot use"):
        contexts.as_context("gpu")


@pytest.mark.skipif(contexts.num_gpus() == 0, reason="this MXNet sees no GPU")
def test_a_gpu_trains_to_rounding():
    on_gpu, on_cpu = (train(ctx=ctx, verbose=False) for ctx in ("gpu", "cpu"))
    assert on_gpu.ctx == mx.gpu(0)
    assert abs(on_gpu.w - on_cpu.w).max() < 1e-5


def test_another_cpu_context_gives_the_same_bits(notebook):
    results = [train(notebook, ctx=ctx, verbose=False, num_epochs=1) for ctx in ("cpu", "cpu(1)")]
    assert results[1].ctx == mx.cpu(1)
    assert results[0].batch_losses.tobytes() == results[1].batch_losses.tobytes()
