"""README, docs/ and what stands beside them: short, true, and their examples run."""
import ast
import configparser
import importlib
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy
import pytest
import yaml
from processes import environ

from d2l_linreg import __version__, published

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
WORDS = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", ROOT / "recovery/README.md"]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<code>.*?)^(?P=indent)```$",
                   re.MULTILINE | re.DOTALL)
COMMAND = f'd2l-linreg() {{ "{sys.executable}" -m d2l_linreg "$@"; }}\n'  # whichever is on PATH

pytestmark = pytest.mark.skipif(not README.exists(), reason="the tests are not in a checkout")


def name(path):
    return str(path.relative_to(ROOT))


def blocks(page, language):
    return [found["code"] for found in FENCE.finditer(page.read_text(encoding="utf-8"))
            if found["language"] == language]


def table(page, heading):
    """The cells of a table's rows, by the first words of its first line."""
    lines = iter(page.read_text(encoding="utf-8").splitlines())
    next(line for line in lines if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines:
        if not line.startswith("|"):
            return rows[1:]  # the first is dashes
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows[1:]


def test_readme_has_at_most_900_words():
    assert len(README.read_text(encoding="utf-8").split()) <= 900


def test_readme_has_the_two_commands_that_ci_runs():
    text = README.read_text(encoding="utf-8")
    assert re.findall("^    (pip install .*)$", text, re.MULTILINE) == [
        "pip install . && d2l-linreg reproduce", "pip install '.[test]' && pytest"]


@pytest.mark.parametrize("page", WORDS, ids=name)
def test_every_relative_link_leads_to_a_file(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(\s*([^)\s]+)\s*\)", text) + re.findall(
        r"^```\{include\} (\S+)", text, re.MULTILINE)
    assert not [link for link in links if "://" not in link
                and not (page.parent / link.partition("#")[0]).exists()]


@pytest.mark.parametrize("page", WORDS, ids=name)
def test_no_address_is_a_placeholder(page):
    assert not re.search(r"OWNER|example\.com|shields\.io|badge", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", [page for page in WORDS if page.name != "CHANGELOG.md"], ids=name)
def test_what_is_named_is_there(page):
    """Modules and what is in them, and files of the checkout."""
    text = page.read_text(encoding="utf-8")
    for dotted in re.findall(r"`d2l_linreg((?:\.\w+)+)`", text):
        found, way = importlib.import_module("d2l_linreg"), "d2l_linreg"
        for part in dotted.split(".")[1:]:
            way += "." + part
            found = getattr(found, part, None) or importlib.import_module(way)
    for path in re.findall(
            r"(?<![\w/.-])((?:d2l_linreg|tests|recovery|benchmarks|docs|\.ci)/[\w/.-]*\w)", text):
        assert "docs/_build" in path or "NOTEBOOK" in path or (ROOT / path).exists(), path


@pytest.fixture
def beside(tmp_path):
    """A folder with the files that the examples name."""
    rng = numpy.random.default_rng(0)
    X = rng.normal(size=(200, 3)).astype("float32")
    y = X @ numpy.float32([1, 2, 3]) + numpy.float32(0.5)
    numpy.save(tmp_path / "features.npy", X)
    numpy.save(tmp_path / "labels.npy", y)
    numpy.savetxt(tmp_path / "homes.csv", numpy.column_stack([X, y]), "%.6f", ",",
                  header="rooms,area,age,price", comments="")
    return tmp_path


def succeeds(beside, *command):
    finished = subprocess.run(command, cwd=beside, env=environ(MPLBACKEND="agg"), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name)
def test_its_python_runs_from_top_to_bottom(page, beside):
    given = "import numpy\nX, y = numpy.load('features.npy'), numpy.load('labels.npy')\n"
    succeeds(beside, sys.executable, "-c", given + "".join(blocks(page, "python")))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "sh")], ids=name)
def test_its_commands_run_as_typed(page, beside):
    succeeds(beside, "bash", "-euc", COMMAND + "".join(blocks(page, "sh")))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")], ids=name)
def test_its_steps_call_an_action_that_is_there_with_inputs_that_it_has(page):
    ours = [step for text in blocks(page, "yaml") for step in yaml.safe_load(text)
            if step["uses"].startswith("./")]
    assert ours
    for step in ours:
        action = yaml.safe_load((ROOT / step["uses"] / "action.yml").read_text(encoding="utf-8"))
        assert set(step["with"]) <= set(action["inputs"])


