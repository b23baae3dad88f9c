"""MXNet's functions for random numbers, drawing from the streams of an era."""
import numbers
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy

from ..compat.blocks import Changes, replaced
from ..compat.eras import Era
from ..compat.mxnet import mx
from ..compat.streams import of_new_process, stream
from ..contexts import as_context

# What numbers of each kind are drawn by, with the defaults 0 and 1
PARAMETERS = {"normal": ("loc", "scale"), "uniform": ("low", "high")}


def drawing_as_in(era: Era, swapped_pairs: bool) -> Changes:
    """Have MXNet draw, inside a block, as in a new process of that era.

    Parameters
    ----------
    era : Era
    swapped_pairs : bool
        As on macOS.
    """
    yield from of_new_process(replace(era.drawing, swapped_pairs=swapped_pairs))
    for kind in PARAMETERS:
        if "nd" in era.namespaces:
            for module, name, further in (
                    (mx.nd, "random_" + kind, ("shape", "ctx", "dtype", "out")),
                    (mx.nd, kind, ("shape", "ctx", "dtype", "out")),
                    (mx.nd.random, kind, ("shape", "dtype", "ctx", "out")),
                    (mx.random, kind, ("shape", "dtype", "ctx", "out"))):
                yield from replaced(module, name, _drawing("nd", kind, further,
                                                           getattr(module, name)))
        if "np" in era.namespaces:
            yield from replaced(mx.np.random, kind, _drawing(
                "np", kind, ("size", "dtype", "ctx", "out"), getattr(mx.np.random, kind)))
    if "nd" in era.namespaces:
        for module in (mx.nd.random, mx.random):
            yield from replaced(module, "randn", _of_lengths(module.normal, "shape"))
    if "np" in era.namespaces:
        yield from replaced(mx.np.random, "randn", _of_lengths(mx.np.random.normal, "size"))
        yield from replaced(mx.np.random, "rand", _of_lengths(mx.np.random.uniform, "size"))


def _drawing(namespace: str, kind: str, further: tuple[str, ...],
             plain: Callable[..., Any]) -> Callable[..., Any]:
    """`plain`, drawing from the stream of its namespace what is covered.

    Its arguments are the parameters of that kind of numbers, then `further`, in their order.
    """
    names = PARAMETERS[kind] + further
    array, one = (mx.np.array, ()) if namespace == "np" else (mx.nd.array, (1,))

    def draw(*arguments: Any, **keywords: Any) -> Any:
        given = dict(zip(names, arguments, strict=False), **keywords)
        parameters = [given.pop(parameter, default)
                      for default, parameter in enumerate(PARAMETERS[kind])]
        shape, ctx, out = (given.pop(name, None) for name in (further[0], "ctx", "out"))
        if shape is None:
            shape = one if out is None else out.shape
        shape = (shape,) if isinstance(shape, numbers.Integral) else shape
        covered = (
            given.pop("dtype", None) in (None, "None", "float32", numpy.float32)
            and len(arguments) <= len(names) and not given and isinstance(shape, (tuple, list))
            and all(isinstance(length, numbers.Integral) and int(length) > 0 for length in shape)
            and all(isinstance(number, numbers.Real) for number in parameters)
            and parameters[1] >= (0 if kind == "normal" else parameters[0])
            and (out is None or (out.shape, out.dtype) == (tuple(shape), numpy.float32)))
        if not covered:
            return plain(*arguments, **keywords)
        drawn = getattr(stream(namespace), kind)(tuple(map(int, shape)), *parameters)
        if out is not None:
            out[:] = array(drawn, ctx=out.ctx)
            return out
        return array(drawn, ctx=mx.context.current_context() if ctx is None else as_context(ctx))

    return draw


def _of_lengths(draw: Callable[..., Any], shape: str) -> Callable[..., Any]:
    """A function to which lengths are given one by one, as `randn` and `rand`."""
    def of_lengths(*lengths: int, **keywords: Any) -> Any:
        return draw(**{shape: lengths or None}, **keywords)

    return of_lengths
