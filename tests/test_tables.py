"""Tables: right to the last bit, or refused with the column, the row and the remedy."""
import datetime
import io
import math
import os
import re
import socket
import struct
from decimal import Decimal

import numpy
import pandas
import polars
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from d2l_linreg import DataError, TrainResult, train
from d2l_linreg.cli import main
from d2l_linreg.training.columns import columns_of
from d2l_linreg.training.given import as_examples
from d2l_linreg.training.tables import table

EXAMPLES = int(os.environ.get("HOSTILE", 20))  # of each kind of fault
hostile = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                   suppress_health_check=list(HealthCheck))


def in_float32(number):
    """What C makes of a double."""
    return struct.unpack("f", struct.pack("f", number))[0]


# A cell is its text and its number, which Python reads; what spoils a table is a Fault's words.

decimals = st.one_of(
    st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-30).map(repr),
    st.sampled_from(["0", "-0.0", "1e5", "2.5E-3", "+3", ".5", "7.", "3.4028234e38", "1e-40",
                     "0e9", "16777217.0", "0.1", "007"]))
wholes = st.one_of(st.integers(-2**24, 2**24), st.sampled_from([2**24 + 2, 2**30, 10**10])).map(str)
truths = st.sampled_from(["True", "False", "true", "FALSE"])
KINDS = {"decimal": decimals, "whole": wholes, "truth": truths}
number_of = {"True": 1, "true": 1, "False": 0, "FALSE": 0}

TRUTH = "all of it in True and False"
TEXT, SEPARATORS = "have to be made numbers", "without thousands separators"
RANGE, ZERO, MISSING = "beyond float32's range; rescale", "or write 0", "leave those rows out"
CELLS = {  # that spoil a column of numbers, by their remedy
    TEXT: ["a", "2020-01-01", "01/02/2020", "12:30", "5%", "$5", "1_0", "\u0661", "0x1F", "1e",
           "1 2 3", "--1", "1e5.0", "é", "1\n2", "=A1", "Infinit", "True?", "1,0,0"],
    SEPARATORS: ["1,234", "1,234.5", "1.234.567", "1 234", "1_000", "1'234'567", "1,5", "-12,345",
                 "1.234,5"],
    RANGE: ["1e39", "-1e400", "3.5e38", "9" * 60],
    ZERO: ["1e-60", "-2.5e-400", "0." + "0" * 60 + "1"],
    "make it decimal": ["16777217", "-16777219", "1606478400", "9007199254740993", str(10**30)],
    "that are infinite": ["inf", "-Infinity"],
    MISSING: ["", "NA", "nan", "N/A", "null", "None", "?"],
    TRUTH: ["True", "false"]}
FAULTS = ["none", *CELLS, "truth", "more", "fewer", "twice", "label twice", "mangled", "unnamed",
          "index", "row names", "unknown label", "label alone", "header alone", "empty",
          "separator", "quote", "encoding", "bytes", "comment"]


def quoted(text, always):
    if always or re.search('[",\r\n]', text) or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


