"""The command line: `d2l-linreg reproduce`, `train`, `launch`, `run`, `notebooks` and `info`."""
import _thread
import argparse
import contextlib
import io
import os
import sys
import threading

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
        failed, or something that is needed is not installed; 2 for a wrong command line; 130
        if interrupted.
    """
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has printed help, the version or what is wrong
        return stop.code
    try:
        with _ctrl_c_kept():
            return arguments.command(arguments)
    except ValueError as error:  # an argument that only its function can judge
        print("d2l-linreg: error: {}".format(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("d2l-linreg: interrupted", file=sys.stderr)
        return 130  # as a shell reports SIGINT
    except BrokenPipeError:  # whoever read our output has stopped
        sys.stdout = open(os.devnull, "w")
        return 1
    except (ArithmeticError, ImportError, OSError) as error:  # diverged, not installed, disk full
        print("d2l-linreg: {}".format(error), file=sys.stderr)
        return 1


@contextlib.contextmanager
def _ctrl_c_kept():
    """Press Ctrl-C again if it came while Python was freeing an object, where it would be lost."""
    def hook(lost):
        if lost.exc_type is KeyboardInterrupt:
            threading.Timer(0.01, _thread.interrupt_main).start()  # here it would be lost, too
        else:
            before(lost)

    before, sys.unraisablehook = sys.unraisablehook, hook
    try:
        yield
    finally:
        sys.unraisablehook = before


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
    reproduce.add_argument("--runs", type=int, default=1000, metavar="N",
                           help="hold the training figures against N other shuffles, 1,000 or "
                           "more; or 0 for none (default: %(default)s)")
    for option, what in (("--html", "a page with all of it, and pictures"),
                         ("--json", "the figures"), ("--junit", "a test case for each figure"),
                         ("--markdown", "the table, as for a CI's summary")):
        reproduce.add_argument(option, metavar="PATH", type=_new_file,
                               help="write {} there".format(what))
    reproduce.set_defaults(command=_reproduce)

    train = commands.add_parser(
        "train", help="train as a notebook does",
        description="Train as a notebook does, and print what it prints. What is left out is the "
                    "notebook's own; then the examples come in an order found by search, which "
                    "is not the authors' own.")
    train.add_argument("notebook", nargs="?", default="d2l", choices=published.NOTEBOOKS,
                       metavar="NOTEBOOK", help="d2l (the default) or straight_dope")
    train.add_argument("--data", metavar="FILE", help="your own examples: a table (.csv), or "
                       "features (.npy, which may be larger than memory)")
    train.add_argument("--label", metavar="COLUMN", help="the table's column of labels")
    train.add_argument("--labels", metavar="FILE", help="labels that go with features in .npy")
    train.add_argument("--engine", default="compiled",
                       choices=("compiled", "autograd", "scan", "fused"),
                       help="default: %(default)s")
    train.add_argument("--ctx", default="auto",
                       help="auto, cpu, gpu or gpu(1); several devices as gpu(0),gpu(1) "
                       "(default: %(default)s)")
    train.add_argument("--kvstore", choices=("local", "device", "dist_sync"),
                       help="MXNet's store that adds up gradients; dist_sync is what launch adds")
    train.add_argument("--learning-rate", type=float)
    train.add_argument("--num-epochs", type=int)
    train.add_argument("--batch-size", type=int)
    train.add_argument("--shuffle-seed", type=int)
    train.add_argument("--plot", metavar="FILE", type=_new_file,
                       help="draw the loss and the fit there; the ending says in which format")
    train.add_argument("--save", metavar="FILE", type=_new_file,
                       help="write the result there, for TrainResult.load")
    train.add_argument("--checkpoint", metavar="FILE", type=_new_file,
                       help="keep there, about once a second, where training stands; if it is "
                       "there, go on from it, to the same bits")
    train.set_defaults(command=_train)

    launch = commands.add_parser(
        "launch", help="train in several processes, on one machine or several",
        description="Start MXNet's scheduler, servers and workers, which train together: each "
                    "worker takes --batch-size examples of every step. If one dies, all are "
                    "ended, and it exits 1.",
        usage="%(prog)s [-h] -n WORKERS [-s SERVERS] [--address ADDRESS] [--hosts FILE] -- "
              "train ...")
    launch.add_argument("-n", "--num-workers", type=int, required=True, metavar="WORKERS")
    launch.add_argument("-s", "--num-servers", type=int, default=1, metavar="SERVERS",
                        help="they add up the workers' gradients (default: %(default)s)")
    launch.add_argument("--address", metavar="ADDRESS", help="this machine's address, on which "
                        "the processes here listen (default: 127.0.0.1)")
    launch.add_argument("--hosts", metavar="FILE", help="start servers and workers over ssh, on "
                        "the machines this file names, an address or ADDRESS:SSHPORT a line")
    launch.add_argument("train", nargs=argparse.REMAINDER, help="-- and a train command")
    launch.set_defaults(command=_launch)

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
    from .training.storage import check_writable

    try:
        check_writable(path)
    except ValueError as error:
        raise argparse.ArgumentTypeError("{!r} {}".format(path, error)) from error
    return path


def _write_text(path, text):
    from .training.storage import write_whole

    write_whole(path, text.encode("utf-8"))


def _reproduce(arguments):
    from .reproduction.reproduce import reproduce

    wanted = {name: getattr(arguments, name) for name in ("json", "junit", "markdown", "html")
              if getattr(arguments, name)}
    _check_distinct(wanted.values())
    if wanted:
        from .reproduction import reports  # and, slowly, matplotlib

        if arguments.html:
            reports.page_template()  # what it lacks is said before the work
    reproduction = reproduce(arguments.notebook, ctx=arguments.ctx, runs=arguments.runs)
    print(reproduction)
    for name, path in wanted.items():
        _write_text(path, getattr(reports, "to_" + name)(reproduction))
    return 0 if reproduction.ok else 1


def _check_distinct(paths):
    paths = [path for path in paths if path]
    if len(set(map(os.path.realpath, paths))) < len(paths):
        raise ValueError("of {} two are the same; name a file for each".format(
            ", ".join(map(repr, paths))))


def _train(arguments):
    from .engines.parallel import is_first_worker
    from .training.storage import write_whole
    from .training.train import train

    if arguments.plot:
        _check_picture_format(arguments.plot)
    _check_distinct([arguments.data, arguments.labels, arguments.plot, arguments.save,
                     arguments.checkpoint])
    data, labels = _table(arguments.data, arguments.label), arguments.labels
    ctx = arguments.ctx.split(",") if "," in arguments.ctx else arguments.ctx
    result = train(arguments.notebook, data=data, labels=labels, ctx=ctx,
                   learning_rate=arguments.learning_rate, num_epochs=arguments.num_epochs,
                   batch_size=arguments.batch_size, shuffle_seed=arguments.shuffle_seed,
                   engine=arguments.engine, kvstore=arguments.kvstore,
                   checkpoint=arguments.checkpoint)
    if not is_first_worker(arguments.kvstore):
        return 0
    if arguments.plot:
        picture = io.BytesIO()
        result.plot().savefig(picture, format=os.path.splitext(arguments.plot)[1][1:].lower())
        write_whole(arguments.plot, picture.getvalue())
    if arguments.save:
        result.save(arguments.save)
    return 0


def _launch(arguments):
    from .distributed.launch import launch
    from .settings import as_integer

    as_integer("WORKERS", arguments.num_workers, 1)
    as_integer("SERVERS", arguments.num_servers, 1)
    command = arguments.train[arguments.train[:1] == ["--"]:]
    try:
        trained = _parser().parse_args(command)
    except SystemExit as stop:
        return stop.code
    if trained.command is not _train or trained.kvstore not in (None, "dist_sync"):
        raise ValueError("after -- comes {!r}; only train can be launched, with kvstore "
                         "dist_sync".format(" ".join(command)))
    if arguments.hosts and not arguments.address:
        raise ValueError("--hosts goes with --address, the address at which the other machines "
                         "find this one")
    return launch(command, arguments.num_workers, arguments.num_servers,
                  arguments.address or "127.0.0.1", arguments.hosts)


def _table(path, column):
    """A table's features and labels, or a file's name, for `train` to map."""
    if path is None and column is None:
        return None
    if path is None or (column is None) != path.endswith(".npy"):
        raise ValueError("--data FILE.csv goes with --label COLUMN, --data FILE.npy with --labels "
                         "FILE.npy")
    if column is None:
        return path
    try:
        import pandas
    except ImportError as error:
        raise ImportError("{}; tables are read by pandas: pip install pandas".format(
            error)) from error
    try:
        table = pandas.read_csv(path)
    except (OSError, ValueError) as error:
        raise ValueError("--data is {!r}: {}".format(path, error)) from error
    if column not in table:
        raise ValueError("--label is {!r}; the columns are {}".format(
            column, ", ".join(map(repr, table))))
    return table.drop(columns=column), table[column]


def _check_picture_format(path):
    from matplotlib.figure import Figure

    formats = Figure().canvas.get_supported_filetypes()
    if os.path.splitext(path)[1][1:].lower() not in formats:
        raise ValueError("--plot is {!r}; its ending must be one of {}".format(
            path, ", ".join(sorted(formats))))


def _run(arguments):
    path = arguments.notebook
    output = arguments.output
    if not os.path.isfile(path):
        raise ValueError("NOTEBOOK is {!r}; there is no such file".format(path))
    if output is None:
        output = os.path.splitext(os.path.basename(path))[0] + "-executed.ipynb"
        if os.path.exists(output) or not os.access(".", os.W_OK):
            raise ValueError("{!r} exists; name another file with --output, or a folder where "
                             "you may write".format(output))
    for written in (output, arguments.html):
        if written and os.path.exists(written) and os.path.samefile(written, path):
            raise ValueError("{!r} is NOTEBOOK itself, which is only read; name another file"
                             .format(written))
    if arguments.html and os.path.realpath(output) == os.path.realpath(arguments.html):
        raise ValueError("--output and --html are both {!r}; name two files".format(output))
    try:
        import nbformat

        from .originals import execution
        if arguments.html:
            from nbconvert import HTMLExporter
    except ImportError as error:
        raise ImportError("{}; `run` needs the extra notebooks: pip install "
                          "'.[notebooks]'".format(error)) from error
    if arguments.ctx:
        from .contexts import as_context

        as_context(arguments.ctx)
    executed = execution.run(path, arguments.published, arguments.ctx)
    print("as {} published it, with shuffles found by search, not the authors' own:".format(
        executed.published_notebook))
    print(executed)
    _write_text(output, nbformat.writes(executed.notebook) + "\n")
    if arguments.html:
        _write_text(arguments.html, HTMLExporter().from_notebook_node(executed.notebook)[0])
    print("written:", *filter(None, (output, arguments.html)))
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
        with open(os.path.join(source, name), encoding="utf-8") as file:
            _write_text(target, file.read())
        print(target)
    return 0


def _info(arguments):
    from .reproduction.environment import describe, shortfalls

    for name, value in describe().items():
        print("{:22}{}".format(name, value))
    print()
    print("\n".join(shortfalls()) or "Nothing here keeps the published numbers from being exact.")
    return 0
