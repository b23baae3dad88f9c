"""Measure how far the joint verdict of `reproduce` can be trusted: python benchmarks/power.py

False alarms: transcripts of our own seeded runs, taken as if they were published, and how
many of them the check calls unusual; ten times, each among other replicates, as these are
chance too. Power: the smallest change in learning rate, batch size,
noise and initial parameters that makes it call at least nine in ten of them unusual, found by
doubling and halving. Tables go to benchmarks/results/.
"""
import argparse
import functools
import json
from dataclasses import replace
from pathlib import Path

from d2l_linreg import train
from d2l_linreg.reproduction import monte_carlo
from d2l_linreg.reproduction.figures import printed_figures
from d2l_linreg.reproduction.replication import descend
from d2l_linreg.settings import NOTEBOOKS
from d2l_linreg.training.examples import draw

RESULTS = Path(__file__).parent / "results"
PUBLISHED_SEED, REPLICATES = 10**6, 10  # far from the replicates' seeds; so many sets of them
NOTICED = 0.9
PRECISION = 0.05  # of the smallest change noticed, as a part of it


def learning_rate(own, arrays, change):
    return _set(own, learning_rate=own.settings.learning_rate * (1 + change)), arrays


def noise(own, arrays, change):
    features, labels, w, b = arrays
    clean = features.astype("float64") @ own.vocabulary.TRUE_W + own.vocabulary.TRUE_B
    return own, (features, clean + (1 + change) * (labels - clean), w, b)


def initial_w(own, arrays, change):
    features, labels, w, b = arrays
    return own, (features, labels, w + [[change], [0]], b)


def initial_b(own, arrays, change):
    features, labels, w, b = arrays
    return own, (features, labels, w, b + change)


def batch_size(own, arrays, change):
    return _set(own, batch_size=own.settings.batch_size + change), arrays


def _set(own, **given):
    return replace(own, settings=replace(own.settings, **given))


CHANGES = {"learning rate": (learning_rate, "{:+.2%}"), "noise": (noise, "{:+.2%}"),
           "initial w[0]": (initial_w, "{:+.4f}"), "initial b": (initial_b, "{:+.4f}")}


def rejected(transcripts, replicates):
    """The fraction of transcripts that are unusual among replicates."""
    return sum(monte_carlo.p_value(transcript, replicates) <= monte_carlo.ALPHA
               for transcript in transcripts) / len(transcripts)


def smallest_noticed(power, direction):
    """The smallest change, in one direction, that `power` says is noticed often enough."""
    low, high = 0, 1e-4
    while power(direction * high) < NOTICED:
        low, high = high, 2 * high
    while high - low > PRECISION * high:
        middle = (low + high) / 2
        low, high = (low, middle) if power(direction * middle) >= NOTICED else (middle, high)
    return direction * high


def measure(name, runs):
    """One notebook's rows: what is changed, by how much, and how often that is noticed."""
    own = NOTEBOOKS[name]
    data, params = draw(own, len(own.vocabulary.TRUE_W))
    arrays = (*data, *params)

    def transcripts(first):
        return [printed_figures(train(name, shuffle_seed=PUBLISHED_SEED + run, engine="native",
                                      ctx="cpu", verbose=False).transcript)
                for run in range(first, first + runs)]

    as_if_published = transcripts(0)
    alarms = [rejected(transcripts(k * runs) if k else as_if_published,
                       descend(own, *arrays, runs, k * runs).figures) for k in range(REPLICATES)]
    yield dict(notebook=name, change=f"none (mean of {REPLICATES})",
               amount=f"{min(alarms):.1%} to {max(alarms):.1%}",
               noticed=sum(alarms) / REPLICATES)

    def power(change, amount):
        changed, given = change(own, arrays, amount)
        return rejected(as_if_published, descend(changed, *given, runs, 0).figures)

    for what, (change, form) in CHANGES.items():
        for direction in (1, -1):
            amount = smallest_noticed(functools.partial(power, change), direction)
            yield dict(notebook=name, change=what, amount=form.format(amount),
                       noticed=power(change, amount))
    for amount in (1, -1):
        # straight_dope prints a line every 500 batches: of another size, other many lines.
        every = own.averages_every
        other_lines = every and (
            own.num_examples // (own.settings.batch_size + amount) // every
            != own.num_examples // own.settings.batch_size // every)
        yield dict(notebook=name, change="batch size", amount=f"{amount:+d}",
                   noticed=1.0 if other_lines else power(batch_size, amount))


def table(rows):
    lines = ["| notebook | change | amount | called unusual |", "| --- | --- | ---: | ---: |"]
    lines += [f"| {row['notebook']} | {row['change']} | {row['amount']} | {row['noticed']:.1%} |"
              for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--runs", type=int, default=1000, help="default: %(default)s")
    runs = parser.parse_args().runs
    rows = []
    for name in NOTEBOOKS:
        for row in measure(name, runs):
            rows.append(row)
            print(row, flush=True)
    stated = monte_carlo.false_alarm_rate(runs)
    (RESULTS / "power.json").write_text(json.dumps(
        dict(runs=runs, stated_false_alarm_rate=stated, rows=rows), indent=1) + "\n")
    (RESULTS / "power.md").write_text(
        f"Of {runs} runs of each notebook, taken as if published. Stated false-alarm rate: "
        f"{stated:.2%}.\n\n" + table(rows))
