"""That the faults of mutation/faults.py can be put in; mutation/run.py puts them in."""
import ast
import re
from pathlib import Path

import pytest
from mutation.faults import FAULTS

PACKAGE = Path(__file__).resolve().parent.parent / "d2l_linreg"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_a_fault_still_has_its_place(fault):
    text = (PACKAGE / fault.file).read_text(encoding="utf-8")
    assert text.count(fault.old) == 1 and fault.new != fault.old


def test_each_faults_module_has_tests_that_are_asked_first():
    run = (Path(__file__).parent / "mutation" / "run.py").read_text(encoding="utf-8")
    named = ast.literal_eval(re.search(r"^TESTS = (\{.*?\})", run, re.DOTALL | re.MULTILINE)[1])
    modules = {Path(fault.file).stem for fault in FAULTS}
    files = [Path(__file__).parent / f"test_{named.get(name, name)}.py" for name in modules]
    assert all(path.exists() for path in files)


def rows_of_results():
    results = (Path(__file__).parent / "mutation" / "results.md").read_text(encoding="utf-8")
    return [line.split(" | ") for line in results.splitlines() if line.startswith("| ")][2:]


def test_every_test_that_caught_a_fault_is_there(request):
    if request.config.option.keyword or any("::" in word for word in request.config.args):
        pytest.skip("some tests were left out")
    there = {item.nodeid.removeprefix("tests/") for item in request.session.items}
    there |= {name.partition("[")[0] for name in there}  # all of its parameters
    files = {name.partition("::")[0] for name in there}
    named = {row[2].removesuffix(" |").removeprefix("tests: ") for row in rows_of_results()}
    assert not [name for name in sorted(named - there) if name.partition("::")[0] in files]


def test_every_fault_was_tried_and_caught():
    rows = rows_of_results()
    assert [row[0][2:] for row in rows] == [fault.what for fault in FAULTS] and len(rows) >= 30
    assert all(len(row) == 3 for row in rows)  # else run.py could not read them
    assert all(row[2].startswith(("reproduce: ", "tests: ")) for row in rows)
