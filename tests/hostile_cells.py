# ruff: noqa: E501 - a cell a line
"""Cells that mean ill to the kernel that runs them, and to whoever shows what they put out.

    python tests/hostile_cells.py [NUMBER ...]

runs a notebook of each in a real kernel, between two harmless cells: there must be no traceback of
ours, no end that does not come, no process left, and nothing lost that the cells before put out.
"""
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import psutil
from made import written

SHELL = "get_ipython()"
SEND = (f"k = {SHELL}.kernel\ndef send(kind, content, **o):\n    k.session.send(k.iopub_socket, kind, "
        "content, parent=k.get_parent(), **o)\n")
CELLS = [
    "import os\nos._exit(0)", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", "import ctypes\nctypes.string_at(0)",
    "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", "import os\nos.abort()",
    "import sys\nsys.exit(3)", "raise SystemExit", "raise KeyboardInterrupt", "exit()", "quit(True)",
    "raise BaseException(object(), b'x', {1: 2})", "raise ValueError(['a'], 5)", "raise ValueError",
    "class E(Exception):\n    def __str__(self): raise RuntimeError('no')\nraise E",
    "class E(Exception):\n    def __str__(self): return 5\nraise E",
    "class E(Exception): pass\nE.__name__ = 'a\\x1b[31m\\u202e'\nraise E('\\x1b]0;owned\\x07\\x9b31m')",
    "raise NameError(\"name '\")", "raise NameError(\"name 'x\\n' is\")", "raise ExceptionGroup('g', [OSError(1)])"
    if sys.version_info >= (3, 11) else "raise OSError(1)",
    "def f(): f()\nf()", "x = '\\ud800'\nprint(x)", "print('\\x1b[2J\\x1b]8;;http://x\\x07\\x9b\\b\\b\\r\\u202e\\u2028\\0')",
    "input('a')", "import getpass\ngetpass.getpass()", "import sys\nsys.stdin.read()",
    "print = None", "import builtins\nbuiltins.print = lambda *a: 1 / 0",
    "import builtins\nbuiltins.list = None\nbuiltins.__import__ = None",
    "import sys\nfor name in list(sys.modules):\n    if name.startswith(('mxnet', 'd2l_linreg')):\n        del sys.modules[name]",
    "import sys\nsys.modules.clear()",
    "import d2l_linreg.compat.streams as s\ns.noted = 5",
    "import d2l_linreg.compat.streams as s\ns.noted = [('normal', 'nd', (10**12, -3), 'a', 1), ('seed', 10**40, True), 5, ('x',)]",
    "import d2l_linreg.compat.streams as s\ns.noted = [('seed', -1, False), ('normal', 'np', (5,), float('1e300'), -1), ('normal', 'nd', (2**21,), 0, 1)]",
    "class L(list):\n    def __iter__(self): raise OSError\nimport d2l_linreg.compat.streams as s\ns.noted = L([1])",
    "import os\nos.chdir('/')", "import os, glob\n[os.remove(f) for f in glob.glob('*.ipynb')]",
    "import shutil, os\nshutil.rmtree(os.getcwd())", "print('x' * 50_000_000)",
    "for i in range(20000): print('line', i)", "import sys\nsys.stderr.write('e' * 10**7)",
    "while True: print('endless ' * 100)", "while True: pass", "import time\ntime.sleep(10**6)",
    "from IPython.display import display\ndisplay({'text/plain': 5, 'text/html': None, '': [1]}, raw=True)",
    "from IPython.display import display\ndisplay({'image/png': object()}, raw=True)",
    "from IPython.display import display\ndisplay({'text/plain': 'x'}, metadata=5, raw=True)",
    "from IPython.display import *\ndisplay(HTML('<script>alert(1)</script><![x'), SVG(data='<svg/>'), Javascript('alert(1)'))",
    "from IPython.display import *\nh = display('a', display_id='i')\nfor i in range(50): update_display({'text/plain': i}, display_id='i', raw=True)",
    "from IPython.display import clear_output\nprint('a')\nclear_output(wait=True)\nclear_output()",
    SEND + "send('comm_open', {'comm_id': 'a', 'target_name': 'jupyter.widget', 'data': {}})\nprint('after')",
    SEND + "send('comm_msg', {'x': 1})\nsend('comm_open', {'comm_id': 1, 'data': 5})",
    SEND + "send('stream', {'name': 5, 'text': None})\nsend('display_data', {})\nsend('execute_result', {'data': 3})",
    SEND + "send('error', {'ename': 1})\nsend('nonsense', {})\nsend('status', {'execution_state': 7})",
    SEND + "send('status', {'execution_state': 'idle'})\nprint('after')", SEND + "send('status', {})",
    SEND + "send('update_display_data', {'transient': {'display_id': 'q'}, 'data': 1, 'metadata': 1})",
    SEND + "k.iopub_socket.close()", SEND + "k.session.key = b'other'\nprint('x')",
    "import os\nos.close(1)\nos.close(2)\nprint('x')", "import sys\nsys.stdout.close()\nsys.stdout = None",
    "import os\nos.closerange(3, 256)", "import sys\nsys.stdout = sys.stderr = 5",
    "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)",
    "!setsid nohup sleep 600 >/dev/null 2>&1 &\n!(sleep 600 &)",
    "import os\nfor _ in range(4):\n    os.fork()\nimport time\ntime.sleep(1)",
    "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(600)\n    os._exit(0)",
    "import threading, os\nthreading.Timer(0.3, os._exit, (1,)).start()",
    "import threading\nthreading.Thread(target=lambda: 1 / 0).start()",
    "import atexit, time\natexit.register(time.sleep, 600)",
    "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.signal(signal.SIGINT, signal.SIG_IGN)",
    "import os\nos.write(2, b'Traceback \\x1b[31m')\nos.write(1, b'x')",
    "import asyncio\nasyncio.get_event_loop().stop()", f"{SHELL}.kernel.shell_streams = []",
    f"{SHELL}.ast_transformers.append(5)", f"{SHELL}.events = None", f"{SHELL}.run_cell = 5",
    f"{SHELL}.display_formatter = None\n5", "import gc, sys\nsys.setrecursionlimit(50)\n5",
    "%%javascript\nalert(1)", "%%bash\nkill -9 $PPID", "%nosuch", "!!!", "(", "\\", "\0", "%%\n", "?",
    "import faulthandler\nfaulthandler._sigsegv()", "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
]
BOUNDED = ["--timeout", "20"]


