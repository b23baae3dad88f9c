"""Published text scrambled, or lost: what is reproduced stays, and every report says so.

The figures as they were published, which this file reads from the untouched documents by itself,
are what a run has to print, whatever the documents are made to say.
"""
import copy
import functools
import json
import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import numpy
import pytest
from exact import exact_here
from markdown_it import MarkdownIt
from page import Page
from processes import environ
from scatter import INSIDE, PUBLISHED

import d2l_linreg
from d2l_linreg import published, reproduce, train
from d2l_linreg.cli import main
from d2l_linreg.compat.mxnet import mx
from d2l_linreg.reproduction import cells, charts, figures, pictures, reports
from d2l_linreg.reproduction.printed import lines
from d2l_linreg.reproduction.reproduce import judged
from d2l_linreg.settings import NOTEBOOKS

pytestmark = exact_here

DOCUMENTS = {notebook: published.document(notebook) for notebook in NOTEBOOKS}
CELLS = [(notebook, number) for notebook in DOCUMENTS
         for number in range(len(DOCUMENTS[notebook]["cells"]))]
FIGURE = re.compile(r"-?\d+\.\d+(?:e-\d+)?(?![.\d])|^\d+$", re.MULTILINE)
TRAINED = ("loss", "error", "moving")
FORMS = "table", "json", "junit", "markdown", "html"


def printed(documents):
    """The figures in documents: of each notebook and name, what its text holds."""
    return {(notebook, name): number for notebook, document in documents.items()
            for cell in document["cells"]
            for name, number in zip(cell["figures"], FIGURE.findall(cell["text"]), strict=True)}


TRUE = printed(DOCUMENTS)


def test_the_sources_printed_39_and_28_figures_which_are_67():
    # Counted by hand: 3 + 30 + 6, and 3 + 1 + 8 + 4 + 1 + 1 + 10
    assert published.FIGURES == {"d2l": 39, "straight_dope": 28}
    assert len(TRUE) == 39 + 28 == 67


def otherwise(text, places, chance):
    """A text with other digits at some places."""
    for place in places:
        other = (int(text[place]) + chance.randint(1, 9)) % 10
        text = text[:place] + str(other) + text[place + 1:]
    return text


def with_text(notebook, number, text):
    """The documents with another text in one cell."""
    documents = copy.deepcopy(DOCUMENTS)
    documents[notebook]["cells"][number]["text"] = text
    return documents


def digits(text):
    return [place for place, character in enumerate(text) if character.isdigit()]


def rows(form, report):
    """What a form of the report says of each figure: both values, and whether it is different."""
    if form == "json":
        return {(f["notebook"], f["figure"]): (f["published"], f["reproduced"],
                                               f["verdict"] == "different")
                for f in json.loads(report)["figures"]}
    if form == "junit":
        told = [(case, re.match("published (.*), reproduced (.*?): ", case.find("system-out").text))
                for case in ElementTree.fromstring(report.encode()).iter("testcase")]
        return {(case.get("classname"), case.get("name")): (
            *both.groups(), case.find("failure") is not None) for case, both in told if both}
    if form == "html":
        found = {}
        for notebook, table in re.findall("<caption>(.*?):.*?<tbody>(.*?)</tbody>", report, re.S):
            for bad, row in re.findall("<tr( class=\"bad\")?>(.*?)</tr>", table, re.DOTALL):
                (name,), (was, now, verdict, *_) = map(Page(row).texts.get, ("th", "td"))
                found[notebook, name] = (was, now, "different" in verdict)
                assert bool(bad) == ("different" in verdict)
        return without_pictures(found)
    if form == "markdown":
        words = Page(MarkdownIt("commonmark").enable("table").render(report)).texts["td"]
        return without_pictures({(words[i], words[i + 1]): (
            words[i + 2], words[i + 3], words[i + 4].startswith("different"))
            for i in range(0, len(words), 6)})
    found, notebook = {}, None
    for line in report.split("\n\n")[0].splitlines():
        row = re.fullmatch(r" {2}([ !]) (\S.{34}) +(\S+) +(\S+)( +\d+%)?", line)
        notebook = line if line[0] != " " else notebook
        if row:
            found[notebook, row[2].rstrip()] = row[3], row[4], row[1] == "!"
    return found


