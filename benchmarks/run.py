"""Measure every engine and its peers side by side: python benchmarks/run.py

Times on a shared machine mean little. So each contestant has a process of its own, a round asks
all of them in turn, and what is reported is each one's ratio to the notebook's own loop in the
same round: the median, and the range over rounds. Tables, all numbers and a picture go to
benchmarks/results/. Peers that are not installed are named and left out:
pip install '.[benchmarks]'.
"""
import argparse
import functools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
from matplotlib.figure import Figure

from d2l_linreg import __version__
from d2l_linreg.compat.mxnet import blas_kernel, mx

RESULTS = Path(__file__).parent / "results"
PEERS = Path(__file__).parent / "peers.py"
LOOP = "loop"
NAMES = {  # of peers.py's functions, as tables have them
    "loop": "the notebook's own loop", "native_kernel": "native, the kernel alone",
    "numpy_loop": "NumPy loop", "numba_fastmath": "numba, fastmath", "torch_eager": "PyTorch eager",
    "jax_scan": "JAX scan, warm", "first jax_scan": "JAX scan, first call",
    "sklearn_sgd": "scikit-learn SGD, no losses", "read": "limit: all read once",
    "chain": "limit: operations that wait for each other"}


class Peer:
    """A contestant in its process; `missing` says what it lacks."""

    def __init__(self, name, work):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(PEERS), name.removeprefix("first "),
             json.dumps(work)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.missing = self._read().get("missing")

    def _read(self):
        return json.loads(self.process.stdout.readline())

    def ask(self):
        """Have it train once: what it answers."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self._read()

    def leave(self):
        self.process.stdin.close()
        self.process.wait()


def asked(name, work, peers):
    """One answer: of its process, or of a new one if it is of a first call."""
    if not name.startswith("first "):
        return peers[name].ask()
    first = Peer(name, work)
    answer = first.ask()
    first.leave()
    return answer


def compare(title, names, rounds, **work):
    """Ask all in turn, and give the table's rows."""
    print(title, flush=True)
    peers = {name: Peer(name, work) for name in names}
    for name, peer in peers.items():
        if peer.missing:
            print(f"  left out: {name} ({peer.missing})", flush=True)
    names = [name for name in names if not peers[name].missing]
    for name in names:
        if not name.startswith("first "):
            peers[name].ask()  # once, to be warm
    answers = [{name: asked(name, work, peers) for name in names} for _ in range(rounds)]
    for peer in peers.values():
        peer.leave()
    rows = []
    for name in names:
        row = ratios(NAMES.get(name, name), [answer[LOOP]["seconds"] for answer in answers],
                     [answer[name]["seconds"] for answer in answers])
        row["bits"] = all(answer[name][part] == answer[LOOP][part] for answer in answers
                          for part in ("w", "b", "losses"))
        if not row["name"].startswith("limit"):  # all others have done the same work
            numpy.testing.assert_allclose(answers[0][name]["w"], answers[0][LOOP]["w"], atol=1e-3)
        rows.append(row)
    return dict(title=title, reference=NAMES[LOOP], rounds=rounds, rows=rows)


def ratios(name, reference, seconds):
    """A row: how many times as fast as the reference, round by round."""
    times = numpy.divide(reference, seconds)
    row = dict(name=name, ratio=float(numpy.median(times)), lowest=float(times.min()),
               highest=float(times.max()), seconds=float(numpy.median(seconds)))
    print("  {name}: {ratio:.4g} ({lowest:.4g} to {highest:.4g}), {seconds:.4g} s".format(**row),
          flush=True)
    return row


def steps(rounds):
    return compare(
        "2,500 steps: 10,000 examples of 2 features, batches of 4",
        [LOOP, "compiled", "native", "native_kernel", "numpy_loop", "torch_eager", "first jax_scan",
         "jax_scan", "numba_fastmath", "chain", "read"],
        rounds, num_examples=10000, num_features=2, batch_size=4, learning_rate=0.001)


def single_examples(rounds):
    return compare(
        "10,000 steps: 10,000 examples of 2 features, batches of 1",
        [LOOP, "compiled", "native", "native_kernel", "numpy_loop", "torch_eager", "jax_scan",
         "numba_fastmath", "sklearn_sgd", "chain"],
        rounds, num_examples=10000, num_features=2, batch_size=1, learning_rate=0.001)


