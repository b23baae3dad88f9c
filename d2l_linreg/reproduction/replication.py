"""Many training runs that differ in the shuffle only: how much of a result is chance."""
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from ..arguments import as_integer
from ..progress import bar
from ..settings import Notebook, chosen, known
from ..training.examples import draw
from ..training.orders import epochs

ROWS = 10**7  # of the examples, in the orders of the runs that go side by side: 80 MB


@dataclass(frozen=True, eq=False)
class Replicates:
    """What training came to, run by run.

    Attributes
    ----------
    notebook : str
        "d2l" or "straight_dope".
    seed : int
        Run k is that of `train(notebook, shuffle_seed=seed + k)`, in float64.
    w_error : numpy.ndarray, shape (runs, 2), float64
        True minus estimated weights.
    b_error : numpy.ndarray, shape (runs,), float64
        True minus estimated bias.
    epoch_losses : numpy.ndarray, shape (runs, num_epochs), float64
        After each epoch, the notebook's loss, averaged over all examples.
    moving_losses : numpy.ndarray, shape (runs, 10), float64, or None
        straight_dope's moving average of the batch losses, every 500 batches; None for d2l.
    """

    notebook: str
    seed: int
    w_error: numpy.ndarray
    b_error: numpy.ndarray
    epoch_losses: numpy.ndarray
    moving_losses: numpy.ndarray | None

    @property
    def figures(self) -> numpy.ndarray:
        """What the notebook's training cell prints, in its order: shape (runs, 6 or 10)."""
        if self.moving_losses is not None:
            return self.moving_losses
        return numpy.column_stack([self.epoch_losses, self.w_error, self.b_error])


def replicate(notebook: str = "straight_dope", runs: int = 1000, *, seed: int = 0) -> Replicates:
    """Train on a notebook's own data and settings, over many shuffles.

    Runs go side by side, a step of all at a time, and have no bearing on one another; in pieces of
    as many as need about 100 MB.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}
    runs : int, default 1000
    seed : int, default 0
        Run k shuffles by seed + k.

    Returns
    -------
    Replicates

    Raises
    ------
    ArgumentError
        If an argument is not as above, before any work.
    """
    own = known(notebook)
    runs, seed = as_integer("runs", runs, 1), as_integer("seed", seed, 0)
    as_integer("seed + runs - 1", seed + runs - 1, 0)
    (features, labels), (w, b) = draw(own, len(own.vocabulary.TRUE_W))
    return descend(own, features, labels, w, b, runs, seed)


def descend(own: Notebook, features: numpy.ndarray, labels: numpy.ndarray, w: numpy.ndarray,
            b: numpy.ndarray, runs: int, seed: int) -> Replicates:
    """`replicate`, on the data, parameters and settings given.

    Parameters
    ----------
    own : Notebook
        Whose steps, with which settings.
    features : numpy.ndarray, shape (num_examples, num_features)
    labels : numpy.ndarray, shape (num_examples,)
    w : numpy.ndarray, shape (num_features, 1)
    b : numpy.ndarray, shape (1,)
        Initial parameters.
    runs, seed : int

    Returns
    -------
    Replicates
    """
    seeds, piece = range(seed, seed + runs), max(ROWS // len(labels), 1)
    steps = own.settings.num_epochs * -(-len(labels) // own.settings.batch_size)
    with (numpy.errstate(over="ignore", invalid="ignore"),  # the losses tell
          bar(f"{own.name} by other shuffles", runs * steps, "steps") as taken):
        parts = [_abreast(own, features, labels, w, b, seeds[first:first + piece], taken.update)
                 for first in range(0, runs, piece)]
    w_error, b_error, epoch_losses, moving_losses = map(
        numpy.concatenate, zip(*parts, strict=True))
    return Replicates(own.name, seed, w_error, b_error, epoch_losses,
                      moving_losses if own.averages_every else None)


def _abreast(own: Notebook, features: numpy.ndarray, labels: numpy.ndarray, w: numpy.ndarray,
             b: numpy.ndarray, seeds: range,
             taken: Callable[[int], object]) -> tuple[numpy.ndarray, ...]:
    """Runs side by side: the four arrays of their `Replicates`; steps are told as they are taken.

    Sums over features and over a batch are Python's, one summand after the other: so that a run's
    numbers do not hang on how many others there are.
    """
    runs, batch_size = len(seeds), own.settings.batch_size
    rate = 2 * own.loss_factor * own.settings.learning_rate / batch_size
    *columns, y = (column.astype("float64") for column in (*features.T, labels))
    # Of all examples' residuals, Z theta, the length is that of R theta, which is short
    Z = numpy.column_stack([*columns, numpy.ones(len(y)), -y])
    R = numpy.linalg.qr(Z, "r")
    w, b = numpy.repeat(w.astype("float64"), runs, axis=1), numpy.repeat(b.astype("float64"), runs)
    average, moving_losses, epoch_losses = numpy.zeros(runs), [], []
    shuffles = [epochs(own, chosen(own.settings, shuffle_seed=seed), None, [len(y)])
                for seed in seeds]
    filled = -len(y) % batch_size if own.fills_last_batch else 0
    orders = numpy.empty((runs, len(y) + filled), "int64")
    for epoch in range(own.settings.num_epochs):
        if epoch == 0 or not own.shuffles_once:
            for order, shuffle in zip(orders, shuffles, strict=True):
                [(_, order[:len(y)])] = next(shuffle)
            orders[:, len(y):] = orders[:, :filled]
        for start in range(0, orders.shape[1], batch_size):
            rows = orders[:, start:start + batch_size].T.copy()
            X = [column[rows] for column in columns]
            residual = sum(map(numpy.multiply, X, w)) + b - y[rows]
            if own.averages_every:
                loss = own.loss_factor * sum(residual * residual) / len(rows)
                average = 0.99 * average + 0.01 * loss
                if (start // batch_size + 1) % own.averages_every == 0:
                    moving_losses.append(average)
            w = w - [rate * sum(x * residual) for x in X]
            b = b - rate * sum(residual)
            taken(runs)
        lengths = [sum(map(numpy.multiply, line, (*w, b, 1))) for line in R]
        epoch_losses.append(own.loss_factor * sum(map(numpy.square, lengths)) / len(y))
    return (numpy.array(own.vocabulary.TRUE_W) - w.T, own.vocabulary.TRUE_B - b,
            numpy.transpose(epoch_losses), numpy.transpose(moving_losses))
