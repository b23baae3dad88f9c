"""`d2l-linreg run` and the magic: someone's notebook, unmodified, in a real kernel.

The documents here use what the originals use, in our own words. The originals themselves
are run where the environment variable ORIGINALS names a folder that holds them.
"""
import contextlib
import io
import json
import os
from pathlib import Path

import nbformat
import pytest

from d2l_linreg import published
from d2l_linreg.cli import main
from d2l_linreg.originals import execution, outputs
from d2l_linreg.originals import notebook_files as documents
from d2l_linreg.reproduction.environment import shortfalls

FOLDER = Path(os.environ.get("ORIGINALS", "/nowhere"))
ORIGINALS = sorted(FOLDER.glob("*.txt")) + sorted(FOLDER.glob("*.md"))
ALLOWED = ("identical", "to rounding") if shortfalls() else ("identical",)


def fenced(*cells):
    """Markdown of cells: fenced python, then what it printed, indented."""
    text = "# A notebook\n"
    for code, output in cells:
        text += "\nSome words.\n\n```python\n" + code + "```\n\n"
        text += "".join("    " + line + "\n" for line in output.splitlines())
    return text


D2L = fenced(("""\
%matplotlib inline
import random
import d2l
from mxnet import autograd, np, npx
npx.set_np()
truth = np.array([2, -3.4])
inputs = np.random.normal(0, 1, (1000, 2))
targets = np.dot(inputs, truth) + 4.2
targets += np.random.normal(0, 0.01, targets.shape)
print('features: %s \\nlabel: %s' % (inputs[0], targets[0]))
d2l.set_figsize((3.5, 2.5))
d2l.plt.scatter(inputs[:, 1].asnumpy(), targets.asnumpy(), 1);
""", published.text("d2l", "example")), ("""\
def batches(size):
    order = list(range(1000))
    random.shuffle(order)
    for at in range(0, 1000, size):
        chosen = np.array(order[at:at + size])
        yield inputs[chosen], targets[chosen]
print('X =\\n%s\\ny =\\n%s' % next(batches(10)))
""", published.text("d2l", "mini-batch")), ("""\
w, b = np.random.normal(0, 0.01, (2, 1)), np.zeros(1)
for p in (w, b):
    p.attach_grad()
def half_squares(x, t):
    return (np.dot(x, w) + b - t.reshape((-1, 1))) ** 2 / 2
for n in (1, 2, 3):
    for x, t in batches(10):
        with autograd.record():
            error = half_squares(x, t)
        error.backward()
        for p in (w, b):
            p[:] = p - 0.03 * p.grad / 10
    print('epoch %d, loss %f' % (n, half_squares(inputs, targets).mean()))
print('Error in estimating w', truth - w.reshape((2,)))
print('Error in estimating b', 4.2 - b)
""", published.text("d2l", "training")))

STRAIGHT_DOPE = """\
Notedown's form.

```{{.python .input  n=1}}
import mxnet as mx
from mxnet import nd, autograd
mx.random.seed(1)
X = nd.random_normal(shape=(10000,2))
y = 2* X[:,0] - 3.4 * X[:,1] + 4.2 + .01 * nd.random_normal(shape=(10000,))
print(X[0])
print(y[0])
```

```{{.json .output n=1}}
[{{"name": "stdout", "output_type": "stream", "text": {}}}]
```

```{{.python .input  n=2}}
loader = mx.io.NDArrayIter(X, y, 4, shuffle=True)
loader.next().data[0]
```

```{{.json .output n=2}}
[{{"output_type": "execute_result", "data": {{"text/plain": {}}}}}]
```

```{{.python .input  n=3}}
w, b = nd.random_normal(shape=(2,1)), nd.random_normal(shape=1)
w.attach_grad()
b.attach_grad()
average = 0.
for epoch in range(2):
    loader.reset()
    for i, batch in enumerate(loader):
        with autograd.record():
            loss = nd.mean((nd.dot(batch.data[0], w) + b - batch.label[0].reshape((-1, 1))) ** 2)
        loss.backward()
        for p in (w, b):
            p[:] = p - .001 * p.grad
        average = .99 * average + .01 * loss.asscalar()
        if i % 500 == 499:
            print("Epoch %s, batch %s. Moving avg of loss: %s" % (epoch, i, average))
```

```{{.json .output n=3}}
[{{"name": "stdout", "output_type": "stream", "text": {}}}]
```
""".format(*tuple(json.dumps(published.text("straight_dope", cell))
            for cell in ("example", "mini-batch", "training")))


