"""Each output of a cell is compared, by its kind, and what cannot come out again is left out."""
import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made import cell, raised, returned, said, shown

from d2l_linreg.compat.streams import seeded, stream
from d2l_linreg.originals import outputs
from d2l_linreg.originals.comparison import compare, with_consequences
from d2l_linreg.originals.evidence import way_of
from d2l_linreg.originals.installs import NOT_RUN
from d2l_linreg.originals.shuffles import figures_of_training, lesson_of
from d2l_linreg.settings import NOTEBOOKS


def compared(stored, fresh, lessons=(), exact=True, other_logf=False):
    stored, fresh = ([said(given)] if isinstance(given, str) else given
                     for given in (stored, fresh))
    return compare(1, cell("", *stored), cell("", *fresh), exact=exact,
                   lessons={lesson.own.name: lesson for lesson in lessons}, other_logf=other_logf)


@pytest.mark.parametrize("stored, fresh, verdict", [
    ("1\n", "1\n", "identical"), ("1 \n\n", "1\n", "identical"), ("1 \n2\n", "1\n2\n", "identical"),
    ("1\n", "2\n", "different"),
    ([said("1\n"), said("2\n")], "1\n2\n", "identical"),  # in one piece or in several
    ([said("1\n"), said("w", "stderr")], "1\n", "identical"),
    ([returned("1")], [returned("1")], "identical"),
    ([returned("1")], [returned("2")], "different"),
    ([shown(**{"text/plain": "a"})], [shown(**{"text/plain": "a"})], "identical"),
    ([shown(**{"text/plain": "a"})], [shown(**{"text/plain": "b"})], "different"),
    ([shown(**{"text/plain": "a"})], [], "different"),
    ([returned(None, **{"text/html": "<b>1</b> and 2"})],
     [returned(None, **{"text/html": "<i>1</i> and 2"})], "identical"),
    ([returned(None, **{"text/html": "<b>1</b>"})], [returned(None, **{"text/html": "<b>2</b>"})],
     "different"),
    ([returned("<IPython.core.display.HTML object>", **{"text/html": "1"})],
     [returned("<IPython.core.display.HTML object>", **{"text/html": "2"})], "different"),
    ([shown(**{"text/plain": "<Figure size 252x180 with 1 Axes>", "image/png": "A"})],
     [shown(**{"text/plain": "<Figure size 350x250 with 1 Axes>", "image/svg+xml": "B"})], None),
    ([shown(**{"text/plain": "<matplotlib.figure.Figure at 0x7f1066f46e80>"})], [], None),
    ([shown(**{"text/plain": "<AxesSubplot: >", "image/png": "A"})],
     [shown(**{"text/plain": "<Axes: >", "image/png": "B"})], None),
    ([raised("ValueError", "no")], [raised("ValueError", "no")], "identical"),
    ([raised("MXNetError", "Traceback (most recent call last):\n  File 'a.cc', line 1\n"
             "MXNetError: Check failed: no")],
     [raised("MXNetError", "Traceback (most recent call last):\n  File 'b.cc', line 2\n"
             "MXNetError: Check failed: no")], "identical"),
    ([raised("MXNetError", "Traceback (most recent call last):\nMXNetError: Check failed: no")],
     [raised("MXNetError", "Traceback (most recent call last):\nMXNetError: Check failed: yes")],
     "failed"),
    ([raised("ValueError", "no")], [raised("ValueError", "yes")], "failed"),
    ([raised("ValueError", "no")], [], "different"), ([], [raised("ValueError", "no")], "failed"),
    ("1", [said("1"), raised("ValueError", "no")], "failed"),
    ([], "1\n", "new"), ([], [], None), ([raised("A", "b"), said("x")], [raised("A", "b")],
                                         "different"),
])
def test_each_kind_of_output_is_compared(stored, fresh, verdict):
    assert compared(stored, fresh).verdict == verdict


