"""Notebooks that mean ill: to Python's readers of files, and to the kernel that runs them.

    python tests/hostile_notebooks.py FIRST COUNT

reads COUNT mutated notebooks of seeds FIRST, ...; prints how many were refused, and read, and fails
at anything else.
"""
import copy
import json
import random
import sys
import tempfile
import warnings
from pathlib import Path

import nbformat
from made import cell, raised, returned, said, shown
from nbformat import v4

ODD = [None, True, -1, 0, 1e308, 10**400, "", "x", "\0", "\ud800", "\u202e\x1b[2J", "a" * 10**5, [],
       {}, [[]], {"": {}}, ["x", 1], {"text/plain": 5}, {"text/plain": ["a", 1]}, "import mxnet",
       "%", "!", "(" * 300, "code", "stream", "display_data", "error", "4", 3, 5, "<![",
       "<!DOCTYPE", "1.5" * 999]


def whole():
    """One that has everything."""
    book = v4.new_notebook(cells=[
        v4.new_markdown_cell("# A\n\n![p](attachment:p.png)"), v4.new_raw_cell("raw"),
        cell("import mxnet as mx\nfrom mxnet import nd", said("1.2345 2.3456\n"),
             said("w", "stderr")),
        cell("x", returned("<a object>", **{"text/html": "<b>1</b>", "application/json": {}})),
        cell("y", shown(**{"image/png": "aGk=", "text/plain": "<Figure>"}), raised("E", "a\nb")),
        cell("print('epoch')", said("epoch 1, loss 0.040828\nepoch 2, loss 0.1\n"))])
    book.cells[0]["attachments"] = {"p.png": {"image/png": "aGk="}}
    book.metadata = nbformat.from_dict({
        "kernelspec": {"name": "python3", "display_name": "P", "language": "python"},
        "language_info": {"name": "python", "version": "3"}, "title": "t",
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}}})
    return json.loads(nbformat.writes(book))


def places(value, found):
    """Everything that is in a value: with what it is in, and under which key."""
    for key in value if isinstance(value, dict) else range(len(value)):
        found.append((value, key))
        if isinstance(value[key], (dict, list)):
            places(value[key], found)
    return found


def mutated(seed):
    """A notebook's bytes, with one to four faults."""
    chance = random.Random(seed)
    book = whole()
    for _ in range(chance.randint(1, 2)):
        inside, key = chance.choice(places(book, []))
        fault = chance.choice(["replace", "replace", "remove", "repeat", "key", "wrap", "swap"])
        if fault == "replace":
            inside[key] = chance.choice(ODD)
        elif fault == "remove":
            del inside[key]
        elif fault == "repeat" and isinstance(inside, list):
            inside[key:key] = [copy.deepcopy(inside[key])] * chance.choice([1, 1, 500])
        elif fault == "key" and isinstance(inside, dict):
            inside[chance.choice(["id", "outputs", "source", "data", "\ud800", "", "x"])] = (
                chance.choice(ODD))
        elif fault == "wrap":
            for _ in range(chance.choice([1, 50, 90, 150, 400])):
                inside[key] = [inside[key]] if chance.random() < 0.5 else {"a": inside[key]}
        elif fault == "swap":
            other, at = chance.choice(places(book, []))
            inside[key] = copy.deepcopy(other[at])
    if chance.random() < 0.2:
        book["nbformat"] = chance.choice([1, 2, 3, 5, "4", None, 4.0])
    if chance.random() < 0.2:
        book["nbformat_minor"] = chance.choice([0, 2, 4, 99, "5", None, -1])
    text = json.dumps(book)
    if chance.random() < 0.15:  # and no JSON any more
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice(["", "\0", "NaN", "\x85", "{" * 10**5, "9" * 5000]) + (
            text[at + chance.randint(0, 3):])
    return text.encode("utf-8", "replace")


def judged(path, output):
    """Do all that `run` does to a notebook, but for running it."""
    from d2l_linreg.originals import execution, notebook_files, outputs
    from d2l_linreg.originals.evidence import way_of
    from d2l_linreg.originals.page import to_page

    book = notebook_files.read(str(path))
    notebook_files.check_language(book)
    runner = execution._Runner(book, str(path.parent), None, None, False)
    plan = execution._Plan("2018", "", execution.Way("2018"))
    fresh = nbformat.from_dict(book)
    ran = execution._Ran(fresh, list(range(len(fresh.cells))), {
        number: [] for number, each in enumerate(fresh.cells) if each.cell_type == "code"})
    for each in book.cells:  # as if nothing had been stored, or all
        if each.cell_type == "code":
            way_of({1: [("normal", "nd", (50,), 0, 1)]}, outputs.printed(each))
            each.outputs = each.outputs[1:]
    executed = runner.judged(plan, ran)
    str(executed).encode()
    executed.to_json()
    content = nbformat.writes(executed.notebook).encode("utf-8", "backslashreplace")
    output.write_bytes(content)
    assert nbformat.from_dict(json.loads(content)) is not None
    to_page(executed.notebook)


def outcome(seed, folder):
    """What comes of one: what it is refused for, or None if it is read."""
    from d2l_linreg.errors import ArgumentError

    path = Path(folder) / "hostile.ipynb"
    path.write_bytes(mutated(seed))
    try:
        judged(path, path.with_name("out.ipynb"))
    except (ArgumentError, OSError) as error:  # of the page, where a picture is not attached
        assert "\n" not in str(error) and 0 < len(str(error)) < 700, str(error)
        return str(error)
    return None


if __name__ == "__main__":
    import time
    import traceback

    first, count = map(int, sys.argv[1:])
    warnings.simplefilter("ignore")
    refused, failed, longest = 0, 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            begun = time.perf_counter()
            try:
                refused += outcome(seed, folder) is not None
            except Exception:
                failed += 1
                print("seed", seed, traceback.format_exc()[-1500:], flush=True)
            longest = max(longest, time.perf_counter() - begun)
    print(f"{count} notebooks: {refused} refused, {count - refused - failed} read, "
          f"{failed} failed; the longest took {longest:.1f} s")
    sys.exit(failed > 0)