@st.composite
def files(draw, fault):
    """A table's bytes, its label, and the numbers that it holds or the words of its refusal."""
    names = draw(st.lists(st.sampled_from(
        ["x", "y", "z", "a b", "p,q", "é", "x.b", "2", "new\nline", "#", "True"]),
        min_size=2, max_size=5, unique=True))
    kinds = [draw(st.sampled_from(sorted(KINDS))) for _ in names]
    rows = draw(st.lists(st.tuples(*(KINDS[kind] for kind in kinds)).map(list),
                         min_size=1, max_size=5))
    at, row = draw(st.integers(0, len(names) - 1)), draw(st.integers(0, len(rows) - 1))
    label = names[draw(st.integers(0, len(names) - 1))]
    words = []
    if fault in CELLS:
        rows = [[*line[:at], "1.5", *line[at + 1:]] for line in rows]
        rows[row][at] = draw(st.sampled_from(CELLS[fault]))
        if row == 0 and fault == TRUTH:
            rows, row = [[*rows[0]], *rows], 1
            rows[0][at] = "2"
        words = [repr(names[at]), "LINE", fault]
        if fault != MISSING:
            words.append(repr(rows[row][at])[:40])
    elif fault == "truth":
        for line in rows:
            line[at] = "True"
        rows.append([*rows[row]])
        rows[-1][at], row = draw(st.sampled_from(["1", "0", "yes", "2.5"])), len(rows) - 1
        words = [repr(names[at]), "LINE", "all of the column", repr(rows[row][at])]
    elif fault in ("more", "fewer", "comment"):
        rows[row] = ([*rows[row], "1"] if fault == "more" else rows[row][:-1] if fault == "fewer"
                     else ["# as measured"])
        words = ["LINE", f"has {len(rows[row])} fields", f"names {len(names)} columns"]
    elif fault == "row names":  # R's write.table
        rows = [[str(number), *line] for number, line in enumerate(rows)]
        row, words = 0, ["LINE", f"has {len(names) + 1} fields", "row names"]
    elif fault in ("twice", "label twice", "mangled", "unnamed", "index"):
        other = draw(st.sampled_from([name for name in names if name != label]))
        new = {"twice": other, "label twice": label + " ", "mangled": f"{label}.1", "unnamed": "",
               "index": "Unnamed: 0"}[fault]
        place = draw(st.sampled_from([0, len(names)]))
        names.insert(place, new)
        rows = [[*line[:place], str(number), *line[place:]] for number, line in enumerate(rows)]
        words = {"twice": [f"both called {other!r}", "a name of its own"],
                 "label twice": [f"both called {label!r}", "a name of its own"],
                 "mangled": [repr(new), repr(label), "leave it out"],
                 "unnamed": [f"column {place + 1} has no name", "index=False"],
                 "index": [f"column {place + 1} has no name", "index=False"]}[fault]
    elif fault == "unknown label":
        label, words = "w", ["--label is 'w'", *map(repr, names)]
    elif fault == "label alone":
        names, rows, words = [label], [["1"]], [repr(label), "give one feature"]
    elif fault in ("header alone", "empty"):
        words = ["no rows"] if fault == "header alone" else ["it is empty"]
        rows = []

    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    always, comma = draw(st.booleans()), draw(st.sampled_from([",", ", "]))
    if fault == "separator":
        separator = draw(st.sampled_from(";\t|"))
        names, label, always, comma = ["x", "y"], "y", False, separator
        rows, words = [["1", "2"]], ["put commas between", repr(separator)]
    text, line_of = "", {}
    for number, fields in enumerate([names, *rows]):
        text += end * draw(st.sampled_from([0, 0, 0, 1, 2]))  # blank lines
        line_of[number] = len(io.StringIO(text, newline=None).read().split("\n"))
        if fault == "quote" and number == row + 1:
            text += '"1'
            words = [f"line {line_of[number]} is no row", "quotes around"]
        text += comma.join(quoted(field, always) for field in fields) + end
    if fault == "empty":
        text = end * draw(st.integers(0, 2))
    if draw(st.booleans()):
        text = text.rstrip("\r\n") if rows and rows[-1][-1] else text
    words = [f"line {line_of[row + 1]}" if word == "LINE" else word for word in words]
    content = text.encode("utf-8-sig" if draw(st.booleans()) else "utf-8")
    if fault in ("encoding", "bytes"):
        content = text.encode("utf-16") if fault == "encoding" else draw(st.sampled_from(
            [b"\x1f\x8b\x08\0\0", b"PK\3\4\x14\0", b"\xe9t\xe9,y", b"\0"])) + content
        words = ["not text in UTF-8", "save the table as CSV"]
    if not words:
        at = names.index(label)
        numbers = [[number_of[cell] if kind == "truth" and cell in number_of
                    else in_float32(float(cell)) for cell, kind in zip(line, kinds, strict=True)]
                   for line in rows]
        return content, label, (
            [[cell for k, cell in enumerate(line) if k != at] for line in numbers],
            [line[at] for line in numbers]), None
    return content, label, None, words


def judged(read, numbers, words):
    """See that what is read is what the oracle says, or else is refused in those words."""
    if words is None:
        for array, expected in zip(read(), numbers, strict=True):
            assert array.tobytes() == numpy.array(expected, "float32").tobytes()
            assert array.shape == numpy.shape(expected)
        return
    with pytest.raises(DataError) as raised:
        read()
    assert type(raised.value) is DataError
    missing = [word for word in words if word not in str(raised.value)]
    assert not missing, str(raised.value)


