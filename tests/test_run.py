"""`d2l-linreg run` and the magic: someone's notebook, unmodified, in a real kernel.

The documents here use what the originals use, in our own words. The originals themselves
are run where the environment variable ORIGINALS names a folder that holds them.
"""
import json
import os
from pathlib import Path

import nbformat
import pytest

from d2l_linreg import published
from d2l_linreg.cli import main
from d2l_linreg.originals import execution
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


@pytest.mark.parametrize("text, notebook", [(D2L, "d2l"), (STRAIGHT_DOPE, "straight_dope")])
def test_a_notebook_in_the_originals_terms_prints_what_was_published(text, notebook, tmp_path):
    path = tmp_path / "book.md"
    path.write_text(text)
    executed = execution.run(str(path))
    assert executed.published_notebook == notebook
    compared = [c for c in executed.comparisons if c.stored is not None]
    assert len(compared) == 3 and executed.ok
    assert all(c.error is None and c.verdict in ALLOWED for c in compared), str(executed)
    assert path.read_text() == text


@pytest.mark.skipif(not ORIGINALS, reason="ORIGINALS names no folder with the two documents")
def test_the_originals_print_what_they_printed():
    outputs = 0
    for path in ORIGINALS:
        executed = execution.run(str(path))
        assert executed.ok, str(executed)
        published_texts = ["\n".join(line.rstrip() for line in cell["text"].rstrip().splitlines())
                           for cell in published.document(executed.published_notebook)["cells"]]
        compared = [c for c in executed.comparisons if c.stored is not None]
        assert [c.stored for c in compared] == published_texts  # what we hold as published is
        assert all(c.verdict in ALLOWED for c in compared)
        outputs += len(compared)
    assert outputs == 10


