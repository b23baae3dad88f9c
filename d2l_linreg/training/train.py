"""Training as the two notebooks do it."""
import functools
import importlib
import itertools
import os
from dataclasses import asdict, replace

import numpy

from .. import d2l, published, straight_dope
from ..compat.mxnet import blas_kernel, mx, numpy_semantics, seeded
from .checkpoint import Checkpoint, fingerprint
from ..contexts import as_contexts
from .given import as_array, as_examples, check_mapped, map_examples
from .epochs import train_epochs
from .examples import InMemory, Mapped, segments
from ..engines.parallel import Group
from .result import TrainResult
from ..settings import TRUE_B, TRUE_W, chosen, known
from .transcript import TRANSCRIPTS

ENGINES = {"compiled": "compiled", "autograd": "autograd", "scan": "scan", "fused": "fused"}


def train(notebook="d2l", *, data=None, labels=None, ctx="auto", learning_rate=None,
          num_epochs=None, batch_size=None, shuffle_seed=None, order=None, engine="compiled",
          kvstore=None, checkpoint=None, verbose=True):
    """Train a linear regression as a notebook does, on the notebook's data or on yours.

    With nothing but the notebook's name it reproduces the published run, printed lines
    included. The authors' shuffles were never recorded: that run visits the examples in an
    order found by search, which is not the authors' own.

    Same arguments, same bits. Python's and NumPy's random generators are left alone, and
    MXNet's, whose state cannot be put back, goes on from a number it gave itself.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}, default "d2l"
        Whose steps, settings and data.
    data : (array_like, array_like) or str, optional
        Features, shape (num_examples, num_features), and labels, shape (num_examples,):
        NumPy, `mx.np` or `mx.nd` arrays. Or the name of an .npy file of features, which may
        be larger than memory: it is read in blocks, shuffled as blocks and within each. By
        default the notebook's own data.
    labels : str, optional
        With features from a file, the name of the .npy file of their labels.
    ctx : str, mxnet.Context or list of them, default "auto"
        "auto" (a GPU if one works, else the CPU), "cpu", "gpu", "gpu(1)" or a context. Data
        and initial parameters are drawn on the CPU and moved there. A list of devices shares
        each batch among them; that agrees with one device to float32's rounding.
    learning_rate : float, optional
        Default 0.03 for d2l, 0.001 for straight_dope.
    num_epochs : int, optional
        Default 3 for d2l, 2 for straight_dope.
    batch_size : int, optional
        Default 10 for d2l, 4 for straight_dope. Of several workers, each one's own: they take
        a step together on so many examples each.
    shuffle_seed : int, optional
        Seeds the shuffle. By default the recovered order, if data, batch size and number of
        epochs are the notebook's own, else 0.
    order : array_like of int, optional
        Instead of a shuffle, the rows in the order of visiting: for d2l of shape
        (num_epochs, num_examples), for straight_dope, which shuffles once, (num_examples,).
    engine : {"compiled", "autograd", "scan", "fused"}, default "compiled"
        "autograd" takes the notebook's own steps one by one; "compiled" the same steps as a
        compiled graph, bit for bit; "scan" composes steps, in float64, for at most 32 features;
        "fused" is for wide data and agrees to float32's rounding.
    kvstore : {"local", "device", "dist_sync"}, optional
        MXNet's store through which several devices or workers add up their gradients. By
        default the one that suits `ctx`. "dist_sync" is for processes that `d2l-linreg launch`
        starts; each is a worker that takes its share of every batch, or, if the examples are
        in files, of the files. Then worker 0 alone prints, and writes the checkpoint, which
        all must be able to read.
    checkpoint : str, optional
        Name of a file that is kept up to date, about once a second, with where training stands.
        If it is there, training goes on from it and ends with the same bits as if it had never
        been stopped; lines that were printed before are printed again. A file of another run,
        or of another MXNet, BLAS kernel or kind of device, is refused; one of a run that has
        ended gives its result at once.
    verbose : bool, default True
        Whether to print what the notebook prints.

    Returns
    -------
    TrainResult

    Raises
    ------
    ValueError
        If an argument is not as above, before any work.
    DataError
        If `data` cannot be trained on (a ValueError too), before any work.
    ContextError
        If `ctx` cannot be read or is not there (a ValueError too), before any work.
    DivergenceError
        If a loss is not finite; the message says at which batch.
    OSError
        If the checkpoint cannot be written, as on a full disk; the one before is kept.

    Examples
    --------
    >>> from d2l_linreg import train
    >>> result = train()
    epoch 1, loss 0.040481
    epoch 2, loss 0.000160
    epoch 3, loss 0.000050
    Error in estimating w [4.0352345e-04 3.6478043e-05]
    Error in estimating b [0.00053549]
    """
    own = known(notebook)
    settings = chosen(own.settings, learning_rate, num_epochs, batch_size, shuffle_seed)
    engine, asked = _engine(engine), engine
    group = Group(as_contexts(ctx), kvstore, asked, settings.batch_size)
    engine = group if group.joined else engine
    whole_batch = settings.batch_size * group.num_workers
    examples = _given_examples(data, labels)
    num_examples = own.num_examples if examples is None else len(examples[1])
    num_features = len(TRUE_W) if examples is None else examples[0].shape[1]
    if notebook == "straight_dope" and whole_batch > num_examples:
        raise ValueError("batch_size is {}{}, but there are {} examples; MXNet's NDArrayIter needs "
                         "at least one batch of them".format(
                             settings.batch_size, " for each of {} workers".format(
                                 group.num_workers) if group.num_workers > 1 else "", num_examples))
    mapped = isinstance(data, (str, os.PathLike))
    if mapped and order is not None:
        raise ValueError("order is given, but examples from a file are shuffled in blocks; give a "
                         "shuffle_seed instead")
    settings, orders = _orders(own, settings, whole_batch, examples is None, num_examples, order)

    def load(array):
        return {"d2l": mx.np, "straight_dope": mx.nd}[notebook].array(
            array, dtype=engine.dtype, ctx=group.contexts[0])

    with group, numpy_semantics(notebook == "d2l"), mx.autograd.pause(train_mode=True):
        verbose = verbose and group.rank == 0
        share, shared = group.share(*examples) if mapped else (examples, 0)
        if mapped:
            check_mapped(*share)
        train_epoch = engine.prepare(notebook, settings, num_features)
        kept = Checkpoint(checkpoint, {} if checkpoint is None else _run(
            notebook, settings, engine, group, share, order), group.rank == 0)
        group.check_agreed(kept.progress.segments)  # and all have read it before it is written
        drawn, params = draw(own, examples is None, num_features)
        progress = kept.progress
        w, b = map(load, params if progress.w is None else (progress.w, progress.b))
        w.attach_grad()
        b.attach_grad()
        if mapped:
            source = Mapped(*share, load, settings, own.shuffles_once, verbose, shared,
                            group.total)
        else:
            source = InMemory(*map(load, examples or drawn), orders)
        transcript = TRANSCRIPTS[notebook](progress, verbose)
        whole_batches = functools.partial(group.rows, notebook, settings.batch_size, own=mapped)
        train_epochs(
            (segments(blocks, settings, num_features, whole_batches) for blocks in source.epochs()),
            train_epoch,
            lambda: source.average(lambda *block: engine.mean_loss(notebook, *block, w, b)),
            w, b, kept, transcript, settings)
        w, b = (param.asnumpy().reshape(-1) for param in (w, b))
        w_error = b_error = None
        if data is None:
            w_error, b_error = numpy.array(TRUE_W, w.dtype) - w, numpy.array([TRUE_B], b.dtype) - b
            transcript.after_training(w_error, b_error)
        return TrainResult(
            notebook=notebook, settings=settings, w=w, b=float(b[0]),
            epoch_losses=tuple(progress.epoch_losses),
            moving_losses=tuple(progress.moving_losses) if notebook == "straight_dope" else None,
            w_error=w_error, b_error=None if b_error is None else float(b_error[0]),
            ctx=group.contexts if len(group.contexts) > 1 else group.contexts[0],
            seconds=progress.seconds, transcript=str(transcript),
            batch_losses=numpy.concatenate(progress.batch_losses),
            features=(examples or drawn)[0], labels=(examples or drawn)[1])


