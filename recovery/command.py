"""What both scripts do around their search: arguments, the check by MXNet, the file."""
import argparse
import io
import os

import numpy

from d2l_linreg import ArgumentError, published, train
from d2l_linreg.files import check_writable, write_whole


def say(message):
    """Print a progress line at once, even into a pipe."""
    print(message, flush=True)


def run(notebook, search):
    """Search for an order, have MXNet train with it, and save it if all is as published.

    Parameters
    ----------
    notebook : {"d2l", "straight_dope"}
    search : callable
        From a seed to an order in the shape that `d2l_linreg.train` takes.

    Returns
    -------
    int
        Exit status: 0 if real MXNet prints the published transcript, else 1.
    """
    parser = argparse.ArgumentParser(
        description="Find an order of the examples under which MXNet prints every training "
                    f"figure that the {notebook} notebook published.")
    parser.add_argument("--output", required=True, metavar="FILE.npy",
                        help="where to save the order (uint16 rows of the data)")
    parser.add_argument("--seed", type=int, default=0,
                        help="same seed, same order (default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="replace FILE.npy if it exists")
    arguments = parser.parse_args()
    try:
        check_writable(repr(arguments.output), arguments.output)
    except ArgumentError as error:
        parser.error(str(error))
    if os.path.exists(arguments.output) and not arguments.force:
        parser.error(f"{arguments.output} exists; choose another name or give --force")

    order = search(arguments.seed)
    say("MXNet trains with the order found:")
    transcript = train(notebook, order=order, ctx="cpu").transcript
    if transcript != published.text(notebook, "training"):
        say("this is not what was published; nothing is saved")
        return 1
    say("this is what was published")
    if os.path.exists(arguments.output) and not arguments.force:
        say(f"{arguments.output} appeared meanwhile; it is left as it is")
        return 1
    file = io.BytesIO()
    numpy.save(file, order.astype(numpy.uint16))
    write_whole(arguments.output, file.getvalue())
    say(f"saved in {arguments.output}")
    return 0
