"""The one rule of shuffling: in which order an epoch's rows come, and who takes which of them.

Examples lie in blocks, one in memory and many in a file. An epoch visits the blocks in random
order, and the rows of each in random order. They are made whole batches, dealt to workers, and
cut into pieces, after each of which training can stop.
"""
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy

from .. import published
from ..distributed.group import Group
from ..engines.parallel import padded
from ..errors import ArgumentError
from ..settings import Notebook, Settings
from .given import as_array

STEPS, PIECE = 4000, 2**25  # at most so many steps, and numbers of features, go in one piece

Epoch = Iterable[tuple[int, numpy.ndarray]]  # blocks by their numbers, each with its rows' order


def chosen_order(own: Notebook, settings: Settings, whole_batch: int, own_data: bool,
                 num_examples: int, order: Any) -> tuple[Settings, numpy.ndarray | None]:
    """Decide by which order a run goes: the one given, the recovered one, or a seeded shuffle.

    Parameters
    ----------
    own : Notebook
    settings : Settings
        As the caller wants them.
    whole_batch : int
        Examples in a step, over all workers.
    own_data : bool
        Whether the data are the notebook's own.
    num_examples : int
    order : array_like of int or None
        What the caller gives.

    Returns
    -------
    settings : Settings
        As used: with a `shuffle_seed` where there is a shuffle.
    order : numpy.ndarray or None
        Of shape (num_epochs, num_examples), or (num_examples,) where all epochs share one; None
        where there is a shuffle.

    Raises
    ------
    ArgumentError
        If the order is not of that shape, does not hold each row once, or goes with a seed.
    """
    if order is None:
        if settings.shuffle_seed is not None:
            return settings, None
        as_own = replace(settings, learning_rate=own.settings.learning_rate,
                         batch_size=whole_batch)
        if own_data and as_own == own.settings:
            return settings, published.order(own.name)
        return replace(settings, shuffle_seed=0), None
    if settings.shuffle_seed is not None:
        raise ArgumentError("shuffle_seed and order are both given; leave one out")
    order = as_array("order", order)
    shape = (num_examples,) if own.shuffles_once else (settings.num_epochs, num_examples)
    if (order.dtype.kind not in "iu" or order.shape != shape
            or (numpy.sort(order) != numpy.arange(num_examples)).any()):
        raise ArgumentError(f"order is of shape {order.shape} and type {order.dtype}; it must be "
                            f"integers of shape {shape} that hold each row from 0 to "
                            f"{num_examples - 1} once an epoch")
    return settings, order


def epochs(own: Notebook, settings: Settings, order: numpy.ndarray | None,
           sizes: list[int]) -> Iterator[Epoch]:
    """For each epoch its blocks, each with its rows, in the order of visiting.

    Parameters
    ----------
    own : Notebook
    settings : Settings
    order : numpy.ndarray or None
        What `chosen_order` gives.
    sizes : list of int
        How many examples are in each block.

    Yields
    ------
    iterable of (int, numpy.ndarray of int)
        To be used up before the next.
    """
    if order is not None:
        yield from ([(0, rows)] for rows in (
            itertools.repeat(order, settings.num_epochs) if own.shuffles_once else order))
        return
    for epoch in range(settings.num_epochs):
        if epoch == 0 or own.shuffles_once:
            generator = numpy.random.RandomState(settings.shuffle_seed)
        yield _shuffled(generator, sizes)


def _shuffled(generator: numpy.random.RandomState, sizes: list[int]) -> Epoch:
    for block in generator.permutation(len(sizes)):
        yield block, generator.permutation(sizes[block])


def dealt(rows: numpy.ndarray, own: Notebook, batch_size: int, group: Group,
          own_rows: bool) -> numpy.ndarray:
    """An epoch's rows in whole batches, of one worker alone.

    Parameters
    ----------
    rows : numpy.ndarray of int
        In the order of visiting: of all workers together, who take each batch in turn; or, if
        they are this worker's `own_rows`, its own.
    own : Notebook
        Which says whether a short last batch is filled up from the beginning.
    batch_size : int
        Of each worker.
    group : Group
    own_rows : bool

    Returns
    -------
    numpy.ndarray of int
        -1 where there is no example.
    """
    workers, rank = (1, 0) if own_rows else (group.num_workers, group.rank)
    # However large, it asks for no more room than there are rows, and one for each device
    batch_size = min(batch_size, max(len(rows), len(group.contexts)))
    size = workers * batch_size
    if own.fills_last_batch:
        rows = numpy.append(rows, rows[:-len(rows) % size])
    if group.kvstore is None:
        return rows
    return padded(rows, size).reshape(-1, workers, batch_size)[:, rank].ravel()


def pieces(blocks: Epoch, own: Notebook, settings: Settings, group: Group, own_rows: bool,
           num_features: int) -> Epoch:
    """An epoch's blocks, dealt, and cut into pieces of whole batches.

    Parameters
    ----------
    blocks : iterable of (int, numpy.ndarray of int)
    own, settings, group, own_rows
        As `dealt` takes them.
    num_features : int

    Yields
    ------
    (int, numpy.ndarray of int)
        A block's number, and which of its rows come next.
    """
    batches = max(min(STEPS, PIECE // (settings.batch_size * num_features)), 1)
    size = batches * settings.batch_size
    for block, rows in blocks:
        rows = dealt(rows, own, settings.batch_size, group, own_rows)
        for start in range(0, len(rows), size):
            yield block, rows[start:start + size]
