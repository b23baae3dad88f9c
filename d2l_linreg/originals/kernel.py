"""Running a notebook's cells, one after the other, in a real kernel of this interpreter."""
import ast
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.client import CellExecutionComplete
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from nbformat import v4

from ..progress import bar
from .evidence import Event

# What is run before the notebook, unseen
_LISTEN = "from d2l_linreg.compat import streams as _streams\n_streams.noted = []\ndel _streams\n"
_REFUSE = ("from d2l_linreg.originals.installs import refuse as _refuse\n"
           "_refuse(get_ipython())\ndel _refuse\n")
# What was seeded and drawn since this was asked last
_NOTED = ("(lambda noted: (list(noted), noted.clear())[0])("
          "__import__('sys').modules['d2l_linreg.compat.streams'].noted)")
_MARK = "D2L_LINREG_RUN"  # in the environment of the kernel, and so of all that it starts
_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP")
           if hasattr(signal, name)]
_SECONDS = 60  # for the kernel to start, or to answer such a question


class Stopped(Exception):
    """The notebook was not run to its end.

    Attributes
    ----------
    signal : int or None
        Which one ended it, if one did.
    """

    def __init__(self, reason: str, number: int | None = None) -> None:
        super().__init__(reason)
        self.signal = number


@dataclass
class Held:
    """The signals that have come while they are held back, and what is done when one comes."""

    came: list[int] = field(default_factory=list)
    tell: Callable[[], object] = lambda: None


_held: Held | None = None


@contextlib.contextmanager
def signals_held() -> Iterator[Held]:
    """Inside the block, in the main thread, a signal to end this process ends the kernel alone.

    So what was run can be written. What is ignored stays so, and a third signal is as outside.
    """
    global _held
    if _held is not None or threading.current_thread() is not threading.main_thread():
        yield _held or Held()
        return
    held = _held = Held()
    before = {number: handler for number in _ENDING
              if (handler := signal.getsignal(number)) not in (None, signal.SIG_IGN)}

    def come(number: int, frame: Any) -> None:
        held.came.append(number)
        held.tell()
        if len(held.came) > 2:
            signal.signal(number, before[number])
            signal.raise_signal(number)

    for number in before:
        signal.signal(number, come)
    try:
        yield held
    finally:
        _held = None
        for number, handler in before.items():
            signal.signal(number, handler)


class _Client(NotebookClient):
    """One to which a message that it cannot take costs no other."""

    def process_message(self, msg: dict[str, Any], cell: nbformat.NotebookNode,
                        cell_index: int) -> nbformat.NotebookNode | None:
        try:
            return super().process_message(msg, cell, cell_index)
        except CellExecutionComplete:
            raise
        except Exception as error:  # of nbclient's, nbformat's, traitlets'
            cell.outputs.append(v4.new_output("stream", name="stderr", text=(
                f"An output is left out, as it is none: {_told(error)}\n")))
            return None


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:300]


def run_cells(notebook: nbformat.NotebookNode, folder: str,
              go_on: Callable[[int, list[Event]], bool], *, timeout: float | None = None,
              allow_installs: bool = False) -> None:
    """Run the code cells of a notebook, which take on their fresh outputs.

    Whatever happens, the kernel and the processes that it started have ended afterwards.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
    folder : str
        Where it runs.
    go_on : callable
        Given the number of a cell that has run, and what it seeded and drew, says whether to run
        the next.
    timeout : float, optional
        Seconds that a cell may take, but for the first; by default any.
    allow_installs : bool, default False
        Whether to run what installs packages.

    Raises
    ------
    Stopped
        If a cell takes longer than `timeout`, the kernel dies, what it sends is no message, or
        SIGINT, SIGTERM or SIGHUP comes.
    OSError
        If the kernel does not start.
    """
    manager = AsyncKernelManager(  # of this interpreter, whatever kernels the machine knows
        kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
    client = _Client(
        notebook, allow_errors=True, startup_timeout=_SECONDS,
        timeout_func=lambda cell: timeout if cell is not notebook.cells[0] else None,
        resources={"metadata": {"path": folder}}, extra_arguments=["--log-level=ERROR"],
        km=manager)

    async def run() -> None:
        loop, came = asyncio.get_running_loop(), asyncio.Event()
        loop.set_exception_handler(lambda loop, context: None)  # what is left of cancelled tasks
        held.tell = lambda: loop.call_soon_threadsafe(came.set)
        if held.came:
            came.set()
        running = asyncio.ensure_future(_run(client, manager, go_on, timeout, allow_installs))
        coming = asyncio.ensure_future(came.wait())
        try:
            await asyncio.wait([running, coming], return_when=asyncio.FIRST_COMPLETED)
        finally:
            held.tell = lambda: None
            coming.cancel()
        if not held.came:
            return running.result()
        running.cancel()
        with contextlib.suppress(BaseException):  # what that does to it is of no interest
            await running
        raise Stopped(f"it was ended by {signal.Signals(held.came[0]).name}", held.came[0])

    with signals_held() as held:
        run_sync(run)()


async def _run(client: NotebookClient, manager: AsyncKernelManager,
               go_on: Callable[[int, list[Event]], bool], timeout: float | None,
               allow_installs: bool) -> None:
    cells = [(number, cell) for number, cell in enumerate(client.nb.cells)
             if cell.cell_type == "code" and cell.source.strip()]
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])
    mark = str(uuid.uuid4())
    try:
        await _start(client, dict(os.environ, PATH=path, **{_MARK: mark}))
        await _asked(client, manager, _LISTEN + ("" if allow_installs else _REFUSE))
        with bar("running", len(cells), "cells") as ran:
            for number, cell in cells:
                try:
                    await client.async_execute_cell(cell, number)
                except CellTimeoutError:
                    raise Stopped(f"cell {number} took more than {timeout:g} s") from None
                except DeadKernelError:
                    raise Stopped(f"the kernel died in cell {number}") from None
                except Exception as error:  # a notebook can have its kernel send anything
                    raise Stopped(f"what the kernel sent in cell {number} is no message: "
                                  f"{_told(error)}") from error
                ran.update()
                if not go_on(number, _events(await _asked(client, manager, "", _NOTED))):
                    return
    finally:
        await _end(client, manager, mark)