@pytest.mark.parametrize("fault", FAULTS)
@hostile
@given(data=st.data())
def test_a_file_is_read_to_the_bit_or_refused_with_column_line_and_remedy(tmp_path_factory, fault,
                                                                          data):
    content, label, numbers, words = data.draw(files(fault))
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(content)
    judged(lambda: as_examples(table(str(path), label)), numbers, words)


LARGEST = numpy.finfo("float32").max
FRAMES = {  # columns of pandas's by what makes them, and the numbers that go in
    "bool": st.booleans(), "boolean": st.booleans(), "Sparse[bool]": st.booleans(),
    "int8": st.integers(-128, 127), "uint8": st.integers(0, 255), ">i4": st.integers(-2**24, 2**24),
    "int64": st.one_of(st.integers(-2**24, 2**24), st.sampled_from([2**40, -2**63])),
    "uint64": st.one_of(st.integers(0, 2**24), st.just(2**63)),
    "Int64": st.integers(-2**24, 2**24), "UInt8": st.integers(0, 255),
    "Sparse[int]": st.integers(-5, 5), "float16": st.floats(-6e4, 6e4, width=16),
    "float32": st.floats(-LARGEST, LARGEST, width=32), "Float32": st.floats(-9, 9, width=32),
    "float64": st.floats(-1e30, 1e30).filter(lambda x: x == 0 or abs(x) > 1e-40),
    "Float64": st.floats(-1e5, 1e5).filter(lambda x: x == 0 or abs(x) > 1e-40)}
SEVEN = 7
SPOILT = {f"{row[0]!r} of {getattr(row[1], '__name__', row[1])}": row for row in [
    # a value, the column's type, and words
    ("a", object, ["holds 'a'", "get_dummies"]), ("a", "str", ["holds 'a'", "to_numeric"]),
    ("2", "str", ["holds '2'"]), ("b", "category", ["type category", "get_dummies"]),
    (SEVEN, "category", ["type category"]), (SEVEN, object, ["type object", "astype(float)"]),
    (pandas.Timestamp("2020-01-01"), None, ["datetime64", "2020-01-01"]),
    (pandas.Timedelta("1s"), None, ["timedelta64"]), (1j, None, ["complex128"]),
    (pandas.Period("2020"), None, ["period"]), (pandas.Interval(0, 1), None, ["interval"]),
    (numpy.nan, "float64", ["missing values: 1 ", MISSING]), (pandas.NA, "Int64", [MISSING]),
    (pandas.NA, "boolean", [MISSING]), (None, object, [MISSING]), (pandas.NaT, None, [MISSING]),
    (numpy.inf, "float64", ["holds inf", RANGE]), (1e39, "float64", ["holds 1e+39", RANGE]),
    (-1e300, "Float64", ["holds -1e+300", RANGE]), (1e-60, "float64", ["holds 1e-60", ZERO]),
    (2**24 + 1, "int64", ["holds 16777217", "that is 16777216", "make it decimal"]),
    (2**53 + 1, "int64", ["that is 9007199254740992"]), (2**63 - 1, "Int64", ["make it decimal"]),
    (2**64 - 1, "uint64", ["that is 18446744073709551616"])]}

NAMES = {"unnamed": ["", "Unnamed: 0", None, math.nan], "leak": ["x", "x.1"]}


