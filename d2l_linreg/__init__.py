"""Two well-known MXNet notebooks on linear regression, with the numbers they published."""
import importlib
from typing import Any

from .compat import loading as loading  # from now on `import mxnet` works, here or anywhere

__version__ = "0.2.0"

# Where each name lives; nothing, MXNet least of all, is imported before it is asked for.
_HOMES = {
    "contexts": ("try_gpu", "try_all_gpus"),
    "errors": ("ArgumentError", "CheckpointError", "ContextError", "DataError", "DivergenceError"),
    "originals.as_published": ("as_published",),
    "originals.magic": ("load_ipython_extension", "unload_ipython_extension"),
    "reproduction.replication": ("replicate",),
    "reproduction.reproduce": ("reproduce",),
    "training.result": ("TrainResult",),
    "training.train": ("train",),
}
_MODULES = {"d2l": "d2l", "straight_dope": "straight_dope", "published": "published",
            "reports": "reproduction.reports"}
_MEMBERS = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(name for name in _MEMBERS if "ipython" not in name) + ["__version__"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module("." + _MODULES[name], __name__)
    if name in _MEMBERS:
        return getattr(importlib.import_module("." + _MEMBERS[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_MEMBERS})
