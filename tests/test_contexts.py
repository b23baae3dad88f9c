"""Choosing a device."""
import os
import re
import warnings

import numpy
import pytest
from descent import same

from d2l_linreg import (
    ContextError,
    contexts,
    d2l,
    gpu_builds,
    reproduce,
    straight_dope,
    train,
    try_all_gpus,
    try_gpu,
)
from d2l_linreg.compat.mxnet import mx, numpy_semantics
from d2l_linreg.distributed.group import Group
from d2l_linreg.engines import ENGINES
from d2l_linreg.reproduction import cells, environment
from d2l_linreg.settings import NOTEBOOKS

NOWHERE = mx.gpu(99)  # where nothing can be computed

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
    ("Tesla K80", "3.7", False), ("GeForce GTX 750", "5.0", True),
    ("Tesla M60", "5.2", True), ("Tesla T4", "7.5", True),
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


def test_all_gpus_are_each_one_that_is_there_and_no_other_is(monkeypatch):
    monkeypatch.setattr(contexts, "num_gpus", lambda: 3)
    assert try_all_gpus() == [mx.gpu(0), mx.gpu(1), mx.gpu(2)]
    assert [try_gpu(i) for i in range(5)] == [*try_all_gpus(), mx.cpu(), mx.cpu()]


def test_stores_add_up_where_the_devices_are():
    assert Group((mx.cpu(0), mx.cpu(1))).kvstore == "local"
    assert Group((mx.gpu(0), mx.gpu(1))).kvstore == "device"
    assert Group((mx.gpu(0),)).kvstore is None


def test_the_current_device_is_of_no_concern_to_training(notebook, engine):
    X = numpy.random.RandomState(0).standard_normal((61, 3))
    given = dict(notebook=notebook, data=(X, X @ [1, 2, 3]), ctx="cpu", engine=engine,
                 num_epochs=2, batch_size=7, verbose=False)
    outside = train(**given)
    with NOWHERE:
        inside = train(**given)
        assert same(inside, outside)
        assert (inside.predict(X) == outside.predict(X)).all()


def test_the_current_device_is_of_no_concern_to_what_notebooks_print(monkeypatch):
    monkeypatch.setattr(cells, "ENGINES", ())
    with NOWHERE, numpy_semantics(True):
        outputs, _ = cells.fresh_outputs(NOTEBOOKS["d2l"], mx.cpu(), True)
        found = cells.held_against(NOTEBOOKS["d2l"], outputs)
    assert {cell.reason for cell in found} == {None}


def test_batches_are_where_their_data_are():
    X, y = numpy.eye(5, dtype="float32"), numpy.arange(5, dtype="float32")
    with numpy_semantics(True):
        arrays = [mx.np.array(array) for array in (X, y)]
        with NOWHERE:
            of_d2l = [X.asnumpy() for X, _ in d2l.data_iter(2, *arrays, order=[4, 3, 2, 1, 0])]
    arrays = [mx.nd.array(array) for array in (X, y)]
    with NOWHERE:
        of_straight_dope = [batch.data[0].asnumpy() for batch in straight_dope.NDArrayIter(
            *arrays, 2, last_batch_handle="discard", order=[4, 3, 2, 1, 0])]
    assert (numpy.concatenate(of_d2l) == X[::-1]).all()
    assert (numpy.concatenate(of_straight_dope) == X[:0:-1]).all()


def test_reproduce_trains_once_by_each_engine_and_all_on_the_device_it_is_given(monkeypatch):
    def noted(notebook, **given):
        calls.append((given["engine"], given["ctx"]))
        return plain(notebook, **given)

    calls, plain = [], cells.train
    monkeypatch.setattr(cells, "train", noted)
    found = reproduce("d2l", ctx="cpu(1)", runs=0)
    expected = {(engine, mx.cpu(1)) for engine in ENGINES
                if engine != "native" or cells.has_native()}
    assert set(calls) == expected and len(calls) == len(expected)
    assert found.notebooks[0].result.ctx == mx.cpu(1)


@without_gpu
@pytest.mark.skipif(not cells.has_native(), reason="numba is not installed")
def test_what_fails_on_a_gpu_is_different_and_all_else_is_as_published(monkeypatch):
    monkeypatch.setattr(contexts, "num_gpus", lambda: 100)
    monkeypatch.setattr(contexts, "_failure", lambda ctx: None)
    found = reproduce("d2l", ctx="gpu(99)", runs=0)
    by_cell = {cell.cell: cell.reason for cell in found.cells}
    assert by_cell["example"] is by_cell["mini-batch"] is None and "Error" in by_cell["training"]
    assert [f.verdict == "different" for f in found.figures] == [False] * 33 + [True] * 6
    # A GPU rounds otherwise, so that the arithmetic of then is asked, on the CPU
    assert found.witness == 39


@pytest.mark.parametrize("ctx, same_bits", [(mx.cpu(), True), (mx.gpu(0), False)])
def test_on_a_gpu_alone_engines_may_agree_to_rounding(ctx, same_bits, monkeypatch):
    by_steps = train(ctx="cpu", engine=cells.BY_STEPS, verbose=False)
    rounded = by_steps.transcript.replace("0.000050", "0.000051")
    assert rounded != by_steps.transcript
    monkeypatch.setattr(cells, "ENGINES", ("compiled",))
    monkeypatch.setattr(cells, "train", lambda notebook, **given: type(
        "Rounded", (), {"transcript": rounded}))
    if same_bits:
        with pytest.raises(ArithmeticError, match="'compiled' prints 'epoch 3, loss 0.000051'"):
            cells._agreed(by_steps, ctx, True)
    else:
        assert cells._agreed(by_steps, ctx, False) == by_steps.transcript
