"""Choosing a device."""
import warnings

import pytest

from d2l_linreg import ContextError, contexts, train, try_all_gpus, try_gpu
from d2l_linreg.compat.mxnet import mx

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
def gpu_that_does_not_work(monkeypatch):
    """MXNet counts a GPU, and its build for CPUs then really fails to compute on it."""
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 1)


@without_gpu
def test_instead_of_a_gpu_that_does_not_work_auto_is_the_cpu_and_says_why(gpu_that_does_not_work):
    with pytest.warns(UserWarning, match=r"gpu\(0\) does not work, so the CPU is used: .*GPU"):
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
