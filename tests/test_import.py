"""What importing the package does to a process: no more than MXNet needs."""
import os
import platform
import shutil
import subprocess
import sys
import tempfile

import mxnet_first
import numpy
import pytest
from processes import environ

import d2l_linreg
from d2l_linreg.compat import remedies
from d2l_linreg.compat.cpu import cpu_has_fma
from d2l_linreg.compat.mxnet import blas_kernel, mx
from d2l_linreg.compat.remedies import does_not_load

needs_fma = pytest.mark.skipif(not cpu_has_fma(), reason="this CPU has no AVX2 and FMA")


def run(*arguments, **environment):
    return subprocess.run([sys.executable, *arguments],
                          env=environ(**dict({"OPENBLAS_CORETYPE": None}, **environment)),
                          capture_output=True, text=True,
                          cwd=tempfile.gettempdir())  # away from the source tree


def python(program, *flags, **environment):
    return run(*flags, "-c", program, **environment)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="NumPy names other features here")
def test_what_the_system_says_of_the_cpu_is_what_numpy_says():
    try:
        from numpy._core._multiarray_umath import __cpu_features__ as features
    except ImportError:  # before NumPy 2
        from numpy.core._multiarray_umath import __cpu_features__ as features
    assert cpu_has_fma() == (features["AVX2"] and features["FMA3"])


def test_import_changes_nothing_global():
    finished = python("""
import os, random, sys
import numpy
environ, shuffle = dict(os.environ), numpy.random.get_state()[1].tolist()
before = random.getstate()
from d2l_linreg import d2l, reproduce, straight_dope, train
from mxnet import nd, npx
assert dict(os.environ) == environ
assert numpy.random.get_state()[1].tolist() == shuffle and random.getstate() == before
assert not npx.is_np_array() and not npx.is_np_shape()
assert "matplotlib.pyplot" not in sys.modules
# the stream of a process that nobody seeded: the first feature that d2l published
assert str(nd.random.normal(shape=(1000, 2))[0].asnumpy()) == "[2.2122064 0.7740038]"
""", "-W", "error")
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == finished.stderr == ""


@pytest.mark.parametrize("program", [
    "import d2l_linreg, sys; assert 'mxnet' not in sys.modules and 'numpy' not in sys.modules",
    "from d2l_linreg.cli import main; import sys; assert main(['--help']) == 0;"
    "assert 'mxnet' not in sys.modules and 'numpy' not in sys.modules",
])
def test_the_package_alone_and_help_import_neither_mxnet_nor_numpy(program):
    finished = python(program)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("first", ["", "import numpy, matplotlib.pyplot; "])
def test_after_the_package_mxnet_imports_and_has_the_fma_kernel(first):
    finished = python(first + "import d2l_linreg; import mxnet; print(mxnet.nd.ones(2).sum());"
                      "from d2l_linreg.compat.mxnet import blas_kernel; print(blas_kernel())",
                      "-W", "error")
    assert finished.returncode == 0 and finished.stderr == ""
    assert not cpu_has_fma() or finished.stdout.split()[-1] in ("Haswell", "None")


@needs_fma
@pytest.mark.parametrize("chosen, kernel", [({}, "Haswell"),
                                            ({"OPENBLAS_CORETYPE": "Nehalem"}, "Nehalem")])
def test_openblas_uses_the_fma_kernel_unless_someone_chose_another(chosen, kernel):
    program = "from d2l_linreg.compat.mxnet import blas_kernel; print(blas_kernel())"
    assert python(program, **chosen).stdout.strip() in (kernel, "None")  # None: it does not tell


MXNET_FIRST = mxnet_first.BEGINNING + """
from d2l_linreg import train, reproduce
from d2l_linreg import d2l
"""