def test_the_command_writes_notebook_and_page_and_never_its_input(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("nbconvert")
    Path("book.md").write_text(D2L)
    assert main(["run", "book.md", "--html", "book.html"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "as d2l published it, with shuffles found by search, not the authors' own:"
    assert lines[1].startswith("cell ") and lines[-1] == "written: book-executed.ipynb book.html"
    written = nbformat.read("book-executed.ipynb", as_version=4)
    nbformat.validate(written)
    code = [cell for cell in written.cells if cell.cell_type == "code"]
    assert "%as_published d2l" in code[0].source and "found by search" in code[0].source
    pictures = [o for c in code for o in c.outputs if "image/svg+xml" in o.get("data", {})]
    assert len(pictures) == 1
    assert "epoch 3, loss 0.0000" in Path("book.html").read_text()
    assert Path("book.md").read_text() == D2L
    # Once more: the default name is taken, and the input is never an output.
    assert main(["run", "book.md"]) == 2
    assert "'book-executed.ipynb' exists; name another file" in capsys.readouterr().err
    assert main(["run", "book-executed.ipynb", "--output", "book-executed.ipynb"]) == 2
    assert "two are the same; name a file for each" in capsys.readouterr().err
    assert main(["run", "book-executed.ipynb", "--output", "again.ipynb"]) == 0


def test_a_different_output_is_shown_beside_the_stored_one(tmp_path, capsys):
    path = tmp_path / "book.md"
    path.write_text(fenced(("from mxnet import nd\nprint('one')\n", "one\n"),
                           ("print('two')\nprint('three')\n", "two\nfour\n"),
                           ("1 / 0\n", "")))
    output = str(tmp_path / "out.ipynb")
    assert main(["run", str(path), "--output", output]) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[1:-1] == [  # counted in the notebook that is written, from 0
        "cell 2: identical", "cell 4: different",
        "    stored | now", "    ------ | ---", "    two      two", "    four   | three",
        "cell 6: failed: ZeroDivisionError: division by zero"]
    assert nbformat.read(output, as_version=4).cells[-1].outputs[0].output_type == "error"


@pytest.mark.parametrize("code, notebook", [
    ("import d2l", "d2l"), ("from mxnet import autograd, np", "d2l"),
    ("%matplotlib inline\nfrom mxnet import npx", "d2l"), ("from mxnet import nd", "straight_dope"),
    ("!ls\nimport mxnet as mx\nfrom mxnet import ndarray as nd", "straight_dope")])
def test_auto_decides_from_the_imports(code, notebook):
    assert execution.published_notebook(documents.from_markdown(fenced((code + "\n", "")))) == (
        notebook)


def test_notedowns_outputs_in_pieces_and_unnamed_are_read():
    notebook = documents.from_markdown(
        "```{.python .input n=1}\nprint(1)\n```\n\n```{.json .output n=1}\n"
        '[{"text": ["1\\n", "2\\n"]}, {"output_type": "execute_result", '
        '"data": {"text/plain": ["3"]}}]\n```\n')
    assert documents.printed(notebook.cells[0]) == "1\n2\n3"


def test_outputs_that_cannot_be_written_are_refused_before_the_run(tmp_path, capsys):
    path = tmp_path / "book.md"
    path.write_text(D2L)
    for output in (["--output", "/dev/null"], ["--output", ""], ["--output", str(tmp_path)],
                   ["--output", str(tmp_path / "x"), "--html", str(tmp_path / "x")]):
        assert main(["run", str(path)] + output) == 2
    assert Path("/dev/null").is_char_device()
    path.write_bytes(b"\xff\xfe")
    assert main(["run", str(path), "--output", str(tmp_path / "x")]) == 2
    assert "is not text in UTF-8" in capsys.readouterr().err


@pytest.mark.parametrize("name, text, message", [
    ("book.md", "Words alone.", "holds no cell of Python"),
    ("book.ipynb", "{not json", "is not a Jupyter notebook"),
    ("book.md", "```python\nimport os\n```\n", "say --as d2l or --as straight_dope"),
    (None, None, "there is no such file"),
])
def test_a_file_that_cannot_be_run_is_refused(name, text, message, tmp_path, capsys):
    path = tmp_path / (name or "nothing.md")
    if name:
        path.write_text(text)
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
    assert documents.printed(notebook.cells[1]) == "1"
    nbformat.validate(notebook)


def test_magic_switches_and_goes_off(tmp_path):
    path = tmp_path / "book.ipynb"
    cells = ["%load_ext d2l_linreg\n%as_published straight_dope\nimport mxnet as mx, numpy\n"
             "print(numpy.float64(1) / 3)",
             "try:\n    get_ipython().run_line_magic('as_published', 'straightdope')\n"
             "except ValueError as error:\n    print(error)\nprint(numpy.float64(1) / 3)",
             "%as_published d2l\nimport d2l\nprint(numpy.float64(1) / 3)",
             "%as_published off\nimport importlib.util\n"
             "print(importlib.util.find_spec('d2l') is None)",
             "%as_published straight_dope\n%unload_ext d2l_linreg\nprint(numpy.float64(1) / 3)",
             "%load_ext d2l_linreg\n%as_published sideways"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(notebook, str(path))
    executed = execution.run(str(path), "d2l")
    texts = [c.fresh for c in executed.comparisons[1:]]
    assert [text.splitlines()[-1] for text in texts[:5]] == [
        "0.333333333333", "0.333333333333",  # a slip leaves what is on
        "0.3333333333333333", "True", "0.3333333333333333"]
    assert "notebook is 'straightdope'" in texts[1]
    assert "notebook is 'sideways'" in executed.comparisons[-1].error


def test_notebooks_are_copied_never_over_a_file(tmp_path, capsys):
    folder = tmp_path / "new" / "folder"
    assert main(["notebooks", str(folder)]) == 0
    copied = nbformat.read(str(folder / "d2l.ipynb"), as_version=4)
    assert any("found by search" in cell.source for cell in copied.cells)
    (folder / "d2l.ipynb").write_text("mine")
    (folder / "straight_dope.ipynb").unlink()
    assert main(["notebooks", str(folder)]) == 2
    assert "d2l.ipynb is there" in capsys.readouterr().err
    assert (folder / "d2l.ipynb").read_text() == "mine"
    assert not (folder / "straight_dope.ipynb").exists()  # nothing was begun
    assert main(["notebooks", str(folder), "--force"]) == 0
    assert nbformat.read(str(folder / "d2l.ipynb"), as_version=4) == copied
    (tmp_path / "file").write_text("")
    assert main(["notebooks", str(tmp_path / "file")]) == 2
