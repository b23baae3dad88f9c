"""A Reproduction written for others to read: as a page, for a CI's test view, for its summary."""
import pkgutil
import re
import time
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from operator import itemgetter
from xml.etree import ElementTree

from matplotlib import style

from .. import published
from . import charts
from .environment import describe, shortfalls
from .monte_carlo import ALPHA, false_alarm_rate
from .reproduce import DIFFERENT, ORDINARY, Reproduction

to_json = Reproduction.to_json

_WORD = re.compile(r"[\w.+-]+|.", re.DOTALL)
# XML holds no other characters, and UTF-8 no lone surrogates; a failed computation's words may.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def page_template():
    """The page that `to_html` fills.

    Returns
    -------
    jinja2.Template

    Raises
    ------
    ImportError
        If Jinja2 is not installed; it says what to install.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise ImportError("{}; the page needs the extra reports: pip install '.[reports]'".format(
            error)) from error
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True,
                              undefined=StrictUndefined)
    return environment.from_string(pkgutil.get_data(__package__, "report.html").decode())


def to_html(reproduction):
    """One page that needs no other file and no network.

    Parameters
    ----------
    reproduction : Reproduction

    Returns
    -------
    str
        HTML.

    Raises
    ------
    ImportError
        If Jinja2 is not installed.
    """
    with style.context(["default", {"svg.hashsalt": "d2l_linreg"}]):
        return _printable(page_template().render(
            reproduction=reproduction, differences=differences, environment=describe(),
            shortfalls=shortfalls(), time=time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
            band=charts.BAND, alpha=ALPHA, false_alarm_rate=false_alarm_rate,
            published_scatter=charts.uri("png", published.scatter_png()),
            notebooks=[_notebook(reproduction, name) for name in _names(reproduction)]))


def to_junit(reproduction):
    """JUnit's XML: a suite for each notebook, a case for each figure and for the joint verdict.

    Parameters
    ----------
    reproduction : Reproduction

    Returns
    -------
    str
        XML.
    """
    suites = ElementTree.Element("testsuites", name="d2l-linreg reproduce")
    for name in _names(reproduction):
        suite = ElementTree.SubElement(suites, "testsuite", name=name, errors="0", skipped="0",
                                       timestamp=time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()))
        properties = ElementTree.SubElement(suite, "properties")
        for key, value in describe().items():
            ElementTree.SubElement(properties, "property", name=key, value=value)
        cases = [(figure.figure, figure.verdict != DIFFERENT, _told(figure))
                 for figure in _of(name, reproduction.figures)]
        cases += [("all training figures together", joint.verdict == ORDINARY, str(joint))
                  for joint in _of(name, reproduction.joint)]
        for title, passed, told in cases:
            case = ElementTree.SubElement(suite, "testcase", classname=name, name=title)
            if not passed:
                ElementTree.SubElement(case, "failure", message=told).text = told
            ElementTree.SubElement(case, "system-out").text = told
        suite.set("tests", str(len(cases)))
        suite.set("failures", str(sum(not passed for _, passed, _ in cases)))
    for key in ("tests", "failures", "errors"):
        suites.set(key, str(sum(int(suite.get(key)) for suite in suites)))
    for element in suites.iter():
        element.tail = "\n"
    return _printable('<?xml version="1.0" encoding="UTF-8"?>\n'
                      + ElementTree.tostring(suites, encoding="unicode"))


def to_markdown(reproduction):
    """GitHub's Markdown: the summary, the joint verdicts, a table with a row for each figure.

    Parameters
    ----------
    reproduction : Reproduction

    Returns
    -------
    str
        Markdown.
    """
    rows = [("notebook", "figure", "published", "reproduced", "verdict", "percentile"),
            ("---", "---", "---:", "---:", "---", "---:")]
    rows += [map(_escaped, (
        figure.notebook, figure.figure, figure.published, figure.reproduced or "-",
        figure.verdict + (": " + figure.reason if figure.reason else ""),
        "" if figure.percentile is None else "{:.0f}".format(figure.percentile)))
        for figure in reproduction.figures]
    return _printable("\n".join(
        ["## Published figures {}reproduced".format("" if reproduction.ok else "not "), ""]
        + ["- " + _escaped(line) for line in reproduction.summary.splitlines()] + [""]
        + ["| {} |".format(" | ".join(row)) for row in rows]) + "\n")


def differences(one, other):
    """Which characters differ in two texts: words and numbers are aligned, then held together.

    Parameters
    ----------
    one, other : str

    Returns
    -------
    (list of (str, bool), list of (str, bool))
        Each text in pieces, with whether the other has something else there.
    """
    words = [_WORD.findall(text) for text in (one, other)]
    differs = [], []
    for _, start, end, *others in SequenceMatcher(None, *words, autojunk=False).get_opcodes():
        for was, now in zip_longest(words[0][start:end], words[1][slice(*others)], fillvalue=""):
            marks = [a != b for a, b in zip_longest(was, now)]
            differs[0].extend(marks[:len(was)])
            differs[1].extend(marks[:len(now)])
    return tuple([("".join(character for character, _ in piece), marked)
                  for marked, piece in groupby(zip(text, marks), key=itemgetter(1))]
                 for text, marks in zip((one, other), differs))


def _names(reproduction):
    return list(dict.fromkeys(cell.notebook for cell in reproduction.cells))


def _of(notebook, parts):
    return [part for part in parts if part.notebook == notebook]


def _told(figure):
    """A figure's row as a sentence."""
    told = "published {}, reproduced {}: {}".format(
        figure.published, figure.reproduced or "nothing", figure.verdict)
    if figure.reason:
        told += ": " + figure.reason
    if figure.percentile is not None:
        told += "; percentile {:.0f} of the replicates".format(figure.percentile)
    return told


def _notebook(reproduction, name):
    """What the page shows of one notebook, by the names that the template has for it."""
    figures = _of(name, reproduction.figures)
    losses = [f for f in figures if f.figure.startswith(("loss", "moving average"))]
    printed = [float(f.published) for f in figures if f.figure.startswith("error")]
    replicates, result = reproduction.replicates.get(name), reproduction.results.get(name)
    over, every, xlabel = (("epoch_losses", 1, "epoch") if name == "d2l"
                           else ("moving_losses", 500, "step"))
    # straight_dope published no final errors: there the reproduced run's own are marked.
    marked = "published" if printed else "reproduced"
    marks = printed or ([*result.w_error, result.b_error] if result else [None] * 3)
    histograms = []
    if replicates:
        histograms = [(parameter, mark, charts.svg(charts.histogram(
            errors, mark, marked, "true minus estimated " + parameter)))
            for parameter, mark, errors in zip(("w[0]", "w[1]", "b"), marks,
                                               [*replicates.w_error.T, replicates.b_error])]
    return dict(
        published.document(name), name=name, figures=figures, cells=_of(name, reproduction.cells),
        joint=next(iter(_of(name, reproduction.joint)), None), marked=marked,
        scatter=charts.png(charts.scatter(result)) if result else None, histograms=histograms,
        curve=charts.svg(charts.curve(
            losses, replicates and getattr(replicates, over), every, xlabel)))


def _escaped(text):
    """Text for a cell of a Markdown table, on one line."""
    return re.sub(r"([\\`*_\[\]<>|~&#])", r"\\\1", " ".join(text.split()))


def _printable(text):
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
