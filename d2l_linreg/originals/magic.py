"""In Jupyter: `%load_ext d2l_linreg`, then `%as_published d2l` or `%as_published off`."""
import contextlib
from typing import Any

from ..contexts import as_context
from ..errors import ArgumentError
from ..settings import known
from .as_published import as_published

_scope: contextlib.AbstractContextManager[None] | None = None


def _switch(scope: contextlib.AbstractContextManager[None] | None) -> None:
    """Leave the scope that is entered, if any, and enter another, if any."""
    global _scope
    if _scope is not None:
        _scope.__exit__(None, None, None)
    _scope = scope
    if scope is not None:
        scope.__enter__()


def _as_published(line: str) -> None:
    """`%as_published d2l|straight_dope [CTX]` until `%as_published off`.

    From here on MXNet behaves as it did when that notebook was run; see
    `d2l_linreg.as_published`. Orders of the examples were found by search and are not the
    authors' own.
    """
    words = line.split()
    if words == ["off"]:
        _switch(None)
    elif 1 <= len(words) <= 2:
        known(words[0])  # a slip leaves what is on
        as_context(*words[1:] or ["cpu"])
        _switch(as_published(*words))
    else:
        raise ArgumentError(f"%as_published takes d2l, straight_dope or off, not {line!r}")


def load_ipython_extension(ipython: Any) -> None:
    """Called by `%load_ext d2l_linreg`."""
    ipython.register_magic_function(_as_published, magic_name="as_published")


def unload_ipython_extension(ipython: Any) -> None:
    """Called by `%unload_ext d2l_linreg`."""
    _switch(None)
    del ipython.magics_manager.magics["line"]["as_published"]