@pytest.mark.parametrize("stored, fresh, same", [
    ("<A at 0x7f1066f46e80>", "<A at 0x55aa66f46e80>", True), ("at 0x12", "at 0x34", False),
    ("[12:01:33] src/a.cc:5: a line\nx", "x", True),
    ("2019-07-01 12:01:33,123 INFO loss 0.25", "", True), ("at 12:30", "at 12:31", False),
    ("took 1.25 sec", "took 31 sec", True), ("0.5 s", "0.75 s", True),
    ("Wall time: 12 ms", "Wall time: 3.4 s", True), ("Wall time: 12 ms", "Wall time: 9 ms", True),
    ("12 m", "13 m", False), ("loss 0.25", "loss 0.26", False), ("0.5 seconds", "2 seconds", True)])
def test_what_cannot_come_out_again_is_left_out_and_no_more(stored, fresh, same):
    assert (outputs.comparable(stored) == outputs.comparable(fresh)) == same


@pytest.mark.parametrize("stored, fresh", [
    ("(\n [2.2122064 0.7740038]\n <NDArray 2 @cpu(0)>, \n [6.000587])",
     "(\n [2.2122064 0.7740038]\n <NDArray 2 @cpu(0)>, [6.000587])"),
    ("[ 2.5  0.5]", "[2.5 0.5]"), ("(1, 2)", "(1,\n 2)")])
def test_a_mere_difference_in_layout_is_called_that(stored, fresh):
    assert compared(stored, fresh).verdict == "other layout"


def test_what_differs_is_shown_with_what_was_stored_on_the_left():
    header, *rows = compared("a 1.25\nb\n", "a 1.5\nb\n").lines
    assert header == "cell 1: different: 1 of 1 figures"
    assert [row.split() for row in rows] == [
        ["stored", "|", "now"], ["------", "|", "---"], ["a", "1.25", "|", "a", "1.5"], ["b", "b"]]


def test_figures_have_verdicts_of_their_own():
    comparison = compared("a 1.25 b 2.50\n", "a 1.25 b 2.75\n")
    assert [(f.published, f.reproduced, f.verdict) for f in comparison.figures] == [
        ("1.25", "1.25", "identical"), ("2.50", "2.75", "different")]
    assert (comparison.verdict, comparison.reason) == ("different", "1 of 2 figures")
    assert compared("a 1.25\n", "b 1.25\n").reason == "'b' is printed, not 'a'"
    assert compared("a 1.25\n", "a 1.25 1.5\n").reason == "2 numbers are printed, not 1"


LOSSES = "epoch 1, loss 0.040828\nepoch 2, loss 0.000157\nepoch 3, loss 0.000051\n"


@pytest.mark.parametrize("exact, verdict", [(True, "different"), (False, "to rounding")])
def test_stored_and_fresh_of_training_are_held_against_each_other(exact, verdict):
    """Neither is what was published; a loss may move by one in its last place."""
    assert compared(LOSSES, LOSSES.replace("828", "829"), exact=exact).verdict == verdict
    assert compared(LOSSES, LOSSES.replace("828", "838"), exact=exact).verdict == "different"
    assert compared("a 1.000001", "a 1.000002", exact=exact).verdict == "different"


def test_data_of_another_c_library_agree_to_rounding():
    """As printed on Windows, beside what the same words of a twister give here."""
    given = "[ 1.16307855  0.48380461]\n[-1.0015316]", "[ 1.16307867  0.48380461]\n[-1.00153255]"
    assert compared(*given, other_logf=True).verdict == "to rounding"
    assert compared(*given).verdict == "different"
    assert compared("[1.1630]", "[1.1631]", other_logf=True).verdict == "different"


# The lessons' training, printed in other words than the published ones

