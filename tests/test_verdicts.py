"""A figure that differs is one figure that differs, in every form of the report."""
import json
import random
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from d2l_linreg import d2l, published, reproduce
from d2l_linreg.cli import main
from d2l_linreg.reproduction import reports
from d2l_linreg.reproduction.cells import by_cell
from d2l_linreg.reproduction.figures import compare_cell, other_words, printed_figures
from d2l_linreg.reproduction.reproduce import judged
from d2l_linreg.settings import NOTEBOOKS

CELLS = [(notebook, cell) for notebook in published.NOTEBOOKS
         for cell in published.document(notebook)["cells"]]

# By NumPy's ways of printing: what a figure can become, if only in its characters
CHANGES = {
    "sign": lambda text: text[1:] if text.startswith("-") else "-" + text,
    "length": lambda text: text + "1" if "e" not in text and "." in text else "1" + text,
    "shorter": lambda text: re.sub(r"\d(?=e|$)", "", text, count=1) if "." in text else text + ".",
    "exponent": lambda text: f"{float(text):.7e}",
    "bare exponent": lambda text: "1.e+05",
    "nan": lambda text: "nan",
    "inf": lambda text: "inf",
    "-inf": lambda text: "-inf",
    "integer": lambda text: "7",
}


def places(cell):
    """Where the figures of a cell are in its text: numbers with a point, or alone on a line."""
    found = [match.span() for match in re.finditer(
        r"-?\d+\.\d+(?:e-\d+)?(?![.\d])|^\d+$", cell["text"], re.MULTILINE)]
    assert len(found) == len(cell["figures"])
    return found


def changed(cell, number, change):
    """The cell's text with one figure changed."""
    start, end = places(cell)[number]
    text = cell["text"]
    return text[:start] + CHANGES[change](text[start:end]) + text[end:]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("notebook, cell", CELLS, ids=lambda value: (
    value["cell"] if isinstance(value, dict) else value))
def test_of_all_figures_just_the_one_that_changed_is_different(notebook, cell, change):
    for number in range(len(cell["figures"])):
        text = changed(cell, number, change)
        if text == cell["text"]:  # the exponent form of what was printed in it
            assert change == "exponent"
            continue
        figures = list(compare_cell(notebook, cell, text, exact=True))
        different = [i for i, figure in enumerate(figures) if figure.verdict == "different"]
        start, end = places(cell)[number]
        assert different == [number] and other_words(cell["text"], text) is None
        assert figures[number].published == cell["text"][start:end]
        assert figures[number].reproduced == CHANGES[change](cell["text"][start:end])


@pytest.mark.parametrize("notebook, cell", [
    (notebook, cell) for notebook, cell in CELLS if cell["cell"] != "training"])
def test_data_do_not_come_out_to_rounding(notebook, cell):
    """Whatever rounds otherwise: only training's figures hang on it."""
    for number, (_, end) in enumerate(places(cell)):
        text = cell["text"]
        last = "5" if text[end - 1] != "5" else "6"
        figures = list(compare_cell(notebook, cell, text[:end - 1] + last + text[end:]))
        assert [i for i, f in enumerate(figures) if f.verdict == "different"] == [number]
        assert all(f.verdict.startswith("identical") for i, f in enumerate(figures) if i != number)


def test_the_numbers_in_a_text_are_found_with_their_exponents():
    assert printed_figures("w [4.0352345e-04 -3.6e+05]\nb [0.5]\n2500\n3 of 4\n") == [
        "4.0352345e-04", "-3.6e+05", "0.5", "2500"]


def realigned(text):
    """The same words and figures with other blanks, as another column's width would give."""
    return re.sub(r"\[ *", "[   ", text.replace(" ", "  ").replace("\n", " \n "))


@pytest.mark.parametrize("notebook, cell", CELLS)
def test_blanks_that_align_columns_do_not_count(notebook, cell):
    text = realigned(cell["text"])
    assert other_words(cell["text"], text) is None
    assert all(figure.verdict.startswith("identical")
               for figure in compare_cell(notebook, cell, text, exact=True))


