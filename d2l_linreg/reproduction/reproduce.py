"""A fresh run of both notebooks, held against what they published, figure by figure."""
import functools
import json
import math
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from typing import Dict, Optional, Tuple

from .. import d2l, published, straight_dope
from . import monte_carlo
from ..compat.mxnet import mx, numpy_semantics, seeded
from ..contexts import as_context
from .environment import shortfalls
from ..compat.printing import default_printing
from .replication import Replicates, replicate
from ..training.result import TrainResult
from ..settings import NOTEBOOKS, TRUE_B, TRUE_W, as_integer, known
from ..training.train import train

IDENTICAL = "identical"
RECOVERED = "identical (recovered shuffle)"
TO_ROUNDING = "to rounding"
DIFFERENT = "different"
ORDINARY, UNUSUAL = "ordinary", "unusual"

_FIGURE = re.compile(r"-?\d+\.\d+(?:e[-+]\d+)?|^\d+$|\b(?:nan|inf)\b", re.MULTILINE)


@dataclass(frozen=True)
class Figure:
    """One published number beside the reproduced one, both as printed.

    `verdict` is "identical" (the same characters), "identical (recovered shuffle)" (the
    same, given an order of the examples found by search), "to rounding" (other characters,
    within `rounding_bound`, where `environment.shortfalls` says what rounds otherwise) or
    "different"; then `reason` says why, if a computation failed or rounds otherwise for no reason
    that is known.
    `percentile` tells of a training figure, if replicates were asked for, how many percent of
    them lie below the published value (see `monte_carlo.percentiles`).
    """

    notebook: str
    figure: str
    published: str
    reproduced: Optional[str]
    verdict: str
    reason: Optional[str] = None
    percentile: Optional[float] = None


@dataclass(frozen=True)
class Cell:
    """The text that one cell printed when it was published, and what it prints now.

    `reproduced` is None where the computation failed; then `reason` says why.
    """

    notebook: str
    cell: str
    published: str
    reproduced: Optional[str]
    reason: Optional[str] = None


@dataclass(frozen=True)
class Joint:
    """How unusual a notebook's training figures are, all together, among other shuffles.

    `p_value` is that of `monte_carlo.p_value` among `runs` replicates, None if making them
    failed; then `reason` says why.
    """

    notebook: str
    runs: int
    p_value: Optional[float]
    reason: Optional[str] = None

    @property
    def verdict(self):
        """"ordinary", or "unusual" where the p-value is at most `monte_carlo.ALPHA`."""
        return ORDINARY if (self.p_value or 0) > monte_carlo.ALPHA else UNUSUAL

    def __str__(self):
        if self.reason is not None:
            return "{}: the replicates failed: {}".format(self.notebook, self.reason)
        return ("{}: as published, the training figures together are {} among {} other shuffles: "
                "p = {:.3f}.".format(self.notebook, self.verdict, self.runs, self.p_value))


@dataclass(frozen=True)
class Reproduction:
    """All figures of a fresh run, with the version of MXNet that it ran on.

    `cells` are the texts that the figures were read from, `results` for each notebook what
    training by its own steps came to, if it did. `joint` holds a verdict a notebook, from the
    `replicates` of that name, if they were asked for.
    """

    mxnet: str
    figures: Tuple[Figure, ...]
    cells: Tuple[Cell, ...]
    joint: Tuple[Joint, ...] = ()
    replicates: Dict[str, Replicates] = field(default_factory=dict, repr=False, compare=False)
    results: Dict[str, TrainResult] = field(default_factory=dict, repr=False, compare=False)

    @property
    def ok(self):
        """Whether there are figures, none is different and, together, none are unusual."""
        return (bool(self.figures) and all(f.verdict != DIFFERENT for f in self.figures)
                and all(joint.verdict == ORDINARY for joint in self.joint))

    @property
    def summary(self):
        """How many figures got which verdict, and where they lie among other shuffles."""
        counts = Counter(figure.verdict for figure in self.figures)
        verdicts = ", ".join("{} {}".format(counts[verdict], verdict) for verdict in
                             (IDENTICAL, RECOVERED, TO_ROUNDING, DIFFERENT) if counts[verdict])
        lines = ["{} of {} identical on MXNet {}: {}.".format(
            counts[IDENTICAL] + counts[RECOVERED], len(self.figures), self.mxnet, verdicts)]
        lines.append("The recovered shuffles were found by search; they are not the authors' own.")
        lines += map(str, self.joint)
        if self.joint:
            lines.append("(Unusual is p up to {}, a false alarm for {:.2%} of shuffles.)".format(
                monte_carlo.ALPHA, monte_carlo.false_alarm_rate(self.joint[0].runs)))
        return "\n".join(lines)

    def to_json(self):
        """The same as JSON: `ok`, `mxnet`, `figures`, `joint`.

        In each figure `reason` and `percentile`, and in `joint` `reason`, where there are.
        """
        def known_of(part):
            return {key: value for key, value in asdict(part).items()
                    if key not in ("reason", "percentile") or value is not None}

        return json.dumps({
            "ok": self.ok, "mxnet": self.mxnet, "figures": list(map(known_of, self.figures)),
            "joint": [dict(known_of(joint), verdict=joint.verdict) for joint in self.joint],
        }, indent=1) + "\n"

    def __str__(self):
        rows = [("notebook", "figure", "published", "reproduced", "verdict")]
        rows += [(f.notebook, f.figure, f.published, f.reproduced or "-",
                  f.verdict + (": " + f.reason if f.reason else "")
                  + ("" if f.percentile is None else ", percentile {:.0f}".format(f.percentile)))
                 for f in self.figures]
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(lines) + "\n\n" + self.summary


