"""In Jupyter: `%load_ext d2l_linreg`, then `%as_published d2l` or `%as_published off`."""
from ..contexts import as_context
from .as_published import as_published
from ..settings import known

_scope = None


def _switch(scope):
    """Leave the scope that is entered, if any, and enter another, if any."""
    global _scope
    if _scope is not None:
        _scope.__exit__(None, None, None)
    _scope = scope
    if scope is not None:
        scope.__enter__()


def _as_published(line):
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
        raise ValueError("%as_published takes d2l, straight_dope or off, not {!r}".format(line))


def load_ipython_extension(ipython):
    """Called by `%load_ext d2l_linreg`."""
    ipython.register_magic_function(_as_published, magic_name="as_published")


def unload_ipython_extension(ipython):
    """Called by `%unload_ext d2l_linreg`."""
    _switch(None)
    del ipython.magics_manager.magics["line"]["as_published"]
