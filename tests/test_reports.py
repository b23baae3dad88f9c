"""The reports: what was published is all in them, what differs is marked, and they stand alone."""
import base64
import io
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import matplotlib.image
import numpy
import pytest
from chromium import chromium, needed
from markdown_it import MarkdownIt
from page import Page
from scatter import INSIDE, PUBLISHED, inside_frame, overlap
from selenium.webdriver.common.by import By

from d2l_linreg import d2l, published, reproduce
from d2l_linreg.cli import main
from d2l_linreg.reproduction import charts, reports

CELLS = [(notebook, cell) for notebook in published.NOTEBOOKS
         for cell in published.document(notebook)["cells"]]
ODD = "RuntimeError: <script>alert('|')</script> &amp; \x00\x1b[31m \ud800 `*_" + 300 * "x"
SEEN = ODD.replace("\x00", "\ufffd").replace("\x1b", "\ufffd").replace("\ud800", "\ufffd")


@pytest.fixture(scope="module")
def fresh():
    """A real run; where this machine rounds otherwise, with its cells as published."""
    return changed(reproduce(), lambda notebook: replace(notebook, cells=tuple(
        replace(cell, reproduced=cell.published) for cell in notebook.cells)))


def changed(run, change):
    """The run with each of its notebooks changed."""
    return replace(run, notebooks=tuple(map(change, run.notebooks)))


def with_figures(run, figures):
    """The run with other figures in place of its own."""
    figures = iter(figures)
    return changed(run, lambda notebook: replace(notebook, figures=tuple(
        next(figures) for _ in notebook.figures)))


def altered(run, number):
    """The run with so many figures made different, every third, and the first cell with them."""
    run = with_figures(run, [
        replace(f, reproduced="2.2122164", verdict="different") if i % 3 == 0 and i < 3 * number
        else f for i, f in enumerate(run.figures)])
    notebook, *others = run.notebooks
    first, *cells = notebook.cells
    first = replace(first, reproduced=first.published.replace("2.2122064", "2.2122164"))
    return replace(run, notebooks=(replace(notebook, cells=(first, *cells)), *others))


def failed(run):
    """The run with its last cell, that cell's figures and its replicates failed."""
    run = with_figures(run, [
        replace(f, reproduced=None, verdict="different")
        if f.figure.startswith("moving") else f for f in run.figures])
    first, notebook = run.notebooks
    *cells, last = notebook.cells
    return replace(run, notebooks=(first, replace(
        notebook, result=None, cells=(*cells, replace(last, reproduced=None, reason=ODD)),
        joint=replace(notebook.joint, p_value=None, reason=ODD), replicates=None)))


@pytest.fixture(scope="module")
def html(fresh):
    return reports.to_html(fresh)


def test_the_page_holds_every_published_text_twice_and_marks_nothing_in_them(html):
    page = Page(html)
    assert page.outputs == [cell["text"] for _, cell in CELLS for _ in range(2)]
    assert page.marked_outputs == []
    assert html.count("reproduced: identical</h4>") == len(CELLS) == 10


def test_the_page_says_that_the_orders_are_not_the_authors_own(html):
    assert "The recovered shuffles were found by search; they are not the authors&#39; own." in html


def folded(page):
    """Of each cell its line, whether it is open, and whether it is marked, and what it folds."""
    return [(*map(str.split, Page("<p>" + line).texts["p"]), "open" in how, "bad" in how, inside)
            for how, line, inside in re.findall(
                "<details(.*?)>\\s*<summary>(.*?)</summary>(.*?)</details>", page, re.DOTALL)]