def _engine(name):
    if not isinstance(name, str) or name not in ENGINES:
        raise ValueError("engine is {!r}; it must be one of {}".format(
            name, ", ".join(map(repr, ENGINES))))
    return importlib.import_module("..engines." + ENGINES[name], __package__)


def _run(notebook, settings, engine, group, examples, order):
    """All that a run's numbers follow from, for its checkpoint."""
    run = dict(asdict(settings), notebook=notebook, engine=engine.__name__.rpartition(".")[-1],
               order=None if order is None else fingerprint(numpy.asarray(order)),
               mxnet=mx.__version__, blas_kernel=blas_kernel(),
               ctx=group.contexts[0].device_type)
    if group.joined:
        run.update(workers=group.num_workers, devices=len(group.contexts))
    if group.rank == 0:  # another worker may have another share of the data
        run.update(data=examples and fingerprint(*examples))
    return run


def _given_examples(data, labels):
    """Features and labels as NumPy's arrays, in memory or mapped; None if none are given."""
    if isinstance(data, (str, os.PathLike)):
        return map_examples(data, labels)
    if labels is not None:
        raise ValueError("labels is {!r}; it goes with data from a file, else give "
                         "data=(features, labels)".format(labels))
    return None if data is None else as_examples(data)


def _orders(own, settings, whole_batch, own_data, num_examples, order):
    """Settings as used, and for each epoch the rows in the order of visiting."""
    if order is not None:
        shape = (num_examples,) if own.shuffles_once else (settings.num_epochs, num_examples)
        if settings.shuffle_seed is not None:
            raise ValueError("shuffle_seed and order are both given; leave one out")
        order = as_array("order", order)
        if (order.dtype.kind not in "iu" or order.shape != shape
                or (numpy.sort(order) != numpy.arange(num_examples)).any()):
            raise ValueError("order is of shape {} and type {}; it must be integers of shape {} "
                             "that hold each row from 0 to {} once an epoch".format(
                                 order.shape, order.dtype, shape, num_examples - 1))
    elif settings.shuffle_seed is None:
        as_own = replace(settings, learning_rate=own.settings.learning_rate,
                         batch_size=whole_batch)
        if own_data and as_own == own.settings:
            order = published.order(own.name)
        else:
            settings = replace(settings, shuffle_seed=0)
    if order is not None:
        if own.shuffles_once:
            order = itertools.repeat(order, settings.num_epochs)
        return settings, order
    return settings, shuffles(own, settings, num_examples)


def shuffles(own, settings, num_examples):
    """For each epoch, a seeded order of the rows: drawn anew, or once for all epochs."""
    shuffle = numpy.random.RandomState(settings.shuffle_seed).permutation
    if own.shuffles_once:
        yield from itertools.repeat(shuffle(num_examples), settings.num_epochs)
    else:
        for _ in range(settings.num_epochs):
            yield shuffle(num_examples)


def draw(own, with_data, num_features):
    """A notebook's data, if wanted, and initial parameters, from the start of its stream."""
    vocabulary = {"d2l": d2l, "straight_dope": straight_dope}[own.name]
    data = ()
    with seeded(own.seed):
        if with_data:
            data = (d2l.synthetic_data(TRUE_W, TRUE_B, own.num_examples) if own.name == "d2l"
                    else straight_dope.synthetic_data(own.num_examples))
        params = vocabulary.init_params(num_features)
        return [[array.asnumpy() for array in arrays] for arrays in (data, params)]
