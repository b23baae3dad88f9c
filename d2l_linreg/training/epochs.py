"""Epoch after epoch, from where the checkpoint stands."""
import time

import numpy

from ..errors import DivergenceError


def train_epochs(epochs, train_epoch, average_loss, w, b, checkpoint, transcript, settings):
    """Train to the end, keeping the checkpoint and its progress up to date.

    Parameters
    ----------
    epochs : iterable of iterable
        For each epoch its pieces, as `examples.segments` gives them.
    train_epoch : callable
        What an engine's `prepare` returned.
    average_loss : callable
        To the loss of w and b over all examples.
    w, b : MXNet arrays, shapes (num_features, 1) and (1,)
        Changed in place.
    checkpoint : Checkpoint
    transcript : Transcript
    settings : Settings

    Raises
    ------
    DivergenceError
        If a loss is not finite.
    OSError
        If the checkpoint cannot be written.
    """
    progress, done = checkpoint.progress, 0
    started = time.perf_counter() - progress.seconds

    def keep(at_once=False):
        progress.w, progress.b = w.asnumpy(), b.asnumpy()
        progress.seconds = time.perf_counter() - started
        checkpoint.save(at_once)

    for epoch, segments in enumerate(epochs):
        for batch, read, rows in segments:
            done += 1
            if done <= progress.segments:  # before the checkpoint
                continue
            for losses in train_epoch(*read(), w, b, rows):
                finite = numpy.isfinite(losses)
                if not finite.all():
                    raise _diverged(settings, "at batch {} of epoch {}, both".format(
                        batch + finite.argmin(), epoch))
                progress.batch_losses.append(losses)
                transcript.after_batches(epoch, batch, losses)
                batch += len(losses)
            progress.segments = done
            keep()
        if epoch < len(progress.epoch_losses):
            continue
        loss = average_loss()
        if not numpy.isfinite(loss):
            raise _diverged(settings, "after epoch {},".format(epoch))
        progress.epoch_losses.append(loss)
        transcript.after_epoch(epoch, loss)
    keep(at_once=True)


def _diverged(settings, where):
    return DivergenceError(
        "the loss is not finite {} counted from 0: learning_rate {} is too large for this data, "
        "or the data for float32; lower it, or rescale the features".format(
            where, settings.learning_rate))
