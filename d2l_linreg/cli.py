"""The command line: `d2l-linreg reproduce`, `train`, `run`, `notebooks` and `info`."""
import argparse
import os
import shutil
import sys
import tempfile

from . import __version__, published


def main(argv=None):
    """Run one command.

    Parameters
    ----------
    argv : list of str, optional
        Arguments, without the program's name; by default the process's own.

    Returns
    -------
    int
        0 if all went well; 1 if a figure or an output is different, training diverged, a cell
        failed, or something that is needed is not installed; 2 for a wrong command line.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has printed help, the version or what is wrong
        return stop.code
    try:
        return arguments.command(arguments)
    except ValueError as error:  # an argument that only its function can judge
        print("d2l-linreg: error: {}".format(error), file=sys.stderr)
        return 2
    except ImportError as error:  # MXNet's native library, or a package of an extra
        print("d2l-linreg: {}".format(error), file=sys.stderr)
        return 1


def _parser():
    parser = argparse.ArgumentParser(
        prog="d2l-linreg",
        description="Two MXNet notebooks on linear regression, with the numbers they published.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    reproduce = commands.add_parser(
        "reproduce", help="hold every published figure against a fresh run",
        description="Train afresh and print every published figure beside the reproduced one. "
                    "Exits 0 if none is different, 1 if one is.")
    reproduce.add_argument("--notebook", choices=published.NOTEBOOKS, help="default: both")
    reproduce.add_argument("--ctx", default="cpu", help="where to train (default: %(default)s)")
    reproduce.add_argument("--json", metavar="PATH", type=_new_file, help="write the figures there")
    reproduce.set_defaults(command=_reproduce)

    train = commands.add_parser(
        "train", help="train as a notebook does",
        description="Train as a notebook does, and print what it prints. What is left out is the "
                    "notebook's own; then the examples come in an order found by search, which "
                    "is not the authors' own.")
    train.add_argument("notebook", nargs="?", default="d2l", choices=published.NOTEBOOKS,
                       metavar="NOTEBOOK", help="d2l (the default) or straight_dope")
    train.add_argument("--ctx", default="auto",
                       help="auto, cpu, gpu or gpu(1) (default: %(default)s)")
    train.add_argument("--learning-rate", type=float)
    train.add_argument("--num-epochs", type=int)
    train.add_argument("--batch-size", type=int)
    train.add_argument("--shuffle-seed", type=int)
    train.add_argument("--plot", metavar="FILE", type=_new_file,
                       help="draw the loss and the fit there; the ending says in which format")
    train.set_defaults(command=_train)

    run = commands.add_parser(
        "run", help="run someone's notebook as it was published",
        description="Execute a notebook (.ipynb, or Markdown with fenced python) in a real kernel, "
                    "with MXNet behaving as it did when the notebook was published; write it with "
                    "its outputs, and compare them with those it came with. Shuffles come in an "
                    "order found by search, which is not the authors' own. Exits 0 if no output "
                    "is different and no cell failed.")
    run.add_argument("notebook", metavar="NOTEBOOK", help="the file; it is only read")
    run.add_argument("--as", dest="published", choices=("auto",) + published.NOTEBOOKS,
                     default="auto", help="as which it runs (default: by its imports)")
    run.add_argument("--output", metavar="OUT.ipynb", type=_new_file,
                     help="default: NOTEBOOK's name with -executed.ipynb, in this folder")
    run.add_argument("--html", metavar="OUT.html", type=_new_file, help="write a page, too")
    run.add_argument("--ctx", help="MXNet's default device")
    run.set_defaults(command=_run)

    notebooks = commands.add_parser("notebooks", help="copy both notebooks into a folder")
    notebooks.add_argument("folder", metavar="DIR", help="made if it is not there")
    notebooks.add_argument("--force", action="store_true", help="replace files that are there")
    notebooks.set_defaults(command=_notebooks)

    info = commands.add_parser("info", help="versions, devices, and what keeps numbers from "
                                            "being exact here")
    info.set_defaults(command=_info)
    return parser


def _new_file(path):
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path) or not os.access(folder, os.W_OK):
        raise argparse.ArgumentTypeError(
            "{!r} cannot be written; name a file in a folder that is there".format(path))
    return path


def _write_whole(path, write):
    """Have `write` fill a new file beside `path`, then put that in its place."""
    folder, name = os.path.split(os.path.abspath(path))
    with tempfile.TemporaryDirectory(dir=folder) as beside:
        unfinished = os.path.join(beside, name)
        write(unfinished)
        os.replace(unfinished, path)


def _write_text(path, text):
    def write(unfinished):
        with open(unfinished, "w", encoding="utf-8") as file:
            file.write(text)

    _write_whole(path, write)


def _reproduce(arguments):
    from .reproduction import reproduce

    reproduction = reproduce(arguments.notebook, ctx=arguments.ctx)
    print(reproduction)
    if arguments.json:
        _write_text(arguments.json, reproduction.to_json())
    return 0 if reproduction.ok else 1


def _train(arguments):
    from .errors import DivergenceError
    from .training import train

    if arguments.plot:
        _check_picture_format(arguments.plot)
    try:
        result = train(arguments.notebook, ctx=arguments.ctx,
                       learning_rate=arguments.learning_rate, num_epochs=arguments.num_epochs,
                       batch_size=arguments.batch_size, shuffle_seed=arguments.shuffle_seed)
    except DivergenceError as error:
        print("d2l-linreg: {}".format(error), file=sys.stderr)
        return 1
    if arguments.plot:
        _write_whole(arguments.plot, result.plot().savefig)
    return 0


def _check_picture_format(path):
    from matplotlib.figure import Figure

    formats = Figure().canvas.get_supported_filetypes()
    if os.path.splitext(path)[1][1:].lower() not in formats:
        raise ValueError("--plot is {!r}; its ending must be one of {}".format(
            path, ", ".join(sorted(formats))))


def _run(arguments):
    try:
        import nbformat
        from nbconvert import HTMLExporter

        from . import execution
    except ImportError as error:
        raise ImportError("{}; install d2l-linreg with its extra: pip install "
                          "'d2l-linreg[notebooks]'".format(error)) from error

    path = arguments.notebook
    output = arguments.output
    if not os.path.isfile(path):
        raise ValueError("NOTEBOOK is {!r}; there is no such file".format(path))
    if output is None:
        output = os.path.splitext(os.path.basename(path))[0] + "-executed.ipynb"
        if os.path.exists(output):
            raise ValueError("{!r} exists; name another file with --output".format(output))
    for written in (output, arguments.html):
        if written and os.path.exists(written) and os.path.samefile(written, path):
            raise ValueError("{!r} is NOTEBOOK itself, which is only read; name another file"
                             .format(written))
    if arguments.ctx:
        from .contexts import as_context

        as_context(arguments.ctx)
    executed = execution.run(path, arguments.published, arguments.ctx)
    print(executed)
    _write_text(output, nbformat.writes(executed.notebook) + "\n")
    if arguments.html:
        _write_text(arguments.html, HTMLExporter().from_notebook_node(executed.notebook)[0])
    return 0 if executed.ok else 1


def _notebooks(arguments):
    package = os.path.dirname(os.path.abspath(__file__))
    source = os.path.join(package, "notebooks")
    if not os.path.isdir(source):  # a checkout, where they stand beside the package
        source = os.path.join(os.path.dirname(package), "notebooks")
    names = [name + ".ipynb" for name in published.NOTEBOOKS]
    targets = [os.path.join(arguments.folder, name) for name in names]
    there = [target for target in targets if os.path.exists(target)]
    if there and not arguments.force:
        raise ValueError("{} is there; choose another folder, or replace it with --force".format(
            ", ".join(there)))
    try:
        os.makedirs(arguments.folder, exist_ok=True)
    except OSError as error:
        raise ValueError("DIR is {!r}: {}".format(arguments.folder, error)) from error
    for name, target in zip(names, targets):
        _write_whole(target, lambda unfinished: shutil.copyfile(
            os.path.join(source, name), unfinished))
        print(target)
    return 0


def _info(arguments):
    from .environment import describe, shortfalls

    for name, value in describe().items():
        print("{:22}{}".format(name, value))
    print()
    print("\n".join(shortfalls()) or "Nothing here keeps the published numbers from being exact.")
    return 0
