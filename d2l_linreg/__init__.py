"""Two well-known MXNet notebooks on linear regression, with the numbers they published."""
import importlib

from .compat import loading  # from now on `import mxnet` works, here or anywhere

__version__ = "0.1.0"

# Where each name lives; nothing, MXNet least of all, is imported before it is asked for.
_HOMES = {
    "train": "training.train",
    "TrainResult": "training.result",
    "replicate": "reproduction.replication",
    "reproduce": "reproduction.reproduce",
    "as_published": "originals.as_published",
    "load_ipython_extension": "originals.magic",
    "unload_ipython_extension": "originals.magic",
    "try_gpu": "contexts",
    "try_all_gpus": "contexts",
    "ContextError": "errors",
    "DataError": "errors",
    "DivergenceError": "errors",
}
_MODULES = {"d2l": "d2l", "straight_dope": "straight_dope", "published": "published",
            "reports": "reproduction.reports"}
__all__ = sorted(name for name in _HOMES if "ipython" not in name) + ["__version__"]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module("." + _HOMES[name], __name__), name)
    if name in _MODULES:
        return importlib.import_module("." + _MODULES[name], __name__)
    raise AttributeError("module {!r} has no attribute {!r}".format(__name__, name))


def __dir__():
    return sorted(set(globals()) | set(__all__) | set(_MODULES))
