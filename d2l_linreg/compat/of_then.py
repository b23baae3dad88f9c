"""NumPy and SciPy as MXNet knows them, for MXNet's modules alone.

MXNet reads two dozen names that NumPy has dropped since, most of them while its modules run their
top level, `bool`, `int`, `Inf` and `compat` also when its functions run; and one that SciPy is to
drop. So its modules, and no others, import stand-ins that have them beside all that is there today.
NumPy and SciPy themselves are not touched.
"""
import functools
import importlib
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy


def _raising(name: str) -> Any:
    """What NumPy 1.20 had in the place of a financial function."""
    def function(*arguments: Any, **keywords: Any) -> None:
        raise RuntimeError(f"numpy.{name} left NumPy in version 1.20; numpy-financial has it")

    function.__name__ = name
    return function


def _in1d(ar1: Any, ar2: Any, *arguments: Any, **keywords: Any) -> numpy.ndarray:
    return numpy.isin(numpy.ravel(ar1), ar2, *arguments, **keywords)


def _msort(a: Any) -> numpy.ndarray:
    return numpy.sort(a, axis=0)


class OfThen(ModuleType):
    """A module, and what it had when MXNet was written."""

    def __init__(self, today: ModuleType, **gone: Any) -> None:
        super().__init__(today.__name__)
        vars(self).update(gone, _today=today)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_today"], name)


def _numpy_of_then() -> OfThen:
    gone: dict[str, Any] = {
        "PZERO": 0.0, "NZERO": -0.0, "PINF": numpy.inf, "NINF": -numpy.inf, "Inf": numpy.inf,
        "NAN": numpy.nan, "NaN": numpy.nan, "alltrue": numpy.all, "sometrue": numpy.any,
        "product": numpy.prod, "round_": numpy.round, "in1d": _in1d, "msort": _msort,
        "trapz": getattr(numpy, "trapezoid", None), "compat": SimpleNamespace(basestring=str),
        **{name: _raising(name) for name in ("mirr", "npv", "pmt", "ppmt", "pv", "rate")}}
    gone = {name: value for name, value in gone.items() if name not in vars(numpy)}
    array_utils = getattr(numpy.lib, "array_utils", None)  # of NumPy 2, where core warns
    if array_utils is not None:
        gone["core"] = SimpleNamespace(numeric=array_utils)
    return OfThen(numpy, **gone, bool=bool, int=int, float=float)


@functools.cache
def of_then(today: ModuleType) -> OfThen:
    """What MXNet's modules import in the place of NumPy or SciPy."""
    if today is numpy:
        return _numpy_of_then()
    sparse = importlib.import_module("scipy.sparse")
    return OfThen(today, sparse=OfThen(sparse, csr=sparse))  # which has `csr_matrix` itself now
