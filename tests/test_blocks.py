"""Blocks that change other people's modules: one owner at a time, and nothing is left behind."""
import asyncio
import contextlib
import gc
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import blocks
import matplotlib
import numpy
import pytest
from blocks import ROWS, changed, everything, first_row, interrupted
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from processes import environ

from d2l_linreg import as_published, published, reproduce
from d2l_linreg.compat.blocks import block, replaced
from d2l_linreg.compat.mxnet import mx
from d2l_linreg.compat.pictures import pictures_of_then


@pytest.fixture(scope="module", autouse=True)
def imported():
    """What a first block imports is there."""
    for era in ROWS:
        with as_published(era):
            first_row(era)


@pytest.fixture(autouse=True)
def as_before(imported):
    """After each test everything is as it was."""
    before = everything()
    yield before
    assert changed(before) == []


def inside(era, *arguments):
    """A generator that is inside an era between its first step and its last."""
    with as_published(era, *arguments):
        yield
        yield


def entered(era, *arguments):
    generator = inside(era, *arguments)
    next(generator)
    return generator


def test_a_snapshot_shows_what_an_era_changes(as_before):
    with as_published("straight_dope", "cpu(1)"):
        names = " ".join(changed(as_before))
    for name in ("mxnet.io.NDArrayIter", "mxnet.numpy.random.normal", "NDArray.asscalar",
                 "Axes.scatter", "rcParams", "printing", "printed", "('module', 'd2l')",
                 "('finder', 0)", "device", "streams._of_process", "mxnet.gpu"):
        assert name in names or name == "mxnet.numpy.random.normal"  # of 2017 there was no np
    with as_published("d2l"):
        assert {"random.shuffle", "mxnet.numpy.random.normal"} <= set(changed(as_before))


# One owner at a time

def test_a_second_thread_is_refused_and_told_who_is_in_it(as_before):
    with as_published("straight_dope"), ThreadPoolExecutor(1) as pool:
        def second():
            with as_published("2020"):
                raise AssertionError

        error = pool.submit(second).exception()
        assert isinstance(error, RuntimeError)
        for words in ("the thread 'MainThread'", "as_published('straight_dope')",
                      f"{__file__}:", "a process for each"):
            assert words in str(error)
        assert first_row("straight_dope") == ROWS["straight_dope"][2]
    with ThreadPoolExecutor(1) as pool:  # afterwards it may
        assert pool.submit(lambda: next(inside("2020"))).exception() is None


def test_a_second_task_is_refused_and_both_may_one_after_the_other():
    drawn = []

    async def use(era, started, leave):
        with as_published(era):
            started.set()
            await leave.wait()
            drawn.append(first_row(era))

    async def both():
        started, leave = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(use("d2l", started, leave), name="the first")
        await started.wait()
        at_once = asyncio.Event()
        at_once.set()
        with pytest.raises(RuntimeError, match=r"the task 'the first' .*as_published\('d2l'\)"):
            await use("2017", asyncio.Event(), at_once)
        leave.set()
        await first
        await use("2017", started, leave)

    asyncio.run(both())
    assert drawn == [ROWS["d2l"][2], ROWS["2017"][2]]


def test_tasks_may_enter_inside_a_block_that_their_loop_is_in(as_before):
    async def nested():
        with as_published("2020"):
            return first_row("2020")

    with as_published("d2l"):
        assert asyncio.run(nested()) == ROWS["2020"][2]
        assert first_row("d2l") == ROWS["d2l"][2]


def test_what_a_thread_or_task_that_ended_left_entered_is_nobodys(as_before):
    scope = as_published("d2l")
    thread = threading.Thread(target=scope.__enter__)
    thread.start()
    thread.join()
    with as_published("2017"):
        assert first_row("2017") == ROWS["2017"][2]
    assert first_row("d2l") == ROWS["d2l"][2]
    scope.__exit__(None, None, None)
    assert changed(as_before) == []

    async def enter(scope):
        scope.__enter__()
        return asyncio.current_task()

    for keep in (1, 0):  # someone, or nobody, keeps the task itself
        scope = as_published("d2l")
        kept = [asyncio.run(enter(scope))][:keep]
        with as_published("2020"):
            assert first_row("2020") == ROWS["2020"][2]
        scope.__exit__(None, None, None)
        assert len(kept) == keep and changed(as_before) == []


def test_reports_pictures_are_under_the_same_rule():
    with pictures_of_then(), ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(lambda: next(inside("d2l"))).exception(), RuntimeError)
        assert isinstance(pool.submit(reproduce, "d2l").exception(), RuntimeError)


# Any order

NAMES = st.sampled_from("xyz")


