"""MXNet as it was when one of the notebooks was run, for that notebook's own code."""
import contextlib
import functools
import importlib.util
import numbers
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import numpy

from .. import d2l, published, straight_dope  # noqa: F401, before MXNet's own is replaced
from ..compat.mxnet import mx
from ..compat.pictures import pictures_of_then
from ..compat.printing import printing_of_2017, printing_of_2019
from ..compat.scalars import scalar_of_then
from ..compat.streams import of_new_process, stream
from ..contexts import as_context
from ..settings import Notebook, known

# What numbers of each kind are drawn by, with the defaults 0 and 1
PARAMETERS = {"normal": ("loc", "scale"), "uniform": ("low", "high")}


@contextlib.contextmanager
def as_published(notebook: str, ctx: Any = None) -> Iterator[None]:
    """Have MXNet, inside the block, behave as it did when a notebook was run.

    The random stream starts as in a new process, and is the one of then, bit for bit on any
    machine: `np.random.normal` and `.uniform` for d2l; `nd.random_normal`, `nd.random.normal`,
    `mx.random.normal` and their like named `uniform` for straight_dope. `mx.random.seed` seeds
    it. Calls for numbers in float32, of a shape and with numbers for parameters are covered; all
    else is plain MXNet, which has a generator of its own. `array ** 2` is the exact square, as
    it was with the C libraries of then.

    Arrays and floats are printed as by the NumPy of then, and what `asscalar` gives makes float64
    of Python's floats, as it did then; figures have the size, and scatter plots the axes, that
    they had in Jupyter. For d2l, `import d2l` works without that package.
    For straight_dope, `NDArrayIter` shuffles once, when it is made.

    Shuffles whose outcome was published come out so: for d2l the first four calls of
    `random.shuffle` on the indices 0 to 999, for straight_dope the first shuffled
    `NDArrayIter` of 10,000 rows. Those orders, but for the printed mini-batches, were found
    by search; they are not the authors' own. All other shuffles are ordinary.

    Afterwards everything is as it was, the random stream included, except that with NumPy 1 a
    function which someone gave to `numpy.set_string_function`, which keeps it to itself, is gone.

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
        stack.enter_context(of_new_process())
        stack.enter_context(pictures_of_then())
        for array, square in ((mx.nd.NDArray, mx.nd.square), (mx.np.ndarray, mx.np.square)):
            stack.enter_context(patch.object(array, "__pow__", _squaring(array.__pow__, square)))
        stack.enter_context(patch.object(mx.nd.NDArray, "asscalar", _asscalar(
            mx.nd.NDArray.asscalar)))
        _PERIODS[own.year](stack, own)
        yield


def _enter_2019(stack: contextlib.ExitStack, own: Notebook) -> None:
    stack.enter_context(printing_of_2019())
    for kind in PARAMETERS:
        _patch(stack, mx.np.random, kind, kind, own.year, ("size", "dtype", "ctx"), mx.np.array)
    stack.enter_context(patch.object(random, "shuffle", _published_shuffle(own)))
    if "d2l" not in sys.modules:
        found = importlib.util.find_spec("d2l")
        if found is None or found.origin is None:  # no package, or a mere folder
            sys.modules["d2l"] = d2l
            stack.callback(sys.modules.pop, "d2l", None)


def _enter_2017(stack: contextlib.ExitStack, own: Notebook) -> None:
    stack.enter_context(printing_of_2017())
    for kind in PARAMETERS:
        for module, name, further in (
                (mx.nd, "random_" + kind, ("shape", "ctx", "dtype")),
                (mx.nd.random, kind, ("shape", "dtype", "ctx")),
                (mx.random, kind, ("shape", "dtype", "ctx"))):
            _patch(stack, module, name, kind, own.year, further, mx.nd.array)
    stack.enter_context(patch.object(mx.io, "NDArrayIter", _published_iterator(own)))


_PERIODS = {2017: _enter_2017, 2019: _enter_2019}


def _squaring(power: Callable[..., Any], square: Callable[..., Any]) -> Callable[..., Any]:
    """`power`, with 2 for a case of its own, as C libraries' `powf` had it until 2018."""
    def __pow__(array: Any, exponent: Any) -> Any:
        exact = isinstance(exponent, numbers.Real) and exponent == 2
        return square(array) if exact else power(array, exponent)

    return __pow__


def _asscalar(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`NDArray.asscalar`, whose outcome is one of NumPy's scalars of then."""
    @functools.wraps(plain)
    def asscalar(array: Any) -> Any:
        return scalar_of_then(plain(array))

    return asscalar


def _patch(stack: contextlib.ExitStack, module: Any, name: str, kind: str, year: int,
           further: tuple[str, ...], array: Callable[..., Any]) -> None:
    """Have `module.name`, until the stack ends, draw from the stream of a year what is covered.

    Its arguments are the parameters of that kind of numbers, then `further`, in their order.
    """
    names = PARAMETERS[kind] + further

    def draw(*arguments: Any, **keywords: Any) -> Any:
        given = dict(zip(names, arguments, strict=False), **keywords)
        parameters = [given.pop(parameter, default)
                      for default, parameter in enumerate(PARAMETERS[kind])]
        shape, ctx = given.pop(further[0], None), given.pop("ctx", None)
        shape = (shape,) if isinstance(shape, numbers.Integral) else shape
        covered = (
            given.pop("dtype", None) in (None, "None", "float32", numpy.float32)
            and len(arguments) <= len(names) and not given and isinstance(shape, (tuple, list))
            and all(isinstance(length, numbers.Integral) and int(length) > 0 for length in shape)
            and all(isinstance(number, numbers.Real) for number in parameters)
            and parameters[1] >= (0 if kind == "normal" else parameters[0]))
        if not covered:
            return plain(*arguments, **keywords)
        drawn = getattr(stream(year), kind)(tuple(map(int, shape)), *parameters)
        return array(drawn, ctx=mx.context.current_context() if ctx is None else as_context(ctx))

    plain = getattr(module, name)
    stack.enter_context(patch.object(module, name, draw))


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
