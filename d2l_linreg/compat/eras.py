"""How MXNet, and what it stood on, behaved from year to year, as data.

Which stream MXNet draws from was swapped several times. `normal` draws pairs (p0, p1), (p2, p3),
... by the polar method, from the words of Mersenne Twisters, and takes of them what the generator
says.
"""
from dataclasses import dataclass


@dataclass(frozen=True)
class Generator:
    """How a call for n numbers deals them to Mersenne Twisters.

    To one for every 64 numbers begun, up to a most: to each the same number, in a row, until there
    are no more. So MXNet's RandGenerator does it (include/mxnet/random_generator.h and
    src/operator/random/sampler.h of its releases).

    Attributes
    ----------
    most_engines : int
        1 or, in MXNet's parallel generator, 1024.
    of_pair : {1, 2}
        How many are taken of the two numbers that the polar method gives at a time.
    anew : bool
        Whether each call takes one word of the first engine alone, as the seed of a new one.
    """

    most_engines: int
    of_pair: int
    anew: bool = False


ONE_ENGINE = Generator(most_engines=1, of_pair=2)  # p0, p1, p2, ...
NEW_ENGINES = Generator(most_engines=1, of_pair=2, anew=True)  # p0, p1, ... of each call's own
MANY_ENGINES = Generator(most_engines=1024, of_pair=1)  # p0, p2, ...


@dataclass(frozen=True)
class Drawing:
    """How random numbers are drawn.

    Attributes
    ----------
    nd, np : Generator
        Of `mxnet.nd` and `mxnet.np`. One state serves both where they are the same.
    logf : {"before 2018", "since 2018"}
        Which logarithm glibc, the GNU C library, had: see `compat.logf`.
    swapped_pairs : bool
        Whether the pairs are (p1, p0), (p3, p2), ..., as the C++ libraries of macOS and Windows
        have them.
    """

    nd: Generator
    np: Generator
    logf: str = "before 2018"
    swapped_pairs: bool = False


OF_THE_NOTEBOOKS = Drawing(nd=ONE_ENGINE, np=MANY_ENGINES)  # of 2017 the one, of 2019 the other


@dataclass(frozen=True)
class Era:
    """One of the years between two changes of what notebooks print.

    Attributes
    ----------
    name : str
    mxnet : str
        Its versions then.
    drawing : Drawing
    namespaces : tuple of str
        Which of `nd` and `np` it had.
    shuffles_once : bool
        Whether `NDArrayIter` shuffles when it is made, and its `reset()` only rewinds.
    exact_squares : bool
        Whether `array ** 2` is the exact square, as `powf` of C libraries was before 2018.
    numpy : str
        Whose way to print arrays.
    old_pictures : bool
        Whether matplotlib was older than 3.1.
    later_books : bool
        Whether notebooks import the package d2l of later books.
    """

    name: str
    mxnet: str
    drawing: Drawing
    namespaces: tuple[str, ...]
    shuffles_once: bool
    exact_squares: bool
    numpy: str
    old_pictures: bool
    later_books: bool = False


ERAS = {era.name: era for era in (
    Era("2017", "to 0.11", Drawing(ONE_ENGINE, MANY_ENGINES), ("nd",), shuffles_once=True,
        exact_squares=True, numpy="1.13", old_pictures=True),
    Era("late-2017", "0.12.0 to 1.0.0", Drawing(NEW_ENGINES, MANY_ENGINES), ("nd",),
        shuffles_once=True, exact_squares=True, numpy="1.13", old_pictures=True),
    Era("2018", "1.0.0.post4 to 1.5", Drawing(MANY_ENGINES, MANY_ENGINES), ("nd", "np"),
        shuffles_once=True, exact_squares=True, numpy="1.16", old_pictures=True),
    Era("2020", "1.6 and later", Drawing(MANY_ENGINES, ONE_ENGINE, logf="since 2018"),
        ("nd", "np"), shuffles_once=False, exact_squares=False, numpy="1.16", old_pictures=False,
        later_books=True),
)}
TODAY = "today"  # nothing of then