def test_the_page_has_charts_first_and_then_a_line_a_cell_with_its_figures_folded(fresh, html):
    assert re.findall('<section id="(.*?)"', html) == [
        "data", "training", "errors", "cells", "environment"]
    lines = folded(html)
    assert [line for line, *_ in lines] == [
        f"{cell['cell']} {len(cell['figures'])} of {len(cell['figures'])} identical"
        f"{' (recovered shuffle)' if cell['recovered_shuffle'] else ''}".split()
        for _, cell in CELLS]
    assert not [line for line, is_open, bad, _ in lines if is_open or bad]
    for (*_, inside), (_, cell) in zip(lines, CELLS, strict=True):
        page = Page(inside)
        assert page.outputs == [cell["text"]] * 2
        assert [name for name in page.texts["th"] if name in cell["figures"]] == cell["figures"]
    rows = [Page(row).texts["td"] for *_, inside in lines
            for row in re.findall("<tr>(.*?)</tr>", inside, re.DOTALL) if "</td>" in row]
    assert [(was, now, verdict, [text.strip() for text in place])
            for was, now, verdict, *place in rows] == [
        (f.published, f.reproduced, f.verdict,
         [] if f.percentile is None else [f"{f.percentile:.0f}"]) for f in fresh.figures]
    assert len(rows) == 67


def test_a_cell_with_something_different_is_open_and_marked_and_no_other(fresh):
    for number, opened in ((1, {"example": "2 of 3"}), (5, {"example": "2 of 3", "mini-batch":
                                                            "26 of 30"})):
        for line, is_open, bad, _ in folded(reports.to_html(altered(fresh, number)))[:3]:
            assert is_open == bad == (line[0] in opened) == ("≠" in line)
            assert not is_open or " ".join(line[1:]) == opened[line[0]] + " ≠ different"


def test_a_cell_that_prints_other_words_is_open_and_says_so(fresh):
    words = changed(fresh, lambda notebook: replace(notebook, cells=tuple(
        replace(cell, reason="'b' is printed, not 'a'") if cell.cell == "batches" else cell
        for cell in notebook.cells)))
    opened = [(line, inside) for line, is_open, _, inside in folded(reports.to_html(words))
              if is_open]
    (line, inside), = opened
    assert line == ["batches", "1", "of", "1", "≠", "different"]
    assert "✗ 'b' is printed, not 'a'" in Page(inside).texts["p"]


def test_the_page_marks_just_the_characters_that_differ(fresh):
    page = reports.to_html(altered(fresh, 1))
    was, now = re.findall("<pre>\n(features:.*?)</pre>", page, re.DOTALL)
    assert was == "features: [2.2122<mark>0</mark>64 0.7740038] \nlabel: 6.000587\n"
    assert now == "features: [2.2122<mark>1</mark>64 0.7740038] \nlabel: 6.000587\n"
    assert Page(page).marked_outputs == ["0", "1"]
    assert page.count("≠ different") == 2 and "Not reproduced." in page  # of figure, of cell


@pytest.mark.parametrize("one, other, in_one, in_other", [
    ("loss 7.717095771\nb", "loss 7.717095809\nb", ["771"], ["809"]),
    ("loss 7.717095771", "loss 7.7170957", ["71"], []),
    ("[ 2.74]", "[2.74]", [" "], []),
    ("a b", "a b c", [], [" c"]),
    ("", "x", [], ["x"]),
    ("same", "same", [], []),
])
def test_differences_of_two_texts(one, other, in_one, in_other):
    pieces = reports.differences(one, other)
    assert tuple("".join(text for text, _ in side) for side in pieces) == (one, other)
    assert [[text for text, differs in side if differs] for side in pieces] == [in_one, in_other]


def test_the_page_refers_to_nothing_outside_and_runs_nothing(html):
    page = Page(html)
    links = set(re.findall('<a href="(http.*?)"', html))
    assert page.addresses and all(address.startswith(("data:", "#"))
                                  for address in page.addresses if address not in links)
    assert html.count("://") == len(links)
    assert not {"script", "iframe", "object", "embed", "base"} & set(page.tags)
    assert not re.search(r"url\(|@import", page.texts["style"][0])
    assert len(page.images) == 2 * 2 + 2 + 6 and all(page.images)
    for uri in page.images.values():
        picture = base64.b64decode(uri.partition(b",")[2])
        assert not re.search(b'href="(?!#)', picture)
    assert len(html.encode()) < 2e6


