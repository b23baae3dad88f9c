"""Where to compute: CPU or GPU."""
import re
import warnings
from typing import Any

from .arguments import as_integer
from .compat.mxnet import mx
from .errors import ContextError
from .gpu_builds import advice

Context = type(mx.cpu())  # MXNet 2 calls it Device, and mx.Context is a function there

def num_gpus() -> int:
    """How many GPUs this build of MXNet sees; a build without CUDA, or with no driver, none."""
    try:
        return mx.context.num_gpus()
    except mx.MXNetError:
        return 0


def try_gpu(i: int = 0) -> mx.Context:
    """GPU `i` if this MXNet sees it, else the CPU.

    Parameters
    ----------
    i : int, default 0
        Which GPU, from 0.

    Returns
    -------
    mxnet.Context
    """
    return mx.gpu(i) if num_gpus() > as_integer("i", i, 0) else mx.cpu()


def try_all_gpus() -> list[mx.Context]:
    """Every GPU that this MXNet sees, or the CPU alone if it sees none.

    Returns
    -------
    list of mxnet.Context
    """
    return [mx.gpu(i) for i in range(num_gpus())] or [mx.cpu()]


def _failure(ctx: mx.Context) -> str | None:
    """Why an operation on `ctx` fails, None if it works."""
    try:
        ones = mx.nd.ones((2, 2), ctx=ctx)
        works = (mx.nd.dot(ones, ones) + 1).asnumpy().tolist() == [[3, 3], [3, 3]]
    except mx.MXNetError as error:
        return str(error).strip().splitlines()[-1]
    return None if works else "1 + 1 + 1 is not 3 there"


def _auto() -> mx.Context:
    ctx = try_gpu()
    failure = _failure(ctx) if ctx != mx.cpu() else None
    if failure is None:
        return ctx
    warnings.warn(f"{ctx} does not work, so the CPU is used: {failure}. Of MXNet's builds, "
                  f"for {advice()}", stacklevel=5)
    return mx.cpu()


def as_context(ctx: Any) -> mx.Context:
    """Read a `ctx` argument.

    Parameters
    ----------
    ctx : str or mxnet.Context
        "cpu", "gpu", either with a device number as in "gpu(1)", a context of MXNet's own,
        or "auto": the first GPU if this MXNet sees one and an operation on it works, else
        the CPU.

    Returns
    -------
    mxnet.Context

    Raises
    ------
    ContextError
        If `ctx` cannot be read, or names a GPU that is not there or does not work.
    """
    if isinstance(ctx, str):
        if ctx == "auto":
            return _auto()
        name = re.fullmatch(r"(cpu|gpu)(?:\((\d{1,4})\))?", ctx)
        if name:
            ctx = mx.Context(name.group(1), int(name.group(2) or 0))
    if not isinstance(ctx, Context):
        raise ContextError(
            f'ctx is {ctx!r}; it must be "auto", "cpu", "gpu", "gpu(1)" or an mx.Context')
    if ctx.device_type == "gpu":
        if ctx.device_id >= num_gpus():
            raise ContextError(
                f'ctx is "{ctx}", but this build of MXNet ({mx.__version__}) sees {num_gpus()} '
                f'GPUs; use "cpu" or "auto". Of MXNet\'s builds, for {advice()}')
        failure = _failure(ctx)
        if failure:
            raise ContextError(f'ctx is "{ctx}", which MXNet sees but cannot use: {failure}; use '
                               f'"cpu" or "auto". Of MXNet\'s builds, for {advice()}')
    return ctx


def as_contexts(ctx: Any) -> tuple[mx.Context, ...]:
    """Read a `ctx` argument that may name several devices.

    Parameters
    ----------
    ctx : str, mxnet.Context, or list of them
        As for `as_context`; in a list not "auto", and each device once.

    Returns
    -------
    tuple of mxnet.Context

    Raises
    ------
    ContextError
        As by `as_context`, or if the list is empty or names a device twice.
    """
    if not isinstance(ctx, (list, tuple)):
        return (as_context(ctx),)
    if not ctx or "auto" in [name for name in ctx if isinstance(name, str)]:
        raise ContextError(f'ctx is {ctx!r}; name at least one device, and each by itself, as in '
                           '["gpu(0)", "gpu(1)"]')
    contexts = tuple(map(as_context, ctx))
    if len(set(contexts)) < len(contexts):
        raise ContextError(f"ctx is {ctx!r}; name each device once")
    return contexts
