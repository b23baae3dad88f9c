"""Measure what several workers give and cost: python benchmarks/workers.py

Wide data, 200,000 examples of 1,000 features, 4,096 to a step whatever the number of workers:
1, 2 and 4, in turn, on this machine, against one process without a store. Bytes are counted by
the loopback device. Where that carries other traffic too, give the measurement one of its own:

    unshare --net sh -c 'ip link set lo up && python benchmarks/workers.py'

What is reported, with what it would come to on more machines, goes to benchmarks/results/.
"""
import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import psutil

from d2l_linreg import TrainResult, train

RESULTS = Path(__file__).parent / "results"
EXAMPLES, FEATURES, BATCH, WORKERS = 200000, 1000, 4096, (1, 2, 4)
NUMBERS = FEATURES + 3  # that a worker sends, and gets, in a step
# Assumed on paper: links of 10 Gbit/s in each direction, half a millisecond for a message to
# arrive and be answered across a data centre with all queues.
LINK, ROUND_TRIP = 10e9 / 8, 0.5e-3
MACHINES, SERVERS = (1, 10, 100, 1000), (1, 10, 100)


def make_files(folder, num_examples):
    """Wide examples in files, written in blocks."""
    rng = numpy.random.RandomState(0)
    truth = rng.uniform(-3, 3, FEATURES).astype("float32")
    X = numpy.lib.format.open_memmap(
        str(folder / "X.npy"), "w+", "float32", (num_examples, FEATURES))
    y = numpy.empty(num_examples, "float32")
    for start in range(0, num_examples, 10000):
        block = rng.standard_normal((min(10000, num_examples - start), FEATURES))
        X[start:start + 10000] = block
        y[start:start + 10000] = block @ truth + 4.2 + 0.01 * rng.standard_normal(len(block))
    numpy.save(str(folder / "y.npy"), y)


def launched(folder, num_workers, batch_size, num_epochs):
    """One launch: its result, and bytes on the loopback and CPU seconds of the server."""
    before = psutil.net_io_counters(pernic=True)["lo"].bytes_sent
    launcher = subprocess.Popen([
        sys.executable, "-m", "d2l_linreg", "launch", "-n", str(num_workers), "--", "train",
        "--ctx", "cpu", "--data", str(folder / "X.npy"), "--labels", str(folder / "y.npy"),
        "--batch-size", str(batch_size), "--learning-rate", "0.01", "--num-epochs",
        str(num_epochs), "--save", str(folder / "result")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server_seconds = 0
    while launcher.poll() is None:
        for process in psutil.Process(launcher.pid).children():
            try:
                if process.environ().get("DMLC_ROLE") == "server":
                    times = process.cpu_times()
                    server_seconds = times.user + times.system
            except psutil.Error:  # it has just ended
                pass
        time.sleep(0.05)
    if launcher.returncode:
        raise RuntimeError(f"the launch ended with status {launcher.returncode}")
    sent = psutil.net_io_counters(pernic=True)["lo"].bytes_sent - before
    return TrainResult.load(str(folder / "result")), sent, server_seconds


def seconds(result):
    """A step's share of training, with reading the file and each epoch's loss over it."""
    return result.seconds / len(result.batch_losses)


def slope(short, long):
    """Bytes, and the server's CPU seconds, a step: of a long launch less a short one."""
    steps = len(long[0].batch_losses) - len(short[0].batch_losses)
    return [(b - a) / steps for a, b in zip(short[1:], long[1:], strict=True)]


def on_paper(compute, message, machines, servers):
    """Seconds of a step, and which of its parts is the largest.

    Every machine takes BATCH examples and sends its array in equal parts to all servers. A
    server takes its part from all machines, and gives it to all, over one link each way; and
    spends `message` seconds of CPU on each of them, as a machine is taken to, for each server.
    """
    if machines == 1:  # nothing is sent
        return compute, "computing"
    parts = {
        "computing": compute,
        "messages": 2 * servers * message,
        "round trip": 2 * ROUND_TRIP,
        "a server's link": 2 * machines * 4 * NUMBERS / servers / LINK,
        "a server's CPU": 2 * machines * message,
    }
    return sum(parts.values()), max(parts, key=parts.get)


def report(reference, measured, sent, message):
    lines = [f"**{EXAMPLES:,} examples of {FEATURES:,} features, {BATCH:,} to a step** (each at "
             f"its best of {len(reference)} runs)", "",
             "| | examples a second, times one process | bytes a step and worker, counted | "
             "of these, numbers |", "| --- | ---: | ---: | ---: |",
             "| one process, no store | 1 | 0 | 0 |"]
    one, compute = min(reference), min(measured[1])  # which others here disturbed least
    for workers, times in measured.items():
        lines.append(f"| {workers} worker{'s' * (workers > 1)} | {one / min(times):.3g} | "
                     f"{sent[workers] / workers:,.0f} | {2 * 4 * NUMBERS:,} |")
    lines += ["", f"**On paper**: every machine takes {BATCH:,} examples a step, in the "
              f"{1e3 * compute:.3g} ms that one worker took here; links of 10 Gbit/s; 0.5 ms a "
              "round trip, one to push and one to pull; "
              f"{1e6 * message:.3g} µs of a server's CPU for a message, as measured here. Times "
              "the examples a second of one machine, and what takes the largest part of a step:",
              "",
              "| machines | " + " | ".join(f"{s} server{'s' * (s > 1)}"
                                           for s in SERVERS) + " |",
              "| ---: |" + " --- |" * len(SERVERS)]
    for machines in MACHINES:
        cells = []
        for servers in SERVERS:
            step, limit = on_paper(compute, message, machines, servers)
            cells.append(f"{machines * compute / step:.3g}, {limit}")
        lines.append(f"| {machines:,} | {' | '.join(cells)} |")
    lines += ["", f"Measured on {platform.system()} {platform.machine()}, {os.cpu_count()} cores."]
    return "\n".join(lines) + "\n"


def show(reference, measured, sent, message):
    """Put what was measured into results/, whose tables docs/machines.md includes."""
    (RESULTS / "workers.json").write_text(json.dumps(dict(
        one_process=reference, workers=measured, sent=sent, message=message), indent=1) + "\n")
    text = report(reference, measured, sent, message)
    (RESULTS / "workers.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--repeats", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--epochs", type=int, default=3, help="default: %(default)s")
    arguments = parser.parse_args()
    reference, measured, sent = [], {workers: [] for workers in WORKERS}, {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        make_files(folder, EXAMPLES)
        for _ in range(arguments.repeats):
            reference.append(seconds(train(
                data=str(folder / "X.npy"), labels=str(folder / "y.npy"), ctx="cpu",
                batch_size=BATCH, learning_rate=0.01, num_epochs=arguments.epochs,
                verbose=False)))
            print(f"one process: {reference[-1]:.4g} s a step", flush=True)
            for workers, times in measured.items():
                run = launched(folder, workers, BATCH // workers, arguments.epochs)
                times.append(seconds(run[0]))
                if workers not in sent:
                    sent[workers], _ = slope(launched(folder, workers, BATCH // workers, 1), run)
                print(f"{workers} workers: {times[-1]:.4g} s, {sent[workers]:.0f} bytes a step",
                      flush=True)
    with tempfile.TemporaryDirectory() as folder:  # so small that the messages are most of it
        folder = Path(folder)
        make_files(folder, 2000)
        _, cost = slope(*(launched(folder, 4, 1, num_epochs) for num_epochs in (1, 7)))
        message = cost / (2 * 4)  # a push and a pull of four workers
        print(f"a message costs a server {message:.3g} s", flush=True)
    show(reference, measured, sent, message)
