"""The command line: `d2l-linreg reproduce`, `train`, `launch`, `run`, `notebooks` and `info`.

Each command is a function that adds its arguments to the parser, and one that reads them, calls
what does the work, and prints. Modules are imported where they are needed, so that help is there
at once.
"""
import argparse
import difflib
import functools
import io
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import __version__, published
from .arguments import as_integer
from .compat.eras import ERAS, TODAY
from .engines import ENGINES
from .errors import ArgumentError, CheckpointError, DivergenceError
from .files import check_writable, write_whole
from .progress import step
from .settings import NOTEBOOKS
from .terminal import Terminated, ended_by_signals, has_colour, lasting_output, printable


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : list of str, optional
        Arguments, without the program's name; by default the process's own.

    Returns
    -------
    int
        0 if all went well; 1 if a figure or an output is different, training diverged, a cell
        failed, a file cannot be read or written, or something that is needed is not installed;
        2 for a wrong argument; 130 if interrupted, 143 by SIGTERM, 129 by SIGHUP.
    """
    with lasting_output() as (output, _):
        status = _status(argv)
        output.flush()
        if output.failure is not None:
            print(f"d2l-linreg: what it prints cannot be written: {output.failure}",
                  file=sys.stderr)
            return status or 1
        return status


def _status(argv: list[str] | None) -> int:
    parser = _parser()
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has printed help, the version or what is wrong
        return int(stop.code or 0)
    if arguments.command is None:
        parser.print_help()
        return 0
    # A process that waits for others inside MXNet would not hear of a signal.
    waits = arguments.command is _node or vars(arguments).get("kvstore") == "dist_sync"
    try:
        with ended_by_signals(*() if waits else ("SIGTERM", "SIGHUP")):
            return arguments.command(arguments)
    except ArgumentError as error:  # an argument that only its function can judge
        print(f"d2l-linreg: error: {error}", file=sys.stderr)
        return 2
    except Terminated as signal:
        print("d2l-linreg: terminated", file=sys.stderr)
        return 128 + signal.args[0]  # as a shell reports it
    except KeyboardInterrupt:
        print("d2l-linreg: interrupted", file=sys.stderr)
        return 130
    except (DivergenceError, ImportError, OSError) as error:
        print(f"d2l-linreg: {error}", file=sys.stderr)
        return 1


class _Parser(argparse.ArgumentParser):
    """argparse's, which asks of what is misspelt whether something near it was meant."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            choices = [name for name in map(str, action.choices) if name != "node"]  # of launch's
            raise argparse.ArgumentError(
                action, f"invalid choice: {value!r} (choose from {', '.join(choices)}"
                        f"){_meant(value, choices)}")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # or argparse
        others = any(action.nargs in (argparse.PARSER, argparse.REMAINDER)  # would take the next
                     for action in self._actions)                            # word for another's
        for word in sys.argv[1:] if args is None else args:
            if word == "--" or others and not word.startswith("-"):
                break
            name, options = word.partition("=")[0], list(self._option_string_actions)
            if name.startswith("--") and not any(option.startswith(name) for option in options):
                self.error(f"there is no option {name}{_meant(name, options)}")
        return super().parse_known_args(args, namespace)


def _meant(value: Any, choices: Sequence[str]) -> str:
    of_case = {choice.casefold(): choice for choice in choices}
    near = difflib.get_close_matches(str(value).casefold(), of_case, 1)
    return f"; did you mean {of_case[near[0]]!r}?" if near else ""


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="d2l-linreg",
        description="Two MXNet notebooks on linear regression, with the numbers they published.",
        epilog="Example: d2l-linreg reproduce")
    parser.add_argument("--version", action="version", version=__version__,
                        help="print the version of this package")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(metavar="COMMAND")
    for add in (_add_reproduce, _add_train, _add_launch, _add_run, _add_notebooks, _add_info,
                _add_node):
        add(commands)
    return parser


