"""Reading the examples that someone gives to train on."""
import numpy

from ..errors import DataError

CHECKED = 2**14  # examples of a file that are checked at a time


def as_array(name, values):
    """Read real numbers as a NumPy array; a DataError, with their name, if they are not."""
    if isinstance(values, numpy.ma.MaskedArray) and numpy.ma.is_masked(values):
        raise DataError("{} has masked values; leave those examples out".format(name))
    values = values.asnumpy() if hasattr(values, "asnumpy") else values
    try:
        array = numpy.asarray(values)
    except ValueError as error:  # rows of several lengths
        raise DataError("{} is not an array: {}".format(name, error)) from error
    if array.dtype.kind not in "fiub":
        raise DataError("{} holds {}; give real numbers".format(name, array.dtype))
    return array


def _as_float32(name, array):
    if array.size == 0:
        raise DataError("{} is empty, of shape {}; give at least one example with at least "
                        "one feature".format(name, array.shape))
    if not numpy.isfinite(array).all():
        raise DataError("{} holds {} values that are NaN or infinite; leave those examples out"
                        .format(name, (~numpy.isfinite(array)).sum()))
    with numpy.errstate(over="ignore"):
        converted = numpy.ascontiguousarray(array, dtype="float32")
    if not numpy.isfinite(converted).all():
        raise DataError("{} reaches {:g}, beyond float32's range; rescale it"
                        .format(name, abs(array).max()))
    return converted


def as_features(name, values):
    """Read features, checking them.

    Parameters
    ----------
    name : str
        What to call them in an error.
    values : array_like, shape (num_examples, num_features)
        NumPy, `mx.np` or `mx.nd` array, of integers or floats.

    Returns
    -------
    numpy.ndarray, shape (num_examples, num_features), float32

    Raises
    ------
    DataError
        If they are not numbers, not 2-D, empty, or not finite in float32.
    """
    array = as_array(name, values)
    if array.ndim != 2:
        raise DataError("{} has shape {}; give two dimensions, (num_examples, num_features)"
                        .format(name, array.shape))
    return _as_float32(name, array)


def map_examples(features, labels):
    """Open files of features and labels without reading them into memory.

    Parameters
    ----------
    features, labels : str
        Names of .npy files, of shapes (num_examples, num_features) and (num_examples,).

    Returns
    -------
    features, labels : numpy.memmap
        As they are in the files; labels of shape (num_examples,).

    Raises
    ------
    DataError
        If a file cannot be read, or is not of such a shape.
    """
    arrays = []
    for name, path in (("data", features), ("labels", labels)):
        try:
            arrays.append(numpy.load(path, mmap_mode="r", allow_pickle=False))
        except (EOFError, OSError, TypeError, ValueError) as error:  # EOFError if it is empty
            raise DataError("{} is {!r}, which cannot be read as an .npy file: {}".format(
                name, path, error)) from error
    features, labels = arrays
    if features.ndim != 2 or labels.shape not in ((len(features),), (len(features), 1)):
        raise DataError("data has shape {} and labels {}; give (num_examples, num_features) and "
                        "(num_examples,)".format(features.shape, labels.shape))
    return features, labels.reshape(-1)


def check_mapped(features, labels):
    """Read files that `map_examples` opened, in blocks; a DataError if one cannot be trained on."""
    for start in range(0, max(len(features), 1), CHECKED):
        as_features("data", features[start:start + CHECKED])
        _as_float32("labels", as_array("labels", labels[start:start + CHECKED]))


def as_examples(data):
    """Read a pair of features and labels, checking both.

    Parameters
    ----------
    data : (array_like, array_like)
        Features, shape (num_examples, num_features), and labels, shape (num_examples,) or
        (num_examples, 1).

    Returns
    -------
    features : numpy.ndarray, shape (num_examples, num_features), float32
    labels : numpy.ndarray, shape (num_examples,), float32

    Raises
    ------
    DataError
        If either cannot be trained on, or their lengths differ.
    """
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise DataError("data is a {}; give a pair, (features, labels)".format(type(data).__name__))
    features = as_features("features", data[0])
    labels = as_array("labels", data[1])
    if labels.shape not in ((len(features),), (len(features), 1)):
        raise DataError("labels has shape {}, but there are {} rows of features; give one label "
                        "a row".format(labels.shape, len(features)))
    return features, _as_float32("labels", labels.reshape(-1))
