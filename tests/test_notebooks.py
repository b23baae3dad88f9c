"""Our notebooks: they teach what the package does, and a real kernel prints what is in them."""
import ast
import base64
import importlib
import inspect
import io
import json
import re
from xml.etree import ElementTree

import matplotlib.image
import nbformat
import numpy
import pytest
from exact import exact_here
from nbclient import NotebookClient
from stored import (
    code_cells,
    folded,
    not_yet_run,
    other_outputs,
    pictures,
    printed,
    prose,
    stored,
)

from d2l_linreg import published, replicate
from d2l_linreg.compat.streams import seeded

# What the originals defined, or wrote out, and what that takes
TAUGHT = {
    "d2l": ["synthetic_data", "data_iter", "init_params", "linreg", "squared_loss", "sgd"],
    "straight_dope": ["noiseless", "synthetic_data", "printed", "NDArrayIter", "in_order",
                      "init_params", "net", "square_loss", "SGD"],
}
# Numbers that others published, or print, in cells of ours on what changed
CHANGED = {
    "d2l": ["[2.2122064 1.1630787]\n",  # 195 public notebooks of 2020 and later
            "1.0434405\n"],  # the course's notebook on ndarrays
    "straight_dope": ["\n[-0.6776515   0.03629481]\n<NDArray 2 @cpu(0)> \n[2.7415938]\n"
                      "<NDArray 1 @cpu(0)>\n",
                      "\n[-0.6776515   0.10073948]\n<NDArray 2 @cpu(0)>\n",  # those of 2018, 2019
                      "\n[ 0.28478342  0.8342405 ]\n<NDArray 2 @cpu(0)>\n"],  # editions of August
}
ORIGINALS = {
    "d2l": "https://github.com/d2l-ai/1day-notebooks/blob/376816e2cba5730770ffddf564de474ae86f80e6/"
           "notebooks-1/3-linear-regression-scratch.ipynb",
    "straight_dope": "https://github.com/zackchase/mxnet-the-straight-dope/blob/a6691b7b/"
                     "P02-C01-linear-regression-scratch.ipynb",
}
BOOKS = {"https://d2l.ai", "https://github.com/zackchase/mxnet-the-straight-dope"}
TRUTH, BATCH = numpy.array([2, -3.4, 4.2]), {"d2l": 10, "straight_dope": 4}

# In the kernel: keep the figures, which Jupyter closes, and tell of them at the end.
KEEP = """
import matplotlib.figure
_kept, _init = [], matplotlib.figure.Figure.__init__
def _keep(self, *arguments, **keywords):
    _init(self, *arguments, **keywords)
    _kept.append(self)
matplotlib.figure.Figure.__init__ = _keep"""
TELL = """
import json
print(json.dumps([dict(
    x=axes.get_xlabel(), y=axes.get_ylabel(), scale=axes.get_yscale(),
    shared=any(other.get_ylabel() for other in axes.get_shared_y_axes().get_siblings(axes)),
    points=[points.get_offsets().tolist() for points in axes.collections
            if len(points.get_offsets()) > 1],
    lines={line.get_label(): numpy.transpose(line.get_data()).tolist() for line in axes.lines},
    bars=[(bar.get_x(), bar.get_height()) for bar in axes.patches]
) for figure in _kept for axes in figure.axes]))"""


@pytest.fixture(scope="module")
def ran(notebook):
    """Each notebook, run, and what is in the axes of its figures."""
    fresh = not_yet_run(stored(notebook))
    fresh.cells = [nbformat.v4.new_code_cell(KEEP), *fresh.cells, nbformat.v4.new_code_cell(TELL)]
    NotebookClient(fresh, kernel_name="python3", timeout=300).execute()
    told = json.loads(printed(fresh.cells[-1]))
    fresh.cells = fresh.cells[1:-1]
    return fresh, told


@pytest.fixture(scope="module")
def fresh(ran):
    return ran[0]


@pytest.fixture(scope="module")
def axes(ran):
    return ran[1]


