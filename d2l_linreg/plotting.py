"""The picture of a training run."""
import numpy


def plot(result):
    """Draw a `TrainResult`: loss over time on a log axis, and the fitted line over the data."""
    from matplotlib.figure import Figure  # not pyplot, which would choose a backend

    figure = Figure(figsize=(9, 3.5), constrained_layout=True)
    loss_axes, fit_axes = figure.subplots(1, 2)
    steps = len(result.batch_losses)
    per_epoch = steps // len(result.epoch_losses)
    loss_axes.semilogy(range(1, steps + 1), result.batch_losses, linewidth=0.5, alpha=0.5,
                       label="of each batch")
    loss_axes.semilogy(range(per_epoch, steps + 1, per_epoch), result.epoch_losses, "o",
                       label="over all examples")
    loss_axes.set(xlabel="steps", ylabel="loss", title=result.notebook)
    loss_axes.legend()

    x = result.features[:, -1]
    others = result.features[:, :-1] @ result.w[:-1]
    ends = numpy.array([x.min(), x.max()])
    fit_axes.scatter(x, result.labels - others, s=1)
    fit_axes.plot(ends, result.w[-1] * ends + result.b, "C1",
                  label="{:.4g} x + {:.4g}".format(result.w[-1], result.b))
    alone = len(result.w) == 1
    fit_axes.set(xlabel="feature" if alone else "last feature",
                 ylabel="label" if alone else "label less the other features' part")
    fit_axes.legend()
    return figure