@pytest.mark.parametrize("text, own, figures", [
    (LOSSES, "d2l", ["loss, epoch 1", "loss, epoch 2", "loss, epoch 3"]),
    ("epoch 3, loss 0.000051", "d2l", ["loss, epoch 3"]),
    ("error in estimating w: [ 0.00055313 -0.00041389]\nerror in estimating b: [0.00010967]", "d2l",
     ["error in w[0]", "error in w[1]", "error in b"]),
    ("Epoch 1, batch 499. Moving avg of loss: 0.000315", "straight_dope",
     ["moving average, epoch 1, batch 499"])])
def test_training_is_told_by_its_words(text, own, figures):
    found = figures_of_training(text)
    assert (found[0].name, found[1]) == (own, figures)


@pytest.mark.parametrize("text", [
    "", "epoch 4, loss 0.000051", "epoch 1, loss 0.04\nand more", "loss 0.25",
    "Epoch 0, batch 500. Moving avg of loss: 7.7"])
def test_other_words_are_no_training(text):
    assert figures_of_training(text) is None


@pytest.fixture(scope="module")
def lesson():
    """d2l's, on the data of 2018: with stored runs of this, by other shuffles."""
    with seeded(0):
        return lesson_of(NOTEBOOKS["d2l"], [stream("np").normal(shape, scale=scale) for shape, scale
                                            in (((1000, 2), 1), ((1000,), 0.01), ((2, 1), 0.01))])


# A stored run of d2l-zh of 2019: its training, parameters, and a mini-batch
STORED = [LOSSES, "([2, -3.4], \n [[ 1.9996185]\n  [-3.3993614]]\n <NDArray 2x1 @cpu(0)>)",
          "(4.2, \n [4.19963]\n <NDArray 1 @cpu(0)>)",
          "\n[[-1.8886926   0.7965518 ]\n [ 0.47648698 -0.19389465]\n [ 0.43465078  0.02699922]]\n"
          "<NDArray 3x2 @cpu(0)> \n[-2.284341   5.8080363  4.966181 ]\n<NDArray 3 @cpu(0)>"]
FRESH = ["epoch 1, loss 0.040001\nepoch 2, loss 0.000150\nepoch 3, loss 0.000050\n",
         "([2, -3.4], \n [[ 2.0001]\n  [-3.4001]]\n <NDArray 2x1 @cpu(0)>)",
         "(4.2, \n [4.2001]\n <NDArray 1 @cpu(0)>)",
         "\n[[ 0.1         0.2       ]\n [ 0.3         0.4       ]\n [ 0.5         0.6       ]]\n"
         "<NDArray 3x2 @cpu(0)> \n[ 1.1        1.2        1.3       ]\n<NDArray 3 @cpu(0)>"]


@pytest.mark.parametrize("stored, fresh", list(zip(STORED, FRESH, strict=True)))
def test_another_shuffle_is_told_as_that(stored, fresh, lesson):
    comparison = compared(stored, fresh, [lesson])
    assert comparison.verdict == "another shuffle" and comparison.ok
    if "<NDArray 3x2" in stored:
        assert comparison.reason == "rows of the same data"
    else:
        assert float(comparison.reason.split("p = ")[1]) > 0.01
    assert compared(stored, fresh).verdict == "different"  # of no known data


@pytest.mark.parametrize("was, now", [
    (0, "epoch 1, loss 0.090828\nepoch 2, loss 0.000157\nepoch 3, loss 0.000051\n"),
    (1, STORED[1].replace("1.9996185", "1.9896185")), (2, STORED[2].replace("4.19963", "4.17963"))])
def test_what_no_shuffle_gives_is_unusual_and_fails(was, now, lesson):
    comparison = compared(now, FRESH[was], [lesson])
    assert comparison.verdict == "different" and not comparison.ok
    assert comparison.reason == (
        "unusual among other shuffles, p = 0.001: other settings or other arithmetic")


@pytest.mark.parametrize("stored, fresh", [
    ("w: [0.00040352 0.00003648]\nb: [0.00053549]", "w: [ 0.0003 -0.0001]\nb: [0.0002]"),
    ("[0.00040352 0.00003648]", "[ 0.0003 -0.0001]")])  # as published, and in no words
