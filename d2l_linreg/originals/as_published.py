"""MXNet as it was when one of the notebooks was run, for that notebook's own code."""
import functools
import numbers
import random
from collections.abc import Callable
from typing import Any

import numpy

from .. import d2l, published, straight_dope  # noqa: F401, before MXNet's own is replaced
from ..arguments import one_of
from ..compat.blocks import Changes, block, replaced
from ..compat.eras import ERAS, TODAY, Era
from ..compat.mxnet import mx
from ..compat.pictures import pictures_of_then
from ..compat.printing import printing_of_2017, printing_of_2019
from ..compat.scalars import array_of_then, scalar_of_then
from ..contexts import as_context
from ..errors import ArgumentError
from ..settings import NOTEBOOKS, Notebook, era_of
from .draws import drawing_as_in
from .stand_ins import default_device, for_gpus, set_matplotlib_formats, the_book

NAMES = (*NOTEBOOKS, *ERAS, TODAY)


@block
def as_published(era: str, ctx: Any = None, *, numpy_printing: str | None = None,
                 swapped_pairs: bool = False) -> Changes:
    """Have MXNet, inside the block, behave as it did when a notebook was run.

    The random stream starts as in a new process, and is the one of that era, bit for bit on any
    machine: `normal`, `uniform`, `randn` and `rand`, by each of their names in `mx.nd` and, from
    2018, `mx.np`. `mx.random.seed` seeds it. Calls for numbers in float32, of a shape and with
    numbers for parameters are covered; all else is plain MXNet, which has a generator of its own.
    `array ** 2` is the exact square until 2018, as it was with the C libraries of then.

    Arrays and floats are printed as by the NumPy of then, and what `asscalar` gives makes float64
    of Python's floats, as it did then. Until 2018 figures have the size, and scatter plots the
    axes, that they had in Jupyter, and `NDArrayIter` shuffles once, when it is made. `import d2l`
    gives this package's functions of that name, in the place of a package d2l that is installed;
    in 2020 such a package has the names that ours lacks.

    Each of the two notebooks is an era, "d2l" that of 2018 and "straight_dope" that of 2017, and
    the shuffles whose outcome it published: for d2l the first four calls of `random.shuffle` on
    the indices 0 to 999, for straight_dope the first shuffled `NDArrayIter` of 10,000 rows. Those
    orders, but for the printed mini-batches, were found by search; they are not the authors' own.
    All other shuffles are ordinary.

    Afterwards everything is as it was, the random stream included, and so are the settings of NumPy
    and matplotlib that someone has changed inside; except that with NumPy 1 a function which
    someone gave to `numpy.set_string_function`, which keeps it to itself, is gone.

    All of this is the whole process's: other threads see it, too. While a thread or asyncio task is
    inside, no other can enter. Blocks that one enters inside each other may be left in any order:
    that entered last holds, and each is undone once it and all that were entered after it are left.

    Parameters
    ----------
    era : {"d2l", "straight_dope", "2017", "late-2017", "2018", "2020", "today"}
        Whose MXNet: a notebook's, or an era's. 2017 is MXNet's until 0.11, late-2017 that of
        0.12.0 to 1.0.0, 2018 that of 1.0.0.post4 to 1.5, 2020 all later ones. "today" only has
        MXNet load, and what is imported that has moved be found.
    ctx : str or mxnet.Context, optional
        MXNet's default device inside the block; random numbers are drawn on the CPU and
        moved there. A CPU also stands in for `mx.gpu()`. By default the current one.
    numpy_printing : {"1.13", "1.16"}, optional
        By which NumPy arrays are printed. By default by that of the era.
    swapped_pairs : bool, default False
        Whether each pair of normal numbers is swapped, as by the C++ libraries of macOS and
        Windows. That is derived from stored outputs, and was never checked there.

    Raises
    ------
    ArgumentError
        If `era` or `numpy_printing` is unknown, one of the options goes with "today" or, as a
        ContextError, `ctx` is unknown.
    RuntimeError
        If another thread or task is inside, which the message names.

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
    of_then, own, device = checked(era, ctx, swapped_pairs=swapped_pairs,
                                   numpy_printing=numpy_printing)
    yield from the_book(shadows=of_then is not None,
                        later=of_then is not None and of_then.later_books)
    yield from set_matplotlib_formats()
    if ctx is not None:
        yield from default_device(device)
    if ctx is not None and device.device_type == "cpu":
        yield from for_gpus(device)
    if of_then is None:
        return
    yield from drawing_as_in(of_then, swapped_pairs)
    yield from PRINTING[numpy_printing or of_then.numpy]()
    for name, of_numpys_then in (("asscalar", scalar_of_then), ("asnumpy", array_of_then)):
        yield from replaced(mx.nd.NDArray, name, _of_then(
            getattr(mx.nd.NDArray, name), of_numpys_then))
    yield from replaced(d2l, "FORMATS", ("svg",))
    if of_then.old_pictures:
        yield from pictures_of_then()
    if of_then.exact_squares:
        for array, square in ((mx.nd.NDArray, mx.nd.square), (mx.np.ndarray, mx.np.square)):
            yield from replaced(array, "__pow__", _squaring(array.__pow__, square))
    recovered = published_orders(own) if own is not None else []
    if of_then.shuffles_once:
        yield from replaced(mx.io, "NDArrayIter", _shuffling_once(
            recovered if own is not None and own.shuffles_once else []))
    if own is not None and not own.shuffles_once:
        yield from replaced(random, "shuffle", _published_shuffle(recovered))


PRINTING = {"1.13": printing_of_2017, "1.16": printing_of_2019}


def checked(era: object, ctx: Any, *, swapped_pairs: bool, numpy_printing: str | None
            ) -> tuple[Era | None, Notebook | None, mx.Context]:
    """Read the arguments of `as_published`.

    Returns
    -------
    of_then : Era or None
        None for "today".
    own : Notebook or None
        None where the name is none of a notebook.
    device : mxnet.Context
    """
    name = one_of("era", era, NAMES)
    own, of_then = NOTEBOOKS.get(name), ERAS.get(era_of(name))
    if numpy_printing is not None:
        one_of("numpy_printing", numpy_printing, PRINTING)
    if of_then is None and (swapped_pairs or numpy_printing):
        raise ArgumentError(f"swapped_pairs is {swapped_pairs!r} and numpy_printing "
                            f"{numpy_printing!r}, but {era!r} changes nothing; leave them out, or "
                            f"name one of {', '.join(map(repr, (*NOTEBOOKS, *ERAS)))}")
    return of_then, own, as_context(ctx) if ctx is not None else mx.context.current_context()


def published_orders(own: Notebook) -> list[list[int]]:
    """The outcomes of a notebook's shuffles, as far as it published them or they were found."""
    orders = numpy.atleast_2d(published.order(own.name)).tolist()
    beginnings = [] if own.shuffles_once else [published.document(own.name)["minibatch_rows"]]
    return [*beginnings, *orders]


