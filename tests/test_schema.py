"""Files with a right sum and wrong content: one error, which names the file and the field."""
import json
import random
import re
import zipfile

import numpy
import pytest
from after_writing import after_writing, ctrl_c
from descent import same
from forged import damaged, forged, npy, parts, sealed

from d2l_linreg import ArgumentError, DataError, TrainResult, train

NAN, INF = float("nan"), float("inf")
X = numpy.random.RandomState(0).standard_normal((50, 2))
DATA = (X, X @ [1, 2] + 3)
# In JSON's types: each is wrong for every field but those that say so below
WRONG = [None, True, False, -5, 0, 3, 10**30, -0.5, NAN, INF, -INF, "", "abc", "\x1b[2J\n",
         "no end of line", "\ud800\n", "cpu", "cpu(-1)", "cpu(9999999999)", "tpu(0)", "cpu(1e3)",
         [], {}, ["a"], [[0.5]], [NAN], [1], [None], ["cpu(0)"], ["cpu(0)", "cpu(0)"],
         ["cpu(0)", 1], ["\x1b[2J"], ["two\nlines"], {"a": 1}, [0.5] * 7, "0" * 63, "0" * 65,
         "G" * 64]
FITTING = {  # which of these a field may hold, by its documentation
    "b": [-0.5],
    "data_sha256": [None], "order_sha256": [None]}
ARRAYS = ["w", "b", "w_error", "features", "labels", "batch_losses"]


def wrong_arrays(array):
    """What is no array of finite float32 numbers in its shape, of one that is."""
    spoilt = array.copy()
    spoilt.flat[-1] = NAN
    yield spoilt
    spoilt = array.copy()
    spoilt.flat[0] = -INF
    yield spoilt
    for dtype in ("f8", ">f4", "f2", "i4", "c8", "U3", "O", "S3", "?", "f4,f4", "M8[s]", "V4"):
        yield numpy.zeros(array.shape, dtype)
    yield array[:0]
    yield array[None]
    yield array[0]
    yield numpy.concatenate([array, array])
    yield numpy.concatenate([array, array[-1:]])
    if array.ndim > 1:
        yield array[:, :0]
        yield numpy.concatenate([array, array], axis=1)


def forgeries(arrays, text):
    """Each field in turn made something else, or left out, or put into JSON: name and parts."""
    for name in text:
        for value in WRONG:
            if value not in FITTING.get(name, []) or isinstance(value, bool):
                yield name, arrays, {**text, name: value}
        yield name, arrays, {key: value for key, value in text.items() if key != name}
        for of in text[name] if isinstance(text[name], dict) else []:
            for value in WRONG:
                yield name, arrays, {**text, name: {**text[name], of: value}}
        if isinstance(text[name], list):
            yield name, arrays, {**text, name: text[name] + text[name][-1:]}
            yield name, arrays, {**text, name: text[name][:-1]}
        if isinstance(text[name], str):
            yield name, arrays, {**text, name: text[name] + "\n"}
            yield name, arrays, {**text, name: [text[name]]}
            yield name, arrays, {**text, name: text[name].replace("e", "\x1b")}
    for name in arrays:
        for array in wrong_arrays(arrays[name]):
            yield name, {**arrays, name: array}, text
        yield name, {key: array for key, array in arrays.items() if key != name}, text
        for value in WRONG:
            yield name, arrays, {**text, name: value}
            if value is not None:
                yield name, {key: array for key, array in arrays.items() if key != name}, {
                    **text, name: value}
    for name in ("data_sha256", "order_sha256"):
        yield name, arrays, {**text, name: "0" * 64}
    for name in ("more", "predict", "__class__"):
        yield name, arrays, {**text, name: 1}
        yield name, {**arrays, name: numpy.zeros(1, "f4")}, text


@pytest.fixture(scope="module", params=["own", "given", "in files", "on two devices"])
def result(request, notebook, tmp_path_factory):
    """A file of each kind of result, and the result."""
    folder = tmp_path_factory.mktemp("result")
    given = {"own": {}, "given": dict(data=DATA), "on two devices": dict(
        data=DATA, ctx=["cpu(0)", "cpu(1)"])}.get(request.param)
    if given is None:
        given = dict(data=str(folder / "X.npy"), labels=str(folder / "y.npy"))
        for path, array in zip(given.values(), DATA, strict=True):
            numpy.save(path, array)
    result = train(notebook, **{**dict(ctx="cpu", verbose=False), **given})
    result.save(folder / "result")
    return folder / "result", result