def test_the_page_leads_to_both_originals_and_to_docs_that_there_are(html):
    github = "https://github.com/"
    assert re.findall('<a href="(http.*?)">(.*?)</a>', html) == [
        (github + "d2l-ai/1day-notebooks/blob/376816e2cba5730770ffddf564de474ae86f80e6/"
         "notebooks-1/3-linear-regression-scratch.ipynb",
         "Linear Regression Implementation from Scratch"),
        (github + "zackchase/mxnet-the-straight-dope/blob/a6691b7b/"
         "P02-C01-linear-regression-scratch.ipynb", "Linear regression from scratch")]
    named = re.findall("<code>(docs/.*?)</code>", html)
    assert len(named) == 2 and all(Path(__file__).parents[1].joinpath(page).is_file()
                                   for page in named)


def captions(html):
    return [" ".join(caption.split()) for caption in Page(html).texts["figcaption"]]


def test_both_pictures_are_beside_the_published_ones_with_their_verdicts(fresh, html):
    assert captions(html)[:4] == [
        "d2l, published: the points where its file has them, on axes drawn now",
        "d2l, reproduced: 2,000 of 2,000 coordinates identical", "straight_dope, published",
        "straight_dope, reproduced: 72,478 of 72,478 pixels identical"]
    first, second = fresh.notebooks
    page = reports.to_html(replace(fresh, notebooks=(
        replace(first, picture=replace(first.picture, identical=1998, different=(
            "coordinates[5, 0] is 1.5, not 2.5", "coordinates[5, 1] is 3.5, not 4.5"))),
        replace(second, picture=replace(second.picture, identical=0, reason="no canvas today")))))
    assert captions(page)[1] == (
        "d2l, reproduced: 1,998 of 2,000 coordinates identical: ≠ different coordinates[5, 0] is "
        "1.5, not 2.5 coordinates[5, 1] is 3.5, not 4.5")
    assert captions(page)[3] == ("straight_dope, reproduced: 0 of 72,478 pixels identical: "
                                 "≠ different no canvas today")


def test_the_page_shows_the_data_of_the_published_picture(html):
    (ours,) = [uri for alt, uri in Page(html).images.items() if "straight_dope's" in alt
               and "Scatter" in alt]
    now, was = inside_frame(base64.b64decode(ours.partition(b",")[2])), PUBLISHED[INSIDE]
    assert now.shape[:2] == was.shape[:2]
    assert overlap(now, was) > 0.99
    # The topmost label, 25, which lies half a pixel above the axes: left of them, as published
    whole = matplotlib.image.imread(io.BytesIO(base64.b64decode(ours.partition(b",")[2])))
    assert [(picture[:20, :30, :3].min(axis=2) < 0.5).any() for picture in (whole, PUBLISHED)] == [
        True, True]


def test_the_histograms_name_the_published_errors_and_else_the_runs_own(fresh, html):
    own = fresh.notebooks[1].result
    assert Page(html).texts["figcaption"][-6:] == [
        "w[0]; published: 0.000404", "w[1]; published: 3.65e-05", "b; published: 0.000535"] + [
        f"{name}; reproduced: {error:.3g}"
        for name, error in zip(("w[0]", "w[1]", "b"), [*own.w_error, own.b_error], strict=True)]
    assert "this notebook published no final errors" in html


def test_the_histograms_mark_what_was_published_not_what_came_out(fresh):
    page = Page(reports.to_html(with_figures(fresh, [
        replace(f, published="0.00077") if f.figure == "error in b" else f
        for f in fresh.figures])))
    assert "b; published: 0.00077" in page.texts["figcaption"]


def test_a_histogram_counts_every_replicate_and_has_its_mark_where_it_belongs(fresh):
    errors = fresh.notebooks[0].replicates.b_error
    (axes,) = charts.histogram(errors, 0.00053549, "published", "b").axes
    assert sum(bar.get_height() for bar in axes.patches) == 1000
    (line,) = axes.lines
    assert set(line.get_xdata()) == {0.00053549}


