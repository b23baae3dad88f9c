"""MXNet as it was when one of the notebooks was run, for that notebook's own code."""
import contextlib
import importlib.util
import numbers
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import numpy

from .. import d2l, published, straight_dope  # noqa: F401, before MXNet's own is replaced
from ..compat.mxnet import mx, reseeded
from ..compat.pictures import pictures_of_then
from ..compat.printing import default_printing, printing_of_2017
from ..compat.streams import normal_2017, normal_2019
from ..contexts import as_context
from ..settings import Notebook, known


@contextlib.contextmanager
def as_published(notebook: str, ctx: Any = None) -> Iterator[None]:
    """Have MXNet, inside the block, behave as it did when a notebook was run.

    The random stream starts as in a new process, and is the one of then: `np.random.normal`
    for d2l; `nd.random_normal`, `nd.random.normal` and `mx.random.normal` for straight_dope.
    Arrays and floats are printed as by the NumPy of then; figures have the size, and scatter
    plots the axes, that they had in Jupyter. For d2l, `import d2l` works
    without that package. For straight_dope, `NDArrayIter` shuffles once, when it is made.

    Shuffles whose outcome was published come out so: for d2l the first four calls of
    `random.shuffle` on the indices 0 to 999, for straight_dope the first shuffled
    `NDArrayIter` of 10,000 rows. Those orders, but for the printed mini-batches, were found
    by search; they are not the authors' own. All other shuffles are ordinary.

    Afterwards everything is as it was, except for what cannot be read and so not be put back:
    MXNet's generator goes on from a number it gave itself, and a function that someone gave
    to `numpy.set_string_function` is gone.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}
        Whose MXNet.
    ctx : str or mxnet.Context, optional
        MXNet's default device inside the block; random numbers are drawn on the CPU and
        moved there. By default the current one.

    Raises
    ------
    ArgumentError
        If the notebook is unknown or, as a ContextError, `ctx` is.

    Examples
    --------
    >>> from d2l_linreg import as_published
    >>> import mxnet as mx
    >>> with as_published("straight_dope"):
    ...     mx.random.seed(1)
    ...     print(mx.nd.random_normal(shape=(10000, 2))[0])
    <BLANKLINE>
    [-0.67765152  0.03629481]
    <NDArray 2 @cpu(0)>
    """
    own = known(notebook)
    default = as_context(ctx) if ctx is not None else mx.context.current_context()
    with contextlib.ExitStack() as stack:
        stack.enter_context(default)
        stack.enter_context(reseeded(0))
        stack.enter_context(pictures_of_then())
        _PERIODS[own.year](stack, own)
        yield


def _enter_2019(stack: contextlib.ExitStack, own: Notebook) -> None:
    stack.enter_context(default_printing())
    normal = _drawing(normal_2019, mx.np.random.normal, ("loc", "scale", "size", "dtype", "ctx"))
    stack.enter_context(patch.object(mx.np.random, "normal", normal))
    stack.enter_context(patch.object(random, "shuffle", _published_shuffle(own)))
    if "d2l" not in sys.modules:
        found = importlib.util.find_spec("d2l")
        if found is None or found.origin is None:  # no package, or a mere folder
            sys.modules["d2l"] = d2l
            stack.callback(sys.modules.pop, "d2l", None)


def _enter_2017(stack: contextlib.ExitStack, own: Notebook) -> None:
    stack.enter_context(printing_of_2017())
    in_order = ("loc", "scale", "shape", "dtype", "ctx")
    for module, name, names in ((mx.nd, "random_normal", (*in_order[:3], "ctx", "dtype")),
                                (mx.nd.random, "normal", in_order),
                                (mx.random, "normal", in_order)):
        normal = _drawing(normal_2017, getattr(module, name), names)
        stack.enter_context(patch.object(module, name, normal))
    stack.enter_context(patch.object(mx.io, "NDArrayIter", _published_iterator(own)))


_PERIODS = {2017: _enter_2017, 2019: _enter_2019}


def _drawing(stream: Callable[..., Any], plain: Callable[..., Any],
             names: tuple[str, ...]) -> Callable[..., Any]:
    """`plain`, with what it draws in float32 by numbers `loc` and `scale` taken from `stream`.

    `names` are those of its arguments, in their order.
    """
    shape_name = names[2]

    def normal(*arguments: Any, **keywords: Any) -> Any:
        given = dict(zip(names, arguments, strict=False), **keywords)
        loc, scale = given.pop("loc", 0), given.pop("scale", 1)
        shape, ctx = given.pop(shape_name, None), given.pop("ctx", None)
        shape = (shape,) if isinstance(shape, numbers.Integral) else shape
        if given.pop("dtype", None) not in (None, "None", "float32", numpy.float32):
            return plain(*arguments, **keywords)
        covered = (
            len(arguments) <= len(names) and not given and isinstance(shape, (tuple, list))
            and all(isinstance(length, numbers.Integral) and int(length) > 0 for length in shape)
            and all(isinstance(number, numbers.Real) for number in (loc, scale)) and scale >= 0)
        if not covered:
            return plain(*arguments, **keywords)
        drawn = stream(tuple(shape), loc, scale)
        device = mx.context.current_context() if ctx is None else as_context(ctx)
        return drawn if device == mx.cpu() else drawn.copyto(device)

    return normal


def _published_shuffle(own: Notebook) -> Callable[..., None]:
    """`random.shuffle`, with the published outcomes for the first shuffles of 0 to 999."""
    plain = random.shuffle
    beginnings: Iterator[list[int]] = iter([published.document(own.name)["minibatch_rows"],
                       *published.order(own.name).tolist()])

    def shuffle(x: Any, *arguments: Any, **keywords: Any) -> None:
        ours = isinstance(x, list) and x == list(range(own.num_examples))
        plain(x, *arguments, **keywords)
        if ours:
            beginning = next(beginnings, [])
            rest = set(x).difference(beginning)
            x[:] = beginning + [row for row in x if row in rest]

    return shuffle


def _published_iterator(own: Notebook) -> type:
    """MXNet's NDArrayIter, shuffling once; the first over 10,000 rows in the recovered order."""
    recovered = [published.order(own.name)]

    class NDArrayIter(mx.io.NDArrayIter):
        __doc__ = mx.io.NDArrayIter.__doc__

        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            plain = numpy.random.shuffle

            def shuffle(rows: numpy.ndarray) -> None:
                if len(rows) == own.num_examples and recovered:
                    rows[:] = recovered.pop()
                else:
                    plain(rows)

            with patch.object(numpy.random, "shuffle", shuffle):
                super().__init__(*arguments, **keywords)
            self.shuffle = False  # from now on, reset() rewinds

    return NDArrayIter