def run(arguments, folder):
    """The command's exit status and what it printed, in this process: it is started once."""
    from d2l_linreg.cli import main

    def late(number, frame):
        raise RuntimeError("it does not end")

    before = [os.dup(1), os.dup(2)]
    here = os.getcwd()
    with tempfile.TemporaryFile() as printed:
        signal.signal(signal.SIGALRM, late)
        signal.alarm(300)
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
        try:
            os.chdir(folder)
            status = main(arguments)
        except BaseException:
            traceback.print_exc()
            status = None
        finally:
            sys.stdout.flush()
            signal.alarm(0)
            os.chdir(here)
            for to, fd in enumerate(before, 1):
                os.dup2(fd, to)
                os.close(fd)
        printed.seek(0)
        return status, printed.read()


def went(cell, folder):
    """What is wrong with how a notebook with this cell ends, its exit status, and how long."""
    inside = Path(folder) / "inside"  # which a cell may remove
    inside.mkdir()
    path = written(inside / "book.ipynb", "print('ran', 'before')", cell, "print('ran', 'after')")
    begun = time.monotonic()
    status, printed = run(["run", path, "--as", "today", *BOUNDED, "--html", "out.html", "--json",
                           "out.json", "--output", "out.ipynb"], folder)
    took = time.monotonic() - begun
    wrong = []
    if status not in (0, 1):
        wrong.append(f"exits with {status}")
    if b"Traceback (most" in printed:
        wrong.append(f"says {printed[-1500:].decode()}")
    if any(byte in printed for byte in b"\x1b\x07\b\r\0"):
        wrong.append("steers the terminal")
    output = Path(folder) / "out.ipynb"
    if not output.exists():
        wrong.append(f"writes nothing: {printed.decode()[-300:]}")
    else:
        texts = ["".join("".join(o.get("text", "")) for o in c.get("outputs", []))
                 for c in json.loads(output.read_text())["cells"]]
        if "ran before\n" not in texts:
            wrong.append(f"loses what was printed: {texts}")
        if not (Path(folder) / "out.html").exists() or not (Path(folder) / "out.json").exists():
            wrong.append("writes no page")
    left = []
    for process in psutil.process_iter():
        try:
            if "D2L_LINREG_RUN" in process.environ() and process.cwd().startswith(str(folder)):
                left.append(process)
        except (psutil.Error, OSError):
            continue
    if left:
        wrong.append(f"leaves {left}")
        for process in left:
            process.kill()
    return "; ".join(wrong), status, took


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "agg"
    numbers = list(map(int, sys.argv[1:])) or range(len(CELLS))
    failed, longest = 0, 0.0
    for number in numbers:
        with tempfile.TemporaryDirectory() as folder:
            wrong, status, took = went(CELLS[number], folder)
        failed += bool(wrong)
        longest = max(longest, took)
        print(number, status, f"{took:.0f} s", repr(CELLS[number][:60]) + " " + wrong if wrong else "",
              flush=True)
    print(f"{len(numbers)} notebooks in real kernels, {failed} failed; the longest took {longest:.0f} s")
    sys.exit(failed > 0)