@pytest.mark.parametrize("notebook, xs, name", [
    ("d2l", [1, 2, 3], "epoch_losses"), ("straight_dope", range(500, 5001, 500), "moving_losses")])
def test_a_training_curve_lies_over_the_band_of_the_replicates(fresh, notebook, xs, name):
    figures = [replace(f, reproduced="1e-4") for f in fresh.figures
               if f.notebook == notebook and f.figure.startswith(("loss", "moving"))]
    published_losses = numpy.array([float(figure.published) for figure in figures])
    (own,) = [own for own in fresh.notebooks if own.notebook == notebook]
    losses = getattr(own.replicates, name)
    above, below = charts.curve(figures, losses, xs[0], "x", "y").axes
    assert above.get_yscale() == "log"
    ordered = numpy.sort(losses, axis=0)
    for axes, unit in ((above, 1), (below, numpy.median(losses, axis=0))):
        lines = {line.get_label(): line.get_xydata().T for line in axes.lines}
        assert lines["published"][0].tolist() == list(xs) == lines["reproduced"][0].tolist()
        assert lines["published"][1] == pytest.approx(published_losses / unit)
        assert lines["reproduced"][1] == pytest.approx(1e-4 / unit * numpy.ones(len(xs)))
        (band,) = axes.collections
        edges = band.get_paths()[0].vertices
        # 25 of 1,000 lie below the band and 25 above it.
        for x, *ends in zip(xs, *(ordered[[24, 25, 974, 975]] / unit), strict=True):
            ys = edges[edges[:, 0] == x, 1]
            assert ends[0] <= ys.min() <= ends[1] < ends[2] <= ys.max() <= ends[3]


def test_pictures_are_the_same_whatever_matplotlib_is_set_to(fresh, html):
    with matplotlib.rc_context({"axes.facecolor": "black", "text.usetex": True, "font.size": 30}):
        assert Page(reports.to_html(fresh)).images == Page(html).images


@pytest.fixture(scope="module")
def failure(fresh):
    """The page of a run of which a part failed."""
    return reports.to_html(failed(fresh))


def test_the_page_says_why_a_computation_failed_in_whatever_words(failure):
    page = Page(failure)
    assert "\n✗ " + SEEN in "\n" + "\n".join(page.texts["p"])
    assert len([text for text in page.texts["td"] if SEEN in text]) == 0  # once is enough
    assert "script" not in page.tags
    failure.encode("utf-8")


def test_the_page_leaves_out_what_failed(failure, html):
    page = Page(failure)
    assert len(page.outputs) == 2 * len(CELLS) - 1
    assert len(page.images) == len(Page(html).images) - 1 - 3  # no data of a run, no histograms


def test_the_page_says_why_histograms_have_no_mark_where_there_are_any(fresh, failure):
    assert "training failed, so nothing is marked" not in failure  # there are no histograms
    assert "training failed, so nothing is marked" in reports.to_html(changed(
        fresh, lambda notebook: replace(notebook, result=None)))


def test_a_run_that_raises_and_asks_for_no_replicates_has_all_its_reports(monkeypatch):
    def fail(*arguments, **keywords):
        raise RuntimeError("no step today")

    monkeypatch.setattr(d2l, "sgd", fail)
    faulty = reproduce("d2l", runs=0)
    page = reports.to_html(faulty)
    assert "✗ RuntimeError: no step today" in page
    assert page.count("so there are no other shuffles to compare\nwith") == 1
    assert "so there is no picture of its data" in page and 'id="errors"' not in page
    assert len(Page(page).images) == 2  # the published data and the published losses
    assert reports.to_markdown(faulty).count("RuntimeError: no step today") == 1
    assert len(ElementTree.fromstring(reports.to_junit(faulty)).findall(".//failure")) == 6 + 1


def junit(run):
    return ElementTree.fromstring(reports.to_junit(run))