@needs_fma
@pytest.mark.skipif(blas_kernel() is None, reason="this MXNet does not tell its BLAS kernel")
def test_mxnet_imported_earlier_is_told_once_what_that_costs():
    finished = python(MXNET_FIRST, OPENBLAS_CORETYPE="Prescott", PYTHONPATH=mxnet_first.FOLDER)
    assert finished.stderr.count("runs the Prescott kernel") == 1
    assert "Import d2l_linreg first" in finished.stderr


@needs_fma
def test_mxnet_imported_earlier_is_told_nothing_where_it_costs_nothing():
    finished = python(MXNET_FIRST, OPENBLAS_CORETYPE="Haswell", PYTHONPATH=mxnet_first.FOLDER)
    assert finished.returncode == 0, finished.stderr
    assert "only to rounding" not in finished.stderr


@pytest.fixture
def foreign_mxnet(tmp_path):
    """Where a wheel carries another platform's library: one that the system's loader refuses."""
    (tmp_path / "mxnet").mkdir()
    (tmp_path / "mxnet" / "libmxnet.so").write_bytes(b"\xcf\xfa\xed\xfe not of this platform")
    (tmp_path / "mxnet" / "base.py").write_text("")
    (tmp_path / "mxnet" / "__init__.py").write_text(
        "from . import base\nimport ctypes, os\n"
        "ctypes.CDLL(os.path.join(os.path.dirname(__file__), 'libmxnet.so'))\n")
    return str(tmp_path)


@pytest.mark.parametrize("system, machine, remedy", [
    ("Linux", "x86_64", "Wheels that load are for Linux x86-64 and macOS x86-64 (MXNet 1.9.1)."),
    ("Linux", "aarch64", "libopenblas.so.0 libarmpl_lp64_mp.so"),
    ("Darwin", "arm64", "MXNet has no wheel for Apple silicon"),
    ("Windows", "AMD64", "1.7.0.post2"),
])
def test_a_native_library_that_does_not_load_says_what_is_true_of_the_platform(
        system, machine, remedy, foreign_mxnet):
    finished = python(
        f"import platform; platform.system = lambda: {system!r}; "
        f"platform.machine = lambda: {machine!r}; import d2l_linreg.d2l", PYTHONPATH=foreign_mxnet)
    assert finished.returncode == 1
    (line,) = [line for line in finished.stderr.splitlines() if line.startswith("ImportError")]
    assert "MXNet's native library does not load here" in line and remedy in line
    if machine == "aarch64":  # all that its wheel lacks, and where to put what stands in
        assert all(f"lib{name}.so" in line for name in ("armpl_lp64_mp", "amath", "astring"))
        assert os.path.join(foreign_mxnet, "mxnet") in line
    else:
        assert "aarch64" not in line


def test_the_remedy_is_of_the_library_that_is_missing_and_names_the_folder(monkeypatch):
    monkeypatch.setattr(remedies, "ARM", False)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    needed = "/lib/libm.so.6: version `GLIBC_2.27' not found (required by /x/libgomp.so.1)"
    assert "libgomp1" not in does_not_load(OSError(needed), "/x/mxnet/__init__.py")
    assert "libgomp1" in does_not_load(OSError("libgomp.so.1: cannot open"), "/x/mxnet/__init__.py")
    monkeypatch.setattr(remedies, "ARM", True)
    origin = os.path.join("x", "mxnet", "__init__.py")
    told = does_not_load(OSError("libarmpl_lp64_mp.so: cannot open shared object file"), origin)
    assert f"in {os.path.dirname(origin)}, ln -s" in told
    assert "in mxnet's folder, ln -s" in does_not_load(OSError("libamath.so"), None)


def test_a_second_try_tells_the_same(foreign_mxnet):
    finished = python("""
import d2l_linreg
for _ in range(2):
    try:
        import mxnet
    except ImportError as error:
        print("native library does not load here" in str(error))
""", PYTHONPATH=foreign_mxnet)
    assert finished.stdout == "True\nTrue\n", finished.stderr


