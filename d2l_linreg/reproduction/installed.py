"""Which MXNet is in use here, and what an earlier version of this package left behind."""
import hashlib
import importlib.metadata
import os
import re

from ..compat.loading import OWN
from ..compat.mxnet import mx


def own_wheel() -> str | None:
    """The name and hash of the wheel that came with this package, if its MXNet is in use."""
    folder = os.path.dirname(os.path.dirname(mx.__file__))
    if os.path.basename(folder) != OWN:
        return None
    try:
        with open(os.path.join(folder, "wheel.txt"), encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return "from no wheel that was noted"


def which_mxnet() -> str:
    """Whether the MXNet in use came with this package or was installed apart, and its hash."""
    wheel = own_wheel()
    if wheel is not None:
        return f"what came with d2l_linreg: {wheel}"
    library = mx.libinfo.find_lib_path()[0]
    with open(library, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    names = importlib.metadata.packages_distributions().get("mxnet", [])
    installed = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in set(names))
    return (f"installed apart ({installed or 'not by pip'}): {os.path.basename(library)} "
            f"sha256:{digest}")


def leftovers() -> str | None:
    """What version 0.1.0 of this package brought, and this one can do without; None if nothing."""
    try:
        left = importlib.metadata.distribution("mxnet")
    except importlib.metadata.PackageNotFoundError:
        return None
    needed = left.read_text("REQUESTED") is not None or any(
        re.match(r"mxnet(?![\w-])", requirement, re.IGNORECASE) and "extra ==" not in requirement
        for other in importlib.metadata.distributions() for requirement in other.requires or ())
    if needed or own_wheel() is not None:
        return None
    return (f"mxnet {left.version} may be here only because d2l_linreg 0.1.0 required it, and with "
            "it a NumPy below 2. This one has an MXNet of its own, which runs beside any NumPy: "
            "`pip uninstall mxnet`, then `pip install --upgrade numpy`.")