# What the one-day course's notebook on ndarrays printed, cell by cell, asked for in our own words.
# All follows from arithmetic but for the normal numbers: they tell whose `logf` drew them.
NDARRAYS = fenced(
    ("from mxnet import np, npx\nnpx.set_np()\n", ""),
    ("row = np.arange(12)\nrow\n",
     "array([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11.])"),
    ("row.shape\n", "(12,)"),
    ("np.zeros((3, 4))\n",
     "array([[0., 0., 0., 0.],\n       [0., 0., 0., 0.],\n       [0., 0., 0., 0.]])"),
    ("numbers = [[2, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]]\nnp.array(numbers)\n",
     "array([[2., 1., 4., 3.],\n       [1., 2., 3., 4.],\n       [4., 3., 2., 1.]])"),
    ("np.random.normal(size=(3, 4), loc=0, scale=1)\n", """\
array([[ 2.2122064 ,  0.7740038 ,  1.0434405 ,  1.1839255 ],
       [ 1.8917114 , -1.2347414 , -1.771029  , -0.45138445],
       [ 0.57938355, -1.856082  , -1.9768796 , -0.20801921]])"""),
    ("x, y = np.array([1, 2, 4, 8]), 2 * np.ones((4,))\n"
     "print(x, x + y, x - y, x * y, x ** y, x / y, sep='\\n')\n", """\
[1. 2. 4. 8.]
[ 3.  4.  6. 10.]
[-1.  0.  2.  6.]
[ 2.  4.  8. 16.]
[ 1.  4. 16. 64.]
[0.5 1.  2.  4. ]"""),
    ("rows, other = row.reshape(3, 4), np.array(numbers)\nnp.dot(rows, other.T)\n",
     "array([[ 18.,  20.,  10.],\n       [ 58.,  60.,  50.],\n       [ 98., 100.,  90.]])"),
    ("tuple(np.concatenate([rows, other], axis=axis) for axis in range(2))\n", """\
(array([[ 0.,  1.,  2.,  3.],
        [ 4.,  5.,  6.,  7.],
        [ 8.,  9., 10., 11.],
        [ 2.,  1.,  4.,  3.],
        [ 1.,  2.,  3.,  4.],
        [ 4.,  3.,  2.,  1.]]),
 array([[ 0.,  1.,  2.,  3.,  2.,  1.,  4.,  3.],
        [ 4.,  5.,  6.,  7.,  1.,  2.,  3.,  4.],
        [ 8.,  9., 10., 11.,  4.,  3.,  2.,  1.]]))"""),
    ("column, pair = np.arange(3).reshape(3, 1), np.arange(2).reshape(1, 2)\n"
     "print('a:\\n', column)\nprint('b:\\n', pair)\ncolumn + pair\n", """\
a:
 [[0.]
 [1.]
 [2.]]
b:
 [[0. 1.]]
array([[0., 1.],
       [1., 2.],
       [2., 3.]])"""),
    ("print(rows[-1])\nprint(rows[1:3])\nprint(rows[1:3, 2:4])\nprint(rows[1, 2])\n", """\
[ 8.  9. 10. 11.]
[[ 4.  5.  6.  7.]
 [ 8.  9. 10. 11.]]
[[ 6.  7.]
 [10. 11.]]
6.0"""),
    ("print(type(rows.asnumpy()))\nprint(type(np.array(rows.asnumpy())))\n",
     "<class 'numpy.ndarray'>\n<class 'mxnet.numpy.ndarray'>"))


def test_the_courses_notebook_on_ndarrays_comes_out_in_full(tmp_path):
    path = tmp_path / "ndarrays.md"
    path.write_text(NDARRAYS)
    compared = [c for c in execution.run(str(path), "d2l").comparisons if c.verdict is not None]
    assert [c.verdict for c in compared] == ["identical"] * 11, [
        (c.stored, c.fresh) for c in compared if c.verdict != "identical"]