# The libraries that `ldd` names for MXNet 1.9.1, and what Debian calls their packages
@pytest.mark.parametrize("library, packages", [
    ("libgomp.so.1", ("libgomp1", "libquadmath0")),
    ("libquadmath.so.0", ("libgomp1", "libquadmath0"))])
def test_a_slim_image_is_told_the_packages_that_it_lacks(library, packages, tmp_path):
    # A Linux in which the library is not there, for this process alone
    if not shutil.which("unshare") or os.geteuid() != 0:
        pytest.skip("only Linux's root can take a library away for one process")
    with open("/proc/self/maps", encoding="utf-8") as file:
        loaded = {line.split()[-1] for line in file if f"/{library}" in line}
    if len(loaded) != 1 or not min(loaded).startswith(("/usr/lib/", "/lib/")):
        pytest.skip("this Python has libraries of its own")
    folder = os.path.dirname(min(loaded))
    upper, work = tmp_path / "upper", tmp_path / "work"
    upper.mkdir()
    work.mkdir()
    without = (f"mount -t overlay overlay -o lowerdir={folder},upperdir={upper},workdir={work} "
               f"{folder} || exit 77; rm {folder}/{library}; exec \"$@\"")
    finished = subprocess.run(
        ["unshare", "--mount", "sh", "-c", without, "sh", sys.executable, "-m", "d2l_linreg",
         "info"], env=environ(), capture_output=True, text=True, cwd=tempfile.gettempdir())
    if finished.returncode == 77:
        pytest.skip("this system mounts nothing for one process")
    assert finished.returncode == 1 and finished.stderr.startswith("d2l-linreg: MXNet's native")
    assert f"{library}: cannot open shared object file" in finished.stderr
    assert all(package in finished.stderr for package in packages)


MISSING = "{}: cannot open shared object file: No such file or directory"


@pytest.mark.parametrize("library, remedy", [
    ("libopenblas.so.0", "take 1.8.0.post0"), ("libcuda.so.1", "docs/gpu.md"),
    ("libcudnn.so.8", "docs/gpu.md"), ("libnccl.so.2", "docs/gpu.md")])
def test_what_a_build_lacks_has_a_remedy_of_its_own(library, remedy):
    assert remedy in does_not_load(OSError(MISSING.format(library)), "/mxnet/__init__.py")


FIND = "import d2l_linreg, importlib.util; print(importlib.util.find_spec('mxnet').origin)"


def test_an_mxnet_that_someone_installed_is_taken_before_ours(foreign_mxnet):
    origin = python(FIND, PYTHONPATH=foreign_mxnet).stdout.strip()
    assert origin == os.path.join(foreign_mxnet, "mxnet", "__init__.py")


def test_a_mere_folder_of_the_name_is_not_mxnet(tmp_path):
    (tmp_path / "mxnet").mkdir()
    assert python(FIND, PYTHONPATH=str(tmp_path)).stdout.strip() == mx.__file__


def test_an_mxnet_that_another_finder_knows_is_taken_too(foreign_mxnet):
    finished = python("""
import os, sys
from importlib.machinery import PathFinder
class Finder:
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, [os.environ["ELSEWHERE"]]) if name == "mxnet" else None
sys.meta_path.insert(0, Finder)
""" + FIND, ELSEWHERE=foreign_mxnet)
    assert finished.stdout.strip() == os.path.join(foreign_mxnet, "mxnet", "__init__.py")


@pytest.mark.parametrize("version, works", [
    ("0.11.0", False), ("1.6.0", False), ("1.7.0", True), ("1.9.1", True), ("2.0.0beta1", True),
    ("2.1.0", False)])