@settings(deadline=None, derandomize=True, database=None)
@given(st.dictionaries(NAMES, st.none()), st.data(),
       st.lists(st.lists(st.tuples(NAMES, st.integers())), min_size=1, max_size=4))
def test_what_blocks_replace_however_often_is_put_back(there, data, changes):
    owner = SimpleNamespace(**there)

    @block
    def replacing(pairs):
        for name, value in pairs:
            yield from replaced(owner, name, value)

    scopes = list(map(replacing, changes))
    for scope in scopes:
        scope.__enter__()
    on = list(range(len(scopes)))
    for number in data.draw(st.permutations(on)):
        scopes[number].__exit__(None, None, None)
        on.remove(number)
        still = changes[:max(on, default=-1) + 1]
        assert vars(owner) == {**there, **dict(sum(still, []))}


@pytest.mark.parametrize("leave", ["close", "drop", "throw", "in another thread", "collected"])
def test_generators_may_be_left_in_any_order_and_any_way(leave, as_before):
    outer, inner = [entered("straight_dope", "cpu(1)")], [entered("d2l", "cpu(2)")]
    ways = {"close": lambda held: held[0].close(), "drop": lambda held: held.clear(),
            "throw": lambda held: pytest.raises(OSError, held[0].throw, OSError())}

    def in_another_thread(held):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(held.clear).result()

    def collected(held):
        cycle = [held.pop()]
        cycle.append(cycle)
        del cycle
        gc.collect()

    way = dict(ways, **{"in another thread": in_another_thread, "collected": collected})[leave]
    way(outer)
    assert first_row("d2l") == ROWS["d2l"][2]  # the other is still on
    assert mx.context.current_context() == mx.cpu(2)
    way(inner)
    assert changed(as_before) == []


def test_asynchronous_generators_that_a_loop_ends_leave_nothing(as_before):
    async def stream():
        with as_published("straight_dope"):
            yield 1
            yield 2

    async def main():
        async for _ in stream():
            break
        gc.collect()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert changed(as_before) == ["handler of Ctrl-C"]  # which is asyncio's

    asyncio.run(main())


def test_tasks_that_were_started_inside_and_go_on_print_as_before(as_before):
    async def later(event):
        await event.wait()
        return str(numpy.array([0.1, 1.5], "float32"))

    async def main():
        event = asyncio.Event()
        with as_published("straight_dope"):
            task = asyncio.create_task(later(event))
            await asyncio.sleep(0)
        event.set()
        assert await task == as_before["printed"].partition(" ")[2]

    asyncio.run(main())


def test_what_someone_sets_inside_goes_where_we_changed_things(as_before):
    with as_published("d2l"):
        matplotlib.rcParams["lines.linewidth"] = 7
        numpy.set_printoptions(precision=2)
        random.shuffle = len
        mx.nd.something_of_theirs = 1
    assert mx.nd.something_of_theirs == 1  # and only there
    del mx.nd.something_of_theirs


def test_a_block_is_a_decorator_and_is_entered_once(as_before):
    @as_published("2017")
    def draw(times):
        return first_row("2017") if times == 1 else draw(times - 1)

    assert draw(3) == draw(1) == ROWS["2017"][2]
    scope = as_published("2018")
    with scope:
        with pytest.raises(RuntimeError, match=r"as_published\('2018'\) .*was entered before"):
            scope.__enter__()
        assert first_row("2018") == ROWS["2018"][2]
    with pytest.raises(RuntimeError, match="was entered before"), scope:
        pass


def test_a_block_in_a_stack_of_contexts_ends_with_it(as_before):
    with contextlib.ExitStack() as stack:
        stack.enter_context(as_published("2017"))
        stack.enter_context(as_published("2018"))
        assert first_row("2018") == ROWS["2018"][2]
    assert changed(as_before) == []
    stack.enter_context(as_published("2017"))
    del stack  # never closed
    gc.collect()


def test_threads_that_draw_and_shuffle_inside_leave_matplotlib_and_numpy_alone(as_before):
    def use(_):
        mx.io.NDArrayIter(mx.nd.zeros((50, 2)), mx.nd.arange(50), 5, shuffle=True)
        figure = matplotlib.figure.Figure()
        axes = figure.subplots()
        axes.scatter([1, 2], [1, 2])
        figure.savefig(os.devnull, format="svg")

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with as_published("straight_dope"):
            was = everything()
            with ThreadPoolExecutor(3) as pool:
                list(pool.map(use, range(9)))
            assert changed(was) == []
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python's, of a fork beside threads
def test_a_process_forked_by_another_thread_is_not_inside(as_before):
    def fork():
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException):
                lines = [name for name in changed(as_before) if "Axes" in name or "." in name]
                generator = entered("2017")
                good = not lines and first_row("2017") == ROWS["2017"][2]
                generator.close()
                os._exit(0 if good and changed(as_before) == [] else 1)
            os._exit(2)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    with as_published("d2l"), ThreadPoolExecutor(1) as pool:
        assert pool.submit(fork).result() == 0
        assert first_row("d2l") == ROWS["d2l"][2]


