"""Files of ours with anything in them, under a right sum: written by zipfile, not by us."""
import hashlib
import io
import json
import zipfile

import numpy


def parts(path):
    """A file's first line, its arrays, and all else of it."""
    with open(path, "rb") as file:
        first, _, archive = file.read().split(b"\n", 2)
    with numpy.load(io.BytesIO(archive), allow_pickle=False) as members:
        arrays = dict(members)
    return first, arrays, json.loads(arrays.pop("text").item())


def npy(array):
    """An array as numpy.save writes it, pickled if it must be."""
    buffer = io.BytesIO()
    numpy.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def sealed(first, archive):
    """A file's bytes, with the sum that belongs to them."""
    return first + b"\n" + hashlib.sha256(archive).hexdigest().encode() + b"\n" + archive


def forged(first, arrays, text, members=(), compression=zipfile.ZIP_STORED):
    """A file's bytes: arrays, text in JSON, or as it is if it is bytes, and further members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, array in arrays.items():
            archive.writestr(name + ".npy", npy(array))
        if text is not None:
            archive.writestr("text.npy", text if isinstance(text, bytes) else npy(
                numpy.array(text if isinstance(text, str) else json.dumps(text))))
        for name, content in members:
            archive.writestr(name, content)
    return sealed(first, buffer.getvalue())


def damaged(content, rng):
    """One way to damage a file: cut, flip bits, change a stretch, repeat, leave out, or foreign."""
    content, way = bytearray(content), rng.randrange(6)
    at = rng.randrange(len(content))
    if way == 0:
        return content[:at]
    if way == 1:
        for _ in range(rng.choice((1, 1, 2, 50))):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    elif way == 2:
        stretch = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 200)))
        content[at:at + len(stretch)] = stretch
    elif way == 3:
        return content + content[at:]
    elif way == 4:
        del content[at:at + rng.randrange(1, 100)]
    else:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(300)))
    return content