def without_pictures(found):
    return {place: row for place, row in found.items() if place[1] != "picture"}


def expected(documents):
    """What each form has to say: what the documents hold, the truth, and whether that differs."""
    return {place: (was, TRUE[place], was != TRUE[place])
            for place, was in printed(documents).items()}


def written(form, run):
    return "\n".join(lines(run, True)) if form == "table" else getattr(reports, "to_" + form)(run)


@pytest.fixture(scope="module")
def fresh():
    """A real run, with everything as it was published."""
    return reproduce(runs=0)


@pytest.fixture
def publish(monkeypatch):
    """Have these documents published instead; what the run printed is held against them."""
    def judge(documents, run):
        monkeypatch.setattr(published, "document",
                            lambda notebook: copy.deepcopy(documents[notebook]))
        notebooks = []
        for notebook in run.notebooks:
            own = NOTEBOOKS[notebook.notebook]
            outputs = {cell.cell: (cell.reproduced, cell.reason) for cell in notebook.cells}
            held = cells.held_against(own, outputs)
            notebooks.append(replace(notebook, cells=tuple(held), figures=judged(own, held, True)))
        return replace(run, notebooks=tuple(notebooks))

    return judge


@pytest.mark.parametrize("notebook, number", CELLS)
def test_each_digit_that_is_scrambled_is_one_that_is_different(notebook, number, fresh, publish):
    text, chance = DOCUMENTS[notebook]["cells"][number]["text"], random.Random(number)
    spans = [match.span() for match in FIGURE.finditer(text)]
    for place in digits(text):
        documents = with_text(notebook, number, otherwise(text, [place], chance))
        run = publish(documents, fresh)
        assert {(f.notebook, f.figure): (f.published, f.reproduced, f.verdict == "different")
                for f in run.figures} == expected(documents)
        assert not run.ok
        changed = sum(start <= place < end for start, end in spans)  # 1, or 0 in other words
        assert f"{67 - changed} of 67 printed figures" in run.summary
        assert ("1 different" in run.summary) == bool(changed)
        reasons = [(cell.notebook, cell.published, cell.reproduced) for cell in run.cells
                   if cell.reason is not None]
        scrambled = documents[notebook]["cells"][number]["text"]
        assert reasons == ([] if changed else [(notebook, scrambled, text)])
        assert len(re.findall(".* is printed, not .*", run.summary)) == len(reasons)


SAMPLE = random.Random(1).sample([
    (notebook, number, place) for notebook, number in CELLS
    for place in digits(DOCUMENTS[notebook]["cells"][number]["text"])], 24)


@pytest.mark.parametrize("form", FORMS)
def test_every_report_carries_what_was_scrambled_and_what_is_reproduced(
        form, fresh, publish, monkeypatch):
    for kind in ("svg", "png"):  # drawing takes a second each
        monkeypatch.setattr(charts, kind, lambda drawing: "data:,")
    for notebook, number, place in SAMPLE:
        text = DOCUMENTS[notebook]["cells"][number]["text"]
        documents = with_text(notebook, number, otherwise(text, [place], random.Random(place)))
        run = publish(documents, fresh)
        report = written(form, run)
        assert rows(form, report) == expected(documents)
        assert report.count("is printed, not") == report_of_words(run)[form]


def report_of_words(run):
    """How often each form tells which other words are printed: the page does beside them, too."""
    reasons = sum(cell.reason is not None for cell in run.cells)
    return dict(table=reasons, json=reasons, markdown=reasons, junit=3 * reasons, html=2 * reasons)