# Ctrl-C

def once(era="2017"):
    with as_published(era):
        pass


def stacked():
    with contextlib.ExitStack() as stack:
        stack.enter_context(as_published("2020"))


@pytest.mark.parametrize("use", [once, stacked])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ctrl_c_at_any_step_leaves_nothing(use, as_before):
    """And for `with`, unlike Python's ExitStack, so it is while someone keeps the traceback."""
    kept, last = [[None]], 0
    while kept[-1] and last < 1000:
        last += 3
        kept.append(interrupted(use, last))
        if use is stacked:
            kept[:-1], kept[-1] = [], list(map(type, kept[-1]))
        assert changed(as_before) == [], last
    assert 150 < last < 1000


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no such timer here")
def test_a_ctrl_c_that_python_notes_as_the_block_ends_leaves_nothing(as_before):
    """Within one long operation it is noted after that: in `__exit__`, before its first line."""
    square, kept = numpy.ones((500, 500)), []
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        while not kept:  # until it takes long enough
            try:
                with as_published("d2l"):
                    signal.setitimer(signal.ITIMER_REAL, 0.05)
                    square @ square
            except KeyboardInterrupt as error:
                kept.append(error)
                assert changed(as_before) == []
            signal.setitimer(signal.ITIMER_REAL, 0)
            square = numpy.tile(square, (2, 2))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert "_leave" in {frame.name for frame in traceback.extract_tb(kept[0].__traceback__)}


def test_a_ctrl_c_among_other_errors_leaves_nothing(as_before):
    def wrong():
        with as_published("2018", "tpu"):
            pass

    for at in range(0, 400, 5):
        interrupted(wrong, at)
        assert changed(as_before) == [], at


PROCESS = """
import itertools, random, signal, sys
sys.path.insert(0, {tests!r})
import blocks, numpy
from d2l_linreg import as_published
for era in blocks.ROWS:
    with as_published(era):
        blocks.first_row(era)
signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second may come where the first one shows late
before, kept, caught, eras = blocks.everything(), [], 0, itertools.cycle(blocks.ROWS)
print("ready", flush=True)
while caught < {count}:
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for outer, inner in zip(eras, eras):
            with as_published(outer):
                with as_published(inner):
                    if blocks.first_row(inner) != blocks.ROWS[inner][2]:
                        print("wrong numbers")
    except KeyboardInterrupt as error:
        kept.append(error)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    caught += 1
    print(blocks.changed(before), flush=True)
"""


def struck(count, seed, pause=0.03):
    """A process that enters and leaves, and gets so many real Ctrl-Cs at random moments."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS.format(tests=str(Path(__file__).parent), count=count)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ())
    lines = queue.SimpleQueue()
    reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout])
    reader.start()
    moments, told = random.Random(seed), [lines.get(timeout=100)]
    while len(told) <= count and process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moments.random() * pause)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(queue.Empty):  # if it came in a `__del__`, where Python ignores it
            told.append(lines.get(timeout=3))
    reader.join()
    with process:
        return told, process.stderr.read(), process.wait(60)


def test_real_ctrl_cs_at_random_moments_leave_nothing():
    told, errors, status = struck(count=12, seed=1)
    assert told == ["ready\n", *["[]\n"] * 12], errors
    assert status == 0


# All of it together

class Actor:
    """Who calls functions: the main thread, another, or an asyncio task of the main thread's."""

    def __init__(self, kind, loop):
        self.kind, self.loop = kind, loop
        if kind.startswith("thread"):
            self.pool = ThreadPoolExecutor(1, kind)
        elif kind.startswith("task"):
            self.asked = asyncio.Queue()
            self.task = loop.create_task(self.serve(), name=kind)

    async def serve(self):
        while True:
            function, answer = await self.asked.get()
            try:
                answer.set_result(function())
            except Exception as error:  # noqa: BLE001
                answer.set_exception(error)

    def __call__(self, function):
        if self.kind.startswith("thread"):
            return self.pool.submit(function).result()
        if self.kind == "main":
            return function()

        async def ask():
            answer = self.loop.create_future()
            self.asked.put_nowait((function, answer))
            return await answer

        return self.loop.run_until_complete(ask())

    def may_enter_inside(self, other):
        return self.kind == other or other == "main" and self.kind.startswith("task")

    def end(self):
        if self.kind.startswith("thread"):
            self.pool.shutdown()
        elif self.kind.startswith("task"):
            self.task.cancel()
            self.loop.run_until_complete(asyncio.gather(self.task, return_exceptions=True))