def test_junit_has_a_case_for_each_figure_and_picture_and_one_for_all_of_a_notebook(fresh):
    cases = [(case.get("classname"), case.get("name")) for case in junit(fresh).iter("testcase")]
    assert cases == [
        (notebook, name) for notebook in published.NOTEBOOKS
        for name in [*(name for whose, cell in CELLS if whose == notebook
                       for name in cell["figures"]), "picture", "all training figures together"]]


@pytest.mark.parametrize("number", [0, 1, 5])
def test_junit_has_a_failure_for_each_different_figure(fresh, number):
    failures = junit(altered(fresh, number)).findall(".//failure")
    assert len(failures) == number
    assert all("reproduced 2.2122164: different" in f.get("message") for f in failures)


@pytest.mark.parametrize("number", [0, 1, 5])
def test_junit_counts_its_cases_and_failures(fresh, number):
    suites = junit(altered(fresh, number))
    assert (int(suites.get("tests")), int(suites.get("failures"))) == (67 + 2 + 2, number)
    for suite in suites:
        assert int(suite.get("tests")) == len(suite.findall("testcase"))
        assert int(suite.get("failures")) == len(suite.findall(".//failure"))


def test_junit_tells_on_what_it_ran_and_what_was_searched_for(fresh):
    for suite in junit(fresh):
        told = {each.get("name"): each.get("value") for each in suite.iter("property")}
        shuffle = told.pop("recovered shuffle")
        assert shuffle.startswith("Found by search; not the authors' own")
        assert told == fresh.environment and told["mxnet"] == fresh.mxnet


TOLD = {"device": "gpu(7)", "BLAS kernel": "Kernel 8", "CPU": "has 9 registers", "logf": "of 1999"}


@pytest.mark.parametrize("form", [str, reports.to_json, reports.to_junit, reports.to_markdown,
                                  reports.to_html], ids=lambda form: form.__name__)
def test_every_report_tells_on_what_its_run_ran_not_what_is_here_now(form, fresh):
    assert set(TOLD) < set(fresh.environment)
    elsewhere = replace(fresh, environment={**fresh.environment, **TOLD},
                        shortfalls=("The abacus rounds.",))
    report = form(elsewhere).replace("\\", "")
    assert all(value in report for value in TOLD.values())
    here = [fresh.environment[name] for name in ("device", "BLAS kernel", "CPU", "logf")]
    assert not [value for value in here if re.search(rf"(?<!@){re.escape(value)}", report)]
    if form in (reports.to_json, reports.to_html):
        assert "The abacus rounds." in report and "Nothing here keeps" not in report
    if form == reports.to_junit:
        for suite in ElementTree.fromstring(report):
            assert {name: suite.find(f"properties/property[@name='{name}']").get("value")
                            for name in TOLD} == TOLD


def test_what_ran_is_one_line_of_the_summary(fresh):
    (line,) = [line for line in fresh.summary.splitlines() if line.startswith("device: ")]
    assert line == "; ".join(f"{name}: {fresh.environment[name]}" for name in TOLD) + "."


def test_junit_fails_for_figures_that_are_unusual_together(fresh):
    first, second = fresh.notebooks
    rare = replace(fresh, notebooks=(
        replace(first, joint=replace(first.joint, p_value=0.001)), second))
    (failure,) = junit(rare).iter("failure")
    assert failure.text == ("d2l, training figures among 1,000 other shuffles: p = 0.001, "
                            "unusual.")


def test_junit_fails_for_what_failed_in_whatever_words(fresh):
    failures = list(junit(failed(fresh)).iter("failure"))
    assert len(failures) == 10 + 1 + 1
    # of the cell, once, and of the replicates
    assert len([failure for failure in failures if SEEN in failure.get("message")]) == 1 + 1


