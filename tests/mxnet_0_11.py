"""Draw random numbers with MXNet 0.11.0 itself, from its wheel of 2017.

    python tests/mxnet_0_11.py

downloads the wheel, runs it in a process of its own, with the `logf` of then, and prints the
sha256 sums of the Straight Dope notebook's data and initial parameters, which test_oracle.py
holds.
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy

WHEEL = "mxnet-0.11.0-py2.py3-none-manylinux1_x86_64.whl"
WHEEL_SHA256 = "e6b585ccfea8d005b2571f1778cd2a2da4b7451bdf252ab4d16fa1c947062d80"

# Runs beside the old wheel, with nothing of ours in the process.
_PROGRAM = """
import sys, warnings
warnings.simplefilter("ignore")
import numpy
for name in ("bool", "int", "float", "object"):
    if not hasattr(numpy, name):
        setattr(numpy, name, getattr(__import__("builtins"), name))
import mxnet as mx
from mxnet import nd
assert mx.__version__ == "0.11.0", mx.__version__
arrays = {}
exec(sys.stdin.read())
numpy.savez(sys.argv[1], **{name: array.asnumpy() for name, array in arrays.items()})
"""

STRAIGHT_DOPE = """
mx.random.seed(1)
X = nd.random_normal(shape=(10000, 2))
noise = nd.random_normal(shape=(10000,))
y = 2 * X[:, 0] - 3.4 * X[:, 1] + 4.2 + .01 * noise
w = nd.random_normal(shape=(2, 1))
b = nd.random_normal(shape=1)
arrays.update(X=X, noise=noise, y=y, w=w, b=b)
"""


def fetch(folder):
    """Download the wheel and unpack it into `folder`."""
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                    "--only-binary=:all:", "--platform", "manylinux1_x86_64",
                    "--dest", str(folder), "mxnet==0.11.0"], check=True)
    wheel = Path(folder) / WHEEL
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != WHEEL_SHA256:
        raise ValueError(f"{WHEEL} is not the wheel that was published")
    zipfile.ZipFile(wheel).extractall(folder)


def compile_old_libm(folder):
    """A library with the `logf` and the `powf` of C libraries of 2017, to be preloaded."""
    library = Path(folder) / "libm-of-2017.so"
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-ffp-contract=off", "-fno-builtin",
                    "-shared", "-fPIC", str(Path(__file__).parent / "fdlibm.c"), "-o",
                    str(library), "-ldl"], check=True)
    return library


def run(folder, program, **environment):
    """Run `program`, which fills `arrays`, on the unpacked wheel; return them as NumPy's."""
    results = Path(folder) / "arrays.npz"
    subprocess.run([sys.executable, "-c", _PROGRAM, str(results)], cwd=str(folder), check=True,
                   env=dict(os.environ, **environment), input=program, text=True)
    with numpy.load(results) as arrays:
        return dict(arrays)


def sha256(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        fetch(folder)
        drawn = run(folder, STRAIGHT_DOPE, LD_PRELOAD=str(compile_old_libm(folder)))
    print(json.dumps({name: sha256(array) for name, array in drawn.items()}, indent=4))