def _add_reproduce(commands: Any) -> None:
    parser = commands.add_parser(
        "reproduce", help="hold every published figure against a fresh run",
        description="Train afresh and print every published figure beside the reproduced one. "
                    "Exits 0 if none is different, 1 if one is.",
        epilog="Example: d2l-linreg reproduce --notebook d2l --json figures.json")
    parser.add_argument("-v", "--verbose", action="store_true",
                        help="print every figure, published and reproduced")
    parser.add_argument("--notebook", choices=published.NOTEBOOKS,
                        help="reproduce this one alone (default: both)")
    parser.add_argument("--ctx", default="cpu", help="where to train (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=1000, metavar="N",
                        help="hold the training figures against N other shuffles, 1,000 or more; "
                        "or 0 for none (default: %(default)s)")
    for option, what in (("--html", "a page with all of it, and pictures"),
                         ("--json", "the figures"), ("--junit", "a test case for each figure"),
                         ("--markdown", "the table, as for a CI's summary")):
        parser.add_argument(option, metavar="PATH", type=_new_file, help=f"write {what} there")
    parser.set_defaults(command=_reproduce)


def _reproduce(arguments: Namespace) -> int:
    with step("loading MXNet"):
        from .reproduction.printed import lines, painted
        from .reproduction.reproduce import reproduce

    wanted = {name: getattr(arguments, name) for name in ("json", "junit", "markdown", "html")
              if getattr(arguments, name)}
    _check_distinct(wanted.values())
    if wanted:
        from .reproduction import reports  # and, slowly, matplotlib

        if arguments.html:
            reports.page_template()  # what it lacks is said before the work
    reproduction = reproduce(arguments.notebook, ctx=arguments.ctx, runs=arguments.runs)
    written = _all_written(*(
        lambda name=name, path=path: write_whole(path, getattr(reports, "to_" + name)(reproduction))
        for name, path in wanted.items()))
    colour = has_colour(sys.stdout)
    for line in lines(reproduction, arguments.verbose):
        print(painted(line) if colour else line)
    _tell_leftovers()
    return 0 if written and reproduction.ok else 1


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train", help="train as a notebook does",
        description="Train as a notebook does, and print what it prints. What is left out is the "
                    "notebook's own; then the examples come in an order found by search, which "
                    "is not the authors' own. At the end stands what was learned.",
        epilog="Example: d2l-linreg train straight_dope --num-epochs 3 --save run.result")
    parser.add_argument("notebook", nargs="?", default="d2l", choices=published.NOTEBOOKS,
                        metavar="NOTEBOOK", help="d2l (the default) or straight_dope")
    parser.add_argument("--data", metavar="FILE", help="your own examples: a table (.csv, "
                        ".parquet), or features (.npy, which may be larger than memory)")
    parser.add_argument("--label", metavar="COLUMN", help="the table's column of labels")
    parser.add_argument("--labels", metavar="FILE", help="labels that go with features in .npy")
    parser.add_argument("--engine", default=ENGINES[0], choices=ENGINES,
                        help="who takes the steps, all to the same bits (default: %(default)s)")
    parser.add_argument("--ctx", default="auto",
                        help="where to train: auto, cpu, gpu or gpu(1); several devices as "
                        "gpu(0),gpu(1) (default: %(default)s)")
    parser.add_argument("--kvstore", choices=("local", "device", "dist_sync"),
                        help="MXNet's store that adds up gradients; dist_sync is what launch adds")
    defaults = [", ".join(f"{getattr(own.settings, name)} for {own.name}"
                          for own in NOTEBOOKS.values())
                for name in ("learning_rate", "num_epochs", "batch_size")]
    parser.add_argument("--learning-rate", type=float, metavar="X",
                        help=f"how far a step goes (default: {defaults[0]})")
    parser.add_argument("--num-epochs", type=int, metavar="N",
                        help=f"how often to go through the examples (default: {defaults[1]})")
    parser.add_argument("--batch-size", type=int, metavar="N",
                        help=f"examples a step (default: {defaults[2]})")
    parser.add_argument("--shuffle-seed", type=int, metavar="N", help="shuffle the examples by it "
                        "(default: the order found by search, or 0 on other data or settings)")
    parser.add_argument("--plot", metavar="FILE", type=_new_file,
                        help="draw the loss and the fit there; the ending says in which format")
    parser.add_argument("--save", metavar="FILE", type=_new_file,
                        help="write the result there, for TrainResult.load")
    parser.add_argument("--json", metavar="FILE", type=_new_file,
                        help="write there what was learned, and how, for other programs")
    parser.add_argument("--checkpoint", metavar="FILE", type=_new_file,
                        help="keep there, once a second or, as it grows, more rarely, where "
                        "training stands; if it is there, go on from it, to the same bits")
    parser.set_defaults(command=_train)


