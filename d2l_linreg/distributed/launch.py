"""Several workers: MXNet's scheduler, servers and workers as processes, watched until they end.

Every process listens on the address it was given, and nowhere else. Each has a pipe from the
launcher as its standard input, and ends when that ends: so whatever becomes of the launcher,
or of the connection to another machine, nobody is left behind. Each shows on its standard error
that it lives, among its own lines.
"""
import contextlib
import ipaddress
import itertools
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping

from ..errors import ArgumentError
from .node import reserve, status_in_words

WATCHED = 0.05  # seconds between two looks at the processes
ABSENT = 0.5  # seconds between two looks that count at most: then the launcher stood still itself
TIMES = 10  # as long as its patience a process may stand still
EVERY = "every worker"
PARTING = 5.0  # seconds that scheduler and servers get to end once all workers have
# What MXNet says, and aborts, when it is sent what no other MXNet sends
STRANGE = re.compile(r"ps-lite/.* Check failed: (pb\.ParseFromArray|msg->meta\.)")
PASSED_ON = ("DMLC_", "KMP_", "LD_LIBRARY_PATH", "MXNET_", "OMP_", "PYTHON")  # over ssh


def launch(arguments: list[str], num_workers: int, num_servers: int, address: str,
           hosts: str | None = None, patience: float = 60) -> int:
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
    patience : float, default 60
        Seconds, 1 or more, after which a process that stands still is named on standard error;
        after ten times as many it counts as dead.

    Returns
    -------
    int
        0 if all workers did; 1 if a process died, which is then named on standard error, and
        all others have been ended; 2 if it was for a wrong argument.

    Raises
    ------
    ArgumentError
        If `address` is none of this machine's, `hosts` cannot be read, or `patience` is no such
        time.
    """
    if not 1 <= patience < math.inf:
        raise ArgumentError(f"--patience is {patience}; give seconds, 1 or more")
    machines = None if hosts is None else itertools.cycle(_machines(hosts))
    reserved = reserve("--address", address)
    address, port = reserved.getsockname()
    command = [sys.executable, "-m", "d2l_linreg", "node", *arguments]
    environ = dict(os.environ, DMLC_PS_ROOT_URI=address, DMLC_PS_ROOT_PORT=str(port),
                   DMLC_NUM_WORKER=str(num_workers), DMLC_NUM_SERVER=str(num_servers))
    if machines is None:  # workers that each took all cores would wait for one another
        environ.setdefault("OMP_NUM_THREADS", str(max((os.cpu_count() or 1) // num_workers, 1)))
    with contextlib.closing(reserved), _Processes(patience) as processes:
        for name in (["scheduler"] + [f"server {i}" for i in range(num_servers)]
                     + [f"worker {i}" for i in range(num_workers)]):
            environ["DMLC_ROLE"] = name.partition(" ")[0]
            if machines is None or name == "scheduler":
                environ["DMLC_NODE_HOST"] = address
                processes.start(name, command, environ)
            else:
                host, ssh_port = next(machines)
                environ["DMLC_NODE_HOST"] = host
                processes.start(f"{name} on {host}",
                                _over_ssh(host, ssh_port, command, environ), os.environ)
        return processes.watch()


def _machines(path: str) -> list[tuple[str, str]]:
    """The addresses and ssh ports in a file."""
    try:
        with open(path, encoding="utf-8") as file:
            machines = [host.partition(":") for host in file.read().split()]
        for host, colon, port in machines:
            ipaddress.IPv4Address(host)
            if colon and not port.isdecimal():
                raise ValueError(f"{port!r} is no port")
        if not machines:
            raise ValueError("it names none")
    except (OSError, ValueError) as error:
        raise ArgumentError(f"--hosts is {path!r}: {error}; give a file with a machine's numeric "
                            "address a line, or ADDRESS:PORT of its ssh server") from error
    return [(host, port or "22") for host, _, port in machines]


def _over_ssh(host: str, port: str, command: list[str], environ: Mapping[str, str]) -> list[str]:
    """The command that runs a command in this folder of another machine."""
    set_there = [f"{name}={value}" for name, value in environ.items()
                 if name.startswith(PASSED_ON)]
    return ["ssh", "-o", "BatchMode=yes", "-p", port, host,  # which asks nothing
            f"cd {shlex.quote(os.getcwd())} && exec {shlex.join(['env', *set_there, *command])}"]


class _Process:
    """A process with a name, what it tells, and when it last did what by the launcher's clock."""

    def __init__(self, name: str, command: list[str], environ: Mapping[str, str],
                 launcher: "_Processes") -> None:
        self.name, self.launcher = name, launcher
        self.where = self.strange = ""
        self.last = dict.fromkeys(("steps", "works", "waits"), launcher.clock)
        # In a session of its own, so that Ctrl-C reaches the launcher alone, which ends them all
        self.popen = subprocess.Popen(command, env=environ, stdin=subprocess.PIPE,
                                      stderr=subprocess.PIPE, start_new_session=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        """Pass on its lines, and take note of its signs of life, which may cut into a line."""
        begun = ""
        for read in self.popen.stderr or ():
            text, sign, told = read.decode(errors="replace").partition("\0")
            begun += text
            if sign:
                does, _, where = told.strip().partition(" ")
                if does in self.last:
                    self.last[does], self.where = self.launcher.clock, where
                continue
            if STRANGE.search(begun):
                self.strange = (f"; something other than MXNet connected to {self.where}, a port "
                                "scanner perhaps; let nobody else reach that (on one machine by "
                                "--address 127.0.0.1, else by a firewall), and run this again")
            self._write(begun)
            begun = ""
        self._write(begun)

    def _write(self, line: str) -> None:
        if line:
            sys.stderr.write(f"{self.name}: {line}")
            sys.stderr.flush()


class _Processes:
    """Processes, of which none outlives the `with` block."""

    def __init__(self, patience: float) -> None:
        self.patience = patience
        self.processes: list[_Process] = []
        self.clock = 0.0  # seconds, but for those in which the launcher stood still itself
        self._looked = time.monotonic()
        self._all_lived = 0.0  # when
        self._late, self._still = False, set[str]()  # what was said, and holds

    def __enter__(self) -> "_Processes":
        return self

    def start(self, name: str, command: list[str], environ: Mapping[str, str]) -> None:
        self.processes.append(_Process(name, command, environ, self))

    def _workers(self) -> list[_Process]:
        return [process for process in self.processes if process.name.startswith("worker")]

    def watch(self) -> int:
        """Wait for all workers, or for the first process that dies; see `launch`."""
        while True:
            ended = {process: process.popen.poll() for process in self.processes}
            died = {process: status for process, status in ended.items() if status}
            if died:
                self.end()
                for process, status in died.items():
                    _say(f"{process.name} died: {status_in_words(status)}{process.strange}; all "
                         "others were ended")
                return 2 if set(died.values()) == {2} else 1
            if all(ended[worker] == 0 for worker in self._workers()):
                self._part()
                return 0
            if self._lost([process for process, status in ended.items() if status is None]):
                return 1
            time.sleep(WATCHED)
            now = time.monotonic()
            self.clock += min(now - self._looked, ABSENT)
            self._looked = now

    def _lost(self, running: list[_Process]) -> bool:
        """Name who stands still; whether it was for too long, and all were ended."""
        silent = {process.name: self.clock - max(process.last.values()) for process in running}
        still = {name: seconds for name, seconds in silent.items() if seconds > self.patience}
        if still:
            self._all_lived = self.clock
        workers = self._workers()  # and those who have ended: what they did last counts, too
        stepped = self.clock - max(self._all_lived, *(w.last["steps"] for w in workers))
        worked = min(stepped, self.clock - max(w.last["works"] for w in workers))
        if worked > self.patience:  # a message was lost, say, or a firewall drops them
            still[EVERY] = worked
        at_work = [w.name for w in workers
                   if w in running and w.last["works"] > w.last["waits"]]
        if stepped <= self.patience:
            self._late = False
        elif at_work and not (still or self._late):
            self._late = True
            _say(f"no step for {self.patience:g} s; still at work: {', '.join(at_work)}")
        for name in still.keys() - self._still:
            _say(f"{name} stands still: {_how(name)} for {self.patience:g} s; after "
                 f"{TIMES * self.patience:g} s all will be ended")
        for name in self._still - still.keys():
            _say(f"{name} goes on")
        self._still = set(still)
        lost = [name for name, seconds in still.items() if seconds > TIMES * self.patience]
        if lost:
            self.end()
        for name in lost:
            _say(f"{name} stood still: {_how(name)} for {TIMES * self.patience:g} s; all others "
                 "were ended")
        return bool(lost)

    def _part(self) -> None:
        deadline = time.monotonic() + PARTING
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.popen.wait(max(deadline - time.monotonic(), 0))

    def end(self) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone already
                os.killpg(process.popen.pid, signal.SIGKILL)
        for process in self.processes:
            process.popen.wait()
        for process in self.processes:
            process.reader.join(1)

    def __exit__(self, *error: object) -> None:
        self.end()


def _how(name: str) -> str:
    return "all live, but none had what it waits for" if name == EVERY else "no sign of life"


def _say(words: str) -> None:
    print(f"d2l-linreg launch: {words}", file=sys.stderr, flush=True)
