"""Engine "autograd": the notebooks' own steps, one by one under `autograd.record`."""

from ..compat.mxnet import mx
from .engine import Array, Engine, Losses, Rows


class Autograd(Engine):
    """The notebook's own functions, in its own order."""

    def epoch(self, features: Array, labels: Array, w: Array, b: Array, rows: Rows) -> Losses:
        """Visit examples once; see `Engine.epoch`."""
        vocabulary, settings = self.own.vocabulary, self.settings
        for X, y in vocabulary.batches(settings.batch_size, features, labels, rows):
            with mx.autograd.record():
                loss = vocabulary.forward(X, y, w, b)
            loss.backward()
            vocabulary.step([w, b], settings.learning_rate, settings.batch_size)
            yield (loss.mean() if self.own.sums_loss else loss).asnumpy().reshape(1)
