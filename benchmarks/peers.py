"""The same work by ourselves and by others, each in a process of its own.

    python benchmarks/peers.py NAME WORK

Each function below takes features, labels, initial w and b, an order, a batch size and a learning
rate, and gives a function that trains once, and returns w, b and the loss of every batch, if it can
tell them. The loss is the batch's mean squared error. Batches are gathered, and losses handed out,
while the clock runs. As a program, this trains once for each line that it reads, and answers with
JSON; WORK is JSON with `num_examples`, `num_features`, `batch_size` and `learning_rate`.
"""
import json
import resource
import sys
import time

import numpy

# "Our own" engines are looked at from inside: `TrainResult.seconds` is training, without set-up.


def _engine(engine):
    def make(X, y, w, b, rows, batch_size, learning_rate):
        from d2l_linreg import train

        def run():
            result = train("straight_dope", data=(X, y), order=rows, num_epochs=1, ctx="cpu",
                           batch_size=batch_size, learning_rate=learning_rate, engine=engine,
                           verbose=False)
            return result.w, result.b, result.batch_losses, result.seconds

        return run

    return make


loop, compiled, native = map(_engine, ("autograd", "compiled", "native"))


def native_kernel(X, y, w, b, rows, batch_size, learning_rate):
    """What "native" compiles, called without `train`."""
    from d2l_linreg.engines.arithmetic import constants, descend
    from d2l_linreg.settings import NOTEBOOKS, chosen

    own = NOTEBOOKS["straight_dope"]
    given = constants(own, chosen(own.settings, learning_rate, 1, batch_size))

    def run():
        params, losses = (w.copy(), b.copy()), numpy.empty(len(rows) // batch_size, "float32")
        descend(X, y, rows, batch_size, *params, given, losses)
        return *params, losses

    return run


def numpy_loop(X, y, w, b, rows, batch_size, learning_rate):
    """A plain loop, the gradient written by hand; batches are taken into one buffer."""
    def run():
        weights, bias, losses = w.copy(), b[0], []
        x = numpy.empty((batch_size, X.shape[1]), "float32")
        step = numpy.float32(2 * learning_rate / batch_size)
        for start in range(0, len(rows), batch_size):
            batch = rows[start:start + batch_size]
            X.take(batch, axis=0, out=x, mode="clip")  # else it buffers
            r = x @ weights + bias - y.take(batch)
            losses.append((r @ r) / numpy.float32(batch_size))
            weights, bias = weights - step * (r @ x), bias - step * r.sum()
        return weights, bias, losses

    return run


def numba_fastmath(X, y, w, b, rows, batch_size, learning_rate):
    """A loop in float32 as one writes it for numba, free to regroup and fuse."""
    from numba import njit

    @njit(fastmath=True)
    def descend(X, y, rows, batch_size, w, bias, step, losses):
        gradient = numpy.empty_like(w)
        for batch in range(len(losses)):
            loss = slope = numpy.float32(0)
            gradient[:] = 0
            for k in range(batch * batch_size, (batch + 1) * batch_size):
                x = X[rows[k]]
                r = numpy.float32(bias - y[rows[k]])
                for j in range(len(w)):
                    r += x[j] * w[j]
                loss += r * r
                slope += r
                for j in range(len(w)):
                    gradient[j] += r * x[j]
            losses[batch] = loss / batch_size
            for j in range(len(w)):
                w[j] -= step * gradient[j]
            bias = numpy.float32(bias - step * slope)
        return bias

    def run():
        weights, losses = w.copy(), numpy.empty(len(rows) // batch_size, "float32")
        bias = descend(X, y, rows, batch_size, weights, b[0],
                       numpy.float32(2 * learning_rate / batch_size), losses)
        return weights, bias, losses

    return run


def torch_eager(X, y, w, b, rows, batch_size, learning_rate):
    """PyTorch's autograd, step by step."""
    import torch

    X, y, rows = torch.from_numpy(X), torch.from_numpy(y), torch.from_numpy(rows)

    def run():
        params = [torch.tensor(param, requires_grad=True) for param in (w, b)]
        losses = []
        for start in range(0, len(rows), batch_size):
            batch = rows[start:start + batch_size]
            loss = ((X[batch] @ params[0] + params[1] - y[batch]) ** 2).mean()
            loss.backward()
            losses.append(loss.detach())
            with torch.no_grad():
                for param in params:
                    param -= learning_rate * param.grad
                    param.grad = None
        return *(param.detach().numpy() for param in params), torch.stack(losses).numpy()

    return run


def jax_scan(X, y, w, b, rows, batch_size, learning_rate):
    """`jax.lax.scan` over the batches, compiled at the first call."""
    import jax

    def step(params, batch):
        def loss(params):
            w, b = params
            return ((X[batch] @ w + b - y[batch]) ** 2).mean()

        value, gradient = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda p, g: p - learning_rate * g, params, gradient), value

    X, y, rows = map(jax.numpy.array, (X, y, rows.reshape(-1, batch_size)))
    compiled = jax.jit(lambda params, rows: jax.lax.scan(step, params, rows))

    def run():
        params, losses = jax.block_until_ready(compiled((w, b), rows))
        return *map(numpy.array, params), numpy.array(losses)

    return run


def sklearn_sgd(X, y, w, b, rows, batch_size, learning_rate):
    """scikit-learn's SGDRegressor, whose batches are of one example; in float64, without losses."""
    from sklearn.linear_model import SGDRegressor

    def run():
        model = SGDRegressor(penalty=None, learning_rate="constant", eta0=2 * learning_rate,
                             max_iter=1, tol=None, shuffle=False)
        model.fit(X[rows], y[rows], coef_init=w, intercept_init=b)
        return model.coef_, model.intercept_, None

    return run


def read(X, y, w, b, rows, batch_size, learning_rate):
    """The limit of memory: to look at every number once, in the order they lie in."""
    def run():
        X.max()
        return w, b, None

    return run


def chain(X, y, w, b, rows, batch_size, learning_rate):
    """The limit of the bits: one operation after another, as many as wait for each other.

    In a step these are a product for each feature, three operations to the slope, Kahan's four for
    each further example (two for the last), two to the parameter.
    """
    from numba import njit

    from d2l_linreg.engines.arithmetic import fma

    @njit
    def waiting(count, x):
        total = x
        for _ in range(count):
            total = fma(total, x, x)
        return total

    kahan = max(4 * (batch_size - 1) - 2, 0)
    count = len(rows) // batch_size * (X.shape[1] + 3 + kahan + 2)

    def run():
        waiting(count, numpy.float32(0.5))
        return w, b, None

    return run


def work(num_examples, num_features, batch_size, learning_rate):
    """Examples, initial parameters, an order, and how to train on them."""
    from d2l_linreg.settings import NOTEBOOKS
    from d2l_linreg.training.examples import draw

    rng = numpy.random.default_rng(0)
    X = rng.standard_normal((num_examples, num_features), "float32")
    truth = rng.uniform(-3, 3, num_features).astype("float32")
    y = X @ truth + numpy.float32(4.2) + 0.01 * rng.standard_normal(num_examples, "float32")
    w, b = draw(NOTEBOOKS["straight_dope"], num_features, with_data=False)[1]
    return (X, y.astype("float32"), w.reshape(-1), b, rng.permutation(num_examples), batch_size,
            learning_rate)


def main(name, given):
    try:
        run = globals()[name](*work(**json.loads(given)))
    except ImportError as error:
        print(json.dumps(dict(missing=str(error))), flush=True)
        return
    print(json.dumps(dict(ready=True)), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        w, b, losses, *seconds = run()
        taken = time.perf_counter() - started
        print(json.dumps(dict(
            seconds=seconds[0] if seconds else taken, w=numpy.asarray(w).tolist(),
            b=float(numpy.ravel(b)[0]),
            losses=None if losses is None else numpy.asarray(losses, "float64").tolist(),
            peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
