"""`train`, the public function."""
import contextlib
from typing import Any

import numpy

from ..compat.mxnet import mx, numpy_semantics
from ..errors import CheckpointError
from .checkpoint import Checkpoint
from .epochs import train_epochs
from .examples import draw
from .plan import make_plan
from .result import TrainResult
from .transcript import Transcript


def train(notebook: str = "d2l", *, data: Any = None, labels: str | None = None,
          ctx: Any = "auto", learning_rate: float | None = None, num_epochs: int | None = None,
          batch_size: int | None = None, shuffle_seed: int | None = None, order: Any = None,
          engine: str = "compiled", kvstore: str | None = None, checkpoint: str | None = None,
          verbose: bool = True) -> TrainResult:
    """Train a linear regression as a notebook does, on the notebook's data or on yours.

    With nothing but the notebook's name it reproduces the published run, printed lines
    included. The authors' shuffles were never recorded: that run visits the examples in an
    order found by search, which is not the authors' own.

    Same arguments, same bits. All random generators are left alone: Python's, NumPy's and
    MXNet's.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}, default "d2l"
        Whose steps, settings and data.
    data : (array_like, array_like) or str, optional
        Features, shape (num_examples, num_features), and labels, shape (num_examples,):
        NumPy, `mx.np` or `mx.nd` arrays, or a table and a column of pandas's, polars's or
        pyarrow's, matched by position; the result keeps the names of its columns. Or the name
        of an .npy file of features, which may be larger than memory: it is read in blocks,
        shuffled as blocks and within each. By default the notebook's own data.
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
    engine : {"compiled", "autograd", "native"}, default "compiled"
        "autograd" takes the notebook's own steps one by one; "compiled" the same steps as a
        compiled graph, bit for bit; "native" the same in numba's compiled code, bit for bit what
        MXNet gives on a CPU with FMA, thousands of times as fast. It needs numba.
    kvstore : {"local", "device", "dist_sync"}, optional
        MXNet's store through which several devices or workers add up their gradients. By
        default the one that suits `ctx`. "dist_sync" is for processes that `d2l-linreg launch`
        starts; each is a worker that takes its share of every batch, or, if the examples are
        in files, of the files. Then worker 0 alone prints, and writes the checkpoint, which
        all must be able to read.
    checkpoint : str, optional
        Name of a file that is kept up to date with where training stands: once a second, or, as
        it grows, so rarely that all writings but the last take some 2 % of the time. If it is
        there, training goes on from it and ends with the same bits as if it had never been
        stopped; lines that were printed before are printed again. A file of another run, or of
        another MXNet, BLAS kernel or kind of device, is refused, and so is one that another
        process writes; one of a run that has ended gives its result at once.
    verbose : bool, default True
        Whether to print what the notebook prints.

    Returns
    -------
    TrainResult

    Raises
    ------
    ArgumentError
        If an argument is not as above, before any work; a ValueError too.
    DataError
        If `data` cannot be trained on (an ArgumentError too), before any work; or if a file of
        it changes while it is trained from: then the checkpoint before is still good.
    ContextError
        If `ctx` cannot be read or is not there (an ArgumentError too), before any work.
    ImportError
        If the engine is "native" and numba is not installed, before any work.
    DivergenceError
        If a loss is not finite; the message says at which batch.
    OSError
        If the checkpoint cannot be written, as on a full disk; the one before is kept, and the
        message names the file that has the new one. At the end of training it is a
        CheckpointError, whose `result` is what is returned otherwise.

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
    plan = make_plan(
        notebook, data=data, labels=labels, ctx=ctx, learning_rate=learning_rate,
        num_epochs=num_epochs, batch_size=batch_size, shuffle_seed=shuffle_seed, order=order,
        engine=engine, kvstore=kvstore, checkpoint=checkpoint)
    own, group = plan.own, plan.group
    with group, numpy_semantics(own.numpy_semantics), mx.autograd.pause(train_mode=True):
        verbose = verbose and group.rank == 0
        share, shared = plan.share()
        drawn, params = draw(own, plan.num_features, with_data=plan.given is None)
        with contextlib.closing(Checkpoint(checkpoint, plan.run(share or drawn),
                                           writing=group.rank == 0)) as kept:
            progress, unsaved = kept.progress, None
            group.check_agreed(progress.segments)  # and all have read it before it is written
            w, b = (numpy.array(param) for param in params)
            transcript = Transcript(own, verbose)
            train_epochs(plan, plan.source(share or drawn, shared, verbose), w, b, kept,
                         transcript)
            try:
                kept.save(at_once=True)
            except OSError as error:  # after which there still is a result
                unsaved = error
        w = w.reshape(-1)
        w_error = b_error = None
        if plan.given is None:
            w_error = numpy.array(own.vocabulary.TRUE_W, w.dtype) - w
            b_error = numpy.array([own.vocabulary.TRUE_B], b.dtype) - b
            transcript.errors(w_error, b_error)
    features, labels_ = plan.given or drawn
    result = TrainResult(
        notebook=own.name, settings=plan.settings, w=w, b=float(b[0]),
        epoch_losses=tuple(progress.epoch_losses),
        moving_losses=tuple(progress.moving_losses) if own.averages_every else None,
        w_error=w_error, b_error=None if b_error is None else float(b_error[0]),
        ctx=group.contexts if len(group.contexts) > 1 else group.contexts[0],
        seconds=progress.seconds, transcript=str(transcript),
        batch_losses=numpy.concatenate(progress.batch_losses), features=features, labels=labels_,
        order_sha256=plan.order_sha256, columns=plan.columns)
    if unsaved is not None:
        raise CheckpointError(result, *unsaved.args[:2], unsaved.filename) from unsaved
    return result