def _train(arguments: Namespace) -> int:
    with step("loading MXNet"):
        from .distributed.group import is_first_worker
        from .training import fit
        from .training.train import train

    picture_format = _picture_format(arguments.plot)
    _check_distinct([arguments.data, arguments.labels, arguments.plot, arguments.save,
                     arguments.json, arguments.checkpoint])
    unsaved = False
    try:
        result = train(arguments.notebook, labels=arguments.labels,
                       data=_data(arguments.data, arguments.label, arguments.labels),
                       ctx=arguments.ctx.split(",") if "," in arguments.ctx else arguments.ctx,
                       learning_rate=arguments.learning_rate, num_epochs=arguments.num_epochs,
                       batch_size=arguments.batch_size, shuffle_seed=arguments.shuffle_seed,
                       engine=arguments.engine, kvstore=arguments.kvstore,
                       checkpoint=arguments.checkpoint)
    except CheckpointError as error:
        print(f"d2l-linreg: {error}", file=sys.stderr)
        result, unsaved = error.result, True
    if not is_first_worker(arguments.kvstore):
        return 0

    def plot() -> None:
        picture = io.BytesIO()
        result.plot().savefig(picture, format=picture_format)
        write_whole(arguments.plot, picture.getvalue())

    written = _all_written(
        *[lambda: result.save(arguments.save)] if arguments.save else [],
        *[lambda: write_whole(arguments.json, fit.to_json(result))] if arguments.json else [],
        *[plot] if arguments.plot else [])
    print("", *fit.lines(result), sep="\n")
    return 0 if written and not unsaved else 1


def _all_written(*writings: Callable[[], None]) -> bool:
    """Whether all could be done; each is tried, and what could not be written is told."""
    failed = False
    for write in writings:
        try:
            write()
        except (ArgumentError, OSError) as error:  # ArgumentError: data that changed since
            print(f"d2l-linreg: {error}", file=sys.stderr)
            failed = True
        except Exception:  # a bug, which is not to cost what comes after it
            traceback.print_exc()
            failed = True
    return not failed


def _data(path: str | None, label: str | None, labels: str | None) -> Any:
    """A table's features and labels, or a file's name, for `train` to map."""
    if path is label is labels is None:
        return None
    in_npy = path is not None and path.endswith(".npy")
    if path is None or (label is None, labels is None) != (in_npy, not in_npy):
        raise ArgumentError("--data FILE.csv or FILE.parquet goes with --label COLUMN, --data "
                            "FILE.npy with --labels FILE.npy")
    if "://" in path and not os.path.exists(path):
        raise ArgumentError(f"--data is {path!r}; it takes files, not URLs: download it first")
    if label is None:
        return path
    from .training.tables import table

    return table(path, label)


def _picture_format(path: str | None) -> str | None:
    """The format in which to draw into a file."""
    if path is None:
        return None
    from matplotlib.figure import Figure

    formats = Figure().canvas.get_supported_filetypes()
    ending = os.path.splitext(path)[1][1:].lower()
    if ending not in formats:
        raise ArgumentError(f"--plot is {path!r}; its ending must be one of "
                            f"{', '.join(sorted(formats))}")
    return ending


def _add_launch(commands: Any) -> None:
    parser = commands.add_parser(
        "launch", help="train in several processes, on one machine or several",
        description="Start MXNet's scheduler, servers and workers, which train together: each "
                    "worker takes --batch-size examples of every step. If one dies, or stands "
                    "still, all are ended, and it exits 1.",
        usage="%(prog)s [-h] -n WORKERS [-s SERVERS] [--address ADDRESS] [--hosts FILE] "
              "[--patience SECONDS] -- train ...",
        epilog="Example: d2l-linreg launch -n 2 -- train --batch-size 5")
    parser.add_argument("-n", "--num-workers", type=int, required=True, metavar="WORKERS",
                        help="so many processes share the examples of each step")
    parser.add_argument("-s", "--num-servers", type=int, default=1, metavar="SERVERS",
                        help="they add up the workers' gradients (default: %(default)s)")
    parser.add_argument("--address", metavar="ADDRESS", help="this machine's address, on which "
                        "the processes here listen (default: 127.0.0.1)")
    parser.add_argument("--hosts", metavar="FILE", help="start servers and workers over ssh, on "
                        "the machines this file names, an address or ADDRESS:SSHPORT a line")
    parser.add_argument("--patience", type=float, default=60, metavar="SECONDS",
                        help="name a process that stands still for so long, and end all after ten "
                        "times as long (default: %(default)s)")
    parser.add_argument("train", nargs=argparse.REMAINDER, help="-- and a train command")
    parser.set_defaults(command=_launch)


