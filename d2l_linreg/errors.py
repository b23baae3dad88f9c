"""The errors that this package raises on purpose."""
from typing import Any


class ArgumentError(ValueError):
    """An argument cannot be used; the message names it, its value, and what would do."""


class DataError(ArgumentError):
    """The data given cannot be trained on; the message says what would do."""


class ContextError(ArgumentError):
    """The device asked for cannot be read, or is not there."""


class CheckpointError(OSError):
    """The checkpoint at the end of training cannot be written; its content is kept elsewhere.

    Attributes
    ----------
    result : TrainResult
        What training came to.
    """

    def __init__(self, result: Any, *of_system: Any) -> None:
        super().__init__(*of_system)
        self.result = result


class DivergenceError(ArithmeticError):
    """Training left the finite numbers; the message says at which batch."""