def test_the_lines_of_training_that_are_shown_are_the_published_ones():
    cell = published.document("d2l")["cells"][-1]
    assert cell["text"] in blocks(ROOT / "docs/train.md", "")


ENDS = {0: ["notebooks", "copies"], 1: ["train", "--ctx", "cpu", "--learning-rate", "50"],
        2: ["train", "--batch-size", "0"]}
SIGNALS = {129: signal.SIGHUP, 130: signal.SIGINT, 143: signal.SIGTERM}


def test_the_table_of_exit_codes_is_whole():
    assert [int(code) for code, _ in table(ROOT / "docs/commands.md", "exit code")] == [
        *ENDS, *SIGNALS]


@pytest.mark.parametrize("code", ENDS)
def test_a_command_exits_with_the_code_in_the_table(code, tmp_path):
    finished = subprocess.run([sys.executable, "-m", "d2l_linreg", *ENDS[code]], cwd=tmp_path,
                              env=environ(), capture_output=True)
    assert finished.returncode == code


@pytest.mark.parametrize("code", SIGNALS)
def test_a_signal_ends_a_command_with_the_code_in_the_table(code, tmp_path):
    checkpoint = tmp_path / "checkpoint"
    process = subprocess.Popen(
        [sys.executable, "-m", "d2l_linreg", "train", "--ctx", "cpu", "--num-epochs", "1000000",
         "--checkpoint", checkpoint], env=environ(), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL))  # nohup ignores it
    while not (checkpoint.exists() and checkpoint.stat().st_size):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(SIGNALS[code])
    assert process.wait(60) == code


def test_the_rooms_import_what_their_table_says_and_nothing_from_below():
    package = ROOT / "d2l_linreg"
    imports = {}
    for path in package.rglob("*.py"):
        way = path.relative_to(package).with_suffix("").parts
        if way[0].startswith("_"):  # the package's own door
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = way[:len(way) - node.level]
                for alias in node.names:
                    target = [*base, *(node.module or "").split("."), alias.name]
                    imports.setdefault(way[0], set()).add(next(filter(None, target)))
            else:
                imports.setdefault(way[0], set())
    told = {room.strip("`"): set(re.findall("`(.+?)`", imported))
            for room, _, imported in table(ROOT / "docs/house.md", "room")}
    assert told == {room: rooms - {room, "__version__"} for room, rooms in imports.items()}
    above = set()
    for room, rooms in told.items():
        assert rooms <= above
        above.add(room)


def test_the_citation_is_of_this_version_and_of_both_books():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == __version__
    assert [book["type"] for book in cited["references"]] == ["book", "book"]
    for notebook, book in zip(published.NOTEBOOKS, cited["references"], strict=True):
        of, _, _ = published.document(notebook)["document"].partition(",")
        assert book["title"].split(" - ")[-1] == of.split(" - ")[-1]


def test_who_reports_a_fault_is_asked_what_info_prints():
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text(encoding="utf-8"))
    first = form["body"][0]
    assert "`d2l-linreg info`" in first["attributes"]["label"] and first["validations"]["required"]


def test_the_changelog_is_in_the_form_that_it_says():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall("^## (.*)$", text, re.MULTILINE)
    assert __version__ in versions[0]
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version)
               for version in versions if "Unreleased" not in version)
    for version in re.split("^## ", text, flags=re.MULTILINE)[1:]:
        kinds = re.findall("^### (.*)$", version, re.MULTILINE)
        assert kinds == [kind for kind in ("Added", "Changed", "Deprecated", "Removed", "Fixed",
                                           "Security") if kind in kinds]


def test_the_pythons_that_are_promised_are_those_that_are_measured():
    nox = ast.parse((ROOT / ".ci/noxfile.py").read_text(encoding="utf-8"))
    measured = list(next(ast.literal_eval(node.value) for node in nox.body
                         if isinstance(node, ast.Assign) and node.targets[0].id == "OLDEST"))
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert re.findall(r"Python :: (3\.\d+)$", setup["metadata"]["classifiers"],
                      re.MULTILINE) == measured
    assert setup["options"]["python_requires"] == ">=" + measured[0]
    assert f"Python {measured[0]} to {measured[-1]}" in README.read_text(encoding="utf-8")
