"""The streams of random numbers that MXNet drew over the years, drawn here, bit for bit.

MXNet takes the logarithm in its normal numbers from the machine's C library. glibc replaced
its `logf` in 2.27 (February 2018), and with the new one some 3 % of all normal numbers come
out an ulp or two off what the authors' machines gave. MXNet's own generator can so no longer
draw the published data; what is published shows it:

- the d2l course's notebook on ndarrays prints 1.0434405 as the stream's third number, and its
  scatter plot holds 2,000 coordinates with six decimals: with today's `logf` the number is
  1.0434403, and 27 points of the plot are off;
- earlier editions of the Straight Dope notebook print the row 0.28478342 0.8342405 of X, and
  its ndarray chapter -0.83673775: today 0.28478345 0.8342406, and -0.8367378.

So they are drawn here from their words up: the Mersenne Twister, the polar method, and the `logf`
of then. All is float32, each operation rounded once, on any machine. Which stream is whose, and
when, says `eras.py`.
"""
import contextlib
import functools
import math
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy

from .blocks import Changes, replaced
from .eras import OF_THE_NOTEBOOKS, ONE_ENGINE, Drawing, Generator
from .logf import LOGF

float32 = numpy.float32

_AT_ONCE = 2**18  # numbers that are drawn together; more would only take memory

_UNSEEN = (
    "mxnet was imported before d2l_linreg, which has not seen whether and how mx.random.seed was "
    "called: random numbers are drawn as in a process that was not seeded. Import d2l_linreg "
    "first, or call mx.random.seed now."
)

Shape = tuple[int, ...]

_twister = numpy.random.MT19937()
_seeder = numpy.random.RandomState(_twister)  # seeds it as C++'s std::mt19937 is seeded
_lock = threading.Lock()  # the one twister serves all engines, and all threads


def _words(seed: int, first: int, count: int) -> numpy.ndarray:
    """Words of the Mersenne Twister mt19937, seeded as C++ seeds it: the first is number 0."""
    _seeder.seed(seed)
    if first:
        _twister.random_raw(first, output=False)
    return _twister.random_raw(count).astype(numpy.uint32)


_first_words = functools.lru_cache(2048)(functools.partial(_words, first=0, count=624))


class _Engine:
    """One Mersenne Twister: how many of its words are taken, and some that are ahead."""

    def __init__(self, seed: int) -> None:
        self.seed, self.taken = seed % 2**32, 0
        self.first, self.words = 0, numpy.empty(0, numpy.uint32)

    def ahead(self, count: int) -> numpy.ndarray:
        """The next words, which are not taken by that."""
        start = self.taken - self.first
        if start + count > len(self.words):
            # As many as are taken, so that passing over those again is at most half of the work
            more = max(count, 624, self.taken)
            self.words = (_words(self.seed, self.taken, more) if self.taken or more > 624
                          else _first_words(self.seed))
            self.first, start = self.taken, 0
        return self.words[start:start + count]


class Engines:
    """The Mersenne Twisters of a generator, from a seed on: engine i has the seed + i."""

    def __init__(self, generator: Generator, seed: int) -> None:
        self.generator, self.seed = generator, seed
        self._started: list[_Engine] = []

    def first(self, count: int) -> list[_Engine]:
        """The engines that a call for numbers draws from."""
        for i in range(len(self._started), count):
            self._started.append(_Engine(self.seed + i))
        if not self.generator.anew:
            return self._started[:count]
        (word,) = self._started[0].ahead(1).tolist()
        self._started[0].taken += 1
        return [_Engine(word)]