def scrambled_copy(folder, chance):
    """A copy of the package: all digits of d2l are others, and half of straight_dope's figures.

    So are half of the points and of the pixels. Returns the documents and how many of those.
    """
    shutil.copytree(Path(d2l_linreg.__file__).parent, folder / "d2l_linreg",
                    ignore=shutil.ignore_patterns("__pycache__"))
    stored, documents = folder / "d2l_linreg" / "published", copy.deepcopy(DOCUMENTS)
    for cell in documents["d2l"]["cells"]:
        cell["text"] = otherwise(cell["text"], digits(cell["text"]), chance)
    for cell in documents["straight_dope"]["cells"]:
        spans = [match.span() for match in FIGURE.finditer(cell["text"])]
        for start, end in chance.sample(spans, -(-len(spans) // 2)):
            inside = [place for place in digits(cell["text"]) if start <= place < end]
            cell["text"] = otherwise(cell["text"], inside, chance)
    for notebook, document in documents.items():
        (stored / (notebook + ".json")).write_text(json.dumps(document))

    points = published.scatter_coordinates()
    half = [chance.random() < 0.5 for _ in points.flat]
    other = [otherwise(text, digits(text), chance) if chosen else text
             for text, chosen in zip(points.flat, half, strict=True)]
    numpy.savetxt(stored / "d2l.csv", numpy.reshape(other, points.shape), "%s", ",", header="x,y")

    picture = (255 * PUBLISHED).round().astype("uint8")
    chosen = numpy.random.RandomState(chance.randrange(2**32)).rand(*picture[INSIDE].shape[:2]) < .5
    picture[INSIDE][chosen, 0] ^= 1  # the least that a colour can change
    matplotlib.image.imsave(stored / "straight_dope.png", picture)
    return documents, sum(half), int(chosen.sum())


def in_a_copy(folder, *arguments):
    """`reproduce` of the package in a folder, with every report: how it ended, and those."""
    paths = {form: folder / form for form in FORMS[1:]}
    options = [str(word) for form, path in paths.items() for word in ("--" + form, path)]
    beside = Path(mx.__file__).parents[2]
    finished = subprocess.run(
        [sys.executable, "-m", "d2l_linreg", "reproduce", "-v", *arguments, *options], cwd=folder,
        env=environ(PYTHONPATH=f"{folder}{os.pathsep}{beside}"), capture_output=True, text=True)
    return finished, {"table": finished.stdout, **{
        form: path.read_text(encoding="utf-8") for form, path in paths.items() if path.exists()}}


def check_scrambled(folder, seed):
    documents, points, pixels = scrambled_copy(folder, random.Random(seed))
    finished, said = in_a_copy(folder)
    told = " ".join(said["table"].split())
    assert finished.returncode == 1 and finished.stderr == ""
    wanted = expected(documents)
    for form in FORMS:
        assert rows(form, said[form]) == wanted, form
    different = sum(row[2] for row in wanted.values())
    assert different == 39 + 2 + 1 + 4 + 2 + 1 + 1 + 5
    assert (f"{67 - different} of 67 printed figures, {2000 - points:,} of 2,000 coordinates, "
            f"{72478 - pixels:,} of 72,478 pixels identical") in told
    assert f", {different} different. " in told

    page, found = Page(said["html"]), json.loads(said["json"])
    assert not found["ok"]
    assert page.outputs == [cell["text"] for notebook in DOCUMENTS for both in zip(
        documents[notebook]["cells"], DOCUMENTS[notebook]["cells"], strict=True) for cell in both]
    assert [(cell["notebook"], cell["cell"]) for cell in found["cells"]] == [("d2l", "training")]
    assert [picture["verdict"] for picture in found["pictures"]] == ["different"] * 2
    for joint in found["joint"]:  # as far out as can be: first of the 1,001
        assert (joint["verdict"], joint["p_value"]) == ("unusual", 1 / 1001)
        of_all = (f"{joint['notebook']}, training figures among 1,000 other shuffles: p = 0.001, "
                  "unusual.")
        assert of_all in said["table"] and of_all in said["junit"]
    # The orders and the data were not scrambled, and nothing else goes into a run
    assert found["runs"] == [dict(notebook=notebook, data_sha256=run.data_sha256,
                                  order_sha256=run.order_sha256)
                             for notebook in NOTEBOOKS for run in [train(notebook, verbose=False)]]


def test_a_package_whose_published_digits_are_scrambled_reproduces_the_true_ones(tmp_path):
    check_scrambled(tmp_path, 0)


@pytest.fixture
def drawn_once(monkeypatch):
    monkeypatch.setattr(pictures, "_drawn", functools.cache(pictures._drawn))


def test_each_point_and_each_pixel_that_is_scrambled_is_one_that_is_different(
        notebook, own, drawn_once, monkeypatch):
    unit = DOCUMENTS[notebook]["picture"]["unit"]
    form, read, as_published = pictures._UNITS[unit]
    true = as_published()
    chance = random.Random(0)
    of_digits = [place for place in numpy.ndindex(true.shape) if digits(true[place])]  # not #ffffff
    for place in chance.sample(of_digits, 20):
        was = true.copy()
        was[place] = otherwise(true[place], [chance.choice(digits(true[place]))], chance)
        monkeypatch.setitem(pictures._UNITS, unit, (form, read, lambda was=was: was))
        picture = pictures.compare_picture(own)
        assert (picture.verdict, picture.identical) == ("different", true.size - 1)
        assert picture.different == (f"{unit}[{place[0]}, {place[1]}] is {true[place]}, "
                                     f"not {was[place]}",)


def test_another_order_and_another_row_show_in_the_figures_that_hang_on_them(
        notebook, own, fresh, publish, monkeypatch):
    order = published.order(notebook)
    numpy.random.RandomState(0).shuffle(order.T)  # a row an epoch: each stays a whole order
    documents = copy.deepcopy(DOCUMENTS)
    rows_of = documents[notebook]["minibatch_rows"]
    rows_of[2] = next(row for row in range(own.num_examples) if row not in rows_of)
    by_order = train(notebook, order=order, engine="native", verbose=False)  # which it is given
    monkeypatch.setattr(published, "order", lambda name: order)
    monkeypatch.setattr(published, "document", lambda name: copy.deepcopy(documents[name]))
    run = reproduce(notebook, runs=0)
    assert not run.ok
    assert run.notebooks[0].result.order_sha256 == by_order.order_sha256
    assert [f.reproduced for f in run.figures if f.figure.startswith(TRAINED)] == [
        number for number in FIGURE.findall(by_order.transcript)]
    assert [f.verdict == "different" for f in run.figures] == [
        f.published != f.reproduced for f in run.figures]
    others = {f.figure: float(f.reproduced) for f in run.figures
              if f.verdict == "different" and not f.figure.startswith(TRAINED)}
    assert others == pytest.approx({
        "mini-batch X[2,0]": by_order.features[rows_of[2], 0],
        "mini-batch X[2,1]": by_order.features[rows_of[2], 1],
        "mini-batch y[2]": by_order.labels[rows_of[2]]}, abs=1e-6)


def without(documents, notebook, number, figure, lost):
    """The documents without a cell, the name of a figure, or its number."""
    documents = copy.deepcopy(documents)
    cell = documents[notebook]["cells"][number]
    if lost == "cell":
        del documents[notebook]["cells"][number]
    elif lost == "name":
        del cell["figures"][figure]
    elif lost == "number":
        start, end = list(FIGURE.finditer(cell["text"]))[figure].span()
        cell["text"] = cell["text"][:start] + cell["text"][end:]
    else:  # told twice, so that as many are left
        cell["figures"][figure] = cell["figures"][figure - 1]
    return documents


LOST = [*((notebook, number, 0, "cell") for notebook, number in CELLS),
        *((notebook, number, figure, lost) for notebook, number in CELLS
          for figure in range(len(DOCUMENTS[notebook]["cells"][number]["figures"]))
          for lost in ("name", "number", "other's name")
          if figure or lost != "other's name")]


def judges(left, whole):
    return f"{left} figures are judged, not {whole}"


def test_each_cell_name_and_number_that_is_lost_fails_and_is_counted(fresh, publish):
    assert len(LOST) == 10 + 67 + 67 + 57
    for notebook, number, figure, lost in LOST:
        run = publish(without(DOCUMENTS, notebook, number, figure, lost), fresh)
        whole = {"d2l": 39, "straight_dope": 28}[notebook]
        left = whole - (len(DOCUMENTS[notebook]["cells"][number]["figures"]) if lost == "cell"
                        else 1)
        told = f"{notebook}: {judges(left, whole)}."
        assert not run.ok and told in run.summary.splitlines(), (notebook, number, figure, lost)
        assert " of 67 printed figures" in run.summary
        assert json.loads(run.to_json())["miscounted"] == {notebook: judges(left, whole)}
        (failure,) = [case for case in ElementTree.fromstring(
            reports.to_junit(run).encode()).iter("testcase")
            if case.get("name") == "number of figures"]
        assert failure.get("classname") == notebook
        assert failure.find("failure").text == judges(left, whole)
        assert told in reports.to_markdown(run).replace("\\", "")


def test_nothing_is_miscounted_where_all_is_there(fresh):
    assert fresh.ok and json.loads(fresh.to_json())["miscounted"] == {}
    assert "judged" not in str(fresh) and "number of figures" not in reports.to_junit(fresh)


@pytest.mark.parametrize("pattern, left", [
    (r"-?\d+\.\d+(?:e[-+]\d+)?", (39, 26)),  # the two counts are whole numbers
    (r"(?!)", (0, 0))])
def test_a_parser_that_finds_fewer_figures_fails(pattern, left, fresh, publish, monkeypatch):
    monkeypatch.setattr(figures, "FIGURE", re.compile(pattern, re.MULTILINE))
    run = publish(DOCUMENTS, fresh)
    assert not run.ok
    assert [line for line in run.summary.splitlines() if "judged" in line] == [
        f"{notebook}: {judges(count, whole)}." for notebook, count, whole in zip(
            DOCUMENTS, left, (39, 28), strict=True) if count != whole]


@pytest.mark.parametrize("runs", ["0", "1000"])
@pytest.mark.parametrize("lost", [
    ("d2l", 0, 0, "cell"), ("d2l", 2, 0, "cell"), ("d2l", 2, 1, "name"), ("d2l", 2, 5, "number"),
    ("d2l", 2, 5, "other's name"), "all cells"])
def test_what_is_lost_is_exit_status_1_a_message_and_every_report(
        lost, runs, tmp_path, monkeypatch, capsys):
    documents = dict(DOCUMENTS, d2l=dict(DOCUMENTS["d2l"], cells=[])) if lost == "all cells" else (
        without(DOCUMENTS, *lost))
    monkeypatch.setattr(published, "document", lambda name: copy.deepcopy(documents[name]))
    monkeypatch.setattr(cells, "train", trained_once)
    paths = {form: tmp_path / form for form in FORMS[1:]}
    assert main(["reproduce", "-v", "--notebook", "d2l", "--runs", runs, *(
        str(word) for form, path in paths.items() for word in ("--" + form, path))]) == 1
    told = [path.read_text(encoding="utf-8") for path in paths.values()]
    for report in (capsys.readouterr().out, *told):
        assert re.search(r"\b\d+ figures are judged, not 39", report)


trained_once = functools.cache(train)
