"""The errors that this package raises on purpose."""


class DataError(ValueError):
    """The data given cannot be trained on; the message says what would do."""


class ContextError(ValueError):
    """The device asked for cannot be read, or is not there."""


class DivergenceError(ArithmeticError):
    """Training left the finite numbers; the message says at which batch."""