def test_errors_in_another_language_are_told_by_their_size(stored, fresh, lesson):
    assert compared(stored, fresh, [lesson]).reason.startswith("learned parameters; ordinary")
    assert compared(stored.replace("0.000", "0.010"), fresh, [lesson]).verdict == "different"


def test_one_small_number_that_differs_is_different(lesson):
    assert compared("loss 0.0005", "loss 0.0004", [lesson]).verdict == "different"


def test_what_is_far_from_the_true_parameters_is_not_learned(lesson):
    near = ["2.04", "-3.44", "4.16"]
    assert lesson.learned(near) == ["w[0]", "w[1]", "b"]
    for place, far in enumerate(("2.06", "-3.46", "4.14")):
        assert lesson.learned([*near[:place], far, *near[place + 1:]]) is None
    assert lesson.learned(["0.04", "-0.04", "0.049"]) == [
        "error in w[0]", "error in w[1]", "error in b"]
    assert lesson.learned(["0.04", "-0.06", "0.049"]) is None


@pytest.mark.parametrize("times", [1, 10])
@pytest.mark.parametrize("drawn", [1, 0.01])  # the noise as it was drawn: of scale 1 or scaled
def test_rows_are_known_whichever_noise_an_edition_took(times, drawn, lesson):
    noise = lesson.noise / 0.01 * drawn
    known = replace(lesson, noise=noise)
    labels = lesson.noiseless + 0.01 * times / drawn * noise
    rows = [f"{number:.6f}" for number in (*lesson.features[:3].ravel(), *labels[:3])]
    assert known.holds(rows)
    assert not known.holds([*rows, f"{labels.max() + 1:.6f}"])


def test_a_lesson_holds_what_was_drawn_as_it_was():
    own = NOTEBOOKS["straight_dope"]
    with seeded(1):
        arrays = [stream("nd").normal(shape) for shape in ((10000, 2), (10000,), (2, 1), (1,))]
    known = lesson_of(own, arrays)
    assert (known.features == arrays[0]).all() and (known.noise == arrays[1]).all()
    assert (known.w == arrays[2]).all() and (known.b == arrays[3]).all()
    assert (lesson_of(own, arrays[:3]).b == [0]).all()
    assert lesson_of(own, [arrays[0].ravel(), *arrays[1:]]) is None


def test_a_mini_batch_of_other_data_is_different(lesson):
    assert compared(STORED[3].replace("0.47648698", "0.47648798"), FRESH[3],
                    [lesson]).verdict == "different"


def test_other_draws_than_a_lessons_are_none():
    with seeded(0):
        arrays = [stream("np").normal(shape) for shape in ((1000, 3), (1000,), (3, 1))]
    assert lesson_of(NOTEBOOKS["d2l"], arrays) is None
    assert lesson_of(NOTEBOOKS["d2l"], []) is None


# Whatever was stored or is printed

numbers = st.one_of(st.from_regex(r"[-+]?[0-9]{0,3}\.?[0-9]{0,6}([eE][-+]?[0-9]{0,5})?",
                                  fullmatch=True),
                    st.sampled_from(["nan", "-inf", "1.0000e+999", "1.0000e-999", "0.1e+99999",
                                     "1e5.3", "\u0663.\u06641111", "1.2.3", "epoch", "loss", "\x85",
                                     "\u2028"]))
texts = st.one_of(
    st.lists(numbers, max_size=6).map(" ".join),
    st.tuples(st.integers(1, 3), numbers).map("epoch {0[0]}, loss {0[1]}".format),
    st.lists(numbers, min_size=3, max_size=3).map(
        "epoch 1, loss {0[0]}\nepoch 2, loss {0[1]}\nepoch 3, loss {0[2]}".format))


def lines(text):
    return [line.rstrip() for line in text.rstrip().split("\n")]