@pytest.mark.parametrize("was, now, line", [
    ("label: 6.0\n", "labels: 6.0\n", "'labels:' is printed, not 'label:'"),
    ("[1.5 2.5]", "[1.5 2.5 3.5]", "3 numbers are printed, not 2"),
    ("[1.5 2.5]", "[1.5]", "1 numbers are printed, not 2"),
    ("Epoch 0, batch 499. Loss: 7.5", "Epoch 1, batch 499. Loss: 7.5", "'1' is printed, not '0'"),
    ("[1.5]\n<NDArray 1 @cpu(0)>", "[1.5]\n<NDArray 1 @gpu(0)>", "'@gpu(' is printed, not '@cpu('"),
    ("[1.5]", "(1.5)", "'(' is printed, not '['"),
    ("2500\n", "", "0 numbers are printed, not 1"),
])
def test_other_words_are_told_in_one_line(was, now, line):
    assert line in other_words(was, now)


@pytest.fixture(scope="module")
def fresh():
    """A real run; where this machine rounds otherwise, with its cells as published."""
    run = reproduce(runs=0)
    return replace(run, notebooks=tuple(
        with_texts(notebook, [cell.published for cell in notebook.cells])
        for notebook in run.notebooks))


def with_texts(notebook, texts):
    """A notebook's reproduction, had its cells printed other texts."""
    cells = tuple(replace(cell, reproduced=text, reason=other_words(cell.published, text))
                  for cell, text in zip(notebook.cells, texts, strict=True))
    return replace(notebook, cells=cells,
                   figures=judged(NOTEBOOKS[notebook.notebook], cells, exact=True))


def with_text(run, name, number, text):
    """A run in which one cell of one notebook printed another text."""
    return replace(run, notebooks=tuple(with_texts(notebook, [
        text if (notebook.notebook, i) == (name, number) else cell.reproduced
        for i, cell in enumerate(notebook.cells)]) for notebook in run.notebooks))


def said_of_cells(cells, figures):
    return [(each.cell.notebook, each.cell.cell, str(each), each.verdict)
            for each in by_cell(cells, figures)]


# Counted by hand; with recovered shuffles but where the data alone are printed
OF_CELLS = [("d2l", "example", "3 of 3", ""), ("d2l", "mini-batch", "30 of 30", "recovered"),
            ("d2l", "training", "6 of 6", "recovered"),
            ("straight_dope", "example", "3 of 3", ""),
            ("straight_dope", "noiseless label", "1 of 1", ""),
            ("straight_dope", "mini-batch", "8 of 8", "recovered"),
            ("straight_dope", "mini-batch labels", "4 of 4", "recovered"),
            ("straight_dope", "batches", "1 of 1", ""),
            ("straight_dope", "batches without reset", "1 of 1", ""),
            ("straight_dope", "training", "10 of 10", "recovered")]
OF_CELLS = [(*cell, "identical (recovered shuffle)" if recovered else "identical")
            for *cell, recovered in OF_CELLS]


def test_of_each_cell_it_is_said_how_many_figures_are_identical(fresh):
    assert said_of_cells(fresh.cells, fresh.figures) == OF_CELLS


@pytest.mark.parametrize("place", range(10))
@pytest.mark.parametrize("change, identical, verdict", [
    (dict(verdict="different"), -1, "different"), (dict(verdict="to rounding"), -1, "to rounding"),
    (dict(figure="another"), 0, None), (None, -1, "different"), ("words", 0, "different")])
def test_a_cell_is_as_bad_as_the_worst_of_its_figures(fresh, place, change, identical, verdict):
    cells, (*name, _, usual) = list(fresh.cells), OF_CELLS[place]
    figures = by_cell(cells, fresh.figures)[place].figures
    others = [figure for figure in fresh.figures if figure not in figures]
    if change == "words":
        cells[place] = replace(cells[place], reason="'b' is printed, not 'a'")
    for number, figure in enumerate(figures):
        now = [] if change is None else [figure if change == "words" else replace(
            figure, **change)]
        left = [*figures[:number], *now, *figures[number + 1:]]
        told = f"{len(figures) + identical} of {len(figures)}"
        assert said_of_cells(cells, others + left) == [
            *OF_CELLS[:place], (*name, told, verdict or usual), *OF_CELLS[place + 1:]]