@pytest.mark.parametrize("text, notebook", [(D2L, "d2l"), (STRAIGHT_DOPE, "straight_dope")])
def test_a_notebook_in_the_originals_terms_prints_what_was_published(text, notebook, tmp_path):
    path = tmp_path / "book.md"
    path.write_text(text)
    executed = execution.run(str(path))
    assert executed.era == notebook
    compared = [c for c in executed.comparisons if c.stored]
    assert len(compared) == 3 and executed.ok
    assert all(c.verdict in ALLOWED for c in compared), str(executed)
    assert path.read_text() == text


@pytest.mark.skipif(not ORIGINALS, reason="ORIGINALS names no folder with the two documents")
def test_the_originals_print_what_they_printed():
    outputs = 0
    for path in ORIGINALS:
        executed = execution.run(str(path))
        assert executed.ok, str(executed)
        published_texts = ["\n".join(line.rstrip() for line in cell["text"].rstrip().splitlines())
                           for cell in published.document(executed.era)["cells"]]
        compared = [c for c in executed.comparisons if c.stored]
        assert [c.stored for c in compared] == published_texts  # what we hold as published is
        assert all(c.verdict in ALLOWED for c in compared)
        outputs += len(compared)
    assert outputs == 10


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A folder in which the command has run book.md, and what it printed."""
    folder, printed = tmp_path_factory.mktemp("ran"), io.StringIO()
    (folder / "book.md").write_text(D2L)
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.chdir(folder)
        assert main(["run", "book.md", "--html", "book.html"]) == 0
    return folder, printed.getvalue().splitlines()


@pytest.fixture(scope="module")
def executed(ran):
    """The notebook that the command wrote."""
    return nbformat.read(ran[0] / "book-executed.ipynb", as_version=4)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_command_says_as_what_it_ran_and_that_the_orders_are_not_the_authors_own(ran):
    assert ran[1][:2] == ["ran as d2l, whose outputs are stored in it",
                          "with shuffles found by search, not the authors' own"]


def test_the_command_says_how_the_cells_compare_and_what_it_wrote(ran):
    assert ran[1][2].startswith("cell ")
    assert ran[1][-3].split("  ")[0] == "identical" and len(ran[1][-2].split()) == 7
    assert ran[1][-1] == "written: book-executed.ipynb book.html"


def test_the_command_writes_two_files_and_leaves_its_input_as_it_is(ran):
    assert {path.name for path in ran[0].iterdir()} == {
        "book.md", "book-executed.ipynb", "book.html"}
    assert (ran[0] / "book.md").read_text() == D2L


def test_the_notebook_written_is_valid(executed):
    nbformat.validate(executed)


def test_the_notebook_written_says_how_it_ran(executed):
    first = code_of(executed)[0].source
    assert "%as_published d2l" in first and "found by search" in first


def test_the_notebook_written_holds_its_picture(executed):
    pictures = [output for cell in code_of(executed) for output in cell.outputs
                if "image/svg+xml" in output.get("data", {})]
    assert len(pictures) == 1


def test_the_page_holds_what_was_printed(ran):
    assert "epoch 3, loss 0.0000" in (ran[0] / "book.html").read_text()


def test_a_file_of_the_default_name_is_not_replaced(ran, monkeypatch, capsys):
    monkeypatch.chdir(ran[0])
    assert main(["run", "book.md"]) == 2
    assert "'book-executed.ipynb' exists; name another file" in capsys.readouterr().err


def test_the_input_is_never_an_output(ran, monkeypatch, capsys):
    monkeypatch.chdir(ran[0])
    assert main(["run", "book-executed.ipynb", "--output", "book-executed.ipynb"]) == 2
    assert "two are the same; name a file for each" in capsys.readouterr().err


def test_the_notebook_written_runs_as_well(ran, tmp_path):
    assert main(["run", str(ran[0] / "book-executed.ipynb"), "--output",
                 str(tmp_path / "again.ipynb")]) == 0


def test_what_is_different_and_what_failed_is_shown_and_written(tmp_path, capsys):
    path = tmp_path / "book.md"
    path.write_text(fenced(("from mxnet import nd\nprint('one')\n", "one\n"),
                           ("print('two')\nprint('three')\n", "two\nfour\n"),
                           ("1 / 0\n", "")))
    output = str(tmp_path / "out.ipynb")
    assert main(["run", str(path), "--output", output]) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[2:-4] == [  # counted in the notebook that is written, from 0
        "cell 2: identical", "cell 4: different: 'twothree' is printed, not 'twofour'",
        "    stored | now", "    ------ | ---", "    two      two", "    four   | three",
        "cell 6: failed: ZeroDivisionError: division by zero"]
    assert out.splitlines()[-2].split() == ["1", "0", "0", "0", "0", "1", "1"]
    assert nbformat.read(output, as_version=4).cells[-1].outputs[0].output_type == "error"


def test_notedowns_outputs_in_pieces_and_unnamed_are_read():
    notebook = documents.from_markdown(
        "```{.python .input n=1}\nprint(1)\n```\n\n```{.json .output n=1}\n"
        '[{"text": ["1\\n", "2\\n"]}, {"output_type": "execute_result", '
        '"data": {"text/plain": ["3"]}}]\n```\n')
    assert outputs.printed(notebook.cells[0]) == "1\n2\n3"


@pytest.mark.parametrize("options", [
    ["--output", "/dev/null"], ["--output", ""], ["--output", "{}"],
    ["--output", "{}/x", "--html", "{}/x"]])
def test_outputs_that_cannot_be_written_are_refused_before_the_run(options, tmp_path):
    (tmp_path / "book.md").write_text(D2L)
    assert main(["run", str(tmp_path / "book.md"),
                 *(option.format(tmp_path) for option in options)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["book.md"]
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name, text, message", [
    ("book.md", b"Words alone.", "holds no cell of Python"),
    ("book.md", b"\xff\xfe", "is not text in UTF-8"),
    ("book.ipynb", b"{not json", "is not a Jupyter notebook"),
    ("book.md", b"```python\nimport os\n```\n",
     "imports neither mxnet nor d2l; give one for MXNet, or say --as with an era"),
    ("nothing.md", None, "there is no such file"),
])
def test_a_file_that_cannot_be_run_is_refused(name, text, message, tmp_path, capsys):
    path = tmp_path / name
    if text is not None:
        path.write_bytes(text)
    assert main(["run", str(path), "--output", str(tmp_path / "out.ipynb")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out.ipynb").exists()


def test_markdown_keeps_words_code_and_outputs_apart():
    notebook = documents.from_markdown(
        "Title\n\n```python\nprint(1)\n```\n\n    1\n\nWords.\n\n    not output\n\n"
        "```bash\nls\n```\n\n```{.python .input n=3}\n```\n")
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        ("markdown", "Title"), ("code", "print(1)"),
        ("markdown", "Words.\n\n    not output\n\n```bash\nls\n```"), ("code", "")]
    assert outputs.printed(notebook.cells[1]) == "1"
    nbformat.validate(notebook)


@pytest.fixture(scope="module")
def magic(tmp_path_factory):
    """What each cell of a notebook that uses the magic in some way printed, and how it failed."""
    cells = ["%load_ext d2l_linreg\n%as_published straight_dope\nimport mxnet as mx, numpy\n"
             "print(numpy.float64(1) / 3)",
             "try:\n    get_ipython().run_line_magic('as_published', 'straightdope')\n"
             "except ValueError as error:\n    print(error)\nprint(numpy.float64(1) / 3)",
             "%as_published d2l\nimport d2l\nprint(numpy.float64(1) / 3)",
             "%as_published off\nimport importlib.util\n"
             "print(importlib.util.find_spec('d2l') is None)",
             "%as_published straight_dope\n%unload_ext d2l_linreg\nprint(numpy.float64(1) / 3)",
             "%load_ext d2l_linreg\n%as_published sideways",
             "%as_published 2018 cpu --swapped-pairs --numpy-printing 1.13\n"
             "print(mx.nd.random.normal(shape=(1000, 2))[0], mx.gpu())",
             "%as_published today\nprint(numpy.float64(1) / 3, mx.gpu())"]
    path = tmp_path_factory.mktemp("magic") / "book.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, cells))),
                   path)
    return [(comparison.fresh.splitlines(), comparison.reason)
            for comparison in execution.run(str(path), "d2l").comparisons]


def test_magic_switches_from_one_notebook_to_the_other(magic):
    assert magic[0][0][-1] == "0.333333333333"
    assert magic[2][0][-1] == "0.3333333333333333"


def test_a_slip_leaves_what_is_on(magic):
    message, printed = magic[1][0]
    assert "era is 'straightdope'" in message and printed == "0.333333333333"


def test_magic_goes_off(magic):
    assert magic[3][0] == ["True"]


def test_magic_goes_off_when_it_is_unloaded(magic):
    assert magic[4][0] == ["0.3333333333333333"]


def test_magic_of_a_notebook_that_is_not_there_fails_its_cell(magic):
    assert "era is 'sideways'" in magic[5][1]


def test_magic_takes_what_as_published_takes(magic):
    # The first pair of the polar method, the second number first, as a notebook on Windows has it
    assert magic[6][0] == ["", "[ 1.16307867  0.48380461]", "<NDArray 2 @cpu(0)> cpu(0)"]
    assert magic[7][0] == ["0.3333333333333333 gpu(0)"]


@pytest.mark.parametrize("options, message", [
    (["--swapped-pairs"], "go with --as ERA"), (["--timeout", "0"], "give seconds, above 0"),
    (["--as", "2019"], "invalid choice: '2019'"), (["--timeout", "soon"], "invalid"),
    (["--as", "today", "--numpy-printing", "1.13"], "'today' changes nothing; leave them out"),
    (["--ctx", "tpu"], "ctx is 'tpu'"), (["--as", "2018", "--ctx", "tpu"], "ctx is 'tpu'")])
def test_options_that_cannot_be_are_refused_before_the_run(options, message, tmp_path, capsys):
    (tmp_path / "book.md").write_text(D2L)
    assert main(["run", str(tmp_path / "book.md"), "--output", str(tmp_path / "out.ipynb"),
                 *options]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "out.ipynb").exists()


def test_a_gpu_that_is_not_here_is_told_and_the_cpu_stands_in_for_it(tmp_path, capsys):
    path, output = tmp_path / "book.md", str(tmp_path / "out.ipynb")
    path.write_text(fenced(("import mxnet as mx\nx = mx.nd.ones((2, 2), ctx=mx.gpu())\n", ""),
                           ("print(x.sum().asscalar())\n", "4.0\n")))
    assert main(["run", str(path), "--output", output]) == 1
    out = capsys.readouterr().out
    assert "--ctx cpu has the CPU stand in for GPUs; and so cell 4" in out
    assert main(["run", str(path), "--output", output, "--ctx", "cpu"]) == 0


@pytest.fixture
def copied(tmp_path):
    """A folder that `notebooks` has made."""
    folder = tmp_path / "new" / "folder"
    assert main(["notebooks", str(folder)]) == 0
    return folder


def test_notebooks_are_copied(copied):
    notebook = nbformat.read(copied / "d2l.ipynb", as_version=4)
    assert any("found by search" in cell.source for cell in notebook.cells)


def test_notebooks_are_never_copied_over_a_file(copied, capsys):
    (copied / "d2l.ipynb").write_text("mine")
    (copied / "straight_dope.ipynb").unlink()
    assert main(["notebooks", str(copied)]) == 2
    assert "d2l.ipynb; choose another folder" in capsys.readouterr().err
    assert (copied / "d2l.ipynb").read_text() == "mine"
    assert not (copied / "straight_dope.ipynb").exists()  # nothing was begun


def test_notebooks_are_copied_over_files_with_force(copied):
    before = (copied / "d2l.ipynb").read_bytes()
    (copied / "d2l.ipynb").write_text("mine")
    assert main(["notebooks", str(copied), "--force"]) == 0
    assert (copied / "d2l.ipynb").read_bytes() == before


def test_notebooks_are_not_copied_into_what_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    assert main(["notebooks", str(tmp_path / "file")]) == 2
