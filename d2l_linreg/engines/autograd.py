"""Engine "autograd": the notebooks' own steps, one by one under `autograd.record`."""

import numpy

from ..compat.mxnet import mx
from .engine import Array, Engine, Losses, Rows


class Autograd(Engine):
    """The notebook's own functions, in its own order."""

    def epoch(self, features: Array, labels: Array, w: numpy.ndarray, b: numpy.ndarray,
              rows: Rows) -> Losses:
        """Visit examples once; see `Engine.epoch`."""
        vocabulary, settings = self.own.vocabulary, self.settings
        params = [self.load(w), self.load(b)]
        for param in params:
            param.attach_grad()
        for X, y in vocabulary.batches(settings.batch_size, features, labels, rows):
            with mx.autograd.record():
                loss = vocabulary.forward(X, y, *params)
            loss.backward()
            vocabulary.step(params, settings.learning_rate, settings.batch_size)
            yield (loss.mean() if self.own.sums_loss else loss).asnumpy().reshape(1)
        w[:], b[:] = (param.asnumpy() for param in params)
