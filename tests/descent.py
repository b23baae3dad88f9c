"""What runs are held against: each other, bit for bit, and a loop of NumPy's in float64."""
import numpy

from d2l_linreg import d2l, straight_dope
from d2l_linreg.compat.streams import seeded


def same(one, other):
    return (one.w.tobytes() == other.w.tobytes() and one.b == other.b
            and one.batch_losses.tobytes() == other.batch_losses.tobytes()
            and one.epoch_losses == other.epoch_losses and one.transcript == other.transcript)


def initial(notebook, num_features):
    """The parameters that a notebook draws where it draws no data."""
    with seeded(0 if notebook == "d2l" else 1):
        w, b = (d2l if notebook == "d2l" else straight_dope).init_params(num_features)
    return w.asnumpy().reshape(-1), b.asnumpy()[0]


def shuffles(notebook, rng, num_examples, num_epochs):
    """Each epoch's order of the examples, and the same as `train` takes it."""
    if notebook == "straight_dope":  # all epochs share one
        order = rng.permutation(num_examples)
        return [order] * num_epochs, order
    orders = [rng.permutation(num_examples) for _ in range(num_epochs)]
    return orders, orders


def loop_in_float64(notebook, X, y, w, b, orders, learning_rate, batch_size):
    """The notebook's descent in NumPy, a step at a time, from the gradient on paper."""
    X, y, w, b = (numpy.array(a, dtype="float64") for a in (X, y, w, b))
    losses = []
    for rows in orders:
        if notebook == "straight_dope":
            rows = numpy.append(rows, rows[:-len(rows) % batch_size])
        for start in range(0, len(rows), batch_size):
            batch = rows[start:start + batch_size]
            r = X[batch] @ w + b - y[batch]
            losses.append((r ** 2).mean() / (2 if notebook == "d2l" else 1))
            step = learning_rate / batch_size * (1 if notebook == "d2l" else 2)
            w, b = w - step * X[batch].T @ r, b - step * r.sum()
    return w, b, numpy.array(losses)
