"""Several workers: MXNet's scheduler, servers and workers as processes, watched until they end.

Every process listens on the address it was given, and nowhere else. Each has a pipe from the
launcher as its standard input, and ends when that ends: so whatever becomes of the launcher,
or of the connection to another machine, nobody is left behind.
"""
import argparse
import base64
import contextlib
import functools
import ipaddress
import json
import os
import pickle
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time

WATCHED = 0.05  # seconds between two looks at the processes
PARTING = 5.0  # seconds that scheduler and servers get to end once all workers have
# An array of at least so many numbers is divided among all servers; MXNet's own bound is a
# thousand times as high, and below it a model like ours would lie on one server alone.
DIVIDED = "1000"


def launch(arguments, num_workers, num_servers, address, hosts=None):
    """Run a `d2l-linreg train` command in several workers.

    Parameters
    ----------
    arguments : list of str
        Of `d2l-linreg`, beginning with "train"; `--kvstore dist_sync` is added.
    num_workers, num_servers : int
    address : str
        Of this machine: where the scheduler listens, and on this machine all others.
    hosts : str, optional
        Name of a file with a machine a line, as ADDRESS or ADDRESS:PORT of its ssh server, over
        which servers and workers are dealt in turn. By default all run on this machine.

    Returns
    -------
    int
        0 if all workers did; 1 if a process died, which is then named on standard error, and
        all others have been ended; 2 if it was for a wrong argument.

    Raises
    ------
    ValueError
        If `address` is none of this machine's, `hosts` cannot be read, or a shell would take
        this folder's name apart, or Python's.
    """
    address, reserved = _reserve(address)
    command = _node("node", *arguments)
    with contextlib.closing(reserved), _Processes() as processes, _sigterm_as_exit():
        if hosts is not None:
            _check_hosts(hosts)
            processes.start("workers over ssh", _node(
                "ssh", *command, hosts=hosts, address=address, num_workers=num_workers,
                num_servers=num_servers), os.environ)
            return processes.watch()
        environ = dict(
            os.environ, DMLC_PS_ROOT_URI=address, DMLC_NODE_HOST=address,
            DMLC_PS_ROOT_PORT=str(reserved.getsockname()[1]),
            DMLC_NUM_WORKER=str(num_workers), DMLC_NUM_SERVER=str(num_servers))
        # Workers that each took all cores would wait for one another.
        environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // num_workers, 1)))
        for name in (["scheduler"] + ["server {}".format(i) for i in range(num_servers)]
                     + ["worker {}".format(i) for i in range(num_workers)]):
            processes.start(name, command, dict(environ, DMLC_ROLE=name.partition(" ")[0]))
        return processes.watch()


def _reserve(address):
    """The address as numbers, and a socket that keeps a free port of it from others."""
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
        raise ValueError("--address is {!r}, where nothing can listen: {}; give one address of "
                         "this machine".format(address, error)) from error
    return address, reserved


def _check_hosts(path):
    try:
        with open(path, encoding="utf-8") as file:
            hosts = file.read().split()
        for host in hosts:
            ipaddress.IPv4Address(re.sub(r":\d+$", "", host))
        if not hosts:
            raise ValueError("it names none")
    except (OSError, ValueError) as error:
        raise ValueError("--hosts is {!r}: {}; give a file with a machine's numeric address a "
                         "line, or ADDRESS:PORT of its ssh server".format(path, error)) from error
    for path in (os.getcwd(), sys.executable):
        if shlex.quote(path) != path:
            raise ValueError("--hosts does not work with {!r}, a name that a shell takes apart; "
                             "use a folder without such characters".format(path))


def _node(function, *arguments, **options):
    """The command of a process that calls a function of `_FUNCTIONS`.

    What it is given goes in letters that no shell touches.
    """
    given = json.dumps([function, arguments, options]).encode()
    return [sys.executable, "-m", "d2l_linreg.distributed.launch", base64.urlsafe_b64encode(given).decode()]


class _Processes:
    """Processes with names, of which none outlives the `with` block."""

    def __init__(self):
        self.running, self.readers = {}, []

    def __enter__(self):
        return self

    def start(self, name, command, environ):
        # In a session of its own, so that Ctrl-C reaches the launcher alone, which ends them all
        process = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True)
        self.running[name] = process
        self.readers.append(threading.Thread(target=_pass_on, args=(name, process), daemon=True))
        self.readers[-1].start()

    def watch(self):
        """Wait for all workers, or for the first process that dies; see `launch`."""
        while True:
            ended = {name: process.poll() for name, process in self.running.items()}
            died = {name: status for name, status in ended.items() if status}
            if died:
                self.end()
                for name, status in died.items():
                    print("d2l-linreg launch: {} died: {}; all others were ended".format(
                        name, _reason(status)), file=sys.stderr)
                return 2 if set(died.values()) == {2} else 1
            if all(status == 0 for name, status in ended.items() if name.startswith("worker")):
                self._part()
                return 0
            time.sleep(WATCHED)

    def _part(self):
        deadline = time.monotonic() + PARTING
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0))

    def end(self):
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone already
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.running.values():
            process.wait()
        for reader in self.readers:
            reader.join(1)

    def __exit__(self, *error):
        self.end()