@pytest.mark.parametrize("make", [lambda run: run, failed])
def test_markdown_is_the_summary_and_a_table_of_67_rows_and_the_pictures(fresh, make):
    run = make(fresh)
    rendered = MarkdownIt("commonmark").enable("table").render(reports.to_markdown(run))
    page = Page(rendered.replace("<li>", "<p>").replace("</li>", "</p>"))
    summary = run.summary
    for odd in "\x00\x1b\ud800":
        summary = summary.replace(odd, "\ufffd")
    assert [line.strip() for line in page.texts["p"]] == summary.splitlines()
    assert page.tags.count("tr") == 1 + 67 + 2
    assert rendered.index("<ul>") < rendered.index("<table>")
    cells = page.texts["td"]
    assert [tuple(cells[i:i + 4]) for i in range(0, len(cells), 6)] == [
        *((f.notebook, f.figure, f.published, f.reproduced or "-") for f in run.figures),
        *((p.notebook, "picture", f"{p.published:,} {p.unit}", f"{p.identical:,} identical")
          for p in run.pictures)]
    assert cells[4::6] == [part.verdict for part in (*run.figures, *run.pictures)]


@pytest.fixture(params=[0, 1])
def different(request, republish):
    """How many figures are different, in turn."""
    if request.param:
        republish("d2l", "6.000587", "6.000588")
    return request.param


def test_the_command_writes_every_report_and_exits_as_without(different, tmp_path):
    names = {kind: str(tmp_path / ("report." + kind)) for kind in
             ("html", "json", "junit", "markdown")}
    options = [word for kind, name in names.items() for word in ("--" + kind, name)]
    assert main(["reproduce", "--notebook", "d2l", "--runs", "0", *options]) == different
    assert sorted(os.listdir(tmp_path)) == sorted(map(os.path.basename, names.values()))
    written = {path.suffix[1:]: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert len(json.loads(written["json"])["figures"]) == 39
    assert ElementTree.fromstring(written["junit"]).get("failures") == str(different)
    assert written["markdown"].count("| different |") == different
    assert written["html"].count("≠ different") == 2 * different  # the figure's and its cell's


def test_without_jinja2_the_page_is_refused_before_any_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["reproduce", "--html", str(tmp_path / "report")]) == 1
    out, err = capsys.readouterr()
    assert "pip install '.[reports]'" in err and out == ""


def test_without_jinja2_the_other_reports_are_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["reproduce", "--notebook", "d2l", "--runs", "0", "--junit",
                 str(tmp_path / "report")]) == 0


def test_one_file_for_two_reports_is_refused(tmp_path, capsys):
    path = str(tmp_path / "report")
    assert main(["reproduce", "--html", path, "--junit", path]) == 2
    assert "two are the same; name a file for each" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--html", "--junit", "--markdown"])
def test_a_report_into_a_folder_that_is_not_there_is_refused(option, capsys):
    assert main(["reproduce", option, "nowhere/report"]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A Chromium that notes what a page asks for and complains of."""
    with chromium(tmp_path_factory.mktemp("chromium"),
                  loggingPrefs={"browser": "ALL", "performance": "ALL"}) as browser:
        yield browser


def emulate(browser, colours, medium="screen"):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": medium, "features": [
        {"name": "prefers-color-scheme", "value": colours}]})


@pytest.fixture(scope="module", params=[
    (lambda run: run, 360, "dark"), (lambda run: run, 1280, "light"),
    (failed, 360, "light"), (failed, 1280, "dark")])
def shown(request, fresh, browser, tmp_path_factory):
    """A page in Chromium: that, its width, the page's address, and all that it asked for."""
    make, width, colours = request.param
    path = tmp_path_factory.mktemp("shown") / "report.html"
    path.write_text(reports.to_html(make(fresh)), encoding="utf-8")
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == 360})
    emulate(browser, colours)
    browser.get_log("performance")
    browser.get(path.as_uri())
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return browser, width, path.as_uri(), [
        event["params"]["request"]["url"] for event in events
        if event["method"] == "Network.requestWillBeSent"]


