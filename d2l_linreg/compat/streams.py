"""The two streams of random numbers that the notebooks' MXNet drew, drawn here, bit for bit.

MXNet takes the logarithm in its normal numbers from the machine's C library. glibc replaced
its `logf` in 2.27 (February 2018), and with the new one some 3 % of all normal numbers come
out an ulp or two off what the authors' machines gave. MXNet's own generator can so no longer
draw the published data; what is published shows it:

- the d2l course's notebook on ndarrays prints 1.0434405 as the stream's third number, and its
  scatter plot holds 2,000 coordinates with six decimals: with today's `logf` the number is
  1.0434403, and 27 points of the plot are off;
- earlier editions of the Straight Dope notebook print the row 0.28478342 0.8342405 of X, and
  its ndarray chapter -0.83673775: today 0.28478345 0.8342406, and -0.8367378.

So both streams are drawn here from their words up: the Mersenne Twister, the polar method, and
the `logf` of then. All is float32, each operation rounded once, on any machine.
"""
import contextlib
import functools
import math
import threading
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import numpy

from .logf import logf

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
_drawing = threading.Lock()  # the one twister serves all engines, and all threads


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


class Stream:
    """A stream of random numbers, as a version of MXNet draws them on the CPU.

    A call for n numbers deals them to an engine for every 64 numbers begun, up to a most: to each
    the same number, in a row, until there are no more. As MXNet's RandGenerator does it
    (include/mxnet/random_generator.h and src/operator/random/sampler.h of its releases).

    Parameters
    ----------
    seed : int
        Of the first engine; each further one has the next integer.
    most_engines : int
        1 or, in MXNet's parallel generator, 1024.
    of_pair : {1, 2}
        How many are taken of the two numbers that the polar method gives at a time.
    """

    def __init__(self, seed: int, most_engines: int, of_pair: int) -> None:
        self.seed, self.most_engines, self.of_pair = seed, most_engines, of_pair
        self._engines: list[_Engine] = []

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
        return self._draw(self._normal, shape) * float32(scale) + float32(loc)

    def _draw(self, numbers: Callable[[list[_Engine], int, numpy.ndarray], numpy.ndarray],
              shape: Shape) -> numpy.ndarray:
        n = math.prod(shape)
        each = -(-n // min(-(-n // 64), self.most_engines))
        due = n - numpy.arange(0, n, each)  # of each engine, and of those after it
        drawn = numpy.empty((len(due), each), float32)
        width = max(_AT_ONCE // len(due) // 2 * 2, 2)  # even, so that no pair is broken
        with _drawing:
            for i in range(len(self._engines), len(due)):
                self._engines.append(_Engine(self.seed + i))
            for start in range(0, each, width):
                count = min(width, each - start)
                drawn[:, start:start + count] = numbers(
                    self._engines[:len(due)], count, numpy.clip(due - start, 0, count))
        return drawn.reshape(-1)[:n].reshape(shape)

    def _normal(self, engines: list[_Engine], count: int, due: numpy.ndarray) -> numpy.ndarray:
        pairs, due = -(-count // self.of_pair), -(-due // self.of_pair)
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
        factor = numpy.sqrt(float32(-2) * logf(r2) / r2)
        y_first = xy[:, ::-1][:, :self.of_pair]
        return (y_first * factor[:, None]).reshape(len(engines), -1)[:, :count]


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


Streams = dict[int, Stream]  # by their year


def _started(seed: int, on_device: bool = False) -> Streams:
    """Both streams at their start: MXNet multiplies a seed by 127.

    But in 2017's not one that is set for a single device.
    """
    return {2017: Stream(seed if on_device else 127 * seed, 1, 2),
            2019: Stream(127 * seed, 1024, 1)}


_of_process: Streams | None = _started(0)  # as MXNet's own, where nobody seeds it
_of_block: ContextVar[Streams | None] = ContextVar("streams", default=None)


def stream(year: int) -> Stream:
    """The stream of a year, where it stands: the block's, in `seeded`, else the process's.

    Parameters
    ----------
    year : {2017, 2019}

    Returns
    -------
    Stream
    """
    global _of_process
    streams = _of_block.get() or _of_process
    if streams is None:
        warnings.warn(_UNSEEN, stacklevel=3)
        streams = _of_process = _started(0)
    return streams[year]


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
        _of_process = None if seed is None else _started(seed, on_device=ctx != "all")


@contextlib.contextmanager
def of_new_process() -> Iterator[None]:
    """The process's streams as in a new process inside the block, and then where they were."""
    global _of_process
    outer, _of_process = _of_process, _started(0)
    try:
        yield
    finally:
        _of_process = outer


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Both streams at the start of `seed` inside the block, for this thread alone."""
    token = _of_block.set(_started(seed))
    try:
        yield
    finally:
        _of_block.reset(token)