def test_a_cell_in_which_a_figure_is_told_twice_lacks_another(fresh):
    cells = by_cell(fresh.cells, fresh.figures)[:2]
    figures = cells[1].figures
    twice = (*figures[:7], replace(figures[7], figure=figures[6].figure), *figures[8:])
    assert said_of_cells([cells[1].cell], twice) == [("d2l", "mini-batch", "29 of 30", "different")]


def different_in_each_form(run):
    """The names of what each form of the report calls different."""
    table = [line for line in str(run).split("\n\n")[0].splitlines() if "  different" in line]
    markdown = [line for line in reports.to_markdown(run).splitlines()
                if line.startswith("|") and "different" in line]
    html = re.findall(r'<tr class="bad">\s*<th scope="row">(.*?)</th>', reports.to_html(run))
    junit = [case.get("name") for case in ElementTree.fromstring(
        reports.to_junit(run).encode()).iter("testcase") if case.find("failure") is not None]
    figures = json.loads(run.to_json())["figures"]
    return {"table": [re.split(r"  +", line)[1] for line in table],
            "markdown": [re.sub(r"\\", "", line.split(" | ")[1]) for line in markdown],
            "html": html, "junit": junit,
            "json": [f["figure"] for f in figures if f["verdict"] == "different"]}


SAMPLE = random.Random(0).sample(
    [(name, number, figure, change) for name in published.NOTEBOOKS
     for number, cell in enumerate(published.document(name)["cells"])
     for figure in range(len(cell["figures"])) for change in CHANGES], 20)


@pytest.mark.parametrize("name, number, figure, change", SAMPLE)
def test_every_form_calls_just_that_figure_different(fresh, name, number, figure, change):
    cell = published.document(name)["cells"][number]
    run = with_text(fresh, name, number, changed(cell, figure, change))
    assert fresh.ok and not run.ok
    assert different_in_each_form(run) == dict.fromkeys(
        ("table", "markdown", "html", "junit", "json"), [cell["figures"][figure]])


def test_a_cell_that_prints_other_words_says_so_once(fresh):
    cell = published.document("d2l")["cells"][1]
    text = cell["text"].replace("y =", "z =")
    run = with_text(fresh, "d2l", 1, text)
    assert not run.ok and "d2l mini-batch: ']]z=[' is printed, not ']]y=['." in run.summary
    assert str(run).count("z=[") == 1 and str(run).count("different") == 0
    assert [case.get("name") for case in ElementTree.fromstring(
        reports.to_junit(run).encode()).iter("testcase") if case.find("failure") is not None
            ] == ["cell mini-batch"]
    assert json.loads(run.to_json())["cells"] == [dict(
        notebook="d2l", cell="mini-batch", published=cell["text"], reproduced=text,
        reason="']]z=[' is printed, not ']]y=['")]
    assert reports.to_html(run).count("is printed, not") == 2  # above, and beside the text


def test_a_cell_that_prints_fewer_numbers_has_no_reproduced_figures_and_says_so_once(fresh):
    cell = published.document("d2l")["cells"][1]
    run = with_text(fresh, "d2l", 1, cell["text"].rpartition(" ")[0] + "]\n")
    rows = [line for line in str(run).split("\n\n")[0].splitlines() if "  different" in line]
    assert len(rows) == 30 and all(re.search(r"  -  +different$", row) for row in rows)
    assert str(run).count("29 numbers are printed, not 30") == 1


@pytest.mark.parametrize("cell, was, now, line", [
    ("example", "6.000587", "6.0005871", "6.000587 6.0005871 different"),
    ("mini-batch", "0.8255258 ", "-inf", "0.8255258 -inf different"),
    ("example", "label", "labels", "d2l example: ']labels:' is printed, not ']label:'.")])
def test_what_differs_is_exit_status_1_and_one_line(cell, was, now, line, monkeypatch, capsys):
    outputs = d2l.outputs

    def faulty(*arguments):
        texts = outputs(*arguments)
        text = texts[cell]
        return dict(texts, **{cell: lambda: text().replace(was, now, 1)})

    monkeypatch.setattr(d2l, "outputs", faulty)
    assert main(["reproduce", "--notebook", "d2l", "--runs", "0"]) == 1
    told = [row for row in capsys.readouterr().out.splitlines()
            if row.endswith("different") or "is printed, not" in row]
    assert len(told) == 1 and " ".join(told[0].split()).endswith(line)
