"""Put each fault of faults.py into a copy of the package; see who catches it.

    python tests/mutation/run.py [--sample N [--seed S]] [WORDS ...]

`reproduce` must catch it, or else the tests must: then results.md, beside this file, names
who did. WORDS choose the faults whose description holds them all, and --sample N of those at
random; then nothing is written. Exits 1 if a fault survives, and 2, before anything is run, if
one cannot be put in.
"""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faults import FAULTS, Fault

from d2l_linreg import published
from d2l_linreg.compat.mxnet import mx

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
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
    "cpu": "import", "loading": "import", "logf": "streams", "mxnet": "import",
    "printing": "of_then", "remedies": "import", "scalars": "of_then",
    # distributed
    "group": "launch", "node": "launch",
    # engines
    "arithmetic": "native", "autograd": "engines", "compiled": "engines", "engine": "engines",
    "parallel": "launch",
    # originals
    "as_published": "eras", "draws": "eras", "execution": "evidence", "installs": "kernel",
    "outputs": "comparison", "shuffles": "comparison", "stand_ins": "eras",
    # reproduction
    "cells": "reproduction", "figures": "verdicts",
    "installed": "cli", "reproduce": "verdicts",
    # training
    "epochs": "checkpoint", "examples": "large", "given": "training", "orders": "training",
    "plan": "training", "result": "training", "train": "training", "transcript": "training"}
FIRST = ["test_vocabulary.py", "test_plain_lines.py", "test_eras.py", "test_of_then.py",
         "test_import.py", "test_streams.py", "test_verdicts.py", "test_reproduction.py",
         "test_pictures.py", "test_training.py", "test_checkpoint.py", "test_monte_carlo.py",
         "test_cli.py", "test_replication.py", "test_launch.py"]
SURVIVED = "survived"


def place(fault):
    """The path from the project's root to the file that a fault is in."""
    return Path("d2l_linreg") / fault.file


def without_place(faults):
    """Those whose old text is not in their file, or more than once, in words."""
    counts = [(fault, (ROOT / place(fault)).read_text(encoding="utf-8").count(fault.old)
               if (ROOT / place(fault)).exists() else 0) for fault in faults]
    return [f"{fault.what}: its old text is in {fault.file} {count} times, not once"
            for fault, count in counts if count != 1]


def mutated(fault, folder):
    """Copy the project into `folder`, with the fault."""
    for name in ("d2l_linreg", "notebooks", "tests", "recovery", "benchmarks", "docs"):
        shutil.copytree(str(ROOT / name), str(folder / name),
                        ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "mxnet-wheel.txt", "README.md",
                 "LICENSE"):
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
    return sorted(set(there) - set(LEFT_OUT), key=lambda name: (
        name != named, FIRST.index(name) if name in FIRST else len(FIRST), name))


def python(folder, *arguments):
    path = os.pathsep.join(map(str, [folder, BESIDE]))
    return subprocess.run(
        [sys.executable, *arguments], cwd=str(folder), text=True,
        env=dict(os.environ, PYTHONPATH=path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def caught_by(fault):
    """Who catches a fault, in words."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        mutated(fault, folder)
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
        finished = python(folder, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider",
                          *("tests/" + name for name in tests(fault)))
        if finished.returncode == 0:
            return SURVIVED
        failures = [line.split(" - ")[0] for line in finished.stdout.splitlines()
                    if line.startswith(("FAILED tests/", "ERROR tests/"))]  # not a log's
        if not failures:
            raise RuntimeError(f"{fault.what}: pytest ended without a verdict")
        return "tests: " + failures[0].split(" ", 1)[1].replace("tests/", "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", metavar="WORDS", help="which faults; default: all")
    parser.add_argument("--sample", type=int, metavar="N", help="N of them, at random")
    parser.add_argument("--seed", type=int, metavar="S", default=random.randrange(2**32),
                        help="which N (default: others each time)")
    parser.add_argument("--jobs", type=int, default=2, help="at once (default: %(default)s)")
    arguments = parser.parse_args()
    chosen = [fault for fault in FAULTS if all(word in fault.what for word in arguments.words)]
    lost = without_place(chosen)
    if lost:
        print(*lost, "Nothing was run: bring faults.py up to date.", sep="\n", file=sys.stderr)
        return 2
    if arguments.sample is not None:
        chosen = random.Random(arguments.seed).sample(chosen, min(arguments.sample, len(chosen)))
        print(f"a sample of {len(chosen)}, by --seed {arguments.seed}", flush=True)
    rows = ["| fault | in | caught by |", "| --- | --- | --- |"]
    survivors = 0
    nothing = caught_by(NO_FAULT)
    if nothing != SURVIVED:
        print(f"without a fault, too, something fails: {nothing}; mend that")
        return 1
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for fault, by in zip(chosen, pool.map(caught_by, chosen), strict=True):
            survivors += by == SURVIVED
            rows.append(f"| {fault.what} | `{fault.file}` | {by} |")
            print(rows[-1], flush=True)
    summary = f"{len(chosen)} faults, {len(chosen) - survivors} of them caught."
    print(summary)
    if not arguments.words and arguments.sample is None:
        (HERE / "results.md").write_text(
            "`python tests/mutation/run.py` puts in one fault at a time, runs `reproduce` and, "
            "where that\nfinds nothing, the tests.\n\n" + summary + "\n\n" + "\n".join(rows)
            + "\n", encoding="utf-8")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
