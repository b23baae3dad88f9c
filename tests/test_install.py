"""What `pip install .` does: MXNet's own wheel, unmodified, comes along, and goes along."""
import base64
import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("d2l_linreg", "notebooks", "docs", "setup.py", "setup.cfg", "pyproject.toml",
          "README.md", "LICENSE", "mxnet-wheel.txt")
PIP = [sys.executable, "-m", "pip"]


def start(*command, cwd=None, **environment):
    """Start a command, with no other package in its way."""
    return subprocess.Popen(list(map(str, command)), cwd=cwd, text=True,
                            env=dict(os.environ, PYTHONPATH="", **environment),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)


def run(*command, **keywords):
    process = start(*command, **keywords)
    output, _ = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, output)


def succeed(*command, **keywords):
    finished = run(*command, **keywords)
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


@pytest.fixture(scope="module")
def links(tmp_path_factory):
    """A folder with all that a build needs, so that the builds here need no network."""
    folder = tmp_path_factory.mktemp("links")
    if not (ROOT / "setup.py").exists():
        pytest.skip("the tests are not in a checkout")
    for wanted in (["setuptools>=70.1", "pip"],
                   ["--require-hashes", "--requirement", ROOT / "mxnet-wheel.txt"]):
        if run(*PIP, "download", "--no-deps", "--only-binary=:all:", "--dest", folder,
               *wanted).returncode:
            pytest.skip("what a build needs cannot be downloaded here")
    return folder


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what a build reads, in a folder whose name a pattern would read otherwise."""
    folder = tmp_path_factory.mktemp("checkout[1]")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(
                "__pycache__", "_build", ".ipynb_checkpoints"))
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def offline(links):
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(links), "PIP_EXTRA_INDEX_URL": ""}


@pytest.fixture(scope="module")
def wheels(checkout, links, tmp_path_factory):
    """Two, built side by side from one checkout."""
    folders = [tmp_path_factory.mktemp("wheel") for _ in range(2)]
    builds = [start(*PIP, "wheel", "--no-deps", "--wheel-dir", folder, checkout, **offline(links))
              for folder in folders]
    for build in builds:
        output, _ = build.communicate()
        assert build.returncode == 0, output
    return [next(folder.glob("*.whl")) for folder in folders]


def record(archive):
    """What a wheel's RECORD says of each file: its hash."""
    (name,) = [name for name in archive.namelist()
               if name.endswith(".dist-info/RECORD") and name.count("/") == 1]
    lines = io.StringIO(archive.read(name).decode())
    return {path: digest for path, digest, _ in csv.reader(lines)}


def test_the_wheel_holds_mxnets_own_unmodified_and_is_for_its_platform(wheels, links):
    (own,) = links.glob("mxnet-*.whl")
    assert wheels[0].name.split("-")[2:] == ["py3", "none", own.name.rpartition("-")[2]]
    with zipfile.ZipFile(wheels[0]) as archive, zipfile.ZipFile(own) as mxnet:
        ours, theirs = record(archive), record(mxnet)
        assert {"mxnet/__init__.py", "dmlc_tracker/__init__.py"} <= set(theirs)
        for path, digest in theirs.items():
            if digest:
                assert ours["d2l_linreg_mxnet/" + path] == digest
                content = hashlib.sha256(archive.read("d2l_linreg_mxnet/" + path)).digest()
                assert digest == "sha256=" + base64.urlsafe_b64encode(content).decode().rstrip("=")
        note = archive.read("d2l_linreg_mxnet/wheel.txt").decode()
        assert {path.partition("/")[0] for path in ours if not path.startswith("d2l_linreg-")} == {
            "d2l_linreg", "d2l_linreg_mxnet"}
    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    assert note == f"{own.name} sha256:{digest} for {sysconfig.get_platform()}\n"


def test_builds_side_by_side_do_not_meet_and_leave_nothing_in_the_checkout(wheels, checkout):
    with zipfile.ZipFile(wheels[0]) as one, zipfile.ZipFile(wheels[1]) as other:
        assert record(one) == record(other)
    assert {path.name for path in checkout.iterdir()} <= {*COPIED, "d2l_linreg.egg-info"}


