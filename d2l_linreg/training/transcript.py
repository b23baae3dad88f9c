"""What each notebook prints while it trains, in its own format."""
import threading

from ..compat.printing import default_printing

_printing = threading.Lock()  # NumPy's options are one for all threads


class Transcript:
    """Lines, kept in `progress` and, if `verbose`, printed as they come."""

    def __init__(self, progress, verbose):
        self.progress, self.verbose = progress, verbose
        lines, progress.lines = progress.lines, []
        for line in lines:  # of before a checkpoint
            self.say(line)

    def say(self, line):
        self.progress.lines.append(line)
        if self.verbose:
            print(line)

    def after_batches(self, epoch, first, losses):
        """Take the mean losses of batches from the `first` on; both count from 0."""

    def after_epoch(self, epoch, loss):
        """Take the loss over all examples after an epoch, counted from 0."""

    def after_training(self, w_error, b_error):
        """Take the errors of the parameters, arrays: true minus estimated."""

    def __str__(self):
        return "".join(line + "\n" for line in self.progress.lines)


class D2LTranscript(Transcript):
    """A line an epoch, and the errors at the end."""

    def after_epoch(self, epoch, loss):
        self.say("epoch %d, loss %f" % (epoch + 1, loss))

    def after_training(self, w_error, b_error):
        with _printing, default_printing():
            lines = ["Error in estimating w %s" % w_error, "Error in estimating b %s" % b_error]
        for line in lines:
            self.say(line)


class StraightDopeTranscript(Transcript):
    """A moving average of the batch losses, every 500 batches of an epoch."""

    def after_batches(self, epoch, first, losses):
        progress = self.progress
        for batch, loss in enumerate(losses.tolist(), first):
            progress.moving_loss = 0.99 * progress.moving_loss + 0.01 * loss
            if (batch + 1) % 500 == 0:
                progress.moving_losses.append(progress.moving_loss)
                # 12 digits, as Python 2 and NumPy < 1.14 print a float64
                self.say("Epoch %s, batch %s. Moving avg of loss: %.12g"
                         % (epoch, batch, progress.moving_loss))


TRANSCRIPTS = {"d2l": D2LTranscript, "straight_dope": StraightDopeTranscript}
