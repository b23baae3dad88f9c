"""What a file or a notebook holds steers no terminal."""
import re

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import raised, returned, said, written

from d2l_linreg.cli import main
from d2l_linreg.originals.comparison import MOST_LINES, WIDEST, Comparison
from d2l_linreg.originals.execution import Execution
from d2l_linreg.terminal import printable

STEERS = ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x9d8;;x\x9c", "a\b\b", "a\rb", "\0", "\x7f",
          "\u202egnp", "\u2066a\u2069", "\u2028", "\x85", "\ud800", "\ufeff", "\v\f"]


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.text(st.one_of(st.characters(), st.sampled_from("".join(STEERS)))))
def test_what_is_printed_is_seen_and_nothing_is_lost(text):
    text = text.replace("\\", "/")  # so that each backslash is one of ours
    shown = printable(text)
    shown.encode()
    steers = "[\0-\b\v-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u206f\ufeff]"
    assert not re.search(steers, shown)
    assert re.sub(r"\\(x..|u....|U.{8}|[rnt])", lambda escape: escape[0].encode().decode(
        "unicode_escape"), shown) == text


@pytest.mark.parametrize("steers", STEERS)
def test_each_way_to_steer_is_shown_and_words_are_not_touched(steers):
    shown = printable(f"é 数学 {steers} 😀\t1\n")
    assert shown.startswith("é 数学 ") and shown.endswith(" 😀\t1\n") and "\\" in shown


@pytest.mark.parametrize("steers", STEERS)
def test_a_report_of_a_notebook_shows_it_wherever_it_stands(steers):
    told = str(Execution(nbformat.v4.new_notebook(), "today", f"as {steers}", (
        Comparison(1, "different", f"a{steers}", f"b{steers}", f"reason {steers}"),
        Comparison(2, "failed", reason=f"E{steers}: {steers}"))))
    assert not any(character in told for character in steers if not character.isprintable())
    assert told.count("\\") >= 6


def test_a_long_output_is_cut_on_the_terminal_alone():
    comparison = Comparison(1, "different", "x" * 10**7, "y\n" * 10**5, "z" * 10**7)
    lines = comparison.lines
    assert len(lines) < MOST_LINES + 9 and max(map(len, lines)) < 6 * WIDEST
    assert lines[-1].split() == ["...", "|", "..."] or lines[-1].split() == ["...", "..."]
    assert len(comparison.stored) == 10**7


def test_a_files_name_and_an_output_steer_nothing(tmp_path, capsys):
    name = "a\x1b[31m\u202e.ipynb"
    written(tmp_path / name, ("import os\nprint('\\x1b[2J')", said("\x1b[3J")),
            ("1 / 0", raised("E\x07", "\x9b1m")), ("'\\u2028'", returned("\u2028")))
    output = str(tmp_path / "out\x07\x1b.ipynb")
    assert main(["run", str(tmp_path / name), "--as", "today", "--output", output]) == 1
    out, err = capsys.readouterr()
    assert not any(character in out + err for character in "\x1b\x07\x9b\u202e\u2028")
    assert "\\x1b[2J" in out and "out\\x07\\x1b.ipynb" in out
    assert "\x1b[2J" in nbformat.read(output, as_version=4).cells[1].outputs[0].text
