"""What a command has around its work: an output that may fail, and signals that end it."""
import _thread
import contextlib
import os
import re
import signal
import sys
import threading
import unicodedata
from collections.abc import Iterator
from typing import Any, TextIO

WIDTH = 80  # columns of a terminal


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C's that ends the process; its first argument is the number."""


class Lasting:
    """A stream that takes what is written to it to the end, be it printed or not.

    Characters that its encoding lacks are escaped. When it fails, whatever comes goes nowhere.

    Parameters
    ----------
    stream : file or None
        None if the process has none.

    Attributes
    ----------
    failure : OSError or None
        Why it failed; None, too, if whoever read it has stopped.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = open(os.devnull, "w") if stream is None else stream  # noqa: SIM115
        self.failure: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write as far as it can be done."""
        encoding = self.stream.encoding or "utf-8"
        with self._lasting():
            self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Flush as far as it can be done."""
        with self._lasting():
            self.stream.flush()

    @contextlib.contextmanager
    def _lasting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.failure = error
            # What is still in the buffer, and Python flushes at its end, goes there as well.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())


@contextlib.contextmanager
def lasting_output() -> Iterator[tuple[Lasting, Lasting]]:
    """Inside the block what is printed cannot fail.

    Yields
    ------
    (Lasting, Lasting)
        Standard output and standard error.
    """
    for descriptor in range(3):  # else a file that is opened would be taken for one of them
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the first number that is free
    streams = Lasting(sys.stdout), Lasting(sys.stderr)
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        try:
            yield streams
        finally:
            for stream in streams:
                stream.flush()


@contextlib.contextmanager
def ended_by_signals(*names: str) -> Iterator[None]:
    """Inside the block these signals come as `Terminated`, and neither they nor Ctrl-C is lost.

    They would be while Python frees an object; then they come again.

    Parameters
    ----------
    *names : str
        Those that the system lacks, or that are ignored, as under nohup, are left out.
    """
    def hook(lost: Any) -> None:
        if issubclass(lost.exc_type, KeyboardInterrupt):
            number = lost.exc_value.args[0] if lost.exc_value.args else signal.SIGINT
            # At once it would be lost, too.
            threading.Timer(0.01, _thread.interrupt_main, (number,)).start()
        else:
            hook_before(lost)

    def end(number: int, frame: Any) -> None:
        raise Terminated(number)

    handlers = {}
    if threading.current_thread() is threading.main_thread():
        for name in names:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                handlers[number] = signal.signal(number, end)
    hook_before, sys.unraisablehook = sys.unraisablehook, hook
    try:
        yield
    finally:
        sys.unraisablehook = hook_before
        for number, handler in handlers.items():
            signal.signal(number, handler)


def has_colour(stream: Any) -> bool:
    """Whether what is written there may be coloured: a terminal's, unless NO_COLOR is set."""
    return (stream.isatty() and not os.environ.get("NO_COLOR")
            and os.environ.get("TERM") != "dumb")


def printable(text: str) -> str:
    r"""Show what would steer a terminal, or turn its text round, as Python's escapes.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Newlines, tabs, and all that is seen, as they were.

    Examples
    --------
    >>> printable("red: \x1b[31m")
    'red: \\x1b[31m'
    """
    return re.sub(r"[^\n\t -~]", _shown, text)


def _shown(character: re.Match[str]) -> str:
    of_no_width = unicodedata.category(character[0]) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return character[0].encode("unicode_escape").decode() if of_no_width else character[0]