@exact_here
def test_a_fresh_run_prints_what_is_stored(notebook, fresh):
    for was, now in zip(code_cells(stored(notebook)), code_cells(fresh), strict=True):
        assert printed(now) == printed(was)
        assert other_outputs(now) == other_outputs(was)


@exact_here
def test_each_published_output_has_its_cell(notebook, fresh):
    texts = [printed(cell) for cell in code_cells(fresh)]
    for cell in published.document(notebook)["cells"]:
        assert cell["text"] in texts, cell["cell"]


@exact_here
def test_what_changed_since_is_shown_by_numbers_that_others_have(notebook, fresh):
    texts = [printed(cell) for cell in code_cells(fresh)]
    assert all(text in texts for text in CHANGED[notebook])


@pytest.mark.parametrize("of", ["stored", "fresh"])
def test_no_output_is_a_warning_or_an_error(notebook, fresh, of):
    for cell in code_cells(fresh if of == "fresh" else stored(notebook)):
        for output in cell.outputs:
            assert output.output_type != "error" and output.get("name") != "stderr"


# What is taught

def syntax(notebook):
    """What the code cells hold, without Jupyter's own lines."""
    return [ast.parse(re.sub("^%.*", "", cell.source, flags=re.MULTILINE))
            for cell in code_cells(stored(notebook))]


def shown(definition):
    """A function or class but for its docstrings and types, which a notebook leaves out."""
    for node in ast.walk(definition):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            if ast.get_docstring(node) is not None:
                del node.body[0]
            if isinstance(node, ast.FunctionDef):
                node.returns = None
    return ast.dump(definition)


def test_each_function_that_is_taught_is_the_packages_to_the_word(notebook):
    vocabulary = importlib.import_module("d2l_linreg." + notebook)
    defined = [node for cell in syntax(notebook) for node in cell.body
               if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert [definition.name for definition in defined] == TAUGHT[notebook]
    for definition in defined:
        (own,) = ast.parse(inspect.getsource(getattr(vocabulary, definition.name))).body
        assert shown(definition) == shown(own), definition.name


def test_a_notebook_uses_no_function_of_the_vocabulary_that_it_does_not_show(notebook):
    nodes = [node for cell in syntax(notebook) for node in ast.walk(cell)]
    assert {node.attr for node in nodes if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name) and node.value.id in TAUGHT} <= {
        "plt", "set_figsize"}
    assert not {node.module for node in nodes if isinstance(node, ast.ImportFrom)} & {
        "d2l_linreg.d2l", "d2l_linreg.straight_dope"}


# Pictures

def svg_points(svg):
    """Where a scatter plot's markers are, in points."""
    uses = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}use")
    return numpy.array([[float(use.get("x")), float(use.get("y"))] for use in uses
                        if use.get("style", "").count("fill: #1f77b4")])


def png_blocks(data, size=8):
    """Mean brightness of square blocks, which hardly sees how an edge is smoothed."""
    pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(data)))[..., :3].mean(axis=2)
    height, width = (length // size for length in (410, 550))
    return pixels[:height * size, :width * size].reshape(height, size, width, size).mean((1, 3))


def test_the_published_picture_is_the_stored_one(notebook, fresh):
    was, now = pictures(stored(notebook))[0], pictures(fresh)[0]
    if notebook == "d2l":
        was, now = svg_points(was["image/svg+xml"]), svg_points(now["image/svg+xml"])
        assert len(was) == 1000
        # Versions of matplotlib lay out axes' labels some points apart: compare up to that.
        was, now = ((a - a.min(axis=0)) / numpy.ptp(a, axis=0) for a in (was, now))
        assert abs(was - now).max() < 1e-3
    else:
        # Matplotlib 3.7 against 3.11: 0.003. The data of another seed: 0.05.
        was, now = png_blocks(was["image/png"]), png_blocks(now["image/png"])
        assert abs(was - now).mean() < 0.01


@pytest.mark.parametrize("of", ["stored", "fresh"])
def test_each_picture_is_there_as_pixels_for_who_does_not_trust_a_notebook(notebook, fresh, of):
    found = pictures(fresh if of == "fresh" else stored(notebook))
    assert len(found) == 4
    for picture in found:
        pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(picture["image/png"])))
        assert min(pixels.shape[:2]) > 100 and pixels[..., :3].std() > 0.05
    assert all(("image/svg+xml" in picture) == (notebook == "d2l") for picture in found)


