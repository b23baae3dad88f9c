"""What one call of `train` will do: every argument read and checked, before any work."""
import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy

from ..compat.mxnet import blas_kernel, mx
from ..contexts import as_contexts
from ..distributed.group import Group
from ..engines import find
from ..engines.engine import Engine
from ..engines.parallel import EQUAL, Parallel
from ..errors import ArgumentError
from ..settings import Notebook, Settings, chosen, known
from .columns import columns_of
from .examples import InFiles, InMemory
from .given import Pair, check_examples, fingerprint, given_examples
from .npy import NpyFile
from .orders import chosen_order


@dataclass(frozen=True, eq=False)
class Plan:
    """A run, as it will be.

    Attributes
    ----------
    own : Notebook
    settings : Settings
        As used.
    engine : Engine
    engine_name : str
        As its user names it; on several devices the first of two that take the same steps.
    group : Group
    given : (numpy.ndarray, numpy.ndarray) or (NpyFile, NpyFile) or None
        Features and labels in memory, or in files; None for the notebook's own.
    num_features : int
    columns : tuple of str or None
        The given features' names, if they have any.
    order : numpy.ndarray or None
        What `orders.chosen_order` gives.
    checkpoint : str or None
        The file's name.
    """

    own: Notebook
    settings: Settings
    engine: Engine
    engine_name: str
    group: Group
    given: Pair | None
    num_features: int
    columns: tuple[str, ...] | None
    order: numpy.ndarray | None
    checkpoint: str | None

    @property
    def in_files(self) -> bool:
        """Whether the examples stay in files, and are read in blocks."""
        return self.given is not None and isinstance(self.given[0], NpyFile)

    def share(self) -> tuple[Pair | None, int]:
        """Find out which of the given examples are this worker's.

        Returns
        -------
        examples : (numpy.ndarray, numpy.ndarray) or (NpyFile, NpyFile) or None
            A part of files; all that is in memory; None if none were given.
        shared : int
            How many of the first rows another worker has, too.

        Raises
        ------
        DataError
            If a file's cannot be trained on.
        """
        if self.given is None or not self.in_files:
            return self.given, 0
        (features, labels), shared = self.group.share(*self.given)
        check_examples(features, labels)
        return (features, labels), shared

    def source(self, examples: Pair, shared: int, verbose: bool) -> InMemory | InFiles:
        """Where this worker's examples come from."""
        if self.in_files:
            return InFiles(*examples, shared, self.settings.batch_size, self.engine.load,
                           self.group, verbose)
        return InMemory(*map(self.engine.load, examples))

    @property
    def order_sha256(self) -> str | None:
        """The sha256 of the order, whatever its type; None if there is a shuffle."""
        return None if self.order is None else fingerprint(self.order.astype("int64"))

    def run(self, examples: Pair) -> dict[str, Any]:
        """All that the run's numbers follow from, for its checkpoint.

        Parameters
        ----------
        examples : (numpy.ndarray, numpy.ndarray) or (NpyFile, NpyFile)
            This worker's.

        Returns
        -------
        dict
            As JSON can hold it; empty if there is none.
        """
        if self.checkpoint is None:
            return {}
        group = self.group
        run = dict(asdict(self.settings), notebook=self.own.name, engine=self.engine_name,
                   order=self.order_sha256, mxnet=mx.__version__, blas_kernel=blas_kernel(),
                   ctx=group.contexts[0].device_type, kvstore=group.kvstore,
                   workers=group.num_workers, devices=len(group.contexts))
        if group.rank == 0:  # another worker may have another share of the data
            run.update(data=fingerprint(*examples))
        return run


def make_plan(notebook: Any, *, data: Any, labels: Any, ctx: Any, learning_rate: Any,
              num_epochs: Any, batch_size: Any, shuffle_seed: Any, order: Any, engine: Any,
              kvstore: Any, checkpoint: Any) -> Plan:
    """Read the arguments of `train`, which says what they are.

    Returns
    -------
    Plan

    Raises
    ------
    ArgumentError
        If one cannot be used.
    """
    own = known(notebook)
    settings = chosen(own.settings, learning_rate, num_epochs, batch_size, shuffle_seed)
    engine_class = find(engine)
    group = Group(as_contexts(ctx), kvstore)
    _check_group(group, engine, settings.batch_size)
    given = given_examples(data, labels)
    num_examples, num_features = (
        (own.num_examples, len(own.vocabulary.TRUE_W)) if given is None else given[0].shape)
    whole_batch = settings.batch_size * group.num_workers
    if own.fills_last_batch and whole_batch > num_examples:
        each = f" for each of {group.num_workers} workers" if group.num_workers > 1 else ""
        raise ArgumentError(f"batch_size is {settings.batch_size}{each}, but there are "
                            f"{num_examples} examples; MXNet's NDArrayIter needs at least one "
                            "batch of them")
    if order is not None and isinstance(data, (str, os.PathLike)):
        raise ArgumentError("order is given, but examples from a file are shuffled in blocks; "
                            "give a shuffle_seed instead")
    settings, rows = chosen_order(own, settings, whole_batch, given is None, num_examples, order)
    if group.kvstore is None:
        steps: Engine = engine_class(own, settings, num_features, group.contexts[0])
    else:
        steps, engine = Parallel(own, settings, num_features, group), EQUAL[0]
    return Plan(own, settings, steps, engine, group, given, num_features,
                columns_of(data[0]) if isinstance(data, (tuple, list)) else None, rows, checkpoint)


def _check_group(group: Group, engine: str, batch_size: int) -> None:
    if group.kvstore is not None and engine not in EQUAL:
        raise ArgumentError(f"engine is {engine!r}, which is for one device in one process; on "
                            f"several use {' or '.join(map(repr, EQUAL))}")
    if batch_size < len(group.contexts):
        raise ArgumentError(f"batch_size is {batch_size}, and ctx names {len(group.contexts)} "
                            "devices; give each at least one example")
