"""In Jupyter: `%load_ext d2l_linreg`, then `%as_published d2l` or `%as_published off`."""
from typing import Any

from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from ..compat.blocks import Block
from .as_published import as_published, checked

_scope: Block | None = None


def _switch(scope: Block | None) -> None:
    """Leave the scope that is entered, if any, and enter another, if any."""
    global _scope
    if _scope is not None:
        _scope.__exit__(None, None, None)
    _scope = scope
    if scope is not None:
        scope.__enter__()
        scope.entered.task = lambda: None  # the whole kernel's, whatever tasks it runs


@magic_arguments()
@argument("era", help="a notebook, d2l or straight_dope; or an era, 2017, late-2017, 2018 or 2020; "
                      "or today; or off")
@argument("ctx", nargs="?", help="MXNet's default device; cpu also stands in for GPUs")
@argument("--swapped-pairs", action="store_true",
          help="swap each pair of normal numbers, as on macOS and Windows")
@argument("--numpy-printing", metavar="VERSION", help="print arrays as NumPy 1.13 or 1.16 did")
def _as_published(line: str) -> None:
    """MXNet behaves from here on as it did when a notebook was run, until `%as_published off`.

    See `d2l_linreg.as_published`. Orders of the examples were found by search and are not the
    authors' own.
    """
    given = parse_argstring(_as_published, line)
    if given.era == "off":
        return _switch(None)
    options = {"swapped_pairs": given.swapped_pairs, "numpy_printing": given.numpy_printing}
    checked(given.era, given.ctx, **options)  # a slip leaves what is on
    _switch(as_published(given.era, given.ctx, **options))


def load_ipython_extension(ipython: Any) -> None:
    """Called by `%load_ext d2l_linreg`."""
    ipython.register_magic_function(_as_published, magic_name="as_published")


def unload_ipython_extension(ipython: Any) -> None:
    """Called by `%unload_ext d2l_linreg`."""
    _switch(None)
    del ipython.magics_manager.magics["line"]["as_published"]
