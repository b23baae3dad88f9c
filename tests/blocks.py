"""For tests of what is put back: all that could have been changed, and what eras draw."""
import builtins
import dis
import functools
import random
import signal
import sys

import IPython.display
import matplotlib
import matplotlib.axes
import matplotlib.axis
import matplotlib.backend_bases
import matplotlib.pyplot
import matplotlib.transforms
import numpy

from d2l_linreg.compat import blocks, printing, streams
from d2l_linreg.compat.mxnet import mx, numpy_semantics
from d2l_linreg.contexts import Context

OWNERS = (
    random, builtins, numpy, numpy.random, numpy.ndarray, numpy.float32, printing._arrayprint,
    mx, mx.nd, mx.nd.random, mx.nd.NDArray, mx.random, mx.np, mx.np.random, mx.np.ndarray, mx.npx,
    mx.io, mx.io.io, mx.io.NDArrayIter, mx.context, Context, matplotlib, matplotlib.pyplot,
    matplotlib.transforms, matplotlib.axes.Axes, *matplotlib.axes.Axes.__mro__[1:-1],
    matplotlib.axis.Axis, matplotlib.axis.XAxis, matplotlib.backend_bases.RendererBase,
    matplotlib.backend_bases.FigureCanvasBase, IPython.display, streams)


def everything():
    """Each attribute of these modules and classes, and settings, by their names."""
    found = {(i, name): value for i, owner in enumerate(OWNERS)
             for name, value in vars(owner).items()}
    found.update((("module", name), module) for name, module in sys.modules.items()
                 if name.partition(".")[0] == "d2l")
    found.update((("finder", i), finder) for i, finder in enumerate(sys.meta_path))
    found["handler of Ctrl-C"] = signal.getsignal(signal.SIGINT)
    found["rcParams"] = repr(list(dict.items(matplotlib.rcParams)))
    return dict(found, **of_context())


def of_context():
    """What a thread or task may have for itself."""
    return {"printing": repr(sorted(numpy.get_printoptions().items())),
            "printed": f"{numpy.float64(1) / 3} {numpy.array([0.1, 1.5], 'float32')}",
            "device": str(mx.context.current_context())}


def changed(before):
    """The names of what is not the same object, or the same text, as before."""
    now, absent = everything(), object()
    return sorted(f"{OWNERS[name[0]].__name__}.{name[1]}" if type(name[0]) is int else str(name)
                  for name in before.keys() | now.keys()
                  if not _same(before.get(name, absent), now.get(name, absent)))


def _same(was, now):
    return was == now if isinstance(was, str) and isinstance(now, str) else was is now


# What a new process of each era draws first, as published (test_eras has all, and whence)
ROWS = {"2017": ("nd", 0, "2.2122064 1.1630787"), "late-2017": ("nd", 1, "0.1128774 -1.3064442"),
        "2018": ("nd", 0, "2.2122064 0.7740038"), "2020": ("np", 0, "2.2122064 1.1630787"),
        "d2l": ("np", 0, "2.2122064 0.7740038"),
        "straight_dope": ("nd", 1, "-0.6776515 0.0362948")}


def first_row(era):
    """The first of a thousand rows that are drawn now, in the terms of an era."""
    namespace, seed, _ = ROWS[era]
    mx.random.seed(seed)
    if namespace == "nd":
        drawn = mx.nd.random.normal(shape=(1000, 2)).asnumpy()[0]
    else:
        with numpy_semantics(True):
            drawn = mx.np.random.normal(0, 1, (1000, 2)).asnumpy()[0]
    return "{:.7f} {:.7f}".format(*drawn.tolist())


@functools.cache
def _looks(code):
    """Where Python looks for signals: as a function begins, after calls, and in loops."""
    steps = list(dis.get_instructions(code))
    return {steps[0].offset} | {
        now.offset for last, now in zip(steps, steps[1:], strict=False)
        if now.opname in ("RESUME", "JUMP_BACKWARD", "JUMP_ABSOLUTE")
        or last.opname.startswith("CALL") and "INTRINSIC" not in last.opname}


def interrupted(function, at, file=blocks.__file__):
    """Call it, with a Ctrl-C as Python comes to step `at` in its own code or that of a file.

    The steps are those between which Python looks whether there was one.

    Returns
    -------
    list of BaseException
        What it raised, with its traceback, and so all that was on the way.
    """
    steps = iter(range(at + 1))

    def trace(frame, event, argument):
        if frame.f_code.co_filename != file and frame.f_code is not function.__code__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and frame.f_lasti in _looks(frame.f_code) and next(steps, None) == at:
            sys.settrace(None)
            signal.raise_signal(signal.SIGINT)
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        function()
    except BaseException as error:  # noqa: BLE001, KeyboardInterrupt most of all
        return [error]
    finally:
        sys.settrace(before)
    return []
