"""Many training runs that differ in the shuffle only: how much of a result is chance."""
from dataclasses import dataclass

import numpy

from ..arguments import as_integer
from ..engines import scan
from ..settings import Notebook, chosen, known
from ..training.examples import draw
from ..training.orders import epochs


@dataclass(frozen=True, eq=False)
class Replicates:
    """What training came to, run by run.

    Attributes
    ----------
    notebook : str
        "d2l" or "straight_dope".
    seed : int
        Run k is that of `train(notebook, shuffle_seed=seed + k, engine="scan")`.
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

    Runs go one after the other, each epoch one tree of `scan`: they need no more memory
    than one epoch does, and have no bearing on one another.

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
    true_w, true_b = own.vocabulary.TRUE_W, own.vocabulary.TRUE_B
    Z = scan.residual_rows(features, labels)
    start = numpy.concatenate([w.ravel(), b, [1]])
    w_error, b_error = numpy.empty((runs, len(true_w))), numpy.empty(runs)
    epoch_losses = numpy.empty((runs, own.settings.num_epochs))
    moving_losses = []
    for run in range(runs):
        theta, batch_losses = start, []
        seeded = chosen(own.settings, shuffle_seed=seed + run)
        for epoch, [(_, rows)] in enumerate(epochs(own, seeded, None, [len(Z)])):
            losses, thetas = scan.trajectory(own, seeded, Z.take(rows, axis=0), theta)
            theta = thetas[-1]
            batch_losses.append(losses)
            residuals = Z @ theta
            epoch_losses[run, epoch] = own.loss_factor * (residuals @ residuals) / len(Z)
        w_error[run], b_error[run] = true_w - theta[:-2], true_b - theta[-2]
        if own.averages_every:
            moving_losses.append(_moving(numpy.concatenate(batch_losses), own.averages_every))
    return Replicates(own.name, seed, w_error, b_error, epoch_losses,
                      numpy.array(moving_losses) if own.averages_every else None)


def _moving(losses: numpy.ndarray, every: int) -> list[float]:
    """The moving average, 0.99 of the old and 0.01 of the new, every so many batches."""
    weights = 0.01 * 0.99 ** numpy.arange(every - 1, -1, -1)
    average, averages = 0.0, []
    for gained in losses[:len(losses) // every * every].reshape(-1, every) @ weights:
        average = 0.99 ** every * average + gained
        averages.append(average)
    return averages
