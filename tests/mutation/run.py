"""Put each fault of faults.py into a copy of the package; see who catches it.

    python tests/mutation/run.py [--sample N [--seed S]] [--shard I/N] [WORDS ...]

`reproduce` must catch it, or else a test must: results.md, beside this file, names who did, and
whoever did is asked first the next time; for a new fault, the tests of its module are. WORDS choose
the faults whose description holds them all, --shard every Nth of those, from the Ith on, and
--sample N of them at random; then nothing is written. Exits 1 if a fault survives, and 2, before
anything is run, if one cannot be put in.
"""
import argparse
import contextlib
import functools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faults import FAULTS, Fault

from d2l_linreg import published
from d2l_linreg.compat.mxnet import mx

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SCRATCH = tempfile.TemporaryDirectory()
BESIDE = Path(mx.__file__).parents[2]  # where a copy finds MXNet, if an edited checkout has it
NO_FAULT = Fault("no fault", "__init__.py", "", "")
LEFT_OUT = [
    "test_mutation.py",  # fails wherever there is a fault, as it looks for its old text
    # These take minutes, and test notebooks, searches and pages rather than numbers.
    "test_browser.py", "test_notebooks.py", "test_recovery.py", "test_reports.py", "test_run.py"]
# Who is likeliest to find a fault in a module that has no test file of its name; then all others
TESTS = {
    "d2l": "vocabulary", "settings": "training",
    "gpu_builds": "contexts", "setup": "install", "straight_dope": "vocabulary",
    # compat
    "cpu": "shortfalls", "loading": "import", "logf": "streams", "mxnet": "import",
    "printing": "of_then", "remedies": "import", "scalars": "of_then",
    # distributed
    "group": "launch", "node": "launch",
    # engines
    "arithmetic": "native", "autograd": "engines", "compiled": "engines", "engine": "engines",
    "parallel": "launch",
    # originals
    "as_published": "eras", "draws": "eras", "execution": "evidence", "installs": "kernel",
    "magic": "run", "outputs": "comparison", "shuffles": "comparison", "stand_ins": "eras",
    # published
    "__init__": "scrambled",
    # reproduction
    "cells": "reproduction", "figures": "verdicts", "installed": "cli", "printed": "verdicts",
    "report": "scrambled", "reproduce": "verdicts",
    # training
    "columns": "tables", "epochs": "checkpoint", "examples": "large", "given": "training",
    "orders": "training", "plan": "training", "result": "training", "train": "training",
    "transcript": "training"}
FIRST = ["test_vocabulary.py", "test_plain_lines.py", "test_eras.py", "test_of_then.py",
         "test_import.py", "test_streams.py", "test_verdicts.py", "test_reproduction.py",
         "test_pictures.py", "test_training.py", "test_checkpoint.py", "test_monte_carlo.py",
         "test_cli.py", "test_replication.py", "test_launch.py"]
SURVIVED = "survived"
TAIL = 2000  # characters of pytest's output that are shown
PREFACE = """`python tests/mutation/run.py` puts in one fault at a time, and sees whether
`reproduce` finds it or, where that finds nothing, a test. The first that does is named here. All
are run weekly, ten at each change.
"""


def place(fault):
    """The path from the project's root to the file that a fault is in."""
    return Path("d2l_linreg") / fault.file


def without_place(faults):
    """Those whose old text is not in their file, or more than once, in words."""
    counts = [(fault, (ROOT / place(fault)).read_text(encoding="utf-8").count(fault.old)
               if (ROOT / place(fault)).exists() else 0) for fault in faults]
    return [f"{fault.what}: its old text is in {fault.file} {count} times, not once"
            for fault, count in counts if count != 1]


@contextlib.contextmanager
def copied(fault):
    """A copy of the project, with the fault, inside the block.

    In a folder that a thread keeps: by its name numba finds what it compiled before.
    """
    folder = Path(SCRATCH.name) / str(threading.get_ident())
    mutated(fault, folder)
    try:
        yield folder
    finally:
        shutil.rmtree(str(folder))


def mutated(fault, folder):
    """Copy the project into `folder`, with the fault."""
    for name in ("d2l_linreg", "notebooks", "tests", "recovery", "benchmarks", "docs", ".ci",
                 ".binder", ".github"):
        shutil.copytree(str(ROOT / name), str(folder / name),
                        ignore=shutil.ignore_patterns("__pycache__", ".nox"))
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "mxnet-wheel.txt", "README.md",
                 "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE"):
        shutil.copy(str(ROOT / name), str(folder))
    if fault is not NO_FAULT:
        path = folder / place(fault)
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(fault.old, fault.new), encoding="utf-8")


def tests(fault):
    """The test files, the likeliest to find something first."""
    there = sorted(path.name for path in HERE.parent.glob("test_*.py"))
    module = Path(fault.file).stem
    named = f"test_{TESTS.get(module, module)}.py"
    return sorted(set(there) - set(LEFT_OUT) | {named}, key=lambda name: (
        name != named, FIRST.index(name) if name in FIRST else len(FIRST), name))