def test_any_texts_are_compared(lesson):
    @settings(max_examples=60, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))
    @given(texts, texts, st.booleans(), st.booleans())
    def one(stored, fresh, exact, other_logf):
        comparison = compared(stored + "\n", fresh + "\n", [lesson], exact, other_logf)
        same = lines(stored) == lines(fresh) != [""]
        assert (comparison.verdict == "identical") == same
        way_of({1: [("seed", 0, False), ("normal", "nd", (50,), 0, 1)]}, stored)

    one()


@pytest.mark.parametrize("text", ["7" * 100_000, "7." * 20_000, "x " * 20_000, "1.2345 " * 5000])
def test_long_texts_are_compared_at_once(text):
    begun = time.process_time()
    assert compared(text, text).verdict == "identical"
    assert compared(text, text + "1").verdict == "different"
    way_of({1: [("normal", "nd", (50,), 0, 1)]}, text)
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("ends", ["\f", "\v", "\x85", "\u2028", "\x1c"])
def test_other_ends_of_lines_than_a_newline_are_characters(ends):
    assert compared(f"a{ends}b\n", "a\nb\n").verdict == "other layout"
    assert compared(f"{NOT_RUN}a{ends}b\n", f"{NOT_RUN}a{ends}b\n").verdict is None
    error = raised("ValueError", f"a{ends}b\nc")
    assert outputs.error(cell("", error)) == f"ValueError: a{ends}b"


# Roots

def test_only_the_root_of_a_failure_gets_a_line():
    sources = {1: "%magic\nimport torch as t, os\nx = 1", 2: "y = t.ones(2)", 3: "z = y + x",
               4: "print(w)", 5: "w = 1 /\nv, u = 2, 3", 6: "u", 7: "w"}
    errors = {1: "ModuleNotFoundError: No module named 'torch'", 2: "NameError: name 't' is not "
              "defined", 3: "NameError: name 'y' is not defined", 4: "NameError: name 'w' is not "
              "defined", 5: "SyntaxError: invalid syntax", 6: "NameError: name 'u' is not defined",
              7: "NameError: name 'w' is not defined"}
    judged = with_consequences([
        compare(number, cell(""), cell("", raised(*error.split(": ", 1))), exact=True, lessons={},
                other_logf=False) for number, error in errors.items()], sources)
    assert {c.cell: c.root for c in judged} == {1: None, 2: 1, 3: 1, 4: None, 5: None, 6: 5, 7: 5}
    assert [line for c in judged for line in c.lines] == [
        f"cell 1: failed: {errors[1]}; and so cells 2, 3", f"cell 4: failed: {errors[4]}",
        f"cell 5: failed: {errors[5]}; and so cells 6, 7"]
    assert not any(c.ok for c in judged)


@pytest.mark.parametrize("binding", [
    "f = 1", "def f():\n    return 1", "class f:\n    pass", "import os as f", "import f",
    "from os import path as f", "f, g = 1, 2", "for f in ():\n    pass",
    "with open('x') as f:\n    pass"])
def test_a_failure_for_want_of_what_a_failed_cell_would_have_bound_is_its_consequence(binding):
    errors = {1: ("ValueError", "no"), 2: ("NameError", "name 'f' is not defined")}
    judged = with_consequences([
        compare(number, cell(""), cell("", raised(*error)), exact=True, lessons={},
                other_logf=False) for number, error in errors.items()],
        {1: f"fail()\n{binding}", 2: "f"})
    assert [c.root for c in judged] == [None, 1] and judged[0].consequences == (2,)


def test_what_was_not_run_is_not_compared():
    refused = f"{NOT_RUN}!pip install mxnet\n"
    comparison = compared("Collecting mxnet\n", refused)
    assert (comparison.verdict, comparison.reason) == (None, "not run: !pip install mxnet")
    assert compared("Collecting mxnet\n1\n", refused + "1\n").verdict is None
    assert compared("Collecting mxnet\n1\n", refused + "2\n").verdict == "different"
