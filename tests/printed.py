"""1,000 arrays, and how this NumPy prints them.

    python tests/printed.py

prints its version and the texts as JSON; with any NumPy, on Python 2, too. `texts_of` has one of
another age do so.
"""
import json
import sys

import numpy

SHAPES = [(), (1,), (2,), (3,), (10,), (19,), (1, 1), (2, 1), (1, 7), (3, 4), (10, 2), (4, 6),
          (2, 2, 3), (2, 3, 4, 2), (0,), (0, 3), (1001,), (1200, 2), (40, 30)]


def arrays():
    """Of many shapes and types: the usual, rounded, far apart, without end, whole and so on."""
    random = numpy.random.RandomState(2017)
    for index in range(1000):
        shape = SHAPES[random.randint(len(SHAPES))]
        numbers = random.normal(size=shape) * 10. ** random.randint(-9, 10)
        types = ["float32"]
        kind = index % 10
        if kind == 1:
            numbers = numpy.round(random.normal(size=shape) * 10, random.randint(3))
        elif kind == 2:
            numbers = random.normal(size=shape) * 10. ** random.randint(-8, 9, size=shape)
        elif kind == 3:
            special = [numpy.nan, numpy.inf, -numpy.inf, -0.][random.randint(4)]
            numbers = numpy.where(random.uniform(size=shape) < .2, special, numbers)
        elif kind == 4:
            numbers = random.randint(-10 ** random.randint(1, 6), 10 ** 6, size=shape)
            types = ["int32", "int64", "uint8", "int8"]
        elif kind == 5:
            numbers, types = random.uniform(size=shape) < .5, ["bool"]
        elif kind == 6:
            numbers = random.uniform(size=shape)
        elif kind == 7:
            types = ["float64"]
        elif kind == 8:
            types = ["float16", "float64"]
        with numpy.errstate(all="ignore"):
            yield numpy.asarray(numbers).astype(types[random.randint(len(types))])


def texts():
    """What `str` and `repr` say of each."""
    return [[str(array), repr(array)] for array in arrays()]


def texts_of(version, python, tag, folder):
    """What they said with a release of NumPy, on an interpreter for which it has a wheel."""
    import os
    import subprocess
    import zipfile
    from pathlib import Path

    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                    "--only-binary=:all:", "--platform", "manylinux1_x86_64",
                    "--python-version", tag[2:4], "--abi", tag, "--dest", str(folder),
                    "numpy==" + version], check=True)
    (wheel,) = Path(folder).glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    printed = subprocess.run([python, __file__], env=dict(os.environ, PYTHONPATH=str(folder)),
                             check=True, capture_output=True, text=True).stdout
    found, then = json.loads(printed)
    assert found == version
    return then


if __name__ == "__main__":
    json.dump([numpy.__version__, texts()], sys.stdout)