def _pass_on(name, process):
    for line in process.stderr:
        sys.stderr.write("{}: {}".format(name, line.decode(errors="replace")))
        sys.stderr.flush()


def _reason(status):
    if 128 < status < 192:  # as a shell reports a signal
        status = 128 - status
    if status < 0:
        name = "".join(" ({})".format(s.name) for s in signal.Signals if s == -status)
        return "killed by signal {}{}".format(-status, name)
    return "ended with status {}".format(status)


@contextlib.contextmanager
def _sigterm_as_exit():
    """SIGTERM inside the block leaves it, with the status a shell reports."""
    def leave(number, frame):
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _watch_launcher():
    """End this process when its standard input does: with the launcher, or the connection."""
    def wait():
        while os.read(0, 1024):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def node(*arguments):
    """Be the scheduler, a server or a worker, as DMLC_ROLE says.

    Parameters
    ----------
    *arguments : str
        Of `d2l-linreg`, for a worker.

    Returns
    -------
    int
        0; a worker that fails ends here, as MXNet's own end would wait for the other workers.
    """
    if int(os.environ["DMLC_NUM_SERVER"]) > 1:
        os.environ.setdefault("MXNET_KVSTORE_BIGARRAY_BOUND", DIVIDED)
    if os.environ["DMLC_ROLE"] != "worker":
        pickle.loads = _refuse  # as MXNet's server does to what anyone who reaches it sends
        from ..compat.mxnet import mx  # noqa: F401, in these roles MXNet serves while it is imported
        return 0
    from ..cli import main

    status = main([*arguments, "--kvstore", "dist_sync"])
    sys.stdout.flush()
    if status:
        sys.stderr.flush()
        os._exit(status)
    return status


def _refuse(content):
    raise pickle.UnpicklingError("this server unpickles nothing: no optimizer is sent to it")


def ssh(*command, hosts, address, num_workers, num_servers):
    """Run a command on several machines by the launcher that MXNet's wheel ships.

    It starts the scheduler here, and each server and worker by an `ssh` of its own, in this
    folder. What it lacks is added: a word about a process that dies, and an end then.
    """
    from dmlc_tracker import ssh as launcher
    from dmlc_tracker import tracker

    _, reserved = _reserve(address)
    port = reserved.getsockname()[1]
    reserved.close()
    tracker.PSTracker = functools.partial(tracker.PSTracker, port=port, port_end=port + 1)
    threading.Thread.isAlive = threading.Thread.is_alive  # its name until Python 3.9
    threading.excepthook = _name_the_dead
    own = threading.enumerate()
    launcher.submit(argparse.Namespace(
        host_file=hosts, host_ip=address, num_workers=num_workers, num_servers=num_servers,
        sync_dst_dir=None, command=command))
    for thread in set(threading.enumerate()).difference(own):  # the scheduler has ended, they soon
        thread.join()
    return 0


def _name_the_dead(failed):
    """Say which process it was for which a thread of MXNet's launcher waited; end all."""
    error = failed.exc_value
    command, status = str(getattr(error, "cmd", "")), getattr(error, "returncode", None)
    there = re.search(r"DMLC_ROLE=(\w+);.* DMLC_NODE_HOST=([\d.]+);", command)
    who = "{} on {}".format(*there.groups()) if there else "scheduler"
    reasons = {None: str(error), 255: "killed, or its connection lost"}  # ssh's 255 is for both
    print("{} died: {}".format(who, reasons.get(status) or _reason(status)), file=sys.stderr,
          flush=True)
    os._exit(1)


_FUNCTIONS = {"node": node, "ssh": ssh}

if __name__ == "__main__":
    if len(sys.argv) == 1:  # started by hand, or another launcher, as scheduler or server
        sys.exit(node())
    _watch_launcher()
    sys.stdout.reconfigure(line_buffering=True)
    function, given, options = json.loads(base64.urlsafe_b64decode(sys.argv[1]))
    sys.exit(_FUNCTIONS[function](*given, **options))
