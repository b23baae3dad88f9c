"""Where MXNet is found, and what it needs to load today, whoever imports it first.

The wheel of MXNet that came with this package lies unpacked beside it, and is found where no other
MXNet is installed. A current NumPy lacks names that MXNet reads, and MXNet's OpenBLAS does not know
current CPUs. An import hook mends both for MXNet alone; until it is imported nothing changes. The
one thing of MXNet's that stays changed is its `random.seed`, which tells its seed in passing.
"""
import builtins
import contextlib
import functools
import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from .cpu import cpu_has_fma
from .remedies import does_not_load

OWN = "d2l_linreg_mxnet"  # the folder that the build put beside the package
_PACKAGES = ("mxnet", "dmlc_tracker")  # what MXNet's wheel holds

HALF_IMPORTED = ("an import of mxnet has failed in this process before, and left parts of it "
                 "behind; restart the kernel, or start a new process, and import d2l_linreg first")
_WRONG_VERSION = (
    "MXNet {version}, in {folder}, is not one of 1.7.0 to 2.0, with which d2l_linreg works; remove "
    "it, with pip if pip put it there, and the MXNet that came with d2l_linreg is used")


def own_folders() -> list[str]:
    """Where the MXNet that came with this package may be: on the path, or beside a checkout."""
    beside = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return [os.path.join(entry, OWN) for entry in [*sys.path, beside] if isinstance(entry, str)]


def check_version(folder: str) -> None:
    """See that the MXNet in a folder is one that this package works with.

    Raises
    ------
    ImportError
        If it is not.
    """
    try:
        with open(os.path.join(folder, "libinfo.py"), encoding="utf-8") as file:
            version = re.search(r'^__version__ = "((\d+)\.(\d+).*)"', file.read(), re.MULTILINE)
    except OSError:  # whatever this is, its import will tell
        return
    if version and not (1, 7) <= (int(version[2]), int(version[3])) < (2, 1):
        raise ImportError(_WRONG_VERSION.format(version=version[1], folder=folder))


@contextlib.contextmanager
def _fma_kernel() -> Iterator[None]:
    """Let OpenBLAS, which reads the variable once as it loads, use fused multiply-adds."""
    if "OPENBLAS_CORETYPE" in os.environ or not cpu_has_fma():
        yield
        return
    os.environ["OPENBLAS_CORETYPE"] = "Haswell"
    try:
        yield
    finally:
        del os.environ["OPENBLAS_CORETYPE"]


def note_seeds(mxnet: ModuleType) -> None:
    """Have the package's own random streams start anew wherever MXNet's generator does."""
    from . import streams

    plain = mxnet.random.seed  # which `mx.npx.random.seed` calls, too

    @functools.wraps(plain)
    def seed(seed_state: int, ctx: Any = "all") -> None:
        plain(seed_state, ctx)
        streams.restart(int(seed_state), ctx)

    mxnet.random.seed = seed


def _import(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (),
            level: int = 0) -> ModuleType:
    """`import`, as MXNet's modules are given it."""
    if level:  # of its own modules, as in many functions of its
        return builtins.__import__(name, globals, locals, fromlist, level)
    if name.partition(".")[0] == "sklearn":  # half of MXNet's start, for a class that it can spare
        raise ImportError("MXNet is spared scikit-learn")
    try:
        module = builtins.__import__(name, globals, locals, fromlist, level)
    except Exception as error:
        # MXNet does without SciPy and others, but expects no other error than this of them
        if name.partition(".")[0] not in ("mxnet", "numpy"):
            raise ImportError(f"{name} does not import: {error!r}") from error
        raise
    if module in (sys.modules.get("numpy"), sys.modules.get("scipy")):
        from .of_then import of_then  # not sooner: a late start of MXNet's makes threads meet

        return of_then(module)
    return module


def _run_module(execute: Callable[[ModuleType], Any], module: ModuleType) -> None:
    # A copy of Python's builtins: whoever replaces one of them later does so without MXNet
    vars(module)["__builtins__"] = dict(vars(builtins), __import__=_import)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MXNet's old syntax, and of what is to leave Python
        execute(module)


class _Loader(Loader):
    """Loads a module of MXNet's as its own loader does, which others may share, but prepared."""

    def __init__(self, own: Any, run: Callable[..., None]) -> None:
        self.own, self.run = own, run

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["own"], name)

    def create_module(self, spec: ModuleSpec) -> Any:
        if spec.name == "mxnet" and parts():  # before it is there, also for other threads
            raise ImportError(HALF_IMPORTED)
        return self.own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.run(self.own.exec_module, module)


class MXNetFinder:
    """Finds MXNet's packages as Python would, else in the own folder; prepares its modules."""

    prepared = False  # whether it was this finder that MXNet came by

    def __init__(self) -> None:
        self._asking: set[int] = set()  # threads

    def find_spec(self, name: str, path: Sequence[str] | None = None,
                  target: ModuleType | None = None) -> ModuleSpec | None:
        """Find a module of MXNet's; of everything else, nothing."""
        package = name.partition(".")[0]
        if package not in _PACKAGES:
            return None
        thread = threading.get_ident()
        if thread in self._asking:  # another finder asks all others, too
            return None
        self._asking.add(thread)
        try:
            found = [finder.find_spec(name, path, target) for finder in sys.meta_path
                     if finder is not self and hasattr(finder, "find_spec")]
        finally:
            self._asking.remove(thread)
        spec = next((spec for spec in found if spec is not None
                     and (spec.origin is not None or name != package)), None)  # not a mere folder
        if spec is None and name == package:
            spec = PathFinder.find_spec(name, own_folders(), target)
        if package == "mxnet" and spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._run if name == "mxnet" else _run_module)
        return spec

    def _run(self, execute: Callable[[ModuleType], Any], module: ModuleType) -> None:
        check_version(os.path.dirname(module.__file__ or ""))
        try:
            with _fma_kernel():
                _run_module(execute, module)
        except BaseException as error:
            for name in parts():  # so that the next try tells the same
                del sys.modules[f"mxnet.{name}"]
            if isinstance(error, OSError) or (
                    isinstance(error, RuntimeError) and "MXNet library" in str(error)):
                raise ImportError(does_not_load(error, module.__file__)) from error
            raise
        note_seeds(module)
        self.prepared = True


def parts() -> list[str]:
    """The modules of MXNet's that are loaded, by the attributes of it that they are."""
    return [name.removeprefix("mxnet.") for name in sys.modules if name.startswith("mxnet.")]


finder = MXNetFinder()
sys.meta_path.insert(0, finder)
