"""The errors of w and b at the end: published, within theory, and near least squares.

Near its end, with features standard normal and noise of standard deviation sigma, a step
with h = learning rate times Hessian shrinks a parameter's deviation by 1 - h and adds noise
of standard deviation h sigma / sqrt(B). Deviations settle at sigma sqrt(h / (2 B)) (h is
small), around the least-squares solution, which is itself sigma / sqrt(n) from the truth.
Of the start there is left e0 (1 - h)^steps, known to a relative h sqrt(2 steps / B), as the
factors 1 - h x^2 are random.
"""
import numpy
import pytest

from d2l_linreg import d2l, straight_dope, train
from d2l_linreg.compat.streams import seeded

SIGMA = 0.01
TRUTH = numpy.array([2, -3.4, 4.2])
SEEDS = range(24)


def theory(h, batch_size, num_examples, steps, start_error):
    """What is left of the start, and the standard deviation of all else, by parameter."""
    left = start_error * (1 - h) ** steps
    variance = SIGMA ** 2 * h / (2 * batch_size) + (left * h) ** 2 * 2 * steps / batch_size
    return left, numpy.sqrt(variance), SIGMA / numpy.sqrt(num_examples)


def start_error(init_params, seed, draws):
    with seeded(seed):
        draws()
        w, b = init_params()
    return TRUTH - numpy.concatenate([w.asnumpy().reshape(-1), b.asnumpy()])


@pytest.mark.parametrize("notebook, h, batch_size, num_examples, steps, start", [
    ("d2l", 0.03, 10, 1000, 300, lambda: start_error(
        d2l.init_params, 0, lambda: d2l.synthetic_data([2, -3.4], 4.2, 1000))),
    ("straight_dope", 2 * 0.001, 4, 10000, 5000, lambda: start_error(
        straight_dope.init_params, 1, straight_dope.synthetic_data)),
])
def test_errors_over_shuffles_are_within_theory(
        notebook, h, batch_size, num_examples, steps, start):
    results = [train(notebook, ctx="cpu", shuffle_seed=seed, verbose=False) for seed in SEEDS]
    errors = numpy.array([numpy.append(result.w_error, result.b_error) for result in results])
    assert len({error.tobytes() for error in errors}) == len(SEEDS)  # no two shuffles alike

    left, of_shuffle, of_data = theory(h, batch_size, num_examples, steps, start())
    # 4.5 standard deviations: once in 150,000 for one of the 72 errors
    assert (abs(errors - left) < 4.5 * numpy.hypot(of_shuffle, of_data)).all()
    # The data are the same for all seeds, so only the shuffle's part averages out.
    of_mean = numpy.hypot(of_shuffle / numpy.sqrt(len(SEEDS)), of_data)
    assert (abs(errors.mean(axis=0) - left) < 3 * of_mean).all()
    # And it does spread: a shuffle that changed nothing would pass all of the above.
    assert (errors.std(axis=0) > of_shuffle / 5).all()


@pytest.mark.parametrize("notebook, num_features, batch_size, learning_rate, num_epochs", [
    ("d2l", 1, 10, 0.03, 4),
    ("d2l", 5, 7, 0.02, 6),
    ("d2l", 20, 50, 0.1, 20),
    ("straight_dope", 1, 4, 0.02, 3),
    ("straight_dope", 8, 10, 0.01, 8),
    ("straight_dope", 3, 32, 0.05, 10),
])
def test_other_data_end_near_the_least_squares_solution(
        notebook, num_features, batch_size, learning_rate, num_epochs):
    rng = numpy.random.RandomState(num_features)
    X = rng.standard_normal((2000, num_features))
    truth = rng.uniform(-3, 3, num_features + 1)
    y = X @ truth[:-1] + truth[-1] + SIGMA * rng.standard_normal(2000)
    least_squares = numpy.linalg.lstsq(numpy.c_[X, numpy.ones(2000)], y, rcond=None)[0]

    result = train(notebook, data=(X, y), ctx="cpu", batch_size=batch_size, verbose=False,
                   learning_rate=learning_rate, num_epochs=num_epochs)
    h = learning_rate * (2 if notebook == "straight_dope" else 1)
    # A start no further than 6 from the truth, as w and b are within 3 of 0 on either side
    left, deviation, _ = theory(h, batch_size, 2000, 2000 // batch_size * num_epochs, 6)
    # The features' sample Hessian is the identity to sqrt(num_features / 2000), and parameters
    # are kept in float32.
    bound = 4.5 * deviation * (1 + num_features * h / batch_size) + left + 1e-5
    assert (abs(numpy.append(result.w, result.b) - least_squares) < bound).all()