def reproduce(notebook=None, *, ctx="cpu", runs=monte_carlo.MIN_RUNS):
    """Train afresh on real MXNet and hold every published figure against what comes out.

    The authors' shuffles were never recorded; mini-batches and training figures come out
    under orders found by search, which are not the authors' own.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}, optional
        Default both.
    ctx : str or mxnet.Context, default "cpu"
        Where to train, as for `train`; a GPU's arithmetic agrees to rounding.
    runs : int, default 1000
        How many other shuffles to hold the published training figures against, 1,000 or
        more; or 0, to leave that out.

    Returns
    -------
    Reproduction
        `ok`, `mxnet`, `figures`, `cells`, `joint`, `replicates`, `results`; printed, it is a
        table.

    Raises
    ------
    ValueError
        If the notebook is unknown, `runs` is not as above or, as a ContextError, `ctx` is
        not there. A computation that fails raises nothing: its figures are "different", with
        the reason.
    """
    if notebook is not None:
        known(notebook)
    if as_integer("runs", runs, 0) and runs < monte_carlo.MIN_RUNS:
        raise ValueError("runs is {}; a percentile needs at least {}, or 0 leaves them out".format(
            runs, monte_carlo.MIN_RUNS))
    ctx = as_context(ctx)
    exact = not shortfalls(ctx)
    figures, cells, joint, replicates, results = [], [], [], {}, {}
    with default_printing():
        for name in published.NOTEBOOKS if notebook is None else [notebook]:
            with numpy_semantics(name == "d2l"):
                fresh = {"d2l": _d2l_cells, "straight_dope": _straight_dope_cells}[name]()
                fresh["training"] = lambda: _trained(name, ctx, results)
                for cell in published.document(name)["cells"]:
                    text, reason = _attempt(fresh[cell["cell"]])
                    cells.append(Cell(name, cell["cell"], cell["text"], text, reason))
                    compared = compare_cell(name, cell, text, reason)
                    if exact:
                        compared = map(_exactly, compared)
                    if runs and cell["cell"] == "training":
                        compared, verdict, replicates[name] = _among(name, runs, list(compared))
                        joint.append(verdict)
                    figures += compared
    return Reproduction(
        mx.__version__, tuple(figures), tuple(cells), tuple(joint), replicates, results)


def _d2l_cells():
    """For each of the d2l notebook's outputs but the last, a function that computes its text."""
    own = NOTEBOOKS["d2l"]

    @functools.lru_cache(None)
    def data():
        with seeded(own.seed):
            return d2l.synthetic_data(TRUE_W, TRUE_B, own.num_examples)

    def example():
        features, labels = data()
        return "features: %s \nlabel: %s\n" % (features[0], labels[0])

    def mini_batch():
        rows = published.document("d2l")["minibatch_rows"]
        X, y = next(d2l.data_iter(own.settings.batch_size, *data(), order=rows))
        return "X =\n%s\ny =\n%s\n" % (X, y)

    return {"example": example, "mini-batch": mini_batch}


def _straight_dope_cells():
    """The same for the Straight Dope notebook's."""
    own = NOTEBOOKS["straight_dope"]

    def printed(*arrays):
        return "".join(straight_dope.printed(array) + "\n" for array in arrays)

    @functools.lru_cache(None)
    def data():
        with seeded(own.seed):
            return straight_dope.synthetic_data(own.num_examples)

    def batches():
        return straight_dope.NDArrayIter(*data(), own.settings.batch_size,
                                         order=published.order("straight_dope"))

    def noiseless_label():
        X, _ = data()
        return printed(TRUE_W[0] * X[0, 0] + TRUE_W[1] * X[0, 1] + TRUE_B)

    def count_without_reset():
        exhausted = batches()
        for _ in exhausted:
            pass
        return "{}\n".format(sum(1 for _ in exhausted))

    return {"example": lambda: printed(*(array[0] for array in data())),
            "noiseless label": noiseless_label,
            "mini-batch": lambda: printed(next(batches()).data[0]),
            "mini-batch labels": lambda: printed(next(batches()).label[0]),
            "batches": lambda: "{}\n".format(sum(1 for _ in batches())),
            "batches without reset": count_without_reset}