def harmless(name, arrays, text, changed):
    """Whether a changed field says the same, or what could be so of another run."""
    was, now = text.get(name), changed.get(name)
    if name == "settings":  # in batches of 3 these examples would be as many for four workers
        of = {key for key in was if now.get(key) != was[key]}
        return of <= {"learning_rate", "shuffle_seed"} or (
            of == {"batch_size"} and now["batch_size"] == 3 and was["shuffle_seed"] == 0)
    if name == "data_sha256":
        return now in (was, None) or now == "0" * 64 and "features" not in arrays
    if name == "order_sha256":
        return now in (was, None) or now == "0" * 64 and text["settings"]["shuffle_seed"] is None
    return now == was


def refused(call, path):
    """Whether a call refuses a file, in a line that names it, and that a terminal shows."""
    try:
        call(path)
    except DataError as error:
        message = str(error)
        assert str(path) in message and message.isprintable() and len(message) < 800
        return message
    return None


def test_a_result_with_any_field_of_another_kind_is_refused(result, tmp_path):
    (stored, saved), path, tried = result, tmp_path / "forged", 0
    first, arrays, text = parts(stored)
    for name, arrays_, text_ in forgeries(arrays, text):
        path.write_bytes(forged(first, arrays_, text_))
        if not refused(TrainResult.load, path):
            assert harmless(name, arrays, text, text_), (name, text_.get(name))
            # Of examples in files the result does not tell how many, and how wide, they were
            assert same(TrainResult.load(path), saved) or (
                "features" not in arrays and name in ("w", "batch_losses")
                and arrays_[name].size % len(arrays[name]) == 0 < arrays_[name].size
                or name == "w" and arrays_[name].size == len(arrays[name]) + 1)
        tried += 1
    assert tried > 700


def test_an_error_says_which_field_is_what_and_what_it_must_be(tmp_path):
    path = tmp_path / "result"
    train(ctx="cpu", num_epochs=1, verbose=False).save(path)
    first, arrays, text = parts(path)
    for changes, message in (
            (dict(b="abc"), "its b is 'abc'; it must be a finite number"),
            (dict(ctx=["tpu(0)", "cpu(0)"]), "ctx is .'tpu.0.', 'cpu.0.'.; it must be a device"),
            (dict(epoch_losses=[0.5, 0.5]), "epoch_losses is .0.5, 0.5.; it must be one an epoch"),
            (dict(w=numpy.zeros(3)), "its w is an array of float64 of shape .3,.; it must be f"),
            (dict(w=numpy.zeros(3, "f4")), "w_error is an array of float32 of shape .2,.; it"),
            (dict(seconds="x" * 10**6), "its seconds is 'xxxxx.{,40}x'; it must be a time")):
        path.write_bytes(forged(
            first, {**arrays, **{k: v for k, v in changes.items() if k in arrays}},
            {**text, **{k: v for k, v in changes.items() if k not in arrays}}))
        assert re.search(f"does not hold what a TrainResult does: {'its ' * ('its' not in message)}"
                         f"{message}", refused(TrainResult.load, path))


