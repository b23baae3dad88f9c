"""Epoch after epoch, from where the checkpoint stands."""
import time
from collections.abc import Callable

import numpy

from ..errors import DivergenceError
from ..progress import bar
from .checkpoint import Checkpoint
from .examples import InFiles, InMemory
from .orders import epochs, pieces
from .plan import Plan
from .transcript import Transcript


def train_epochs(plan: Plan, source: InMemory | InFiles, w: numpy.ndarray, b: numpy.ndarray,
                 checkpoint: Checkpoint, transcript: Transcript) -> None:
    """Train to the end, keeping the checkpoint and its progress up to date.

    Parameters
    ----------
    plan : Plan
    source : InMemory or InFiles
        The examples.
    w, b : numpy.ndarray, shapes (num_features, 1) and (1,), float32
        At the start of the run; changed in place.
    checkpoint : Checkpoint
    transcript : Transcript
        If it is verbose, there is a progress bar, too.

    Raises
    ------
    DataError
        If the checkpoint does not agree with the run, before any work; or a file changed that is
        trained from.
    DivergenceError
        If a loss is not finite.
    OSError
        If the checkpoint cannot be written. At the end of the run it is not.
    """
    with bar("training", _steps(plan, source.sizes), "steps", shown=transcript.verbose) as taken:
        _train_epochs(plan, source, w, b, checkpoint, transcript, taken.update)


def _steps(plan: Plan, sizes: list[int]) -> int:
    """How many steps a run takes, through blocks of such sizes."""
    batch = plan.settings.batch_size * (1 if plan.in_files else plan.group.num_workers)
    return plan.settings.num_epochs * sum(-(-size // batch) for size in sizes)


def _train_epochs(plan: Plan, source: InMemory | InFiles, w: numpy.ndarray, b: numpy.ndarray,
                  checkpoint: Checkpoint, transcript: Transcript,
                  taken: Callable[[int], object]) -> None:
    own, settings, engine, progress = plan.own, plan.settings, plan.engine, checkpoint.progress
    done = steps = averages = 0
    started = time.perf_counter() - progress.seconds

    for epoch, blocks in enumerate(epochs(own, settings, plan.order, source.sizes)):
        batch = 0  # the number of a batch in the epoch
        for block, rows in pieces(blocks, own, settings, plan.group, plan.in_files,
                                  plan.num_features):
            first, batch = batch, batch - (-len(rows) // settings.batch_size)
            done, steps = done + 1, steps + batch - first
            if done <= progress.segments:
                for at in own.averages_due(first, batch):  # are printed again
                    if averages == len(progress.moving_losses):
                        raise checkpoint.of_another_place("moving_losses")
                    transcript.average(epoch, at, progress.moving_losses[averages])
                    averages += 1
                if done == progress.segments:
                    checkpoint.go_on(w, b, epoch, steps, averages)
                taken(batch - first)
                continue
            for losses in engine.epoch(*source.read(block), w, b, rows):
                finite = numpy.isfinite(losses)
                if not finite.all():
                    raise _diverged(plan, f"at batch {first + finite.argmin()} of epoch {epoch}, "
                                          "both")
                for at, average in progress.take(losses, first, own):
                    transcript.average(epoch, at, average)
                first += len(losses)
                taken(len(losses))
            progress.stand(done, w, b, time.perf_counter() - started)
            checkpoint.save()
        if epoch == len(progress.epoch_losses):
            if done < progress.segments:
                raise checkpoint.of_another_place("epoch_losses")
            loss = source.average(lambda X, y: engine.mean_loss(X, y, w, b))
            if not numpy.isfinite(loss):
                raise _diverged(plan, f"after epoch {epoch},")
            progress.epoch_losses.append(loss)
        transcript.epoch(epoch, progress.epoch_losses[epoch])
    if done < progress.segments:
        raise checkpoint.of_another_place("num_epochs")
    progress.stand(done, w, b, time.perf_counter() - started)


def _diverged(plan: Plan, where: str) -> DivergenceError:
    return DivergenceError(
        f"the loss is not finite {where} counted from 0: learning_rate "
        f"{plan.settings.learning_rate} is too large for this data, or the data for float32; "
        "lower it, or rescale the features")
