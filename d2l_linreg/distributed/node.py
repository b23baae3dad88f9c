"""One of several processes: what `launch` starts, or someone by hand, as `d2l-linreg node`.

DMLC_ROLE in its environment says whether it is the scheduler, a server or a worker; MXNet reads
that, and the addresses, as `docs/machines.md` describes.
"""
import argparse
import base64
import functools
import ipaddress
import json
import os
import pickle
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from ..errors import ArgumentError

Main = Callable[[list[str]], int]  # the command line, as a function of its arguments

ENVIRONMENT = ("DMLC_ROLE", "DMLC_PS_ROOT_URI", "DMLC_PS_ROOT_PORT", "DMLC_NUM_WORKER",
               "DMLC_NUM_SERVER")
# An array of at least so many numbers is divided among all servers; MXNet's own bound is a
# thousand times as high, and below it a model like ours would lie on one server alone.
DIVIDED = "1000"


def command_of(function: str, *arguments: str, **options: Any) -> list[str]:
    """The command of a process that calls a function of this module.

    What it is given goes in letters that no shell touches.
    """
    given = json.dumps([function, arguments, options]).encode()
    return [sys.executable, "-m", "d2l_linreg", "node", base64.urlsafe_b64encode(given).decode()]


def node(given: str | None, main: Main) -> int:
    """Be what `launch` started this process for.

    Parameters
    ----------
    given : str or None
        The last word of a `command_of`; None for a scheduler or server that is started by hand,
        or by another launcher.
    main : callable
        The command line, for a worker.

    Returns
    -------
    int
        The exit status.
    """
    if given is None:
        return work(main)
    _watch_launcher()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    function, arguments, options = json.loads(base64.urlsafe_b64decode(given))
    return (over_ssh if function == "over_ssh" else work)(main, *arguments, **options)


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


def over_ssh(main: Main, *command: str, hosts: str, address: str, num_workers: int,
             num_servers: int) -> int:
    """Run a command on several machines by the launcher that MXNet's wheel ships.

    It starts the scheduler here, and each server and worker by an `ssh` of its own, in this
    folder. What it lacks is added: a word about a process that dies, and an end then.
    """
    from dmlc_tracker import ssh as launcher
    from dmlc_tracker import tracker

    _, reserved = reserve(address)
    port = reserved.getsockname()[1]
    reserved.close()
    tracker.PSTracker = functools.partial(tracker.PSTracker, port=port, port_end=port + 1)
    threading.Thread.isAlive = threading.Thread.is_alive  # type: ignore[attr-defined]  # its old name
    threading.excepthook = _name_the_dead
    own = threading.enumerate()
    launcher.submit(argparse.Namespace(
        host_file=hosts, host_ip=address, num_workers=num_workers, num_servers=num_servers,
        sync_dst_dir=None, command=command))
    for thread in set(threading.enumerate()).difference(own):  # the scheduler has ended, they soon
        thread.join()
    return 0


def _name_the_dead(failed: threading.ExceptHookArgs) -> NoReturn:
    """Say which process it was for which a thread of MXNet's launcher waited; end all."""
    error = failed.exc_value
    command, status = str(getattr(error, "cmd", "")), getattr(error, "returncode", None)
    there = re.search(r"DMLC_ROLE=(\w+);.* DMLC_NODE_HOST=([\d.]+);", command)
    who = " on ".join(there.groups()) if there else "scheduler"
    if status is None:
        how = str(error)
    else:  # ssh's 255 is for both
        how = "killed, or its connection lost" if status == 255 else status_in_words(status)
    print(f"{who} died: {how}", file=sys.stderr, flush=True)
    os._exit(1)


def _watch_launcher() -> None:
    """End this process when its standard input does: with the launcher, or the connection."""
    def wait() -> None:
        while os.read(0, 1024):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def reserve(address: str) -> tuple[str, socket.socket]:
    """Find a free port of this machine.

    Parameters
    ----------
    address : str
        Of this machine.

    Returns
    -------
    address : str
        As numbers.
    reserved : socket.socket
        Keeps the port from others.

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
        # Bound but not listening: MXNet's scheduler, which allows reuse too, can still have it.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((address, 0))
    except OSError as error:
        reserved.close()
        raise ArgumentError(f"--address is {address!r}, where nothing can listen: {error}; give "
                            "one address of this machine") from error
    return address, reserved


def status_in_words(status: int) -> str:
    """How a process ended, by its exit status or a shell's report of it."""
    if 128 < status < 192:  # as a shell reports a signal
        status = 128 - status
    if status < 0:
        name = "".join(f" ({s.name})" for s in signal.Signals if s == -status)
        return f"killed by signal {-status}{name}"
    return f"ended with status {status}"
