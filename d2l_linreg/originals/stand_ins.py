"""What notebooks import, or ask for, that is not here: the books' package, a GPU, an old name."""
import importlib
import importlib.util
import sys
import threading
from contextvars import ContextVar
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from .. import d2l
from ..compat.blocks import Changes, block, replaced
from ..compat.mxnet import mx
from ..contexts import Context

_ANOTHER_EDITION = (
    "{name} belongs to another edition of Dive into Deep Learning, whose package is d2l on PyPI: "
    "its numbers are not ours, and {remedy}")
_REMEDIES = {True: "under the era 2020 its names are used where ours end, if it is installed: pip "
                   "install --no-deps d2l, and pandas",
             False: "only under the era 2020 its names are used where ours end"}


class _Book(ModuleType):
    """The package `d2l`, of which the course of 2019 used three names, and later books many more.

    Also as its own part `mxnet`, by which later books import it.
    """

    def __init__(self, later: bool) -> None:
        super().__init__("d2l", d2l.__doc__)
        self.__spec__ = ModuleSpec("d2l", None, origin=d2l.__file__, is_package=True)
        self.__path__: list[str] = []
        self.mxnet, self._later = self, later

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            for module in filter(None, (d2l, self._theirs())):
                if hasattr(module, name):
                    return getattr(module, name)
        raise AttributeError(self.lacks(f"d2l.{name}"), name=name, obj=self)

    def lacks(self, name: str) -> str:
        """What to say of a name that is not here."""
        return _ANOTHER_EDITION.format(name=name, remedy=_REMEDIES[self._later])

    def _theirs(self) -> ModuleType | None:
        """The later book's own module, if it may be used and is installed."""
        if self._later and "theirs" not in vars(self):
            with _without_the_package():
                try:
                    self.theirs: ModuleType | None = importlib.import_module("d2l.mxnet")
                except ModuleNotFoundError as error:
                    if error.name not in ("d2l", "d2l.mxnet"):
                        raise
                    self.theirs = None
        return vars(self).get("theirs")


class _Finder:
    """Among `sys.meta_path`, refuses what else is imported of the package, and says why."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Refuse a module of the book's, as long as our stand-in for it is there."""
        book = sys.modules.get("d2l")
        if name.startswith("d2l.") and isinstance(book, _Book):
            raise ImportError(book.lacks(name), name=name)


def the_book(shadows: bool, later: bool) -> Changes:
    """Inside a block `import d2l`, and `from d2l import mxnet`, give our vocabulary.

    Parameters
    ----------
    shadows : bool
        Whether also in the place of a package of that name; afterwards that is there again.
    later : bool
        Whether such a package's names are used where ours end.
    """
    if not shadows and (_modules() or _is_installed()):
        return
    yield from _without_the_package()
    sys.modules["d2l"] = sys.modules["d2l.mxnet"] = _Book(later)
    finder: Any = _Finder()

    def undo() -> None:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)

    yield undo
    sys.meta_path.insert(0, finder)


def _modules() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items()
            if name == "d2l" or name.startswith("d2l.")}


@block
def _without_the_package() -> Changes:
    """Inside the block no module of the package d2l is loaded; afterwards those that were."""
    before = _modules()

    def undo() -> None:
        _unload()
        sys.modules.update(before)

    yield undo
    _unload()


def _unload() -> None:
    for name in _modules():
        sys.modules.pop(name, None)


def _is_installed() -> bool:
    found = importlib.util.find_spec("d2l")
    return found is not None and found.origin is not None  # no mere folder


def set_matplotlib_formats() -> Changes:
    """Inside a block that function is where it was until IPython 9, if IPython is loaded."""
    display = sys.modules.get("IPython.display")
    if display is None or hasattr(display, "set_matplotlib_formats"):
        return

    def as_it_was(*formats: str, **keywords: Any) -> None:
        from matplotlib_inline import backend_inline  # not sooner: it brings matplotlib

        backend_inline.set_matplotlib_formats(*formats, **keywords)

    yield from replaced(display, "set_matplotlib_formats", as_it_was)


def default_device(ctx: mx.Context) -> Changes:
    """Inside a block MXNet's default device is `ctx`, in all threads."""
    if hasattr(Context, "_default_ctx"):
        yield from replaced(Context, "_default_ctx",
                            type("", (threading.local,), {"value": ctx})())
    else:  # MXNet 2
        current: ContextVar[Any] = ContextVar("current", default=ctx)
        for module in (mx.device, mx.context):
            yield from replaced(module, "_current", current)


def for_gpus(ctx: mx.Context) -> Changes:
    """Inside a block `mx.gpu()`, by whatever name, is `ctx`."""
    def gpu(device_id: int = 0) -> mx.Context:
        return ctx

    for module in (mx, mx.context, mx.npx):
        if hasattr(module, "gpu"):
            yield from replaced(module, "gpu", gpu)
