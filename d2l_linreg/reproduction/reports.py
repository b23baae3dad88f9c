"""A Reproduction written for others to read: as a page, for a CI's test view, for its summary."""
import re
import time
from difflib import SequenceMatcher
from importlib import resources
from itertools import groupby, zip_longest
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from matplotlib import style

from .. import published
from ..compat.pictures import pictures_of_then
from ..settings import NOTEBOOKS
from ..training.result import TrainResult
from . import charts
from .cells import by_cell
from .figures import DIFFERENT, Figure
from .monte_carlo import ORDINARY
from .reproduce import NotebookReproduction, Reproduction

if TYPE_CHECKING:
    from jinja2 import Template

to_json = Reproduction.to_json

_WORD = re.compile(r"[\w.+-]+|.", re.DOTALL)
# XML holds no other characters, and UTF-8 no lone surrogates; a failed computation's words may.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def page_template() -> "Template":
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
        raise ImportError(
            f"{error}; the page needs the extra reports: pip install '.[reports]'") from error
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True,
                              undefined=StrictUndefined)
    return environment.from_string(
        resources.files(__package__).joinpath("report.html").read_text(encoding="utf-8"))


def to_html(reproduction: Reproduction) -> str:
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
            reproduction=reproduction, differences=differences,
            time=time.strftime("%Y-%m-%d %H:%M", time.gmtime()), band=charts.BAND,
            notebooks=list(map(_shown, reproduction.notebooks))))


def to_junit(reproduction: Reproduction) -> str:
    """JUnit's XML: a suite for each notebook, a case for each figure, picture and joint verdict.

    A cell that fails, or prints other words, has a case, too, and so has a wrong number of figures.
    The properties of a suite are the environment, and that the recovered shuffle was found by
    search.

    Parameters
    ----------
    reproduction : Reproduction

    Returns
    -------
    str
        XML.
    """
    suites = ElementTree.Element("testsuites", name="d2l-linreg reproduce")
    for fresh in reproduction.notebooks:
        name = fresh.notebook
        suite = ElementTree.SubElement(suites, "testsuite", name=name, errors="0", skipped="0",
                                       timestamp=time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()))
        properties = ElementTree.SubElement(suite, "properties")
        for key, value in (*reproduction.environment.items(),
                           ("recovered shuffle", published.document(name)["shuffle"])):
            ElementTree.SubElement(properties, "property", name=key, value=value)
        cases = [(figure.figure, figure.verdict != DIFFERENT, _told(figure))
                 for figure in fresh.figures]
        cases.append(("picture", fresh.picture.verdict != DIFFERENT, fresh.picture.told))
        if fresh.miscounted is not None:
            cases.append(("number of figures", False, fresh.miscounted))
        cases += [(f"cell {cell.cell}", False, cell.reason) for cell in fresh.cells
                  if cell.reason is not None]
        if fresh.joint is not None:
            cases.append(("all training figures together", fresh.joint.verdict == ORDINARY,
                          str(fresh.joint)))
        for title, passed, told in cases:
            case = ElementTree.SubElement(suite, "testcase", classname=name, name=title)
            if not passed:
                ElementTree.SubElement(case, "failure", message=told).text = told
            ElementTree.SubElement(case, "system-out").text = told
        suite.set("tests", str(len(cases)))
        suite.set("failures", str(sum(not passed for _, passed, _ in cases)))
    for key in ("tests", "failures", "errors"):
        suites.set(key, str(sum(int(suite.attrib[key]) for suite in suites)))
    for element in suites.iter():
        element.tail = "\n"
    return _printable('<?xml version="1.0" encoding="UTF-8"?>\n'
                      + ElementTree.tostring(suites, encoding="unicode"))


def to_markdown(reproduction: Reproduction) -> str:
    """GitHub's Markdown: the summary, the joint verdicts, a table with a row for each figure.

    Parameters
    ----------
    reproduction : Reproduction

    Returns
    -------
    str
        Markdown.
    """
    rows: list[Any] = [
        ("notebook", "figure", "published", "reproduced", "verdict", "percentile"),
        ("---", "---", "---:", "---:", "---", "---:")]
    rows += [map(_escaped, (
        figure.notebook, figure.figure, figure.published, figure.reproduced or "-",
        figure.judgement,
        "" if figure.percentile is None else f"{figure.percentile:.0f}"))
        for figure in reproduction.figures]
    rows += [map(_escaped, (
        picture.notebook, "picture", f"{picture.published:,} {picture.unit}",
        f"{picture.identical:,} identical", picture.verdict, ""))
        for picture in reproduction.pictures]
    return _printable("\n".join(
        [f"## Published figures {'' if reproduction.ok else 'not '}reproduced", ""]
        + ["- " + _escaped(line) for line in reproduction.summary.splitlines()] + [""]
        + [f"| {' | '.join(row)} |" for row in rows]) + "\n")