def archives(arrays, text):
    """Archives that no one writes, as what `forged` takes, by what is wrong with them."""
    deep = json.dumps(text)[:-1] + ', "more": ' + "[" * 10**5 + "]" * 10**5 + "}"
    w = npy(arrays["w"])
    huge = w.replace(b"'shape': (", b"'shape': (%d" % 10**12).replace(b" " * 12, b"", 1)
    object_ = npy(numpy.array([lambda: None], "O")[:0])
    without = {name: array for name, array in arrays.items() if name != "w"}
    yield "no text", (arrays, None)
    for what, words in (
            ("empty", ""), ("cut", json.dumps(text)[:-1]), ("no JSON", "w"), ("deep", deep),
            ("a list", "[1]"), ("a number", "5"), ("null", "null"),
            ("many digits", json.dumps({**text, "b": 0})[:-1] + ', "b": ' + "9" * 10**5 + "}")):
        yield what, (arrays, words)
    for what, array in (("numbers", numpy.zeros(3)), ("two texts", numpy.array(["{}", "{}"])),
                        ("bytes", numpy.array(b"{}")), ("an object", numpy.array({}, "O"))):
        yield "text is " + what, (arrays, npy(array))
    yield "no character", (arrays, npy(numpy.array("{}")).replace(b"{\0\0\0", b"\xff" * 4))
    yield "twice", (arrays, text, [("w.npy", w)])
    yield "text twice", (arrays, text, [("text.npy", npy(numpy.array("{}")))])
    yield "too many", (arrays, text, [("x.npy", w)])
    yield "no .npy", (without, text, [("w.npy", b"w")])
    yield "an empty .npy", (without, text, [("w.npy", b"")])
    yield "a zip in it", (without, text, [("w.npy", b"PK\3\4")])
    yield "terabytes", (without, text, [("w.npy", huge)])
    yield "more than its shape", (without, text, [("w.npy", w + b"\0")])
    yield "less than its shape", (without, text, [("w.npy", w[:-1])])
    yield "objects", (without, text, [("w.npy", object_)])
    yield "pickled", (without, text, [("w.npy", npy(numpy.array([print], "O")))])
    yield "compressed", (arrays, text, [], zipfile.ZIP_DEFLATED)
    yield "lzma", (arrays, text, [], zipfile.ZIP_LZMA)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "result"
    result = train(data=DATA, ctx="cpu", verbose=False)
    result.save(path)
    return path.read_bytes(), result, parts(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")  # ours, as we write it
def test_an_archive_that_no_one_writes_is_refused(small, tmp_path):
    _, _, (first, arrays, text) = small
    path = tmp_path / "forged"
    for what, archive in archives(arrays, text):
        path.write_bytes(forged(first, *archive))
        assert refused(TrainResult.load, path), what
    for what in (b"", b"PK", bytes(1000), b"PK\5\6" + bytes(18), npy(arrays["w"])):
        path.write_bytes(sealed(first, what))
        assert refused(TrainResult.load, path), what


def test_a_bomb_is_refused_in_little_memory(small, tmp_path, run_python):
    _, _, (first, arrays, text) = small
    bomb = npy(numpy.zeros(2**28, "u1"))
    (tmp_path / "bomb").write_bytes(forged(
        first, {**arrays, "w": numpy.zeros(2**26, "f4")}, text, [], zipfile.ZIP_DEFLATED))
    assert (tmp_path / "bomb").stat().st_size < len(bomb) / 100
    assert int(run_python("""
import tracemalloc
from d2l_linreg import DataError, TrainResult
tracemalloc.start()
try:
    TrainResult.load("bomb")
except DataError:
    print(tracemalloc.get_traced_memory()[1])
""")) < 2**24


@pytest.mark.filterwarnings("ignore")  # NumPy's, on headers that it makes something of
def test_damage_under_a_right_sum_is_refused_or_does_no_harm(small, tmp_path):
    content, result, (first, _, _) = small
    archive, rng, path = content.split(b"\n", 2)[2], random.Random(0), tmp_path / "damaged"
    read = 0
    for _ in range(600):
        path.write_bytes(sealed(first, bytes(damaged(archive, rng))))
        if not refused(TrainResult.load, path):
            loaded = TrainResult.load(path)  # where zip has room for anything
            assert same(loaded, result) and loaded.features.tobytes() == result.features.tobytes()
            read += 1
    assert read < 100


# Checkpoints

RUN = dict(data=DATA, ctx="cpu", batch_size=2, num_epochs=3, learning_rate=0.01, verbose=False)


@pytest.fixture(params=[1, 5, 12])
def stopped(request, notebook, tmp_path, saved_at_each_piece):
    """A checkpoint at the first piece, the second epoch's, or the end; its parts and its run."""
    path, run = tmp_path / "checkpoint", dict(RUN, notebook=notebook, checkpoint="")
    run["checkpoint"] = str(path)
    if request.param < 12:  # 25 batches are 4 pieces an epoch
        with pytest.raises(KeyboardInterrupt), after_writing(request.param, ctrl_c):
            train(**run)
    else:
        train(**run)
    return path, run, parts(path), train(**{**run, "checkpoint": None})


def test_a_checkpoint_with_any_field_of_another_kind_is_refused_and_kept(stopped, capsys):
    path, run, (first, arrays, text), undisturbed = stopped
    rng, tried = random.Random(0), 0
    every = [forgery for forgery in forgeries(arrays, text)
             if forgery[2].get("run") is text["run"] or forgery[0] != "run"]
    for name, arrays_, text_ in rng.sample(every, 150):
        content = forged(first, arrays_, text_)
        path.write_bytes(content)
        if refused(lambda path: train(**{**run, "checkpoint": str(path)}), path):
            assert path.read_bytes() == content
        else:
            assert text_.get(name) == text.get(name) or name == "moving_loss"
        tried += 1
    assert tried == 150
    capsys.readouterr()
    for value in ({}, dict(text["run"], data="x"), dict(text["run"], data=[["x"] * 999] * 999)):
        path.write_bytes(forged(first, arrays, dict(text, run=value)))
        with pytest.raises(ValueError, match="of another run|before 0.2.0") as raised:
            train(**run)
        assert len(str(raised.value)) < 500
    path.write_bytes(forged(first, arrays, text))
    assert same(train(**run), undisturbed)


PRINTED = {"d2l": "epoch_losses", "straight_dope": "moving_losses"}  # losses that are


@pytest.mark.parametrize("change", [
    lambda text, printed: text.update(b=1e300),
    lambda text, printed: text.update(b=text["b"] + 1e-12),
    lambda text, printed: text.update(b_error=text["b_error"] + 1),
    lambda text, printed: text.update(epoch_losses=[-loss for loss in text["epoch_losses"]]),
    lambda text, printed: text.update({printed: [loss + 1 for loss in text[printed]]}),
    lambda text, printed: text.update(transcript=re.sub("[0-9]", "1", text["transcript"])),
    lambda text, printed: text.update(transcript="a\n" * text["transcript"].count("\n"))])
def test_numbers_that_do_not_go_together_are_refused(change, notebook, tmp_path):
    path = tmp_path / "result"
    train(notebook, ctx="cpu", verbose=False).save(path)
    first, arrays, text = parts(path)
    change(text, PRINTED[notebook])
    path.write_bytes(forged(first, arrays, text))
    assert refused(TrainResult.load, path)


@pytest.mark.parametrize("name", ["w", "w_error", "batch_losses"])
def test_an_array_that_does_not_go_with_the_rest_is_refused(name, notebook, tmp_path):
    path = tmp_path / "result"
    train(notebook, ctx="cpu", verbose=False).save(path)
    first, arrays, text = parts(path)
    arrays[name] = -arrays[name]
    path.write_bytes(forged(first, arrays, text))
    assert f"its {'w_error' if name == 'w' else name} is " in refused(TrainResult.load, path)


def more(values):
    """Arrays and lists of one more."""
    return [*values, *values[-1:]] if isinstance(values, list) else numpy.append(
        values, values[-1:], axis=0)


def test_a_checkpoint_whose_run_is_told_by_more_is_of_another(stopped):
    path, run, (first, arrays, text), _ = stopped
    path.write_bytes(forged(first, arrays, {**text, "run": {**text["run"], "more": 1}}))
    with pytest.raises(ArgumentError, match="of another run: its more is 1, not None"):
        train(**{**run, "checkpoint": str(path)})


def test_a_checkpoint_whose_fields_do_not_go_together_is_refused_before_any_work(stopped):
    path, run, (first, arrays, text), _ = stopped
    for name, changes in (
            ("w", dict(w=more(arrays["w"]))), ("b", dict(b=more(arrays["b"]))),
            ("batch_losses", dict(batch_losses=more(arrays["batch_losses"]))),
            ("batch_losses", dict(batch_losses=arrays["batch_losses"][1:])),
            ("epoch_losses", dict(epoch_losses=[*text["epoch_losses"], 0.5, 0.5])),
            ("moving_losses", dict(moving_losses=[0.5])),
            *[("epoch_losses", dict(epoch_losses=text["epoch_losses"][:-2]))] * (
                text["segments"] > 4),  # of an epoch before the last, in which it may not be yet
            ("segments", dict(segments=0)), ("segments", dict(segments=-5)),
            ("batch_losses", dict(segments=text["segments"] + 1)),
            ("segments", dict(segments=len(arrays["batch_losses"]) + 1)),
            ("batch_losses|epoch_losses", dict(segments=len(arrays["batch_losses"])))):
        changed = {**text, **{key: v for key, v in changes.items() if key in text}}
        content = forged(first, {**arrays, **{
            key: v for key, v in changes.items() if key in arrays}}, changed)
        path.write_bytes(content)
        with after_writing(None, None) as placed:
            message = refused(lambda path: train(**{**run, "checkpoint": str(path)}), path)
        assert message and re.search(rf"its ({name}|num_epochs) (is|and)", message), (name, message)
        assert not placed and path.read_bytes() == content
