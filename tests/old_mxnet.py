"""Draw random numbers with MXNet 0.11.0 or 0.12.1 itself, from their wheels of 2017.

    python tests/old_mxnet.py

downloads the wheel of 0.11.0, runs it in a process of its own, with the `logf` of then, and prints
the sha256 sums of the Straight Dope notebook's data and initial parameters, which test_oracle.py
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

from d2l_linreg.compat.mxnet import mx

WHEEL = "mxnet-{version}-py2.py3-none-manylinux1_x86_64.whl"
SHA256 = {
    "0.11.0": "e6b585ccfea8d005b2571f1778cd2a2da4b7451bdf252ab4d16fa1c947062d80",
    "0.12.1": "1b8c17a2b9952cb69b6958704873b870b46459a77d55d89af17ec757b7cefe6e",
}

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
assert mx.__version__ == sys.argv[2], mx.__version__
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


def fetch(version, folder):
    """Download a version's wheel and unpack it into `folder`."""
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                    "--only-binary=:all:", "--platform", "manylinux1_x86_64",
                    "--dest", str(folder), f"mxnet=={version}"], check=True)
    wheel = Path(folder) / WHEEL.format(version=version)
    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256[version]:
        raise ValueError(f"{wheel.name} is not the wheel that was published")
    zipfile.ZipFile(wheel).extractall(folder)
    (Path(folder) / "version").write_text(version)


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
    # 0.12.1 lacks libgfortran.so.3, which today's wheel brings along
    libraries = os.pathsep.join([os.path.dirname(mx.__file__),
                                 os.environ.get("LD_LIBRARY_PATH", "")]).rstrip(os.pathsep)
    subprocess.run([sys.executable, "-c", _PROGRAM, str(results),
                    (Path(folder) / "version").read_text()], cwd=str(folder), check=True,
                   env=dict(os.environ, LD_LIBRARY_PATH=libraries, **environment), input=program,
                   text=True)
    with numpy.load(results) as arrays:
        return dict(arrays)


def sha256(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        fetch("0.11.0", folder)
        drawn = run(folder, STRAIGHT_DOPE, LD_PRELOAD=str(compile_old_libm(folder)))
    print(json.dumps({name: sha256(array) for name, array in drawn.items()}, indent=4))