@st.composite
def frames(draw, fault):
    """Features and labels of pandas's, and their numbers or the words of their refusal."""
    names = draw(st.lists(st.sampled_from(["x", "y", "z", "x.1", 0, 1, ("a", 1)]),
                          min_size=1, max_size=4, unique=True))
    if fault in NAMES:
        new = draw(st.sampled_from(NAMES[fault]))
        names = [name for name in names if name != new]
        place = draw(st.integers(0, len(names)))
        names.insert(place, new)
    kinds = [draw(st.sampled_from(sorted(FRAMES))) for _ in range(len(names) + 1)]
    rows = draw(st.integers(1, 4))
    columns = [[draw(FRAMES[kind]) for _ in range(rows)] for kind in kinds]
    series = [pandas.Series(column, dtype=kind) for column, kind in
              zip(columns, kinds, strict=True)]
    words, at, row = [], draw(st.integers(0, len(names))), draw(st.integers(0, rows - 1))
    label, named = draw(st.sampled_from([None, "w", 0])), draw(st.booleans())  # rows, too
    if fault in SPOILT:
        value, dtype, words = SPOILT[fault]
        same = dtype in (None, "category", "str") or value is SEVEN  # so the first is named
        held = [value if same or place == row else 1 for place in range(rows)]
        series[at] = pandas.Series(held, dtype=dtype)
        words = [*words, "labels: " if at == len(names) else "features: "]
        found = range(min(rows, 3)) if value is pandas.NaT else [0 if same else row]
        words += [f"missing values: {rows} "] if value is pandas.NaT else []
        words += [f"row '7{place}' ({place}, counted from 0)" if at < len(names) and named else
                  f"row {place}, counted from 0" for place in found]
        if at < len(names):
            words.append(repr(names[at]))
    elif fault == "twice":
        names.append(names[0])
        series.insert(0, series[0])
        words = [f"columns 1 and {len(names)} are both called {names[0]!r}"]
    elif fault == "unnamed":
        words = [f"column {place + 1} has no name", "index=False"]
    elif fault == "leak":
        label, words = "x", ["beside the label 'x'", "leave it out"]
    features = pandas.concat(series[:-1], axis=1)
    features.columns = pandas.Index(names, tupleize_cols=False)
    if named:
        features.index = [f"7{place}" for place in range(rows)]
    labels = series[-1].rename(label)
    if draw(st.booleans()):
        labels = labels.to_frame(label if label is not None else "w")
    numbers = None if words else (
        [[in_float32(column[place]) for column in columns[:-1]] for place in range(rows)],
        [in_float32(number) for number in columns[-1]])
    return features, labels, numbers, words or None


@pytest.mark.parametrize("fault", ["none", "twice", *NAMES, *SPOILT])
@hostile
@given(data=st.data())
def test_a_frame_is_read_to_the_bit_or_refused_with_column_row_and_remedy(fault, data):
    features, labels, numbers, words = data.draw(frames(fault))

    def content():  # column by column, as pandas 2 warns where it finds sparse ones a common type
        columns = [features.iloc[:, at] for at in range(features.shape[1])]
        return [repr(column.to_numpy().tolist()) for column in (*columns, labels)]

    before = content()
    judged(lambda: as_examples((features, labels)), numbers, words)
    assert before == content()


