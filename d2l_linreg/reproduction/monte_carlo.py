"""A Monte Carlo test of whether the published training figures are what other shuffles give.

If the published run differed from our replicates in its shuffle only, its figures and theirs
would be exchangeable: any place among them as likely as any other. Each figure's place is its
percentile. For all of a notebook's together the statistic is the squared Mahalanobis distance
from the mean, in the covariance, of replicates and published figures pooled. Its p-value is
the fraction of all those transcripts, the published one among them, that lie no closer to the
mean; as they are exchangeable it needs no assumption on how figures are distributed (Barnard
1963; Besag and Clifford 1989).
"""
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy

from ..errors import ArgumentError

ALPHA = 0.01  # transcripts with a p-value up to this are called unusual
MIN_RUNS = 1000
ORDINARY, UNUSUAL = "ordinary", "unusual"


@dataclass(frozen=True)
class Joint:
    """How unusual a notebook's training figures are, all together, among other shuffles.

    Attributes
    ----------
    notebook : str
    runs : int
        How many replicates they were held against.
    p_value : float or None
        That of `p_value`; None if making the replicates failed.
    reason : str or None
        Why that failed.
    """

    notebook: str
    runs: int
    p_value: float | None
    reason: str | None = None

    @property
    def verdict(self) -> str:
        """"ordinary", or "unusual" where the p-value is at most `ALPHA`, or there is none."""
        return ORDINARY if (self.p_value or 0) > ALPHA else UNUSUAL

    def __str__(self) -> str:
        if self.reason is not None:
            return f"{self.notebook}: the replicates failed: {self.reason}"
        return (f"{self.notebook}, training figures among {self.runs:,} other shuffles: "
                f"p = {self.p_value:.3f}, {self.verdict}.")


def false_alarm_rate(runs: int) -> float:
    """How often a transcript that is nothing but another shuffle's is called unusual.

    Its rank among runs + 1 is uniform, and it is called unusual in the first ALPHA of them.

    Parameters
    ----------
    runs : int

    Returns
    -------
    float
        10 / 1001 for 1,000 runs.
    """
    return int(ALPHA * (runs + 1)) / (runs + 1)


def percentiles(published: Sequence[str], replicates: numpy.ndarray) -> numpy.ndarray:
    """How many percent of the replicates lie below each published figure.

    Parameters
    ----------
    published : sequence of str, length figures
        As printed; replicates are rounded to as many digits, and of ties half count.
    replicates : numpy.ndarray, shape (runs, figures)

    Returns
    -------
    numpy.ndarray, shape (figures,)
        From 0 to 100.

    Raises
    ------
    ArgumentError
        If shapes are not as above, or a published figure is not finite.
    """
    *others, was = _as_printed(published, replicates)
    return 100 * ((others < was).mean(axis=0) + (others == was).mean(axis=0) / 2)


def p_value(published: Sequence[str], replicates: numpy.ndarray) -> float:
    """How unusual the whole transcript is: the fraction of transcripts at least as far out.

    Parameters
    ----------
    published : sequence of str, length figures
    replicates : numpy.ndarray, shape (runs, figures)

    Returns
    -------
    float
        From 1 / (runs + 1) to 1; 0 if a replicate is not finite.

    Raises
    ------
    ArgumentError
        If shapes are not as above, or a published figure is not finite.
    """
    pooled = _as_printed(published, replicates)
    if not numpy.isfinite(pooled).all():
        return 0.0
    # Where Q R are the centred transcripts, distances are the squared lengths of Q's rows
    # (times runs): the covariance is R^T R / runs.
    distances = (numpy.linalg.qr(pooled - pooled.mean(axis=0))[0] ** 2).sum(axis=1)
    return float((distances >= distances[-1]).mean())


def _as_printed(published: Sequence[str], replicates: numpy.ndarray) -> numpy.ndarray:
    """Replicates and, last, the published figures: all rounded as these were printed."""
    replicates, figures = numpy.asarray(replicates), numpy.array(published, dtype="float64")
    if 0 in replicates.shape or replicates.shape[1:] != figures.shape:
        raise ArgumentError(f"replicates has shape {replicates.shape}, and published "
                            f"{len(published)} figures; give (runs, figures), of each at least one")
    if not numpy.isfinite(figures).all():
        raise ArgumentError(f"published is {published!r}; give finite numbers")
    pooled = numpy.vstack([replicates, figures])
    for column, figure in zip(pooled.T, published, strict=True):
        numpy.round(column, -int(Decimal(figure).as_tuple().exponent), out=column)
    return pooled