@needed
def test_in_chromium_the_page_fits(shown):
    """With all cells open, too."""
    browser, width, _, _ = shown
    for opened in range(2):
        needs, has, cells = browser.execute_script("""
            const cells = document.querySelectorAll("details");
            if (arguments[0]) cells.forEach(cell => cell.open = true);
            return [document.scrollingElement.scrollWidth, innerWidth, cells.length];""", opened)
        assert needs <= has == width and cells == len(CELLS)


@needed
def test_in_chromium_the_page_asks_for_nothing_and_complains_of_nothing(shown):
    browser, _, address, asked = shown
    assert address in asked
    assert all(url == address or url.startswith("data:") for url in asked)
    assert browser.get_log("browser") == []


@needed
def test_in_chromium_the_page_shows_its_pictures(shown):
    colours = shown[0].execute_script("""
        return Array.from(document.images).map(image => {
            const canvas = document.createElement("canvas");
            canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0);
            const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
            return new Set(new Uint32Array(pixels.buffer)).size;
        });""")
    assert len(colours) >= 7 and min(colours) > 10


@needed
def test_in_chromium_the_page_shows_the_published_texts_as_they_are(shown):
    outputs = shown[0].execute_script(
        "return Array.from(document.querySelectorAll('pre')).map(pre => pre.textContent)")
    assert [text for text in outputs if text not in {cell["text"] for _, cell in CELLS}] == []


TEXTS = """
    const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = colour => colour.slice(0, 3).map(part => part / 255).map(
        part => part > 0.04045 ? ((part + 0.055) / 1.055) ** 2.4 : part / 12.92).reduce(
        (sum, part, i) => sum + [0.2126, 0.7152, 0.0722][i] * part, 0);
    const behind = element => {
        const colour = numbers(getComputedStyle(element).backgroundColor);
        return colour[3] === 0 ? behind(element.parentElement) : colour;
    };
    const found = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode, element = text.parentElement;
        if (!text.data.trim() || !element.checkVisibility()) continue;
        const lights = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
        found.push([(Math.max(...lights) + 0.05) / (Math.min(...lights) + 0.05), text.data]);
    }
    return found;
"""


@needed
def test_in_chromium_every_text_can_be_read(shown):
    """By the Web Content Accessibility Guidelines' ratio for AA, whatever colours are preferred."""
    texts = shown[0].execute_script(TEXTS)
    assert len(texts) > 60 and [text for text in texts if text[0] < 4.5] == []


def light(colours):
    linear = numpy.where(colours > 0.04045, ((colours + 0.055) / 1.055)**2.4, colours / 12.92)
    return linear @ [0.2126, 0.7152, 0.0722]


@needed
def test_in_chromium_the_charts_can_be_read(shown):
    """At their left, where the labels of an axis are, on the page itself or on a white plate."""
    browser = shown[0]
    page = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    page = numpy.array(re.findall(r"\d+", page), "float64") / 255
    for picture in browser.find_elements(By.TAG_NAME, "img"):
        pixels = matplotlib.image.imread(io.BytesIO(picture.screenshot_as_png))[..., :3]
        behind = page if picture.get_attribute("class") == "chart" else numpy.ones(3)
        assert pixels[2, 2] == pytest.approx(behind, abs=0.01)
        lights = light(pixels[:, 2:pixels.shape[1] // 8].reshape(-1, 3))
        ends = numpy.sort([light(behind), lights[abs(lights - light(behind)).argmax()]]) + 0.05
        assert ends[1] / ends[0] > 4.5, picture.get_attribute("alt")


@needed
def test_on_paper_every_cell_is_open_and_the_page_is_light(shown):
    browser, _, address, _ = shown
    browser.get(address)  # folded again
    count = "return [...document.querySelectorAll('td')].filter(td => td.checkVisibility()).length"
    whole = 3 * 67 + 16  # of the training figures a percentile, too
    assert browser.execute_script(count) < whole
    emulate(browser, "dark", "print")
    assert browser.execute_script(count) == whole
    assert browser.execute_script(
        "return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert [text for text in browser.execute_script(TEXTS) if text[0] < 4.5] == []
