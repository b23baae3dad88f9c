"""One of several processes: what `launch` starts, or someone by hand, as `d2l-linreg node`.

DMLC_ROLE in its environment says whether it is the scheduler, a server or a worker; MXNet reads
that, and the addresses, as `docs/machines.md` describes.
"""
import contextlib
import ipaddress
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from ..errors import ArgumentError

Main = Callable[[list[str]], int]  # the command line, as a function of its arguments

ENVIRONMENT = ("DMLC_ROLE", "DMLC_PS_ROOT_URI", "DMLC_PS_ROOT_PORT", "DMLC_NUM_WORKER",
               "DMLC_NUM_SERVER")
# An array of at least so many numbers is divided among all servers; MXNet's own bound is a
# thousand times as high, and below it a model like ours would lie on one server alone.
DIVIDED = "1000"
BEAT = 0.25  # seconds between two signs of life

_turns = 0  # how often this process began or ceased to wait for others: odd while it waits


def node(arguments: list[str], main: Main) -> int:
    """Be what `launch` started this process for, or someone by hand.

    Parameters
    ----------
    arguments : list of str
        Of `main`, from `launch`; none for a scheduler or server that is started by hand, or by
        another launcher.
    main : callable
        The command line, for a worker.

    Returns
    -------
    int
        The exit status.
    """
    if not arguments:
        return work(main)
    _watch_launcher()
    host, port = os.environ["DMLC_NODE_HOST"], os.environ["DMLC_PS_ROOT_PORT"]
    if os.environ["DMLC_ROLE"] != "scheduler":
        reserved = reserve("DMLC_NODE_HOST", host)
        port = os.environ["PORT"] = str(reserved.getsockname()[1])  # where MXNet then listens
        reserved.detach()  # which leaves it reserved until this process ends
    _show_life(f"{host}:{port}")
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return work(main, *arguments)


def work(main: Main, *arguments: str) -> int:
    """Be the scheduler, a server or a worker, as DMLC_ROLE says.

    Parameters
    ----------
    main : callable
    *arguments : str
        Of `main`, for a worker.

    Returns
    -------
    int
        0; a worker that fails ends here, as MXNet's own end would wait for the other workers.

    Raises
    ------
    ArgumentError
        If the environment does not say what to be.
    """
    missing = [name for name in ENVIRONMENT if name not in os.environ]
    if missing:
        raise ArgumentError(
            f"{', '.join(missing)} not set; d2l-linreg launch sets what a node needs")
    if int(os.environ["DMLC_NUM_SERVER"]) > 1:
        os.environ.setdefault("MXNET_KVSTORE_BIGARRAY_BOUND", DIVIDED)
    if os.environ["DMLC_ROLE"] != "worker":
        pickle.loads = _refuse  # type: ignore[assignment]  # as MXNet's server does to what anyone who reaches it sends
        from ..compat.mxnet import mx  # noqa: F401, in these roles MXNet serves while it loads
        return 0
    status = main([*arguments, "--kvstore", "dist_sync"])
    sys.stdout.flush()
    if status:
        sys.stderr.flush()
        os._exit(status)
    return status


def _refuse(content: object) -> NoReturn:
    raise pickle.UnpicklingError("this server unpickles nothing: no optimizer is sent to it")


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """Inside the block this process waits for others, and its signs of life say so."""
    global _turns
    _turns += 1
    try:
        yield
    finally:
        _turns += 1


def _show_life(where: str) -> None:
    """Tell the launcher again and again, on standard error, what this process does, and where.

    A line that begins with a NUL, which no text does. A process that stands still tells nothing.
    """
    def beat() -> None:
        seen = 0
        with contextlib.suppress(OSError):  # nobody listens any more
            while True:
                now = _turns
                does = "steps" if now != seen else "waits" if now % 2 else "works"
                os.write(2, f"\0{does} {where}\n".encode())
                seen = now
                time.sleep(BEAT)

    threading.Thread(target=beat, daemon=True).start()


def _watch_launcher() -> None:
    """End this process when its standard input does: with the launcher, or the connection."""
    def wait() -> None:
        while os.read(0, 1024):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def reserve(name: str, address: str) -> socket.socket:
    """Find a free port of this machine, and keep it from others.

    Parameters
    ----------
    name : str
        What to call the address in an error.
    address : str
        Of this machine.

    Returns
    -------
    socket.socket
        Whose name is the address, as numbers, and the port.

    Raises
    ------
    ArgumentError
        If nothing can listen there.
    """
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        address = socket.gethostbyname(address)
        if ipaddress.ip_address(address).is_unspecified:
            raise OSError("it stands for all addresses")
        # Bound but not listening: MXNet, which allows reuse too, can still have it.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((address, 0))
    except OSError as error:
        reserved.close()
        raise ArgumentError(f"{name} is {address!r}, where nothing can listen: {error}; give "
                            "one address of this machine") from error
    return reserved


def status_in_words(status: int) -> str:
    """How a process ended, by its exit status or a shell's report of it."""
    if status == 255:  # ssh's, for both
        return "killed, or its connection lost"
    if 128 < status < 192:  # as a shell reports a signal
        status = 128 - status
    if status < 0:
        name = "".join(f" ({s.name})" for s in signal.Signals if s == -status)
        return f"killed by signal {-status}{name}"
    return f"ended with status {status}"