def _squaring(power: Callable[..., Any], square: Callable[..., Any]) -> Callable[..., Any]:
    """`power`, with 2 for a case of its own, as C libraries' `powf` had it until 2018."""
    def __pow__(array: Any, exponent: Any) -> Any:
        exact = isinstance(exponent, numbers.Real) and exponent == 2
        return square(array) if exact else power(array, exponent)

    return __pow__


def _of_then(plain: Callable[[Any], Any],
             of_numpys_then: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A method of NDArray's, whose outcome is one of NumPy's of then."""
    @functools.wraps(plain)
    def method(array: Any) -> Any:
        return of_numpys_then(plain(array))

    return method


def _published_shuffle(orders: list[list[int]]) -> Callable[..., None]:
    """`random.shuffle`, with those outcomes, or their beginnings, for the first shuffles."""
    plain, beginnings = random.shuffle, iter(orders)
    rows = list(range(len(orders[-1])))

    def shuffle(x: Any, *arguments: Any, **keywords: Any) -> None:
        ours = isinstance(x, list) and x == rows
        plain(x, *arguments, **keywords)
        if ours:
            beginning = next(beginnings, [])
            rest = set(x).difference(beginning)
            x[:] = beginning + [row for row in x if row in rest]

    return shuffle


def _shuffling_once(orders: list[list[int]]) -> type:
    """MXNet's NDArrayIter, shuffling once; the first that have as many rows in those orders."""
    recovered, rows = iter(orders), len(orders[0]) if orders else None

    class NDArrayIter(mx.io.NDArrayIter):
        __doc__ = mx.io.NDArrayIter.__doc__

        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self.shuffle = False  # from now on, reset() rewinds

        def _shuffle_data(self) -> None:
            order = next(recovered, None) if len(self.idx) == rows else None
            if order is None:
                return super()._shuffle_data()
            self.idx[:] = order
            for name in ("data", "label"):
                setattr(self, name, mx.io.io._getdata_by_idx(getattr(self, name), order))

    return NDArrayIter