def _attempt(compute):
    """What `compute` gives, and None; or None, and why it failed."""
    try:
        return compute(), None
    except Exception as error:  # whatever it is, it is why these figures do not come out
        first_line = str(error).strip().partition("\n")[0]
        return None, "{}: {}".format(type(error).__name__, first_line)


def _among(notebook, runs, figures):
    """Training figures with their percentiles among replicates, a Joint, and the replicates."""
    def judge():
        replicates = replicate(notebook, runs)
        transcript = [figure.published for figure in figures], replicates.figures
        return (monte_carlo.percentiles(*transcript).tolist(),
                Joint(notebook, runs, monte_carlo.p_value(*transcript)), replicates)

    judged, reason = _attempt(judge)
    if reason is not None:
        return figures, Joint(notebook, runs, None, reason), None
    percentiles, *rest = judged
    return (map(lambda figure, percentile: replace(figure, percentile=percentile),
                figures, percentiles), *rest)


def _trained(notebook, ctx, results):
    """The training lines by the notebook's own steps, if every engine agrees with them.

    What those steps come to is put in `results`. "compiled" must print the same on a CPU,
    where it is the same to the bit; the others, and any on a GPU, within `rounding_bound`.
    """
    results[notebook] = train(notebook, ctx=ctx, engine="autograd", verbose=False)
    by_steps = results[notebook].transcript
    others = (train(notebook, ctx=ctx, engine=engine, verbose=False).transcript
              for engine in ("compiled", "scan", "fused"))
    cell = dict(published.document(notebook)["cells"][-1], text=by_steps)
    for engine, printed in zip(("compiled", "scan", "fused"), others):
        exact = engine == "compiled" and ctx.device_type == "cpu"
        agree = printed == by_steps if exact else all(
            figure.verdict != DIFFERENT for figure in compare_cell(notebook, cell, printed))
        if not agree:
            raise ArithmeticError("engine {!r} prints {!r}, 'autograd' {!r}".format(
                engine, printed, by_steps))
    return by_steps


def printed_figures(text):
    """The numbers in a text that a notebook's cell printed, as printed: a list of str."""
    return _FIGURE.findall(text)


def compare_cell(notebook, cell, text, reason=None):
    """The figures of one cell, judged by the text it prints now; or why there is none."""
    if reason is None:
        # The words around the figures count too, but for the blanks that align columns.
        if _FIGURE.sub("#", text).split() != _FIGURE.sub("#", cell["text"]).split():
            reason = "printed {!r}".format(text)
    reproduced = [None] * len(cell["figures"]) if reason is not None else printed_figures(text)
    for name, was, now in zip(cell["figures"], printed_figures(cell["text"]), reproduced):
        if now is None:
            verdict = DIFFERENT
        elif now == was:
            verdict = RECOVERED if cell["recovered_shuffle"] else IDENTICAL
        else:
            close = (cell["cell"] == "training" and Decimal(now).is_finite()
                     and abs(Decimal(now) - Decimal(was)) <= rounding_bound(notebook, name, was))
            verdict = TO_ROUNDING if close else DIFFERENT
        yield Figure(notebook, name, was, now, verdict, reason)


def _exactly(figure):
    """The figure, different if it agrees but to rounding."""
    if figure.verdict != TO_ROUNDING:
        return figure
    return replace(figure, verdict=DIFFERENT,
                   reason="to rounding, but nothing here keeps it from being exact")


def rounding_bound(notebook, figure, value):
    """How far arithmetic that rounds otherwise may move a training figure.

    A step stores each parameter in float32, off by up to half an ulp, u = 2**-22 where b
    ends (between 4 and 8); and it shrinks what deviation there is by a factor 1 - h, with
    h the learning rate times the Hessian: 0.03 for d2l, 2 * 0.001 for straight_dope. Errors
    uniform in [-u, u] so add up to a standard deviation of u / sqrt(3) / sqrt(2 h), and two
    runs that round independently differ in a parameter by sqrt(2) times that. Four such
    standard deviations are the bound on the errors of w and b.

    Parameters at a distance e from the truth have a loss of e**2 + 0.01**2, features being
    standard normal and the noise's standard deviation 0.01. A difference delta moves that by
    2 e delta, which is at most delta / 0.01 of it, where e is 0.01. With the bound on errors
    for delta, this is the bound on moving averages. A loss printed to six decimals may move by
    one in the last.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}
    figure : str
        Its name.
    value : str
        As published.

    Returns
    -------
    decimal.Decimal
        Absolute bound: for d2l 1e-6 on losses, 3.2e-6 on errors; for straight_dope 1.2e-3
        of the published average.
    """
    if figure.startswith("loss"):
        return Decimal("1e-6")
    own = NOTEBOOKS[notebook]
    shrinkage = own.hessian * own.settings.learning_rate
    deviation = math.sqrt(2) * 2**-22 / math.sqrt(3) / math.sqrt(2 * shrinkage)
    if figure.startswith("error"):
        return Decimal(4 * deviation)
    return Decimal(4 * deviation / 0.01) * Decimal(value)