async def _start(client: NotebookClient, environment: dict[str, str]) -> None:
    with tempfile.TemporaryFile() as said:  # what it says at its start, not on our terminal
        try:
            await client.async_start_new_kernel(
                env=environment, stdout=subprocess.DEVNULL, stderr=said)
            await client.async_start_new_kernel_client()
        except Exception as error:  # of jupyter_client's, zmq's, the system's
            said.seek(0)
            last = said.read().decode(errors="replace").strip().split("\n")[-1]
            raise OSError(f"the kernel does not start: {last or _told(error)}") from error


async def _asked(client: Any, manager: AsyncKernelManager, code: str,
                 expression: str = "None") -> str:
    """What an expression is in the kernel, after some code, of which nothing is seen."""
    asking = asyncio.ensure_future(client.kc.execute_interactive(
        code, silent=True, user_expressions={"it": expression}, allow_stdin=False,
        timeout=_SECONDS, output_hook=lambda message: None))
    try:
        while not (await asyncio.wait([asking], timeout=1))[0]:
            if not await manager.is_alive():
                raise Stopped("the kernel died between cells")
        return str(asking.result()["content"]["user_expressions"]["it"]["data"]["text/plain"])
    except KeyError:  # there is no such thing
        return ""
    except TimeoutError:
        raise Stopped("the kernel does not answer") from None
    except (RuntimeError, ValueError, TypeError) as error:  # jupyter_client's
        raise Stopped(f"the kernel does not answer: {_told(error)}") from error
    finally:
        asking.cancel()


def _events(answer: str) -> list[Event]:
    """What was seeded and drawn, as far as that is what we noted: a notebook can change it."""
    try:
        events = ast.literal_eval(answer)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return []
    return [event for event in events if _is_event(event)] if isinstance(events, list) else []


def _is_event(event: Any) -> bool:
    match event:
        case ("seed", None | int(), bool()):
            return abs(event[1] or 0) < 2**63
        case ("normal" | "uniform", "nd" | "np", tuple(shape), int() | float(), int() | float()):
            return all(type(length) is int and 0 <= length < 2**63 for length in shape)
    return False


async def _end(client: Any, manager: AsyncKernelManager, mark: str) -> None:
    """End the kernel, and whatever it has started, in sessions of their own, too."""
    pid = getattr(manager.provisioner, "pid", None)
    started = _started(mark, pid)
    with contextlib.suppress(Exception):  # what it is in matters no more
        if client.kc is not None:
            client.kc.stop_channels()
        if manager.has_kernel:
            await manager.shutdown_kernel(now=True)
    for _ in range(100):  # as one may start another while it is killed
        for process in started:
            with contextlib.suppress(psutil.Error):
                process.kill()
        started = _started(mark)
        if not started:
            return
        await asyncio.sleep(0.05)


def _started(mark: str, pid: int | None = None) -> list[psutil.Process]:
    """The children of a process, and whatever has our mark in its environment."""
    found = []
    if pid is not None:
        with contextlib.suppress(psutil.Error):
            found += psutil.Process(pid).children(recursive=True)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(_MARK) == mark:
                found.append(process)
    return found
