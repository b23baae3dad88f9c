"""The errors that this package raises on purpose."""


class ArgumentError(ValueError):
    """An argument cannot be used; the message names it, its value, and what would do."""


class DataError(ArgumentError):
    """The data given cannot be trained on; the message says what would do."""


class ContextError(ArgumentError):
    """The device asked for cannot be read, or is not there."""


class DivergenceError(ArithmeticError):
    """Training left the finite numbers; the message says at which batch."""
