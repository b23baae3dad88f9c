"""Draw README's picture, `python docs/picture.py`: what was published, over what comes out now."""
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy

from d2l_linreg import published, replicate, train

HERE = Path(__file__).parent
EVERY = 500  # batches, after which the notebook prints its average


def moving_average(losses):
    """The notebook's, after each batch."""
    average, averages = 0.0, []
    for loss in losses.astype(float):
        average = 0.99 * average + 0.01 * loss
        averages.append(average)
    return averages


result = train("straight_dope", ctx="cpu", verbose=False)
others = replicate("straight_dope", runs=1000).moving_losses
cell = published.document("straight_dope")["cells"][-1]
texts = [line.split()[-1] for line in cell["text"].splitlines()]
figures = [float(text) for text in texts]
printed = numpy.arange(EVERY, len(result.batch_losses) + 1, EVERY)

fig, ax = plt.subplots(figsize=(8, 3.4), layout="constrained")
ax.fill_between(printed, others.min(0), others.max(0), color="0.85",
                label="1,000 other shuffles, where it prints")
ax.semilogy(numpy.arange(1, len(result.batch_losses) + 1), moving_average(result.batch_losses),
            color="C0", linewidth=1, label="reproduced now, in an order found by search")
ax.semilogy(printed, figures, "o", markersize=9, markerfacecolor="none", markeredgewidth=1.6,
            color="C3", label="published in 2017, to twelve digits")
for at, place in ((0, (14, 2)), (9, (-150, 24))):
    ax.annotate(f"published {texts[at]}\nreproduced {result.moving_losses[at]:.12g}",
                (printed[at], figures[at]), place, textcoords="offset points", fontsize=9)
ax.set(xlabel="steps, of four examples each", ylabel="moving average of the loss",
       title="straight_dope: what was published, over what real MXNet gives now")
ax.legend(frameon=False, fontsize=9)
fig.savefig(HERE / "picture.png", dpi=150)
