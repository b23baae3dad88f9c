"""Running a notebook's cells, one after the other, in a real kernel of this interpreter."""
import ast
import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from tqdm import tqdm

from .evidence import Event

# What is run before the notebook, unseen
_LISTEN = "from d2l_linreg.compat import streams as _streams\n_streams.noted = []\ndel _streams\n"
_REFUSE = ("from d2l_linreg.originals.installs import refuse as _refuse\n"
           "_refuse(get_ipython())\ndel _refuse\n")
# What was seeded and drawn since this was asked last
_NOTED = ("(lambda noted: (list(noted), noted.clear())[0])("
          "__import__('sys').modules['d2l_linreg.compat.streams'].noted)")
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
        If a cell takes longer than `timeout`, the kernel dies, or SIGINT or SIGTERM comes.
    OSError
        If the kernel does not start.
    """
    client = NotebookClient(
        notebook, allow_errors=True, startup_timeout=_SECONDS,
        timeout_func=lambda cell: timeout if cell is not notebook.cells[0] else None,
        resources={"metadata": {"path": folder}}, extra_arguments=["--log-level=ERROR"],
        km=AsyncKernelManager(  # of this interpreter, whatever kernels the machine knows
            kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])))

    async def run() -> None:
        with _signals() as came:
            running = asyncio.ensure_future(_run(client, go_on, timeout, allow_installs))
            either: list[asyncio.Future[Any]] = [running, came]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not came.done():
                return running.result()
            running.cancel()
            with contextlib.suppress(BaseException):  # what that does to it is of no interest
                await running
            raise Stopped(f"it was ended by {signal.Signals(came.result()).name}", came.result())

    run_sync(run)()


async def _run(client: NotebookClient, go_on: Callable[[int, list[Event]], bool],
               timeout: float | None, allow_installs: bool) -> None:
    cells = [(number, cell) for number, cell in enumerate(client.nb.cells)
             if cell.cell_type == "code" and cell.source.strip()]
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])
    try:
        await client.async_start_new_kernel(env=dict(os.environ, PATH=path))
        await client.async_start_new_kernel_client()
        await _asked(client, _LISTEN + ("" if allow_installs else _REFUSE))
        for number, cell in tqdm(cells, unit="cell", leave=False, disable=None):
            try:
                await client.async_execute_cell(cell, number)
            except CellTimeoutError:
                raise Stopped(f"cell {number} took more than {timeout:g} s") from None
            except DeadKernelError:
                raise Stopped(f"the kernel died in cell {number}") from None
            if not go_on(number, await _asked(client, "", _NOTED)):
                return
    finally:
        await _end(client)


async def _asked(client: Any, code: str, expression: str = "None") -> Any:
    """What an expression is in the kernel, after some code, of which nothing is seen."""
    try:
        reply = await client.kc.execute_interactive(
            code, silent=True, user_expressions={"it": expression}, allow_stdin=False,
            timeout=_SECONDS, output_hook=lambda message: None)
    except TimeoutError:
        raise Stopped("the kernel does not answer") from None
    answer = reply["content"].get("user_expressions", {}).get("it", {})
    return ast.literal_eval(answer["data"]["text/plain"]) if answer.get("status") == "ok" else []


async def _end(client: Any) -> None:
    """End the kernel, and whatever it has started, in sessions of their own, too."""
    manager = client.km
    pid = getattr(manager.provisioner, "pid", None)
    try:
        children = psutil.Process(pid).children(recursive=True) if pid else []
    except psutil.NoSuchProcess:
        children = []
    if client.kc is not None:
        client.kc.stop_channels()
    if manager.has_kernel:
        await manager.shutdown_kernel(now=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


@contextlib.contextmanager
def _signals() -> Iterator["asyncio.Future[int]"]:
    """Inside the block, and in the main thread, SIGINT and SIGTERM come as a future's result."""
    loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
    came: asyncio.Future[int] = loop.create_future()

    def come(number: int) -> None:
        if not came.done():
            came.set_result(number)

    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = [signal.getsignal(number) for number in numbers]
    for number in numbers:
        loop.add_signal_handler(number, come, number)
    try:
        yield came
    finally:
        for number, handler in zip(numbers, before, strict=True):
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
