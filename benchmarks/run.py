"""Measure every engine and its peers side by side: python benchmarks/run.py

Times on a shared machine mean little, so each repeat runs all contestants in turn, and what
is reported is each one's ratio to the notebook's own loop in the same repeat: the median,
and the range over repeats. Tables, a picture and all numbers go to benchmarks/results/, the
tables to docs/engines.md, too. Peers that are not installed are named and left out:
pip install '.[benchmarks]'.
"""
import argparse
import functools
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pages
import peers
from matplotlib.figure import Figure

from d2l_linreg import __version__, replicate, train
from d2l_linreg.compat.mxnet import blas_kernel, mx
from d2l_linreg.settings import NOTEBOOKS

RESULTS = Path(__file__).parent / "results"
REFERENCE = "the notebook's own loop"


def seconds(function):
    """How long a call takes; of `train`, the training proper, as peers are measured."""
    started = time.perf_counter()
    result = function()
    return getattr(result, "seconds", time.perf_counter() - started)


def compare(title, contestants, repeats, reference=REFERENCE):
    """Run contestants (name to function) in turn, and give rows of name, ratios and seconds."""
    print(title, flush=True)
    times = {name: [] for name in contestants}
    for _ in range(repeats):
        for name, function in contestants.items():
            times[name].append(seconds(function))
    rows = []
    for name in contestants:
        ratios = numpy.divide(times[reference], times[name])
        rows.append(dict(name=name, ratio=float(numpy.median(ratios)),
                         lowest=float(ratios.min()), highest=float(ratios.max()),
                         seconds=float(numpy.median(times[name]))))
        print(f"  {name}: {numpy.median(ratios):.3g} ({ratios.min():.3g} to {ratios.max():.3g}), "
              f"{rows[-1]['seconds']:.4g} s", flush=True)
    return dict(title=title, reference=reference, repeats=repeats, rows=rows)


def synthetic(num_examples, num_features=2):
    rng = numpy.random.RandomState(0)
    X = rng.standard_normal((num_examples, num_features)).astype("float32")
    truth = rng.uniform(-3, 3, num_features).astype("float32")
    noise = 0.01 * rng.standard_normal(num_examples)
    return X, (X @ truth + 4.2 + noise).astype("float32"), rng.permutation(num_examples)


def ours(notebook, X, y, rows, engines=("compiled", "scan"), **settings):
    """Our engines on the same examples in the same order."""
    order = rows if NOTEBOOKS[notebook].shuffles_once else rows[None]
    return {name: lambda engine=engine: train(
        notebook, data=(X, y), order=order, num_epochs=1, engine=engine, ctx="cpu",
        verbose=False, **settings)
        for name, engine in ((REFERENCE, "autograd"), *zip(engines, engines, strict=True))}


def others(names, *arguments):
    found = {}
    for name in names:
        try:
            train_once = getattr(peers, name)(*arguments)
        except ImportError as error:
            print(f"  left out: {name} ({error})")
            continue
        if name == "jax_scan":
            found["jax_scan, first call"] = lambda: peers.jax_scan(*arguments)()
        train_once()
        found[name] = train_once
    return found


def small_batches(repeats):
    X, y, rows = synthetic(10000)
    contestants = ours("straight_dope", X, y, rows, batch_size=4, learning_rate=0.001)
    jax = others(["jax_scan"], X, y, rows, 4, 0.001)
    contestants.update(others(["numpy_loop", "torch_eager"], X, y, rows, 4, 0.001), **jax)
    return compare("2,500 steps: 10,000 examples of 2 features, batches of 4", contestants, repeats)


def single_examples(repeats):
    X, y, rows = synthetic(10000)
    contestants = ours("straight_dope", X, y, rows, batch_size=1, learning_rate=0.001)
    contestants.update(others(["sklearn_sgd"], X, y, rows, 1, 0.001))
    return compare("10,000 steps: batches of 1", contestants, repeats)


def whole_notebooks(repeats):
    results = []
    for notebook in ("d2l", "straight_dope"):
        results.append(compare(f"the {notebook} notebook, whole", {
            name: functools.partial(train, notebook, engine=engine, ctx="cpu", verbose=False)
            for name, engine in ((REFERENCE, "autograd"), ("compiled", "compiled"),
                                 ("scan", "scan"))}, repeats))
        loop = results[-1]["rows"][0]["seconds"]
        taken = seconds(functools.partial(replicate, notebook, 1000))
        print(f"  replicate, 1,000 runs: {taken:.3g} s")
        results[-1]["rows"].append(dict(
            name="replicate, each of 1,000 runs", ratio=1000 * loop / taken, lowest=None,
            highest=None, seconds=taken / 1000))
    return results


