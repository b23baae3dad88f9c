"""The same work by others: one epoch of stochastic gradient descent in a given order.

Each maker takes features, labels, an order, a batch size and a learning rate, and gives a
function that trains once and returns w and b. The loss is the batch's mean squared error;
parameters start at zero. A maker raises ImportError where its package is missing.
"""
import numpy


def numpy_loop(X, y, rows, batch_size, learning_rate):
    """A plain loop, the gradient written by hand, losses kept."""
    def train():
        w, b, losses = numpy.zeros(X.shape[1], X.dtype), X.dtype.type(0), []
        for start in range(0, len(rows), batch_size):
            batch = rows[start:start + batch_size]
            x = X[batch]
            r = x @ w + b - y[batch]
            losses.append((r * r).mean())
            step = X.dtype.type(2 * learning_rate / len(batch))
            w, b = w - step * (r @ x), b - step * r.sum()
        return w, b

    return train


def torch_eager(X, y, rows, batch_size, learning_rate):
    """PyTorch's autograd, step by step."""
    import torch

    X, y, rows = torch.from_numpy(X), torch.from_numpy(y), torch.from_numpy(rows)

    def train():
        w = torch.zeros(X.shape[1], requires_grad=True)
        b = torch.zeros(1, requires_grad=True)
        losses = []
        for start in range(0, len(rows), batch_size):
            batch = rows[start:start + batch_size]
            loss = ((X[batch] @ w + b - y[batch]) ** 2).mean()
            loss.backward()
            losses.append(loss.detach())
            with torch.no_grad():
                for param in (w, b):
                    param -= learning_rate * param.grad
                    param.grad = None
        return w.detach().numpy(), b.item()

    return train


def jax_scan(X, y, rows, batch_size, learning_rate):
    """`jax.lax.scan` over the batches, compiled; its `first` call compiles."""
    import jax

    def step(params, batch):
        def loss(params):
            w, b = params
            return ((batch[0] @ w + b - batch[1]) ** 2).mean()

        value, gradient = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda p, g: p - learning_rate * g, params, gradient), value

    batches = (jax.numpy.array(X[rows].reshape(-1, batch_size, X.shape[1])),
               jax.numpy.array(y[rows].reshape(-1, batch_size)))
    start = jax.numpy.zeros(X.shape[1]), jax.numpy.zeros(())
    compiled = jax.jit(lambda params: jax.lax.scan(step, params, batches))

    def train():
        params, _ = jax.block_until_ready(compiled(start))
        return numpy.array(params[0]), float(params[1])

    return train


def sklearn_sgd(X, y, rows, batch_size, learning_rate):
    """scikit-learn's SGDRegressor, whose batches are of one example."""
    from sklearn.linear_model import SGDRegressor

    assert batch_size == 1
    X, y = X[rows], y[rows]

    def train():
        model = SGDRegressor(penalty=None, learning_rate="constant", eta0=2 * learning_rate,
                             max_iter=1, tol=None, shuffle=False)
        model.fit(X, y)
        return model.coef_, float(model.intercept_[0])

    return train