ACTORS = ("main", "thread 1", "thread 2", "task 1", "task 2")
eras, actors = st.sampled_from(sorted(ROWS)), st.sampled_from(ACTORS)
steps_made = {"entered": 0, "refused": 0, "left": 0, "interrupted": 0, "raised": 0, "numbers": 0}


class Overlaps(RuleBasedStateMachine):
    """Threads, tasks and generators that enter and leave in any order, with errors and Ctrl-C."""

    held = Bundle("held")

    @initialize()
    def start(self):
        self.before, self.loop = everything(), asyncio.new_event_loop()
        self.actors = {kind: Actor(kind, self.loop) for kind in ACTORS}
        self.model = []  # [scope, era, actor, left], the innermost last
        self.kept = []
        self.contexts = {kind: actor(blocks.of_context) for kind, actor in self.actors.items()}

    def may(self, actor):
        return not self.model or self.actors[actor].may_enter_inside(self.model[-1][2])

    @rule(target=held, actor=actors, era=eras, ctx=st.sampled_from([None, "cpu(1)"]),
          way=st.sampled_from(["generator", "by hand", "stack"]))
    def enter(self, actor, era, ctx, way):
        def enter():
            if way == "generator":
                return [entered(era, ctx)]
            scope = as_published(era, ctx)
            stack = contextlib.ExitStack()
            stack.enter_context(scope) if way == "stack" else scope.__enter__()
            return [stack if way == "stack" else scope]

        if not self.may(actor):
            holder = self.model[-1][2]
            if not holder.startswith("thread") and (actor.startswith("thread") or holder == "main"):
                holder = "MainThread"
            with pytest.raises(RuntimeError, match=holder):
                self.actors[actor](enter)
            steps_made["refused"] += 1
            return None
        self.model.append([self.actors[actor](enter), era, actor, False])
        steps_made["entered"] += 1
        return self.model[-1]

    @rule(actor=actors, held=held, way=st.sampled_from(["leave", "drop", "throw"]))
    def leave(self, actor, held, way):
        if held is None or held[3]:
            return

        def leave():
            scope = held[0].pop()
            if way == "drop":
                del scope
            elif hasattr(scope, "throw"):
                if way == "throw":
                    with contextlib.suppress(OSError):
                        scope.throw(OSError())
                else:
                    scope.close()
            else:
                scope.__exit__(None, None, None)

        self.actors[actor](leave)
        held[3] = True
        while self.model and self.model[-1][3]:
            self.model.pop()
        steps_made["left"] += 1

    @rule(actor=actors, era=eras)
    def raise_inside(self, actor, era):
        def fail():
            with as_published(era):
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError if self.may(actor) else RuntimeError):
            self.actors[actor](fail)
        steps_made["raised"] += 1

    @rule(era=eras, at=st.integers(0, 500))
    def press_ctrl_c(self, era, at):
        self.kept.append(interrupted(lambda: once(era), at))
        steps_made["interrupted"] += bool(self.kept[-1])

    @invariant()
    def all_is_as_it_was_or_of_the_innermost(self):
        if self.model:
            era = self.model[-1][1]
            assert first_row(era) == ROWS[era][2]
            if era == "d2l":
                assert random.shuffle is not self.before[blocks.OWNERS.index(random), "shuffle"]
            steps_made["numbers"] += 1
        else:
            assert changed(self.before) == []
            for kind, actor in self.actors.items():
                assert actor(blocks.of_context) == self.contexts[kind]

    def teardown(self):
        if not hasattr(self, "model"):
            return
        for held in list(self.model):  # the first first
            self.leave("main", held, "leave")
        assert changed(self.before) == []
        for actor in self.actors.values():
            actor.end()
        self.loop.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_after_any_order_of_anything_all_is_as_it_was():
    run_state_machine_as_test(Overlaps, settings=settings(
        max_examples=8, stateful_step_count=25, derandomize=True, deadline=None, database=None,
        suppress_health_check=list(HealthCheck)))
    assert all(steps_made.values()), steps_made


def test_what_the_first_shuffles_give_is_published(as_before):
    with as_published("2017"), as_published("d2l"):
        rows = list(range(1000))
        random.shuffle(rows)
    assert rows[:10] == published.document("d2l")["minibatch_rows"]