def test_a_url_is_refused_and_nobody_is_asked(capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        for name in ("table.csv", "X.npy"):
            url = f"http://127.0.0.1:{server.getsockname()[1]}/{name}"
            how = ["--label", "y"] if name.endswith("csv") else ["--labels", "y.npy"]
            assert main(["train", "--data", url, *how]) == 2
            assert "files, not URLs: download it first" in capsys.readouterr().err
            with pytest.raises(DataError, match="No such file"):
                table(url, "y") if name.endswith("csv") else train(data=url, labels=url)
        server.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody called
            server.accept()


@pytest.mark.parametrize("content, label, message", [
    (b"x,y\n1,2", "w", "--data is .*: --label is 'w'; the columns are 'x', 'y'"),
    (b"id,x,y\n7,1,2\n8,NA,\n9,,4\n", "y",
     r"missing values: 3 \(column 'x', line 3; column 'y', line 3; column 'x', line 4\)"),
    (b'"a\nb",y\n1,2\n\n"1\n2",3\n', "y", r"column 'a\\nb' holds '1\\n2' on line 5; write num"),
    (b"x,y\n" + 5 * b",1\n", "y", r"missing values: 5 \(column 'x', line 2; .* and 2 more\)"),
    (b"x,y\n1,2\n" + b"1" * 200000 + b",2\n", "y", "line 3 is no row of a .csv file: field larger"),
])
def test_the_command_line_tells_what_is_wrong_with_a_table(content, label, message, tmp_path,
                                                          capsys):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    assert main(["train", "--data", str(path), "--label", label]) == 2
    out, err = capsys.readouterr()
    assert re.search(message, err) and out == ""


def test_a_table_in_a_file_needs_no_pandas(tmp_path, run_python):
    path = tmp_path / "table.csv"
    path.write_text("x,y\n1,2\n2,4\n")
    assert run_python(f"""
import sys
sys.modules["pandas"] = None  # as if it were not there
from d2l_linreg.cli import main
print(main(["train", "--ctx", "cpu", "--data", {str(path)!r}, "--label", "y"]))
""").splitlines()[-1] == "0"


def test_pandas_dummies_train_beside_floats_as_0_and_1():
    homes = pandas.DataFrame({"size": [0.5, 1.5, 1.0, 2.0], "town": ["a", "b", "b", "a"]})
    dummies = pandas.get_dummies(homes)
    plain = [[.5, 1, 0], [1.5, 0, 1], [1, 0, 1], [2, 1, 0]]
    price = pandas.Series([1, 2, 3, 4.5], name="price")
    ours, theirs = (train(data=(X, y), ctx="cpu", batch_size=2, verbose=False)
                    for X, y in ((dummies, price), (plain, price.tolist())))
    assert ours.w.tobytes() == theirs.w.tobytes() and ours.b == theirs.b
    assert (ours.predict(dummies) == theirs.predict(plain)).all()
    with pytest.raises(DataError, match="X: column 'town' .* holds 'a' in row 0, .*get_dummies"):
        ours.predict(homes)


def test_columns_that_nobody_named_are_no_leak():
    frame = pandas.DataFrame([[1., 2.], [3., 4.]])
    features, labels = as_examples((frame, frame[0]))
    assert features.tolist() == [[1, 2], [3, 4]] and labels.tolist() == [1, 3]


@pytest.mark.parametrize("text, remedy", [(text, remedy) for remedy, texts in CELLS.items()
                                          for text in texts])
def test_each_cell_that_is_no_number_is_refused(text, remedy, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(f"x,y\n1,2\n{quoted(text, True)},3\n", encoding="utf-8")
    judged(lambda: as_examples(table(str(path), "y")), None, ["'x'", "line 3", remedy])


@pytest.mark.parametrize("value, dtype, words", SPOILT.values())
def test_each_column_that_is_not_of_numbers_is_refused(value, dtype, words):
    frame = pandas.DataFrame({"x": pandas.Series([value], dtype=dtype)})
    judged(lambda: as_examples((frame, [1.])), None, ["features: ", "'x'", "row 0", *words])


@pytest.mark.parametrize("text", ["0e9", "-0.0", "0.000E-400", "3.4028234e38", "1e-40", ".5",
                                  "+7.", "16777216", "16777218", "16777217.0", " 3 ",
                                  "1" + 37 * "0" + "."])
def test_each_cell_that_float32_holds_is_read(text, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(f"x,y\n{text},2\n")
    judged(lambda: as_examples(table(str(path), "y")), ([[in_float32(float(text))]], [2]), None)


TABLES = {
    "pandas": pandas.DataFrame, "polars": polars.DataFrame, "pyarrow": pyarrow.table,
    "pandas of pyarrow": lambda columns: pyarrow.table(columns).to_pandas()}
PLAIN = {  # columns that all of these have, and what spoils one
    "bool": (st.booleans(), []),
    "whole": (st.integers(-2**24, 2**24), [(2**24 + 1, "that is 16777216")]),
    "float": (st.floats(-1e30, 1e30).filter(lambda x: x == 0 or abs(x) > 1e-40),
              [(1e39, RANGE), (1e-60, ZERO), (math.inf, RANGE)])}
NONE_OF_NUMBERS = ["a", datetime.date(2020, 1, 1), datetime.timedelta(1), b"a", Decimal("1.5")]


@st.composite
def plain_tables(draw, fault):
    """Columns by their names, and the words of the refusal of one."""
    rows, names = draw(st.integers(1, 4)), draw(st.sampled_from([["x"], ["x", "y z"], ["1", "é"]]))
    kinds = [draw(st.sampled_from(sorted(PLAIN))) for _ in names]
    columns = {name: [draw(PLAIN[kind][0]) for _ in range(rows)]
               for name, kind in zip(names, kinds, strict=True)}
    at, row = draw(st.integers(0, len(names) - 1)), draw(st.integers(0, rows - 1))
    column = columns[names[at]]
    words = [repr(names[at]), f"row {row}, counted from 0"]
    if fault == "missing" and rows > 1:
        column[row] = None
        return columns, [*words, "missing values: 1 "]
    if fault == "spoilt" and PLAIN[kinds[at]][1]:
        column[row], told = draw(st.sampled_from(PLAIN[kinds[at]][1]))
        return columns, [*words, told]
    if fault == "other":
        value = draw(st.sampled_from(NONE_OF_NUMBERS))
        columns[names[at]] = [value] * rows
        return columns, [repr(names[at]), "row 0, counted from 0", "leave it out"]
    return columns, None


@pytest.mark.parametrize("fault", ["none", "missing", "spoilt", "other"])
@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
@hostile
@given(data=st.data())
def test_a_table_is_read_whosever_it_is(make, fault, data):
    columns, words = data.draw(plain_tables(fault))
    rows = len(next(iter(columns.values())))
    numbers = words is None and ([[in_float32(column[row]) for column in columns.values()]
                                  for row in range(rows)], list(range(rows)))
    judged(lambda: as_examples((make(columns), list(range(rows)))), numbers, words)
    if words is None:
        assert columns_of(make(columns)) == tuple(columns)


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_a_column_of_labels_is_read_whosever_it_is(make):
    made = make({"x": [1., 2.], "y": [3, 4], "z": ["a", "b"], "gap": [None, 1.]})
    features = make({"x": [1., 2.]})
    assert as_examples((features, made["y"]))[1].tolist() == [3, 4]
    for column, words in (("z", "labels: .*holds .*a.* in row 0"),
                          ("gap", "labels: missing values: 1 .*row 0")):
        with pytest.raises(DataError, match=words):
            as_examples((features, made[column]))


@pytest.mark.parametrize("make", [pandas.DataFrame, polars.DataFrame])
@pytest.mark.parametrize("second", ["y.1", "y_duplicated_0"])
@pytest.mark.parametrize("is_label", [True, False])
def test_a_second_label_is_seen_whichever_is_taken(make, second, is_label, tmp_path):
    frame = make({"x": [1., 2.], "y": [3., 4.], second: [3., 4.]})
    label, other = (second, "y") if is_label else ("y", second)
    with pytest.raises(DataError, match=f"column '{other}' beside the label '{label}'"):
        as_examples((frame[["x", other]], frame[label]))
    path = tmp_path / "table.csv"
    path.write_text(f"x,y,{second}\n1,3,3\n2,4,4\n")
    with pytest.raises(DataError, match=f"column '{other}' beside the label '{label}'"):
        table(str(path), label)


def test_names_that_only_look_like_a_second_labels_are_features(tmp_path):
    frame = pandas.DataFrame({"x.1": [1., 2.], "x.2": [3., 4.], "y1": [1., 2.], "y.a": [1., 2.]})
    as_examples((frame, pandas.Series([1., 2.], name="y")))
    as_examples((frame[["x.1", "y1"]], frame["x.2"]))


@pytest.mark.parametrize("metadata", [b'{"columns": []}', b"[]", b'{"index_columns": 1}', b"\xff"])
def test_parquet_that_pandas_cannot_make_sense_of_is_refused(metadata, tmp_path):
    path = tmp_path / "table.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"x": [1.], "y": [2.]}).replace_schema_metadata(
        {b"pandas": metadata}), path)
    with pytest.raises(DataError, match="table.parquet': it is no .parquet file: "):
        table(str(path), "y")


@pytest.mark.parametrize("make", [pandas.DataFrame, polars.DataFrame])
def test_a_label_among_the_features_is_seen_whosever_they_are(make):
    frame = make({"x": [1., 2.], "y": [3., 4.]})
    with pytest.raises(DataError, match="column 'y' beside the label 'y'"):
        as_examples((frame, frame["y"]))


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_a_result_keeps_the_names_of_columns_and_holds_later_ones_against_them(make, tmp_path):
    columns = {"rooms": [1., 2., 3.], "age": [3., 1., 2.]}
    result = train(data=(make(columns), [1, 2, 3]), ctx="cpu", verbose=False)
    result.save(str(tmp_path / "result"))
    for kept in (result, TrainResult.load(str(tmp_path / "result"))):
        assert kept.columns == ("rooms", "age")
        assert (kept.predict(make(columns)) == kept.predict([[1, 3], [2, 1], [3, 2]])).all()
        with pytest.raises(DataError, match=r"\['age', 'rooms'\].*\['rooms', 'age'\]"):
            kept.predict(make({name: columns[name] for name in ("age", "rooms")}))
    assert train(data=([[1.]], [1.]), ctx="cpu", verbose=False).columns is None


@pytest.mark.parametrize("names", [[0, 1], [2, 0], [("a", 1), ("a", 2)], ["x", 0]], ids=str)
def test_names_that_are_no_text_are_names_too(names):
    frame = pandas.DataFrame([[1., 3.], [2., 1.], [3., 2.]])
    frame.columns = pandas.Index(names, tupleize_cols=len(set(map(type, names))) == 1)
    result = train(data=(frame, [1, 2, 3]), ctx="cpu", verbose=False)
    assert result.columns == tuple(map(str, names))
    assert (result.predict(frame) == result.predict(frame.to_numpy())).all()
    with pytest.raises(DataError, match="^X has the columns .*, but the model .*in that order"):
        result.predict(frame[names[::-1]])


@pytest.mark.parametrize("at", [0, 1])
def test_a_table_whose_rows_are_still_to_be_computed_is_told_as_that(at):
    frame = polars.DataFrame({"x": [1., 2.]})
    data = [frame, [1., 2.]]
    data[at] = frame.lazy()
    with pytest.raises(DataError, match="^(features|labels): it is a LazyFrame, .*collect"):
        train(data=tuple(data))
    with pytest.raises(DataError, match="^X: it is a LazyFrame, .*collect"):
        train(data=(frame, [1., 2.]), ctx="cpu", verbose=False).predict(frame.lazy())


def test_parquet_trains_as_the_same_table_in_csv(tmp_path, capsys):
    frame = pandas.DataFrame({"x": [1.5, 2.25, -3.], "y": [2., 4., 6.], "yes": [True, False, True]})
    frame.to_csv(tmp_path / "table.csv", index=False)
    frame.to_parquet(tmp_path / "table.parquet")
    printed = []
    for ending in ("csv", "parquet"):
        path = str(tmp_path / f"table.{ending}")
        assert main(["train", "--ctx", "cpu", "--data", path, "--label", "y"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] and "\nyes " in printed[0]


@pytest.mark.parametrize("content, label, message", [
    (None, "z", "--label is 'z'; the columns are 'x', 'y'"),
    (None, "x.1", "--label is 'x.1'"), (b"PAR1", "y", ""), (b"x,y\n1,2\n", "y", ""),
    ({"x": [None, 1.], "y": [1., 2.]}, "y", "missing values: 1 (column 'x', row 0, counted from "),
    ({"x": ["a"], "y": [1.]}, "y", "column 'x' is of type "),
    ({"x": [1.], "y": [1e39]}, "y", "column 'y' holds 1e+39 in row 0"),
    ({"y.1": [1.], "y": [1.]}, "y", "column 'y.1' beside the label 'y'; "),
    ({"__index_level_0__": [1.], "y": [1.]}, "y", "column 1 has no name ('__index_level_0__')"),
    ({"y": [1.]}, "y", "its only column is 'y', the label; "),
    ({"x": [], "y": []}, "y", "it has names of columns, but no rows; ")])
def test_parquet_that_cannot_be_trained_on_is_refused_with_the_files_name(content, label, message,
                                                                          tmp_path, capsys):
    path = tmp_path / "table.parquet"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        pandas.DataFrame(content or {"x": [1.], "y": [2.]}).to_parquet(path)
    assert main(["train", "--data", str(path), "--label", label]) == 2
    assert f"--data is {str(path)!r}: {message}" in capsys.readouterr().err


@pytest.mark.parametrize("lacking", ["pandas", "pyarrow"])
def test_what_parquet_needs_is_an_extra_of_ours(lacking, tmp_path, run_python):
    path = tmp_path / "table.parquet"
    pandas.DataFrame({"x": [1.], "y": [2.]}).to_parquet(path)
    assert run_python(f"""
import sys
sys.modules[{lacking!r}] = None  # as if it were not there
sys.stderr = sys.stdout
from d2l_linreg.cli import main
print(main(["train", "--data", {str(path)!r}, "--label", "y"]))
""").splitlines()[-2:] == [
        f"d2l-linreg: import of {lacking} halted; None in sys.modules; .parquet needs the extra "
        "tables: pip install '.[tables]'", "1"]