def test_our_pictures_say_what_is_along_their_axes_and_the_published_one_does_not(axes):
    the_published, *ours = axes
    assert (the_published["x"], the_published["y"]) == ("", "")
    assert all(own["x"] and (own["y"] or own["shared"]) for own in ours)


@exact_here
def test_the_loss_is_drawn_over_all_steps_on_a_logarithmic_axis(notebook, axes):
    (own,) = [own for own in axes if own["scale"] == "log"]
    text = published.text(notebook, "training")
    label, steps, marked, values = {
        "d2l": ("of each batch", 300, "over all examples",
                [float(loss) for loss in re.findall("loss (.*)", text)]),
        "straight_dope": ("here", 5000, "published",
                          [float(loss) for loss in re.findall("loss: (.*)", text)])}[notebook]
    line, points = numpy.array(own["lines"][label]), numpy.array(own["lines"][marked])
    assert line[:, 0].tolist() == list(range(1, steps + 1))
    assert points[:, 0].tolist() == [steps // len(values) * (k + 1) for k in range(len(values))]
    assert abs(points[:, 1] - values).max() <= 5e-7
    if notebook == "straight_dope":  # the line goes through what was published
        assert abs(line[points[:, 0].astype(int) - 1, 1] / values - 1).max() < 1e-11
    noise = {"d2l": 0.01**2 / 2, "straight_dope": 0.01**2}[notebook]
    assert {height for _, height in own["lines"]["noise alone"]} == {noise}


def test_the_fit_is_drawn_over_the_data(axes):
    (own,) = [own for own in axes[1:] if own["points"]]
    (points,), (line,) = own["points"], own["lines"].values()
    (x0, y0), (x1, y1) = line
    assert (y1 - y0) / (x1 - x0) == pytest.approx(TRUTH[1], abs=0.01)
    x, y = numpy.transpose(points)
    assert (x.min(), x.max()) == (x0, x1) and len(points) in (1000, 10000)
    # What is left is the noise
    noise = y - y0 - (x - x0) * (y1 - y0) / (x1 - x0)
    assert numpy.sqrt(numpy.square(noise).mean()) == pytest.approx(0.01, rel=0.1)


@exact_here
def test_the_published_run_is_marked_among_the_other_shuffles(notebook, axes, fresh):
    text = published.text(notebook, "training")
    if notebook == "d2l":
        errors = [float(number) for number in re.findall(r"\d\.\d+(?:e-\d+)?", text)[-3:]]
        panels = [own for own in axes if own["bars"]]
        assert [own["lines"]["published"][0][0] for own in panels] == pytest.approx(
            [1e4 * error for error in errors], rel=1e-7)
        assert all(sum(height for _, height in own["bars"]) == 1000 for own in panels)
        below = [sum(height for x, height in own["bars"] if x < 1e4 * error)
                 for own, error in zip(panels, errors, strict=True)]
    else:
        own = axes[-1]
        # Over as many shuffles, but others
        median = numpy.median(replicate(notebook, seed=1000).moving_losses, axis=0)
        assert numpy.transpose(own["lines"]["published"])[1] == pytest.approx(
            [float(loss) for loss in re.findall("loss: (.*)", text)] / median, rel=0.01)
    (said,) = [printed(cell) for cell in code_cells(fresh) if "replicate(" in cell.source]
    percent = [int(number) for number in re.findall(r"\b\d+\b(?! of)(?!\])", said)]
    if notebook == "d2l":  # within a bar of what the bars add up to
        assert len(percent) == 3
        assert all(0 <= bars / 10 - number < 13
                   for number, bars in zip(percent, below, strict=True))
    else:  # over 4,000 shuffles, computed in C before this package was: two standard errors
        assert numpy.abs(numpy.subtract(
            percent, [12, 4, 40, 5, 34, 13, 38, 41, 19, 44])).max() <= 4


# Exercises

def test_two_exercises_have_an_answer_each_that_is_folded(notebook):
    cells = stored(notebook).cells
    answers = [index for index, cell in enumerate(cells) if folded(cell)]
    assert len(answers) == 2
    for index in answers:
        question, words, code = cells[index - 2:index + 1]
        assert re.match("(## Exercises\n\n)?### ", question.source) and "?" in question.source
        assert words.source.startswith("<details>\n<summary>")
        assert words.source.endswith("\n\n</details>")
        assert code.metadata == {"jupyter": {"source_hidden": True, "outputs_hidden": True},
                                 "tags": ["hide-cell"]}


@pytest.fixture(scope="module")
def answers(fresh):
    return [printed(cell) for cell in code_cells(fresh) if folded(cell)]


@pytest.fixture(scope="module")
def examples(notebook):
    """The features with a column of ones, and the labels, in float64."""
    vocabulary = importlib.import_module("d2l_linreg." + notebook)
    with seeded({"d2l": 0, "straight_dope": 1}[notebook]):
        features, labels = vocabulary.own_data({"d2l": 1000, "straight_dope": 10000}[notebook])
    features, labels = (array.asnumpy().astype("f8") for array in (features, labels))
    return numpy.column_stack([features, numpy.ones(len(features))]), labels


def numbers(line):
    return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-\d+)?", line)]


