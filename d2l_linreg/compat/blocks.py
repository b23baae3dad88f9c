"""Blocks in which other people's modules are changed, and after which they are as before.

A `with` statement takes for granted that who entered last leaves first, and is not interrupted as
it does. Of threads, tasks, generators and Ctrl-C nothing of that is true. So here

- each change tells how to undo it before it is made, and to undo it twice does no harm;
- a block that is left before one that was entered inside it is undone when that is left, too;
- who enters while another thread or task holds a block is refused.
"""
import asyncio
import contextlib
import functools
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec

P = ParamSpec("P")
Changes = Iterator[Callable[[], object]]  # makes changes, and yields before each how to undo it

_ABSENT = object()


def replaced(owner: Any, name: str, value: object) -> Changes:
    """Replace an attribute of a module or class."""
    yield functools.partial(_put_back, owner, name, vars(owner).get(name, _ABSENT))
    setattr(owner, name, value)


def _put_back(owner: Any, name: str, was: object) -> None:
    if was is not _ABSENT:
        setattr(owner, name, was)
    elif name in vars(owner):
        delattr(owner, name)


class Entered:
    """A block's place among those that are entered.

    Attributes
    ----------
    undo : list of callable
        How to undo what it changed, in the order of changes.
    left : bool
    thread : threading.Thread or None
        Which entered it.
    task : callable
        Gives the asyncio task that entered it, None if none did, or it is gone.
    """

    def __init__(self, told: Callable[[], str], changes: Callable[[], Changes]) -> None:
        self.told, self.changes = told, changes
        self.undo: list[Callable[[], object]] = []
        self.left = False
        self.thread: Any = None
        self.task: Callable[[], Any] = _nobody

    def holder(self) -> str | None:
        """The thread or task that entered it, if that is another one than this and still runs."""
        task = self.task()
        if self.thread is not threading.current_thread() and self.thread.is_alive():
            return f"the thread {self.thread.name!r}"
        if task not in (None, _current_task()) and not task.done():
            return f"the task {task.get_name()!r}"
        return "this thread, which undoes it," if self.left else None


def _nobody() -> None:
    return None


def _current_task() -> Any:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no loop runs here
        return None


_entered: list[Entered] = []  # and not undone; the innermost is the last
_lock: Any = threading.RLock()  # held for a moment, to enter that list or to undo


def _enter(entered: Entered) -> None:
    if entered.thread is not None:
        raise RuntimeError(f"{entered.told()} was entered before; call it again for another block")
    try:
        _undo()
        with _lock:
            holder = _entered[-1].holder() if _entered else None
            if holder is not None:
                raise RuntimeError(
                    f"{holder} is in {_entered[-1].told()}, which holds for the whole process: "
                    "nobody else can enter such a block before that is left; wait for it, or use "
                    "a process for each")
            task = _current_task()
            entered.task = _nobody if task is None else weakref.ref(task)
            entered.thread = threading.current_thread()
            _entered.append(entered)
        for undo in entered.changes():
            entered.undo.append(undo)
    except BaseException:
        _leave(entered)
        raise


def _leave(entered: Entered, *error: object) -> None:
    entered.left = True
    try:
        _undo()
    except BaseException:  # Ctrl-C: first comes what it cut short
        _undo()
        raise


def _undo() -> None:
    """Undo the blocks that were left, from the innermost on, as far as all inside them were."""
    if _lock._is_owned():  # this was called in the midst of it, which goes on
        return
    with _lock:
        while _entered and _entered[-1].left:
            for undo in reversed(_entered[-1].undo):
                undo()
            del _entered[-1]


class _Method:
    """A function of what a block has entered, called by way of something that keeps the block.

    Ctrl-C can come as `__exit__` begins, before its first line. An error may be kept for long, and
    keeps what the functions it went through were given: so they are not given the block, which
    goes as soon as the `with` statement does, and so is left.
    """

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function

    def __get__(self, block: Any, owner: Any = None) -> Callable[..., None]:
        if block is None:  # as ExitStack asks for it
            return lambda block, *error: self.function(block.entered, *error)
        bound: Any = functools.partial(self.function, block.entered)
        bound.block = block
        return bound


class Block(contextlib.ContextDecorator):
    """A context manager that makes changes and undoes them; or those changes, to be iterated."""

    __enter__, __exit__ = _Method(_enter), _Method(_leave)
    entered: Any = None  # as long as Ctrl-C keeps it from being made

    def __init__(self, told: Callable[[], str], changes: Callable[[], Changes]) -> None:
        self.entered = Entered(told, changes)

    def _recreate_cm(self) -> "Block":
        return Block(self.entered.told, self.entered.changes)

    def __iter__(self) -> Changes:
        return self.entered.changes()

    def __del__(self) -> None:
        if self.entered in _entered and not sys.is_finalizing():
            _leave(self.entered)


def block(changes: Callable[P, Changes]) -> Callable[P, Block]:
    """Make a function that tells changes one that gives a block with them."""
    @functools.wraps(changes)
    def made(*arguments: P.args, **keywords: P.kwargs) -> Block:
        caller = sys._getframe(1)
        file, line = caller.f_code.co_filename, caller.f_lineno
        return Block(
            lambda: f"{changes.__name__}({', '.join(map(repr, arguments))}) of {file}:{line}",
            lambda: changes(*arguments, **keywords))

    return made


def _of_a_child() -> None:
    """Undo, in a forked process, the blocks of threads that are not there."""
    _lock.release()
    for entered in _entered:
        entered.left |= entered.thread is not threading.current_thread()
    _undo()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release,
                        after_in_child=_of_a_child)