class Stream:
    """A stream of random numbers, as a version of MXNet draws them on the CPU.

    Parameters
    ----------
    namespace : {"nd", "np"}
        Who draws from it.
    engines : Engines
    drawing : Drawing
        Whose `logf` and order of pairs are used.
    """

    def __init__(self, namespace: str, engines: Engines, drawing: Drawing) -> None:
        self.namespace, self.engines, self.drawing = namespace, engines, drawing

    def uniform(self, shape: Shape, low: float = 0, high: float = 1) -> numpy.ndarray:
        """Draw numbers that are uniform from `low` to `high`, each of one word.

        Parameters
        ----------
        shape : tuple of int
            Each 1 or more.
        low, high : float, default 0 and 1

        Returns
        -------
        numpy.ndarray of float32
        """
        note("uniform", self.namespace, shape, float(low), float(high))
        return self._draw(_uniform, shape) * (float32(high) - float32(low)) + float32(low)

    def normal(self, shape: Shape, loc: float = 0, scale: float = 1) -> numpy.ndarray:
        """Draw normal numbers, by the polar method, as libstdc++ does.

        Parameters
        ----------
        shape : tuple of int
            Each 1 or more.
        loc, scale : float, default 0 and 1
            Mean and standard deviation.

        Returns
        -------
        numpy.ndarray of float32
        """
        note("normal", self.namespace, shape, float(loc), float(scale))
        return self._draw(self._normal, shape) * float32(scale) + float32(loc)

    def _draw(self, numbers: Callable[[list[_Engine], int, numpy.ndarray], numpy.ndarray],
              shape: Shape) -> numpy.ndarray:
        n = math.prod(shape)
        each = -(-n // min(-(-n // 64), self.engines.generator.most_engines))
        due = n - numpy.arange(0, n, each)  # of each engine, and of those after it
        drawn = numpy.empty((len(due), each), float32)
        width = max(_AT_ONCE // len(due) // 2 * 2, 2)  # even, so that no pair is broken
        with _lock:
            engines = self.engines.first(len(due))
            for start in range(0, each, width):
                count = min(width, each - start)
                drawn[:, start:start + count] = numbers(
                    engines, count, numpy.clip(due - start, 0, count))
        return drawn.reshape(-1)[:n].reshape(shape)

    def _normal(self, engines: list[_Engine], count: int, due: numpy.ndarray) -> numpy.ndarray:
        of_pair = self.engines.generator.of_pair
        pairs, due = -(-count // of_pair), -(-due // of_pair)
        tries = pairs * 13 // 10 + 20  # pi / 4 of them hit the circle
        while True:
            rows = numpy.arange(len(engines)) * tries
            xy = (float32(2) * _uniforms(engines, 2 * tries) - float32(1)).reshape(-1, 2)
            squares = xy * xy
            r2 = squares[:, 0] + squares[:, 1]
            hits = numpy.flatnonzero((r2 <= 1) & (r2 > 0))
            first = numpy.searchsorted(hits, rows)
            if numpy.diff(first, append=len(hits)).min() >= pairs:
                break
            tries *= 2
        used = hits[first[:, None] + numpy.arange(pairs)]
        last = numpy.take_along_axis(used, due[:, None] - 1, axis=1)[:, 0]
        _take(engines, numpy.where(due > 0, 2 * (last - rows + 1), 0))
        used = used.reshape(-1)
        xy, r2 = xy.take(used, axis=0), r2.take(used)
        factor = numpy.sqrt(float32(-2) * LOGF[self.drawing.logf](r2) / r2)
        pair = xy if self.drawing.swapped_pairs else xy[:, ::-1]
        return (pair[:, :of_pair] * factor[:, None]).reshape(len(engines), -1)[:, :count]


def _uniform(engines: list[_Engine], count: int, due: numpy.ndarray) -> numpy.ndarray:
    drawn = _uniforms(engines, count)
    _take(engines, due)
    return drawn


def _uniforms(engines: list[_Engine], count: int) -> numpy.ndarray:
    """What engines have ahead, as numbers from 0 to below 1: a row an engine."""
    words = numpy.concatenate([engine.ahead(count) for engine in engines])
    u = words.astype(float32) * float32(2**-32)
    return numpy.minimum(u, float32(1 - 2**-24), out=u).reshape(len(engines), count)


def _take(engines: list[_Engine], counts: numpy.ndarray) -> None:
    for engine, count in zip(engines, counts.tolist(), strict=True):
        engine.taken += count


Streams = dict[str, Stream]  # by the namespace that draws from them


def started(seed: int, drawing: Drawing, on_device: bool = False) -> Streams:
    """All streams at their start: MXNet multiplies a seed by 127.

    But in the one engine of 2017 and of today's `mx.np` not one that is set for a single device.

    Parameters
    ----------
    seed : int
    drawing : Drawing
    on_device : bool, default False

    Returns
    -------
    dict of str to Stream
        By "nd" and "np".
    """
    engines = {generator: Engines(generator, seed if on_device and generator == ONE_ENGINE
                                  else 127 * seed)
               for generator in (drawing.nd, drawing.np)}
    return {name: Stream(name, engines[generator], drawing)
            for name, generator in (("nd", drawing.nd), ("np", drawing.np))}


# Seeds and draws as they come, up to so many, where someone listens
MOST_NOTED = 1000
noted: list[tuple[Any, ...]] | None = None


def note(*event: Any) -> None:
    """Write down what was drawn or seeded, if someone listens."""
    if noted is not None and len(noted) < MOST_NOTED:
        noted.append(event)


_drawing = OF_THE_NOTEBOOKS
_of_process: Streams | None = started(0, _drawing)  # as MXNet's own, where nobody seeds it
_of_block: ContextVar[Streams | None] = ContextVar("streams", default=None)


def stream(namespace: str) -> Stream:
    """The stream of a namespace, where it stands: the block's, in `seeded`, else the process's.

    Parameters
    ----------
    namespace : {"nd", "np"}

    Returns
    -------
    Stream
        2017's of `mx.nd` or 2019's of `mx.np`, but in an era (see `of_new_process`) its own.
    """
    global _of_process
    streams = _of_block.get() or _of_process
    if streams is None:
        warnings.warn(_UNSEEN, stacklevel=3)
        streams = _of_process = started(0, _drawing)
    return streams[namespace]


def restart(seed: int | None, ctx: Any = "all") -> None:
    """Have the process's streams start anew, as MXNet's `random.seed` does with its own.

    Parameters
    ----------
    seed : int or None
        None where it is not known: whoever draws next is warned, and has seed 0.
    ctx : "all", str or mxnet.Context, default "all"
        As for MXNet's; a GPU's generator is none of these.
    """
    global _of_process
    if not str(ctx).startswith("gpu"):
        note("seed", seed, ctx != "all")
        _of_process = None if seed is None else started(seed, _drawing, on_device=ctx != "all")


def of_new_process(drawing: Drawing = OF_THE_NOTEBOOKS) -> Changes:
    """The process's streams as in a new process of an era, and then where they were."""
    yield from replaced(sys.modules[__name__], "_drawing", drawing)
    yield from replaced(sys.modules[__name__], "_of_process", started(0, drawing))


@contextlib.contextmanager
def seeded(seed: int, drawing: Drawing = OF_THE_NOTEBOOKS) -> Iterator[None]:
    """All streams at the start of `seed` inside the block, for this thread alone."""
    token = _of_block.set(started(seed, drawing))
    try:
        yield
    finally:
        _of_block.reset(token)