def wide(repeats):
    X, y, rows = synthetic(200000, 1000)
    contestants = ours("straight_dope", X, y, rows, ("compiled", "fused"),
                       batch_size=4096, learning_rate=0.1)
    contestants.update(others(["torch_eager"], X, y, rows, 4096, 0.1))
    return compare("wide: 200,000 examples of 1,000 features, batches of 4,096", contestants,
                   repeats)


def start(repeats):
    imports = "import d2l_linreg, mxnet"
    trains = "from d2l_linreg import train; train(verbose=False)"
    return compare("from python's start to its end", {
        name: lambda program=program: subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program], check=True)
        for name, program in (("import mxnet", imports), ("train the d2l notebook", trains))},
        repeats, reference="import mxnet")


def growth(largest):
    """Seconds by number of examples, for one epoch of straight_dope."""
    measured = {"compiled": [], "scan": []}
    for num_examples in (10**k for k in range(4, 8) if 10**k <= largest):
        X, y, _ = synthetic(num_examples)
        for engine in measured:
            result = train("straight_dope", data=(X, y), num_epochs=1, learning_rate=1e-4,
                           engine=engine, ctx="cpu", verbose=False)
            measured[engine].append([num_examples, result.seconds])
            print(f"{num_examples} examples, {engine}: {result.seconds:.3g} s",
                  flush=True)
    return measured


def table(results):
    text = ""
    for result in results["comparisons"]:
        text += f"**{result['title']}** ({result['repeats']} repeats)\n\n"
        text += f"| | times as fast as {result['reference']} | range |\n| --- | ---: | ---: |\n"
        for row in result["rows"]:
            spread = ("" if row["lowest"] is None
                      else f"{row['lowest']:.3g} to {row['highest']:.3g}")
            text += f"| {row['name']} | {row['ratio']:.3g} | {spread} |\n"
        text += "\n"
    text += "**growth**: seconds per million examples, one epoch of straight_dope\n\n| examples |"
    text += "".join(f" {engine} |" for engine in results["growth"]) + "\n| ---: |"
    text += " ---: |" * len(results["growth"]) + "\n"
    for rows in zip(*results["growth"].values(), strict=True):
        text += f"| {rows[0][0]:,} |"
        text += "".join(f" {1e6 * taken / count:.3g} |" for count, taken in rows) + "\n"
    return text + f"\nMeasured on {results['machine']}.\n"


def picture(results):
    figure = Figure(figsize=(10, 4), constrained_layout=True)
    bars, lines = figure.subplots(1, 2)
    rows = results["comparisons"][0]["rows"]
    bars.barh([row["name"] for row in rows], [row["ratio"] for row in rows], xerr=numpy.transpose(
        [[row["ratio"] - row["lowest"], row["highest"] - row["ratio"]] for row in rows]))
    bars.set(xscale="log", xlabel="times as fast as " + REFERENCE,
             title=results["comparisons"][0]["title"])
    bars.title.set_fontsize(9)
    bars.invert_yaxis()
    for engine, points in results["growth"].items():
        lines.loglog(*zip(*points, strict=True), "o-", label=engine)
    lines.set(xlabel="examples", ylabel="seconds", title="one epoch of straight_dope")
    lines.legend()
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--rows", type=float, default=1e7, help="largest number of examples")
    arguments = parser.parse_args()
    repeats = arguments.repeats
    comparisons = [small_batches(repeats), single_examples(repeats), *whole_notebooks(repeats),
                   wide(max(repeats // 2, 1)), start(repeats)]
    results = dict(comparisons=comparisons, growth=growth(arguments.rows), machine=(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}, MXNet {mx.__version__}, "
        f"BLAS kernel {blas_kernel()}, d2l_linreg {__version__}"))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "table.md").write_text(table(results))
    pages.show("engines.md", "table.md", table(results))
    picture(results).savefig(str(RESULTS / "speed.png"), dpi=110)


if __name__ == "__main__":
    main()