def test_labels_that_are_no_column_let_a_batch_learn_its_mean(notebook, answers, examples):
    shape, w, b = map(numbers, answers[0].splitlines())
    _, labels = examples
    batch = BATCH[notebook]
    assert shape == [batch, batch]
    # Of a batch's mean label, an example's own is one in as many as there are
    assert abs(numpy.array(w) - TRUTH[:2] / batch).max() < 0.1
    assert abs(b[0] - labels.mean()) < 0.25 and abs(b[1] - labels.mean()) <= 0.005


def test_the_closed_form_is_what_the_normal_equations_say(notebook, answers, examples):
    truth, least_squares, training = map(numbers, answers[1].splitlines())
    A, labels = examples
    *theta, loss = least_squares
    assert abs(numpy.linalg.solve(A.T @ A, A.T @ labels) - theta).max() <= 5.1e-6
    assert truth[:3] == TRUTH.tolist() and loss < min(truth[3], training[3])
    halved = {"d2l": 2, "straight_dope": 1}[notebook]
    for *theta, loss in (truth, training):
        # The parameters are printed to 5e-6, which moves the loss by less than 1e-7
        assert numpy.square(A @ theta - labels).mean() / halved == pytest.approx(loss, abs=1e-7)


# Words

def test_the_notebook_says_that_the_orders_are_not_the_authors_own(notebook):
    assert re.search(r"found by search and (is|are) not the\s+authors'\s+own",
                     prose(stored(notebook)))


def test_the_books_and_the_original_are_a_click_away_with_how_it_ran(notebook):
    words = prose(stored(notebook))
    links = set(re.findall(r"\]\((http[^)]+)\)", words))
    assert links == {*BOOKS, ORIGINALS[notebook]}
    outputs = len(published.document(notebook)["cells"])
    assert f"{outputs} of {outputs} outputs identical" in words
    assert "d2l-linreg run " + ORIGINALS[notebook].rpartition("/")[2] in words


def test_the_files_are_sound_and_their_headings_nest(notebook):
    document = stored(notebook)
    nbformat.validate(document)
    assert (document.nbformat, document.nbformat_minor) == (4, 5)
    levels = [len(marks) for cell in document.cells if cell.cell_type == "markdown"
              for marks in re.findall("^(#+) ", cell.source, re.MULTILINE)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(level - above <= 1 for above, level in zip(levels, levels[1:], strict=False))
    assert [cell.execution_count for cell in code_cells(document)] == list(
        range(1, len(code_cells(document)) + 1))
