"""How each notebook trains, as data."""
import importlib
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from .arguments import as_integer, as_learning_rate, one_of


@dataclass(frozen=True)
class Settings:
    """How to train.

    Attributes
    ----------
    learning_rate : float
    num_epochs : int
    batch_size : int
    shuffle_seed : int or None
        None where the order is given or recovered.
    """

    learning_rate: float
    num_epochs: int
    batch_size: int
    shuffle_seed: int | None = None


@dataclass(frozen=True)
class Notebook:
    """What a notebook fixes. Nothing else in the package asks which notebook it has.

    Attributes
    ----------
    name : str
    settings : Settings
    num_examples : int
        Of its own data.
    seed : int
        Where its stream of random numbers starts.
    loss_factor : float
        Of the squared residual in the loss: 1/2 or 1. Where features are standard normal, the
        loss's second derivative by each parameter is twice that.
    sums_loss : bool
        Whether a step differentiates the sum of a batch's losses, and divides by the batch size
        afterwards; else their mean.
    shuffles_once : bool
        Whether all epochs share one order of the examples.
    fills_last_batch : bool
        Whether a short last batch is filled up from the epoch's beginning.
    era : str
        Of the MXNet, the NumPy and the matplotlib that it ran on: a name in `compat.eras`.
    imports : frozenset of str
        What a notebook imports that is written for that MXNet.
    numpy_semantics : bool
        Whether its arrays are `mxnet.np`'s.
    averages_every : int or None
        Batches between two moving averages of the batch losses; None if it keeps none.
    epoch_line, average_line : str or None
        Formats of what it prints after an epoch, counted from 1, and of a moving average, after
        a batch that is counted from 0, as its epoch is.
    error_lines : tuple of str
        Formats of what it prints at the end of the errors of w and b.
    """

    name: str
    settings: Settings
    num_examples: int
    seed: int
    loss_factor: float
    sums_loss: bool
    shuffles_once: bool
    fills_last_batch: bool
    era: str
    imports: frozenset[str]
    numpy_semantics: bool
    averages_every: int | None = None
    epoch_line: str | None = None
    average_line: str | None = None
    error_lines: tuple[str, ...] = ()

    @property
    def vocabulary(self) -> ModuleType:
        """The module that has its functions; at its end those that both notebooks have."""
        return importlib.import_module("." + self.name, __package__)

    def averages_due(self, first: int, stop: int) -> range:
        """Which of an epoch's batches, from `first` to before `stop`, have a moving average."""
        every = self.averages_every
        return range(0) if every is None else range((first // every + 1) * every - 1, stop, every)


NOTEBOOKS = {notebook.name: notebook for notebook in (
    Notebook(
        "d2l", Settings(learning_rate=0.03, num_epochs=3, batch_size=10), num_examples=1000,
        seed=0, loss_factor=1 / 2, sums_loss=True, shuffles_once=False, fills_last_batch=False,
        era="2018", imports=frozenset(("d2l", "d2l_linreg.d2l", "mxnet.np", "mxnet.npx")),
        numpy_semantics=True, epoch_line="epoch {epoch}, loss {loss:f}",
        error_lines=("Error in estimating w {w}", "Error in estimating b {b}")),
    Notebook(
        "straight_dope", Settings(learning_rate=0.001, num_epochs=2, batch_size=4),
        num_examples=10000, seed=1, loss_factor=1, sums_loss=False, shuffles_once=True,
        fills_last_batch=True, era="2017",
        imports=frozenset(("mxnet.nd", "mxnet.ndarray", "d2l_linreg.straight_dope")),
        numpy_semantics=False, averages_every=500,
        # 12 digits, as Python 2 and NumPy < 1.14 print a float64
        average_line="Epoch {epoch}, batch {batch}. Moving avg of loss: {average:.12g}"),
)}


def known(notebook: Any) -> Notebook:
    """Find a notebook by its name.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}

    Returns
    -------
    Notebook

    Raises
    ------
    ArgumentError
        If there is none of that name; it says which there are.
    """
    return NOTEBOOKS[one_of("notebook", notebook, NOTEBOOKS)]


def era_of(name: str) -> str:
    """The name of a notebook's era; any other name is an era's itself."""
    return NOTEBOOKS[name].era if name in NOTEBOOKS else name


def chosen(settings: Settings, learning_rate: Any = None, num_epochs: Any = None,
           batch_size: Any = None, shuffle_seed: Any = None) -> Settings:
    """Replace those settings that are given.

    Parameters
    ----------
    settings : Settings
    learning_rate : float, optional
    num_epochs, batch_size, shuffle_seed : int, optional

    Returns
    -------
    Settings

    Raises
    ------
    ArgumentError
        If one cannot be used.
    """
    given: dict[str, Any] = {}
    if learning_rate is not None:
        given["learning_rate"] = as_learning_rate(learning_rate)
    for name, value, lowest in (("num_epochs", num_epochs, 1), ("batch_size", batch_size, 1),
                                ("shuffle_seed", shuffle_seed, 0)):
        if value is not None:
            given[name] = as_integer(name, value, lowest)
    return replace(settings, **given)