def environment(folder):
    """A virtual environment, and where its packages are."""
    venv.create(folder, symlinks=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    packages = succeed(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    return python, Path(packages.strip())


def test_mxnet_goes_when_the_package_goes(wheels, tmp_path):
    python, packages = environment(tmp_path / "environment")
    before = set(packages.rglob("*"))
    succeed(*PIP, "--python", python, "install", "--no-deps", "--no-index", wheels[0])
    assert (packages / "d2l_linreg_mxnet" / "mxnet" / "__init__.py").exists()
    assert "(none)" not in succeed(*PIP, "--python", python, "list")
    assert run(python, "-c", "import mxnet").stdout.endswith("No module named 'mxnet'\n")
    succeed(*PIP, "--python", python, "uninstall", "--yes", "d2l-linreg")
    assert set(packages.rglob("*")) == before


def test_to_be_edited_mxnet_lies_in_the_checkout_ignored_and_stays_there(checkout, links, tmp_path):
    python, packages = environment(tmp_path / "environment")
    install = [*PIP, "--python", python, "install", "--no-deps", "--editable", checkout]
    succeed(*install, **offline(links))
    note = checkout / "d2l_linreg_mxnet" / "wheel.txt"
    unpacked = note.stat().st_mtime_ns
    assert not (packages / "d2l_linreg_mxnet").exists()
    found = ("import d2l_linreg, importlib.util; "
             "print(importlib.util.find_spec('mxnet').origin)")
    assert succeed(python, "-c", found, cwd=tmp_path).strip() == str(
        note.parent / "mxnet" / "__init__.py")
    succeed(*install, **offline(links))
    assert note.stat().st_mtime_ns == unpacked
    noted = note.read_text()
    digest = noted.partition(":")[2].partition(" ")[0]
    for other in (noted.replace(digest, "0" * 64),  # which another version pinned
                  noted.replace(sysconfig.get_platform(), "linux-of-another-kind"), ""):
        note.write_text(other)
        succeed(*install, **offline(links))
        assert note.read_text() == noted
    assert not list(checkout.glob("d2l_linreg_mxnet?*"))
    if (ROOT / ".git").exists() and shutil.which("git"):
        succeed("git", "check-ignore", "d2l_linreg_mxnet/wheel.txt", cwd=ROOT)


@pytest.fixture(scope="module")
def builder(links, tmp_path_factory):
    """A Python with all that `setup.py` needs."""
    python, _ = environment(tmp_path_factory.mktemp("builder"))
    succeed(*PIP, "--python", python, "install", "setuptools", "pip", **offline(links))
    return python


def test_a_source_distribution_builds_the_same_wheel(checkout, wheels, links, builder, tmp_path):
    succeed(builder, "setup.py", "-q", "sdist", "--dist-dir", tmp_path, cwd=checkout)
    (source,) = tmp_path.glob("*.tar.gz")
    succeed(*PIP, "wheel", "--no-deps", "--wheel-dir", tmp_path, source, **offline(links))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheels[0]) as one, zipfile.ZipFile(wheel) as other:
        ours, theirs = record(one), record(other)
    differ = {path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path)}
    assert not {path for path in differ if not path.startswith("d2l_linreg-")}


@pytest.fixture(scope="module")
def without_mxnet(links, tmp_path_factory):
    """The folder without MXNet's wheel."""
    folder = tmp_path_factory.mktemp("links")
    for wheel in links.glob("*.whl"):
        if not wheel.name.startswith("mxnet-"):
            os.link(wheel, folder / wheel.name)
    return folder


def test_where_there_is_no_wheel_the_build_says_what_to_do(checkout, links, builder, tmp_path):
    # pip itself looks for what it would find on Apple silicon
    finished = run(builder, "setup.py", "-q", "bdist_wheel", "--dist-dir", tmp_path, cwd=checkout,
                   **offline(links), PIP_PLATFORM="macosx_11_0_arm64")
    said = " ".join(finished.stdout.split())
    assert finished.returncode and "No matching distribution found for mxnet==1.9.1" in said
    assert "On Apple silicon take an x86-64 Python" in said and "Traceback" not in said


@pytest.mark.parametrize("settings", [
    {"PIP_NO_INDEX": "1"},
    {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}])
def test_without_a_network_the_build_says_what_to_do(checkout, without_mxnet, settings, tmp_path):
    finished = run(*PIP, "wheel", "--no-deps", "--wheel-dir", tmp_path, checkout,
                   **dict(offline(without_mxnet), **settings))
    said = " ".join(finished.stdout.split())
    assert finished.returncode and "could not be had" in said
    assert "put it into a folder and set PIP_NO_INDEX=1 and PIP_FIND_LINKS" in said
    assert "Traceback" not in said


def test_a_wheel_that_is_not_the_pinned_one_is_refused(checkout, without_mxnet, links, tmp_path):
    (own,) = links.glob("mxnet-*.whl")
    folder = shutil.copytree(without_mxnet, tmp_path / "links")
    shutil.copy(own, folder)
    with zipfile.ZipFile(folder / own.name, "a") as archive:
        archive.writestr("mxnet/added.py", "")
    finished = run(*PIP, "wheel", "--no-deps", "--wheel-dir", tmp_path, checkout, **offline(folder))
    assert finished.returncode and "DO NOT MATCH THE HASHES" in finished.stdout
    assert not list(tmp_path.glob("*.whl"))


def test_binder_installs_the_package_with_what_notebooks_need(checkout, links, tmp_path):
    succeed(*PIP, "install", "--dry-run", "--ignore-installed", "--no-deps", "--report",
            tmp_path / "report", "--requirement", ROOT / ".binder" / "requirements.txt",
            cwd=checkout, **offline(links))
    (own,) = json.loads((tmp_path / "report").read_text())["install"]
    assert own["metadata"]["name"] == "d2l-linreg"
    wanted = map(Requirement, own["metadata"]["requires_dist"])
    assert {"ipykernel", "jupyterlab", "matplotlib", "numpy"} <= {
        one.name for one in wanted if one.marker is None
        or any(one.marker.evaluate({"extra": extra}) for extra in own["requested_extras"])}
    (python,) = re.findall(r"^python-(3\.\d+)\n$", (ROOT / ".binder/runtime.txt").read_text())
    assert SpecifierSet(own["metadata"]["requires_python"]).contains(python)
    assert f'"{python}": (' in (ROOT / ".ci/noxfile.py").read_text()  # the matrix has it


@pytest.mark.skipif(os.name == "nt", reason="Binder's machines run Linux")
def test_binder_has_matplotlib_list_the_fonts_before_a_cell_does(tmp_path):
    succeed(ROOT / ".binder" / "postBuild", cwd=tmp_path, MPLCONFIGDIR=str(tmp_path),
            PATH=os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))
    assert list(tmp_path.glob("fontlist-*.json"))