def wide(rounds):
    return compare(
        "wide: 200,000 examples of 1,000 features, batches of 4,000",
        [LOOP, "compiled", "native", "native_kernel", "numpy_loop", "torch_eager", "jax_scan",
         "numba_fastmath", "read"],
        rounds, num_examples=200000, num_features=1000, batch_size=4000, learning_rate=1e-4)


WHOLE = """
import sys, time
from d2l_linreg import replicate, train
notebook, engine = sys.argv[1:]
print("ready", flush=True)
for _ in sys.stdin:
    started = time.perf_counter()
    if engine == "replicate":
        replicate(notebook, 1000)
    else:
        training = train(notebook, engine=engine, ctx="cpu", verbose=False).seconds
    call = time.perf_counter() - started
    print(call if engine == "replicate" else training, call, flush=True)
"""


def whole(notebook, rounds):
    """A notebook, and 1,000 of it; seconds of training alone, and of the call with its data."""
    print(f"the {notebook} notebook, whole", flush=True)
    engines = {"autograd": NAMES[LOOP], "compiled": "compiled", "native": "native",
               "replicate": "replicate, 1,000 runs"}
    processes = {engine: subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", WHOLE, notebook, engine], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True) for engine in engines}
    seconds = {engine: [] for engine in engines}
    for process in processes.values():
        assert process.stdout.readline() == "ready\n"
    for _ in range(1 + rounds):  # the first to be warm
        for engine, process in processes.items():
            process.stdin.write("go\n")
            process.stdin.flush()
            seconds[engine].append([float(part) for part in process.stdout.readline().split()])
    for process in processes.values():
        process.communicate()
    taken = {engine: numpy.transpose(pairs[1:]) for engine, pairs in seconds.items()}
    loop, loop_calls = taken["autograd"]
    rows = [ratios(name, loop, taken[engine][0])
            for engine, name in engines.items() if engine != "replicate"]
    rows += [ratios(f"{engine}, the call with its data", loop_calls, taken[engine][1])
             for engine in ("compiled", "native")]
    rows.append(ratios("1,000 runs by replicate, beside 1,000 loops", 1000 * loop_calls,
                       taken["replicate"][1]))
    return dict(title=f"the {notebook} notebook, whole", reference=NAMES[LOOP], rounds=rounds,
                rows=rows)


def start(rounds):
    """From the shell, beside `import mxnet`."""
    print("from Python's start to its end", flush=True)
    module = ["-W", "ignore", "-m", "d2l_linreg"]
    imports, native = "import d2l_linreg, mxnet", "import d2l_linreg.engines.native"
    programs = {
        "import mxnet": ["-W", "ignore", "-c", imports],
        "d2l-linreg train": [*module, "train"],
        "d2l-linreg train --engine native": [*module, "train", "--engine", "native"],
        "d2l-linreg reproduce": [*module, "reproduce"],
        "import mxnet, numba": ["-W", "ignore", "-c", f"{imports}, numba"],
        "the same, and the kernel from its cache": ["-W", "ignore", "-c",
                                                    f"{imports}, numba\n{native}"],
        "the same, without a cache": ["-W", "ignore", "-c", f"{imports}, numba\n{native}"]}
    seconds = {name: [] for name in programs}
    for _ in range(rounds):
        for name, program in programs.items():
            with tempfile.TemporaryDirectory() as folder:
                cache = dict(NUMBA_CACHE_DIR=folder) if "without" in name else {}
                started = time.perf_counter()
                subprocess.run([sys.executable, *program], check=True, stdout=subprocess.DEVNULL,
                               env=dict(os.environ, **cache))
                seconds[name].append(time.perf_counter() - started)
    rows = [ratios(name, seconds["import mxnet"], taken) for name, taken in seconds.items()]
    numba = numpy.array(seconds["import mxnet, numba"])
    over = {what: float(numpy.median(numpy.subtract(seconds[name], numba))) for what, name in (
        ("cache", "the same, and the kernel from its cache"),
        ("none", "the same, without a cache"))}
    return dict(title="from Python's start to its end", reference="import mxnet", rounds=rounds,
                rows=rows, note=(
                    f"Over numba's own import the kernel takes {over['cache']:.2f} s from its "
                    f"cache, {over['none']:.2f} s without."))


def growth(largest):
    """For each size the seconds and the peak memory of one epoch, by examples and by features."""
    sizes = [(10**k, 2, 4) for k in range(4, 8) if 10**k <= largest]
    sizes += [(100000, num_features, 64) for num_features in (2, 10, 100, 1000)]
    for num_examples, num_features, batch_size in sizes:
        row = dict(examples=num_examples, features=num_features, batch=batch_size)
        for name in ("compiled", "native"):
            peer = Peer(name, dict(num_examples=num_examples, num_features=num_features,
                                   batch_size=batch_size, learning_rate=1e-4))
            answers = [peer.ask() for _ in range(2 if num_examples < 10**6 else 1)]
            peer.leave()
            row[name] = dict(seconds=answers[-1]["seconds"], peak_mb=answers[-1]["peak_mb"])
        print(row, flush=True)
        yield row


def table(results):
    text = ""
    for result in results["comparisons"]:
        with_bits = "bits" in result["rows"][0]
        text += f"**{result['title']}** ({result['rounds']} rounds)\n\n"
        text += f"| | times as fast as {result['reference']} | range | seconds |"
        text += " the loop's bits |\n" if with_bits else "\n"
        text += "| --- | ---: | ---: | ---: |" + (" --- |\n" if with_bits else "\n")
        for row in result["rows"]:
            ratio, lowest, highest = (
                f"{row[part]:,.0f}" if row[part] >= 100 else f"{row[part]:.3g}"
                for part in ("ratio", "lowest", "highest"))
            text += f"| {row['name']} | {ratio} | {lowest} to {highest} | {row['seconds']:.3g} |"
            text += (f" {'yes' if row['bits'] else ''} |\n" if with_bits else "\n")
        text += f"\n{result['note']}\n\n" if "note" in result else "\n"
    text += "**growth**: one epoch of straight_dope\n\n| examples | features | batch |"
    text += " compiled, s | its peak, MB | native, s | its peak, MB | numbers, MB |\n"
    text += "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    for row in results["growth"]:
        text += (f"| {row['examples']:,} | {row['features']:,} | {row['batch']} |"
                 + "".join(f" {row[name]['seconds']:.3g} | {row[name]['peak_mb']:,.0f} |"
                           for name in ("compiled", "native"))
                 + f" {4e-6 * row['examples'] * (row['features'] + 1):,.3g} |\n")
    return text + f"\nMeasured on {results['machine']}.\n"


def picture(results):
    figure = Figure(figsize=(10, 4), constrained_layout=True)
    bars, lines = figure.subplots(1, 2)
    rows = [row for row in results["comparisons"][0]["rows"] if "read" not in row["name"]]
    colors = ["C0" if row["bits"] else "C7" for row in rows]
    bars.barh([row["name"] for row in rows], [row["ratio"] for row in rows], color=colors,
              xerr=numpy.transpose([[row["ratio"] - row["lowest"], row["highest"] - row["ratio"]]
                                    for row in rows]))
    bars.set(xscale="log", xlabel="times as fast as the notebook's own loop; blue: its bits",
             title=results["comparisons"][0]["title"])
    bars.title.set_fontsize(9)
    bars.invert_yaxis()
    for name in ("compiled", "native"):
        points = [(row["examples"], row[name]["seconds"]) for row in results["growth"]
                  if row["batch"] == 4]
        lines.loglog(*zip(*points, strict=True), "o-", label=name)
    lines.set(xlabel="examples", ylabel="seconds", title="one epoch of straight_dope")
    lines.legend()
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--rows", type=float, default=1e7, help="largest number of examples")
    arguments = parser.parse_args()
    rounds = arguments.rounds
    RESULTS.mkdir(exist_ok=True)
    results = dict(comparisons=[], growth=[], machine=(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores; "
        f"Python {platform.python_version()}, MXNet {mx.__version__}, "
        f"BLAS kernel {blas_kernel()}, d2l_linreg {__version__}"))
    for measure in (steps, single_examples, functools.partial(whole, "d2l"),
                    functools.partial(whole, "straight_dope"), wide, start):
        results["comparisons"].append(measure(rounds))
        save(results)
    for row in growth(arguments.rows):
        results["growth"].append(row)
        save(results)


def save(results):
    (RESULTS / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (RESULTS / "table.md").write_text(table(results))
    if any(row["batch"] == 4 for row in results["growth"]):
        picture(results).savefig(str(RESULTS / "speed.png"), dpi=110)


if __name__ == "__main__":
    main()