def python(folder, *arguments):
    path = os.pathsep.join(map(str, [folder, BESIDE]))
    return subprocess.run(
        [sys.executable, *arguments], cwd=str(folder), text=True,
        env=dict(os.environ, PYTHONPATH=path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def caught_before():
    """Who caught each fault, in words, by results.md."""
    lines = (HERE / "results.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")][2:]
    return {what: by for what, _, by in rows}


def by_reproduce(folder):
    """What `reproduce` finds, in words; SURVIVED if nothing."""
    for notebook in published.NOTEBOOKS:
        finished = python(folder, "-m", "d2l_linreg", "reproduce", "--notebook", notebook,
                          "--json", "figures.json")
        if finished.returncode == 0:
            continue
        figures = folder / "figures.json"
        if not figures.exists():
            last_line = finished.stdout.strip().rpartition("\n")[2]
            return f"reproduce: {last_line or finished.returncode}"
        found = json.loads(figures.read_text())
        different = sum(f["verdict"] == "different" for f in found["figures"])
        unusual = [joint["notebook"] for joint in found["joint"]
                   if joint["verdict"] == "unusual"]
        return "reproduce: " + ", ".join(
            ([f"{different} different"] if different else [])
            + [f"{cell['notebook']} {cell['cell']}" for cell in found["cells"]]
            + [f"{picture['published'] - picture['identical']} {picture['unit']}"
               for picture in found["pictures"] if picture["verdict"] == "different"]
            + [f"{notebook} unusual" for notebook in unusual])
    return SURVIVED


def by_tests(folder, *names):
    """The first of these tests that fails, in words; SURVIVED if none does."""
    finished = python(folder, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider",
                      *("tests/" + name for name in names))
    failures = [line.split(" - ")[0] for line in finished.stdout.splitlines()
                if line.startswith(("FAILED tests/", "ERROR tests/"))]  # not a log's
    if failures:
        return "tests: " + failures[0].split(" ", 1)[1].replace("tests/", "")
    if finished.returncode:  # perhaps a test of that name is no more
        print(finished.stdout[-TAIL:], file=sys.stderr)
        return None
    return SURVIVED


def caught_by(fault, before=None):
    """Who catches a fault, in words: whoever did so `before`, or else whoever does."""
    first, *others = tests(fault)
    if before is not None and before.startswith("tests: "):
        first, others = before.removeprefix("tests: "), [first, *others]
    with copied(fault) as folder:
        ask = [lambda: by_tests(folder, first), lambda: by_reproduce(folder),
               lambda: by_tests(folder, *others)]
        if before is not None and before.startswith("reproduce: "):
            ask[:2] = ask[1::-1]
        found = None
        for asked in ask:
            found = asked()
            if found not in (None, SURVIVED):
                break
    if found is None:
        raise RuntimeError(f"{fault.what}: pytest ended without a verdict")
    if found != SURVIVED and not sound(found if found.startswith("tests: ") else "reproduce"):
        raise RuntimeError(f"without a fault, too, something fails: {found}; mend that")
    return found


@functools.cache
def sound(by):
    """Whether who caught a fault finds nothing where there is none."""
    with copied(NO_FAULT) as folder:
        found = by_reproduce(folder) if by == "reproduce" else by_tests(
            folder, by.removeprefix("tests: "))
    return found == SURVIVED


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", metavar="WORDS", help="which faults; default: all")
    parser.add_argument("--sample", type=int, metavar="N", help="N of them, at random")
    parser.add_argument("--seed", type=int, metavar="S", default=random.randrange(2**32),
                        help="which N (default: others each time)")
    parser.add_argument("--shard", metavar="I/N", help="the Ith of N parts of them")
    parser.add_argument("--jobs", type=int, default=2, help="at once (default: %(default)s)")
    arguments = parser.parse_args()
    chosen = [fault for fault in FAULTS if all(word in fault.what for word in arguments.words)]
    lost = without_place(chosen)
    if lost:
        print(*lost, "Nothing was run: bring faults.py up to date.", sep="\n", file=sys.stderr)
        return 2
    if arguments.shard is not None:
        part, parts = map(int, arguments.shard.split("/"))
        chosen = chosen[part - 1::parts]
    if arguments.sample is not None:
        chosen = random.Random(arguments.seed).sample(chosen, min(arguments.sample, len(chosen)))
        print(f"a sample of {len(chosen)}, by --seed {arguments.seed}", flush=True)
    rows = ["| fault | in | caught by |", "| --- | --- | --- |"]
    survivors, before = 0, caught_before()
    asked = [before.get(fault.what) for fault in chosen]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for fault, by in zip(chosen, pool.map(caught_by, chosen, asked), strict=True):
            survivors += by == SURVIVED
            rows.append(f"| {fault.what} | `{fault.file}` | {by} |")
            print(rows[-1], flush=True)
    summary = f"{len(chosen)} faults, {len(chosen) - survivors} of them caught."
    print(summary)
    if len(chosen) == len(FAULTS):
        (HERE / "results.md").write_text("\n".join([PREFACE, summary, "", *rows, ""]),
                                         encoding="utf-8")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