def test_another_version_of_mxnet_is_refused_before_it_runs(version, works, tmp_path):
    package = tmp_path / "mxnet"
    package.mkdir()
    (package / "__init__.py").write_text("print('runs')\nraise ImportError('of its own')\n")
    (package / "libinfo.py").write_text(f'# what it is\n__version__ = "{version}"\n')
    finished = python("import d2l_linreg.d2l", PYTHONPATH=str(tmp_path))
    assert (finished.stdout == "runs\n") == works
    if not works:
        assert f"MXNet {version}, in {package}, is not one of 1.7.0 to 2.0" in finished.stderr
        assert "remove it, with pip if pip put it there" in finished.stderr


@pytest.mark.parametrize("afterwards", ["", mxnet_first.BEGINNING])  # someone mends it, and retries
def test_what_a_failed_import_left_behind_is_recognised(afterwards):
    finished = python("""
import numpy
for name in {"PZERO", "NZERO"} & set(vars(numpy)):
    delattr(numpy, name)
try:
    import mxnet
except AttributeError:
    pass
""" + afterwards + """
import d2l_linreg
with d2l_linreg.as_published("d2l"):
    pass
""", PYTHONPATH=mxnet_first.FOLDER)
    last = finished.stderr.splitlines()[-1]
    assert last == (
        "ImportError: an import of mxnet has failed in this process before, and left parts of it "
        "behind; restart the kernel, or start a new process, and import d2l_linreg first")


def test_a_loader_that_other_modules_share_is_left_alone(tmp_path):
    (tmp_path / "other.py").write_text("import numpy\n")
    assert python("""
import sys
from importlib.machinery import PathFinder
class Shared:  # as pytest's, for what it rewrites
    def find_spec(name, path=None, target=None):
        if name in ("mxnet.test_utils", "other"):
            spec = PathFinder.find_spec(name, path)
            Shared.of[name], spec.loader = spec.loader, Shared
            return spec
    def create_module(spec): pass
    def exec_module(module): Shared.of[module.__name__].exec_module(module)
    of = {}
sys.meta_path.insert(0, Shared)
import d2l_linreg, mxnet.test_utils, numpy, other
assert set(Shared.of) == {"mxnet.test_utils", "other"}
print(other.numpy is numpy, mxnet.test_utils.np is numpy, mxnet.test_utils.__loader__.of)
""", PYTHONPATH=tmp_path).stdout.startswith("True False {")


def test_finders_of_other_kinds_are_no_hindrance():
    assert python("""
import sys
class Old:
    def find_module(self, name, path=None): pass
class AsksAll:
    def find_spec(name, path=None, target=None):
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path
                 if finder is not AsksAll and hasattr(finder, "find_spec"))
        return next((spec for spec in found if spec is not None), None)
sys.meta_path[:0] = [Old(), AsksAll]
sys.path += [None, b"bytes"]
import d2l_linreg, mxnet
print(mxnet.nd.ones(2).sum().asscalar())
""").stdout == "2.0\n"


def test_where_there_is_no_mxnet_it_is_said_whence_it_comes(tmp_path):
    for package in (d2l_linreg, numpy):
        (tmp_path / package.__name__).symlink_to(os.path.dirname(package.__file__))
    finished = subprocess.run(
        [sys.executable, "-S", "-c", "import d2l_linreg.compat.mxnet"], capture_output=True,
        text=True, cwd=tempfile.gettempdir(), env=dict(os.environ, PYTHONPATH=str(tmp_path)))
    assert finished.stderr.splitlines()[-1] == (
        "ImportError: MXNet is not here: it comes along when d2l_linreg is installed, as by "
        "`pip install .` in a checkout")


def test_mxnet_can_be_reloaded():
    assert python("import d2l_linreg, importlib, mxnet; print(importlib.reload(mxnet) is mxnet)"
                  ).stdout == "True\n"


def test_the_command_says_in_one_line_that_the_native_library_does_not_load(foreign_mxnet):
    finished = run("-m", "d2l_linreg", "info", PYTHONPATH=foreign_mxnet)
    assert finished.returncode == 1
    assert finished.stderr.startswith("d2l-linreg: MXNet's native")