def _launch(arguments: Namespace) -> int:
    from .distributed.launch import launch

    as_integer("WORKERS", arguments.num_workers, 1)
    as_integer("SERVERS", arguments.num_servers, 1)
    command = arguments.train[arguments.train[:1] == ["--"]:]
    try:
        trained = _parser().parse_args(command)
    except SystemExit as stop:
        return int(stop.code or 0)
    if trained.command is not _train or trained.kvstore not in (None, "dist_sync"):
        raise ArgumentError(f"after -- comes {' '.join(command)!r}; only train can be launched, "
                            "with kvstore dist_sync")
    if arguments.hosts and not arguments.address:
        raise ArgumentError("--hosts goes with --address, the address at which the other machines "
                            "find this one")
    return launch(command, arguments.num_workers, arguments.num_servers,
                  arguments.address or "127.0.0.1", arguments.hosts, arguments.patience)


def _add_run(commands: Any) -> None:
    parser = commands.add_parser(
        "run", help="run someone's notebook as it was run when its outputs were stored",
        description="Execute a notebook (.ipynb, or Markdown with fenced python) in a real kernel, "
                    "with MXNet behaving as it did when the notebook was run; write it with "
                    "its outputs, and compare them with those it came with. A notebook is a "
                    "program, and runs as you. Exits 0 if no output is different and no cell "
                    "failed.",
        epilog="Example: d2l-linreg notebooks . && d2l-linreg run d2l.ipynb")
    parser.add_argument("notebook", metavar="NOTEBOOK", help="the file; it is only read")
    parser.add_argument("--as", dest="era", choices=("auto", *published.NOTEBOOKS, *ERAS, TODAY),
                        default="auto", help="as which it runs: a published notebook, or MXNet of "
                        "those years; today only has MXNet load (default: by the numbers that it "
                        "holds, or else by its imports)")
    parser.add_argument("--swapped-pairs", action="store_true", help="with --as: swap each pair of "
                        "normal numbers, as on macOS and Windows")
    parser.add_argument("--numpy-printing", choices=("1.13", "1.16"), help="with --as: print "
                        "arrays as by that NumPy (default: that of the era)")
    parser.add_argument("--output", metavar="OUT.ipynb", type=_new_file,
                        help="default: NOTEBOOK's name with -executed.ipynb, in this folder")
    parser.add_argument("--html", metavar="OUT.html", type=_new_file, help="write a page, too")
    parser.add_argument("--json", metavar="OUT.json", type=_new_file,
                        help="write how the cells compare there")
    parser.add_argument("--ctx", help="MXNet's default device; cpu also stands in for GPUs")
    parser.add_argument("--timeout", type=_seconds, metavar="SECONDS",
                        help="end it if a cell takes longer (default: never)")
    parser.add_argument("--allow-installs", action="store_true", help="run lines that begin with "
                        "!pip, %%pip, !conda, !apt or the like, with the pip of this environment")
    parser.set_defaults(command=_run)


def _seconds(text: str) -> float:
    seconds = float(text)  # argparse tells what is none
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give seconds, above 0")
    return seconds


def _run(arguments: Namespace) -> int:
    path, html = arguments.notebook, arguments.html
    if not os.path.isfile(path):
        raise ArgumentError(f"NOTEBOOK is {path!r}; there is no such file")
    output = arguments.output or _executed(path)
    _check_distinct([path, output, html, arguments.json])
    options = {"swapped_pairs": arguments.swapped_pairs, "numpy_printing": arguments.numpy_printing}
    if arguments.era == "auto" and any(options.values()):
        raise ArgumentError("--swapped-pairs and --numpy-printing go with --as ERA; auto finds out "
                            "by itself")
    try:
        import nbformat

        from .originals import execution
        from .originals.kernel import signals_held
        if html:
            from .originals.page import to_page
    except ImportError as error:
        raise ImportError(f"{error}; `run` needs the extra notebooks: pip install "
                          "'.[notebooks]'") from error
    if arguments.era != "auto":
        from .originals.as_published import checked

        checked(arguments.era, arguments.ctx, **options)
    elif arguments.ctx:
        from .contexts import as_context

        as_context(arguments.ctx)
    with signals_held() as held:  # until all is written
        executed = execution.run(path, arguments.era, arguments.ctx, timeout=arguments.timeout,
                                 allow_installs=arguments.allow_installs, **options)
        written = _all_written(
            lambda: write_whole(output, nbformat.writes(executed.notebook) + "\n"),
            *[lambda: write_whole(arguments.json, executed.to_json())] if arguments.json else [],
            *[lambda: write_whole(html, to_page(executed.notebook))] if html else [])
    print(executed)
    if written:
        print(printable(" ".join(["written:", *filter(None, (output, html, arguments.json))])))
    if held.came:
        return 128 + held.came[0]  # as a shell reports it
    return 0 if written and executed.ok else 1