def differences(one: str, other: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """Which characters differ in two texts: words and numbers are aligned, then held together.

    Parameters
    ----------
    one, other : str

    Returns
    -------
    (list of (str, bool), list of (str, bool))
        Each text in pieces, with whether the other has something else there.
    """
    was_words, now_words = _WORD.findall(one), _WORD.findall(other)
    differs: tuple[list[bool], list[bool]] = [], []
    matcher = SequenceMatcher(None, was_words, now_words, autojunk=False)
    for _, *ends in matcher.get_opcodes():
        for was, now in zip_longest(was_words[slice(*ends[:2])], now_words[slice(*ends[2:])],
                                    fillvalue=""):
            marks = [a != b for a, b in zip_longest(was, now)]
            differs[0].extend(marks[:len(was)])
            differs[1].extend(marks[:len(now)])
    return _pieces(one, differs[0]), _pieces(other, differs[1])


def _pieces(text: str, marks: list[bool]) -> list[tuple[str, bool]]:
    return [("".join(character for character, _ in piece), marked)
            for marked, piece in groupby(zip(text, marks, strict=True), key=itemgetter(1))]


def _told(figure: Figure) -> str:
    """A figure's row as a sentence."""
    told = (f"published {figure.published}, reproduced {figure.reproduced or 'nothing'}: "
            f"{figure.judgement}")
    if figure.percentile is not None:
        told += f"; percentile {figure.percentile:.0f} of the replicates"
    return told


def _shown(fresh: NotebookReproduction) -> dict[str, Any]:
    """What the page shows of one notebook, by the names that the template has for it."""
    own, document = NOTEBOOKS[fresh.notebook], published.document(fresh.notebook)
    result: Any = fresh.result
    replicates = fresh.replicates
    losses = [f for f in fresh.figures if f.figure.startswith(("loss", "moving average"))]
    parameters = "w[0]", "w[1]", "b"
    marks = {f.figure.removeprefix("error in "): float(f.published) for f in fresh.figures
             if f.figure.startswith("error")}
    marked = "published" if marks else "reproduced"
    if not marks and result:  # the reproduced run's own
        marks = dict(zip(parameters, [*result.w_error, result.b_error], strict=True))
    histograms, band = [], None
    if replicates is not None:
        over_shuffles = zip(parameters, [*replicates.w_error.T, replicates.b_error], strict=True)
        histograms = [
            (parameter, marks.get(parameter), charts.svg(charts.histogram(
                errors, marks.get(parameter), marked, "true minus estimated " + parameter)))
            for parameter, errors in over_shuffles]
        # over the published losses, if none is lost
        if fresh.miscounted is None:
            band = replicates.moving_losses if own.averages_every else replicates.epoch_losses
    published_scatter, scatter = _scatters(document, result)
    return dict(
        document, name=own.name, cells=by_cell(fresh.cells, fresh.figures), joint=fresh.joint,
        picture=fresh.picture, published_scatter=published_scatter, scatter=scatter,
        averages_every=own.averages_every, marked=marked, histograms=histograms,
        curve=charts.svg(charts.curve(
            losses, band, own.averages_every or 1,
            f"step ({own.settings.batch_size} examples each)" if own.averages_every else
            f"epoch ({own.num_examples:,} examples each)",
            f"loss ({'half the ' if own.loss_factor < 1 else ''}squared error)")))


def _scatters(document: dict[str, Any], result: TrainResult | None) -> tuple[str, str | None]:
    """The published scatter plot and the reproduced one, in the format in which it was published.

    Of one published as lines its points alone are at hand: they are drawn anew.
    """
    def drawn(features: Any, labels: Any) -> str:
        return as_published(charts.scatter(features, labels, **document["scatter"]))

    with pictures_of_then():
        if document["picture"]["unit"] == "pixels":
            as_published, was = charts.png, charts.uri("png", published.scatter_png())
        else:
            as_published, points = charts.svg, published.scatter_points()
            was = drawn(points[:, [0, 0]], points[:, 1])
        return was, None if result is None else drawn(result.features, result.labels)


def _escaped(text: str) -> str:
    """Text for a cell of a Markdown table, on one line."""
    return re.sub(r"([\\`*_\[\]<>|~&#])", r"\\\1", " ".join(text.split()))


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
