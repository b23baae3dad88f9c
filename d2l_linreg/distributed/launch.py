"""Several workers: MXNet's scheduler, servers and workers as processes, watched until they end.

Every process listens on the address it was given, and nowhere else. Each has a pipe from the
launcher as its standard input, and ends when that ends: so whatever becomes of the launcher,
or of the connection to another machine, nobody is left behind.
"""
import contextlib
import ipaddress
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping

from ..errors import ArgumentError
from .node import command_of, reserve, status_in_words

WATCHED = 0.05  # seconds between two looks at the processes
PARTING = 5.0  # seconds that scheduler and servers get to end once all workers have


def launch(arguments: list[str], num_workers: int, num_servers: int, address: str,
           hosts: str | None = None) -> int:
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
    ArgumentError
        If `address` is none of this machine's, `hosts` cannot be read, or a shell would take
        this folder's name apart, or Python's.
    """
    address, reserved = reserve(address)
    command = command_of("work", *arguments)
    with contextlib.closing(reserved), _Processes() as processes, _sigterm_as_exit():
        if hosts is not None:
            _check_hosts(hosts)
            processes.start("workers over ssh", command_of(
                "over_ssh", *command, hosts=hosts, address=address, num_workers=num_workers,
                num_servers=num_servers), os.environ)
            return processes.watch()
        environ = dict(
            os.environ, DMLC_PS_ROOT_URI=address, DMLC_NODE_HOST=address,
            DMLC_PS_ROOT_PORT=str(reserved.getsockname()[1]),
            DMLC_NUM_WORKER=str(num_workers), DMLC_NUM_SERVER=str(num_servers))
        # Workers that each took all cores would wait for one another.
        environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // num_workers, 1)))
        for name in (["scheduler"] + [f"server {i}" for i in range(num_servers)]
                     + [f"worker {i}" for i in range(num_workers)]):
            processes.start(name, command, dict(environ, DMLC_ROLE=name.partition(" ")[0]))
        return processes.watch()


def _check_hosts(path: str) -> None:
    try:
        with open(path, encoding="utf-8") as file:
            hosts = file.read().split()
        for host in hosts:
            ipaddress.IPv4Address(re.sub(r":\d+$", "", host))
        if not hosts:
            raise ValueError("it names none")
    except (OSError, ValueError) as error:
        raise ArgumentError(f"--hosts is {path!r}: {error}; give a file with a machine's numeric "
                            "address a line, or ADDRESS:PORT of its ssh server") from error
    for path in (os.getcwd(), sys.executable):
        if shlex.quote(path) != path:
            raise ArgumentError(f"--hosts does not work with {path!r}, a name that a shell takes "
                                "apart; use a folder without such characters")


class _Processes:
    """Processes with names, of which none outlives the `with` block."""

    def __init__(self) -> None:
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.readers: list[threading.Thread] = []

    def __enter__(self) -> "_Processes":
        return self

    def start(self, name: str, command: list[str], environ: Mapping[str, str]) -> None:
        # In a session of its own, so that Ctrl-C reaches the launcher alone, which ends them all
        process = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True)
        self.running[name] = process
        self.readers.append(threading.Thread(target=_pass_on, args=(name, process), daemon=True))
        self.readers[-1].start()

    def watch(self) -> int:
        """Wait for all workers, or for the first process that dies; see `launch`."""
        while True:
            ended = {name: process.poll() for name, process in self.running.items()}
            died = {name: status for name, status in ended.items() if status}
            if died:
                self.end()
                for name, status in died.items():
                    print(f"d2l-linreg launch: {name} died: {status_in_words(status)}; all others "
                          "were ended", file=sys.stderr)
                return 2 if set(died.values()) == {2} else 1
            if all(status == 0 for name, status in ended.items() if name.startswith("worker")):
                self._part()
                return 0
            time.sleep(WATCHED)

    def _part(self) -> None:
        deadline = time.monotonic() + PARTING
        for process in self.running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0))

    def end(self) -> None:
        for process in self.running.values():
            with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone already
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.running.values():
            process.wait()
        for reader in self.readers:
            reader.join(1)

    def __exit__(self, *error: object) -> None:
        self.end()


def _pass_on(name: str, process: subprocess.Popen[bytes]) -> None:
    for line in process.stderr or ():
        sys.stderr.write(f"{name}: {line.decode(errors='replace')}")
        sys.stderr.flush()


@contextlib.contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """SIGTERM inside the block leaves it, with the status a shell reports."""
    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