def _executed(path: str) -> str:
    """The file, in this folder, that an executed notebook goes to by default."""
    output = os.path.splitext(os.path.basename(path))[0] + "-executed.ipynb"
    if os.path.lexists(output):
        raise ArgumentError(f"{output!r} exists; name another file with --output")
    check_writable(repr(output), output)
    return output


def _add_notebooks(commands: Any) -> None:
    parser = commands.add_parser(
        "notebooks", help="copy both notebooks into a folder",
        description="Copy the two notebooks of this package into a folder.",
        epilog="Example: d2l-linreg notebooks course")
    parser.add_argument("folder", metavar="DIR", help="made if it is not there")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    parser.set_defaults(command=_notebooks)


def _notebooks(arguments: Namespace) -> int:
    package = os.path.dirname(os.path.abspath(__file__))
    source = os.path.join(package, "notebooks")
    if not os.path.isdir(source):  # a checkout, where they stand beside the package
        source = os.path.join(os.path.dirname(package), "notebooks")
    targets = {os.path.join(arguments.folder, name + ".ipynb"):
               os.path.join(source, name + ".ipynb") for name in published.NOTEBOOKS}
    there = list(filter(os.path.lexists, targets))
    if there and not arguments.force:
        raise ArgumentError(f"there already: {', '.join(there)}; choose another folder, or replace "
                            "what is there with --force")
    try:
        os.makedirs(arguments.folder, exist_ok=True)
    except OSError as error:
        raise ArgumentError(f"DIR is {arguments.folder!r}: {error}") from error
    for target in targets:
        check_writable(repr(target), target)

    def copy(target: str, path: str) -> None:
        with open(path, encoding="utf-8") as file:
            write_whole(target, file.read())
        written.append(printable(target))

    written: list[str] = []
    all_written = _all_written(*(functools.partial(copy, target, path)
                                 for target, path in targets.items()))
    print(*written, sep="\n")
    return 0 if all_written else 1


def _add_info(commands: Any) -> None:
    what = "versions, devices, and what keeps numbers from being exact here"
    parser = commands.add_parser("info", help=what, description=f"Tell {what}.",
                                 epilog="Example: d2l-linreg info")
    parser.set_defaults(command=_info)


def _info(arguments: Namespace) -> int:
    from .reproduction.environment import describe, shortfalls

    for name, value in describe().items():
        print(f"{name:22}{value}")
    print()
    print("\n".join(shortfalls()) or "Nothing here keeps the published numbers from being exact.")
    _tell_leftovers()
    return 0


def _tell_leftovers() -> None:
    from .reproduction.installed import leftovers

    left = leftovers()
    if left:
        print(f"\n{left}", file=sys.stderr)


def _add_node(commands: Any) -> None:
    parser = commands.add_parser(
        "node", description="What launch starts. By hand: a scheduler or a server, as DMLC_ROLE "
                            "in the environment says.")
    parser.add_argument("train", nargs=argparse.REMAINDER, help="what launch gives it")
    parser.set_defaults(command=_node)


def _node(arguments: Namespace) -> int:
    from .distributed.node import node

    return node(arguments.train, main)


def _new_file(path: str) -> str:
    try:
        check_writable(repr(path), path)
    except ArgumentError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return path


def _check_distinct(paths: Iterable[str | None]) -> None:
    """See that of the files to read and to write, as far as they are named, no two are one."""
    named = [path for path in paths if path]
    if len({os.path.realpath(path) for path in named}) < len(named):
        raise ArgumentError(f"of {', '.join(map(repr, named))} two are the same; name a file for "
                            "each")
