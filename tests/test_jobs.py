"""The job thread: what it tells in which order, what it serves meanwhile, and how it is stopped."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from selfie_tui import jobs as jobs_module
from selfie_tui import records
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.prompts.checks import source_tokens
from selfie_tui.engine.service import METHODS, METHODS_OF_TWO, EngineService
from selfie_tui.errors import Cancelled, LoadError
from selfie_tui.jobs import Coalescer, Jobs
from selfie_tui.records import (
    EMBED,
    Cell,
    CellFinished,
    Control,
    ControlFinished,
    Event,
    Interpret,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    LensRead,
    LoadModel,
    ModelProgress,
    ModelReady,
    Notice,
    PartialTexts,
    Preset,
    PresetTokens,
    PreviewPreset,
    Progress,
    PromptTokens,
    ReadLens,
    Request,
    Task,
    Tokenize,
)
from tests.engine.zoo import build

PRESET = Preset("test", "a man in _ _ is of the")
RUN = Interpret(Request("the city of Paris", (Cell(EMBED, 1),), PRESET))
CLOSING = (JobFinished, JobCancelled, JobFailed)
WAIT = 20.0


class Heard(list[Event]):
    """The events of a job thread as they come, the thread each came on, and the state it was in then."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition()
        self.threads: set[int] = set()
        self.states: list[str] = []
        self.jobs: Jobs | None = None

    def __call__(self, event: Event) -> None:
        with self.changed:
            self.append(event)
            self.threads.add(threading.get_ident())
            self.states.append(self.jobs.state if self.jobs else "")
            self.changed.notify_all()

    def wait(self, holds: Callable[[Event], bool]) -> Event:
        """The first event of a kind, waited for."""
        with self.changed:
            assert self.changed.wait_for(lambda: any(map(holds, self)), WAIT), list(self)
            return next(filter(holds, self))

    def closing(self, job: int) -> Event:
        """The event that ends a job, waited for."""
        return self.wait(lambda event: event.job == job and isinstance(event, CLOSING))

    def of(self, job: int) -> list[Event]:
        return [event for event in self if event.job == job]


@dataclass
class Scripted:
    """An engine that does what it is told; quick tasks are answered at once.

    A run yields the control and `steps` times `Progress`, at each of which it waits for `gate` and asks for a cancel.
    """

    steps: int = 3
    gate: threading.Event = field(default_factory=threading.Event)
    inside: threading.Event = field(default_factory=threading.Event)
    errors: dict[type[Task], Exception] = field(default_factory=dict)
    began: list[int] = field(default_factory=list)
    done: list[Task] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    def run(self, task: Task, cancelled: Callable[[], bool], post: Callable[[Event], object]) -> Iterator[Event]:
        self.done.append(task)
        if error := self.errors.get(type(task)):
            raise error
        match task:
            case Tokenize(prompt=prompt):
                yield PromptTokens(prompt=prompt, tokens=())
            case PreviewPreset(preset=preset):
                yield PresetTokens(preset=preset)
            case ReadLens(prompt=prompt, positions=positions):
                yield LensRead(prompt=prompt, positions=positions, rows=())
            case LoadModel():
                for step in range(self.steps):
                    self.wait(step, cancelled)
                    post(ModelProgress(step=f"step {step}"))
            case Interpret():
                yield ControlFinished(control=Control("none", "nothing"))
                for step in range(self.steps):
                    self.wait(step, cancelled)
                    yield Progress(cells_done=0, cells=1, steps_done=step + 1, steps=self.steps)

    def wait(self, step: int, cancelled: Callable[[], bool]) -> None:
        self.began.append(step)
        self.inside.set()
        assert self.gate.wait(WAIT)
        if cancelled():
            raise Cancelled

    def hold(self) -> None:
        """Stop at the next step."""
        self.gate.clear()
        self.inside.clear()


@pytest.fixture
def engine() -> Scripted:
    return Scripted()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def jobs(engine: Scripted, heard: Heard) -> Iterator[Jobs]:
    jobs = Jobs(heard, lambda: engine)
    heard.jobs = jobs
    jobs.start()
    yield jobs
    engine.gate.set()
    jobs.close()
    jobs.join(WAIT)
    assert heard.threads <= {jobs._thread.ident}


def test_a_job_is_told_from_start_to_end_in_order_under_its_number(jobs: Jobs, heard: Heard) -> None:
    first, second = jobs.submit(RUN), jobs.submit(LoadModel("demo"))
    heard.closing(second)
    assert [type(event) for event in heard.of(first)] == [JobStarted, ControlFinished, Progress, Progress, JobFinished]
    assert [type(event) for event in heard.of(second)] == [JobStarted, *[ModelProgress] * 3, JobFinished]
    assert [event.job for event in heard] == sorted(event.job for event in heard)
    assert heard.of(first)[0] == JobStarted(job=first, task=RUN)


def test_quick_tasks_are_answered_without_ado(jobs: Jobs, heard: Heard) -> None:
    job = jobs.submit(Tokenize("a"))
    assert heard.wait(lambda event: event.job == job) == PromptTokens(job=job, prompt="a", tokens=())
    finished = jobs.submit(RUN)
    heard.closing(finished)
    assert len(heard.of(job)) == 1


def test_quick_tasks_are_answered_between_the_steps_of_a_long_one(jobs: Jobs, heard: Heard, engine: Scripted) -> None:
    engine.hold()
    job = jobs.submit(RUN)
    assert engine.inside.wait(WAIT)
    quick = [jobs.submit(task) for task in (Tokenize("a"), PreviewPreset(PRESET), ReadLens("a", (0,)))]
    engine.gate.set()
    heard.closing(job)
    answers = [event for event in heard if event.job in quick]
    assert [type(event) for event in answers] == [PromptTokens, PresetTokens, LensRead]
    assert heard.index(answers[-1]) < heard.index(heard.closing(job))
    assert engine.began == [0, 1, 2]


class OneStep(Scripted):
    """An engine whose run and whose load are one long step each, in which it asks again and again for a cancel."""

    def run(self, task: Task, cancelled: Callable[[], bool], post: Callable[[Event], object]) -> Iterator[Event]:
        if not isinstance(task, (Interpret, LoadModel)):
            yield from super().run(task, cancelled, post)
            return
        while not self.gate.wait(0.001):
            self.inside.set()
            if cancelled():
                raise Cancelled


def test_light_tasks_are_answered_inside_a_step_of_a_run_and_a_lens_is_not() -> None:
    engine, heard = OneStep(), Heard()
    jobs = Jobs(heard, lambda: engine)
    jobs.start()
    engine.hold()
    run = jobs.submit(RUN)
    assert engine.inside.wait(WAIT)
    lens, preview, tokens = (
        jobs.submit(ReadLens("a", (0,))),
        jobs.submit(PreviewPreset(PRESET)),
        jobs.submit(Tokenize("a")),
    )
    heard.wait(lambda event: event.job == tokens)
    assert heard.of(preview)
    assert not heard.of(lens)
    jobs.cancel()
    assert isinstance(heard.closing(run), JobCancelled)
    heard.wait(lambda event: event.job == lens)
    engine.hold()
    load = jobs.submit(LoadModel("other"))
    assert engine.inside.wait(WAIT)
    tokens = jobs.submit(Tokenize("a"))
    engine.gate.set()
    heard.wait(lambda event: event.job == tokens)
    assert isinstance(heard.closing(load), JobFinished)
    assert heard.index(heard.closing(load)) < heard.index(heard.of(tokens)[0])
    jobs.close()


def test_what_is_asked_after_a_load_is_answered_by_the_model_that_was_loaded(heard: Heard) -> None:
    jobs = Jobs(heard, lambda: EngineService(build("llama", layers=2), threads=1))
    jobs.submit(LoadModel("demo"))
    jobs.submit(Tokenize("the city"))
    jobs.start()
    answer = heard.wait(lambda event: isinstance(event, PromptTokens))
    assert any(isinstance(event, ModelReady) for event in heard[: heard.index(answer)])
    assert answer.tokens == source_tokens(load("demo"), "the city")  # type: ignore[attr-defined]
    assert answer.tokens != source_tokens(build("llama", layers=2), "the city")  # type: ignore[attr-defined]
    jobs.close()


def test_only_the_newest_quick_task_of_a_kind_is_answered(jobs: Jobs, heard: Heard, engine: Scripted) -> None:
    engine.hold()
    job = jobs.submit(RUN)
    assert engine.inside.wait(WAIT)
    for letter in "abc":
        jobs.submit(Tokenize(letter))
        jobs.submit(ReadLens(letter, (0,)))
    engine.gate.set()
    heard.closing(job)
    assert [event.prompt for event in heard if isinstance(event, PromptTokens | LensRead)] == ["c", "c"]


def test_quick_tasks_of_two_origins_do_not_drop_each_other(jobs: Jobs, heard: Heard, engine: Scripted) -> None:
    engine.hold()
    run = jobs.submit(RUN)
    assert engine.inside.wait(WAIT)
    for position in range(3):
        for origin in ("layers", "map"):
            jobs.submit(ReadLens("p", (position,), origin=origin))
    engine.gate.set()
    heard.closing(run)
    assert [(task.origin, *task.positions) for task in engine.done if isinstance(task, ReadLens)] == [
        ("layers", 2),
        ("map", 2),
    ]


def test_a_task_and_an_event_of_a_method_of_ones_own_are_queued_and_held_back_by_what_they_say(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Count(Task, frozen=True):
        quick: ClassVar[bool] = True
        up_to: int

    class Counted(Event, kw_only=True, frozen=True):
        latest_by: ClassVar[str | None] = ""
        number: int

    class Counter:
        def run(self, task: Task, cancelled: object, post: object) -> Iterator[Event]:
            assert isinstance(task, Count)
            return (Counted(number=number) for number in range(task.up_to))

    jobs = Jobs(heard, Counter)
    jobs.submit(Count(7))
    last = jobs.submit(Count(100_000))
    jobs.start()
    heard.wait(lambda event: isinstance(event, Counted) and event.number == 99_999)
    jobs.close()
    assert {event.job for event in heard} == {last}
    assert len(heard) < 1000


def test_long_tasks_are_done_one_after_the_other_and_none_replaces_another(jobs: Jobs, heard: Heard) -> None:
    numbers = [jobs.submit(RUN) for _ in range(4)]
    heard.closing(numbers[-1])
    ends = [event.job for event in heard if isinstance(event, JobFinished)]
    assert ends == numbers


def test_what_is_submitted_before_the_start_is_done_after_it(engine: Scripted, heard: Heard) -> None:
    jobs = Jobs(heard, lambda: engine)
    jobs.submit(Tokenize("a"))
    newer, run = jobs.submit(Tokenize("b")), jobs.submit(RUN)
    assert not heard
    jobs.start()
    heard.closing(run)
    assert [event.prompt for event in heard if isinstance(event, PromptTokens)] == ["b"]
    assert heard[0].job == newer
    jobs.close()


# Cancelling ---------------------------------------------------------------------------------------------------------


def test_a_cancel_ends_the_job_at_its_step_and_is_told_once(jobs: Jobs, heard: Heard, engine: Scripted) -> None:
    engine.hold()
    job = jobs.submit(RUN)
    assert engine.inside.wait(WAIT)
    assert jobs.state == "running"
    jobs.cancel()
    assert jobs.state == "cancelling"
    jobs.cancel()
    assert jobs.state == "cancelling"
    engine.gate.set()
    assert isinstance(heard.closing(job), JobCancelled)
    assert engine.began == [0]
    assert [type(event) for event in heard] == [JobStarted, ControlFinished, JobCancelled]
    assert heard.states == ["running", "running", "idle"]
    assert jobs.state == "idle"


def test_the_state_is_idle_only_when_the_job_is_over(jobs: Jobs, heard: Heard, engine: Scripted) -> None:
    assert jobs.state == "idle"
    job = jobs.submit(RUN)
    heard.closing(job)
    assert heard.states == ["running"] * (len(heard) - 1) + ["idle"]


def test_a_cancel_of_nothing_does_nothing_to_the_next_job(jobs: Jobs, heard: Heard) -> None:
    jobs.cancel()
    assert jobs.state == "idle"
    job = jobs.submit(RUN)
    assert isinstance(heard.closing(job), JobFinished)
    jobs.cancel()
    assert isinstance(heard.closing(jobs.submit(RUN)), JobFinished)
    assert not any(isinstance(event, JobCancelled) for event in heard)


def test_a_cancel_forgets_the_long_tasks_that_wait_and_keeps_the_quick_ones(
    jobs: Jobs, heard: Heard, engine: Scripted
) -> None:
    engine.hold()
    job = jobs.submit(RUN)
    assert engine.inside.wait(WAIT)
    waiting, quick = jobs.submit(RUN), jobs.submit(Tokenize("a"))
    jobs.cancel()
    engine.gate.set()
    assert isinstance(heard.closing(job), JobCancelled)
    heard.wait(lambda event: event.job == quick)
    assert isinstance(heard.closing(jobs.submit(RUN)), JobFinished)
    assert not heard.of(waiting)


def test_one_job_is_dropped_whether_it_runs_or_waits_and_the_others_go_on(
    jobs: Jobs, heard: Heard, engine: Scripted
) -> None:
    engine.hold()
    first = jobs.submit(RUN)
    assert engine.inside.wait(WAIT)
    waiting, last = jobs.submit(RUN), jobs.submit(RUN)
    jobs.drop(waiting)
    jobs.drop(99)
    assert jobs.state == "running"
    jobs.drop(first)
    assert jobs.state == "cancelling"
    engine.gate.set()
    assert isinstance(heard.closing(first), JobCancelled)
    assert isinstance(heard.closing(last), JobFinished)
    assert not heard.of(waiting)
    jobs.drop(last)
    assert jobs.state == "idle"


def test_a_job_after_a_cancelled_one_runs_to_its_end(jobs: Jobs, heard: Heard, engine: Scripted) -> None:
    engine.hold()
    first = jobs.submit(RUN)
    assert engine.inside.wait(WAIT)
    jobs.cancel()
    second = jobs.submit(RUN)
    engine.gate.set()
    assert isinstance(heard.closing(first), JobCancelled)
    assert isinstance(heard.closing(second), JobFinished)


def test_a_cancel_does_not_reach_quick_tasks(jobs: Jobs, heard: Heard, engine: Scripted) -> None:
    asked: list[bool] = []
    real = engine.run

    def run(task: Task, cancelled: Callable[[], bool], post: Any) -> Iterator[Event]:
        if isinstance(task, Tokenize):
            asked.append(cancelled())
        return real(task, cancelled, post)

    engine.run = run  # type: ignore[method-assign]
    engine.steps = 1
    engine.hold()
    job = jobs.submit(RUN)
    assert engine.inside.wait(WAIT)
    jobs.submit(Tokenize("a"))
    jobs.cancel()
    engine.gate.set()
    heard.closing(job)
    heard.wait(lambda event: isinstance(event, PromptTokens))
    assert asked == [False]


def test_whatever_is_asked_in_whatever_order_every_job_that_starts_ends_once(
    jobs: Jobs, heard: Heard, engine: Scripted
) -> None:
    """Four threads submit and cancel at random; then one last job shows that all is well."""

    def ask(seed: int) -> None:
        choose = random.Random(seed)
        for _ in range(60):
            action = choose.choice([RUN, RUN, Tokenize("a"), ReadLens("a", (0,)), None])
            if action is None:
                jobs.cancel()
            else:
                jobs.submit(action)
            time.sleep(choose.random() * 0.002)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    last = jobs.submit(RUN)
    assert isinstance(heard.closing(last), JobFinished)
    started = [event.job for event in heard if isinstance(event, JobStarted)]
    ended = [event.job for event in heard if isinstance(event, CLOSING)]
    assert started == ended
    assert len(set(ended)) == len(ended)
    assert jobs.state == "idle"


# Errors -------------------------------------------------------------------------------------------------------------


def test_an_error_of_our_own_is_told_with_its_remedy_and_the_thread_lives_on(
    jobs: Jobs, heard: Heard, engine: Scripted
) -> None:
    engine.errors[LoadModel] = LoadError("There is no such model.", "Check its name.")
    failed = heard.closing(jobs.submit(LoadModel("x")))
    assert isinstance(failed, JobFailed)
    assert (failed.cause, failed.remedy) == ("There is no such model.", "Check its name.")
    assert "LoadError" in failed.traceback
    assert heard.states[-1] == "idle"
    assert isinstance(heard.closing(jobs.submit(RUN)), JobFinished)


def test_any_other_error_is_told_in_one_line_with_its_traceback(jobs: Jobs, heard: Heard, engine: Scripted) -> None:
    engine.errors[Interpret] = ValueError("first line\nsecond line")
    failed = heard.closing(jobs.submit(RUN))
    assert isinstance(failed, JobFailed)
    assert failed.cause == "ValueError: first line"
    assert "report it" in failed.remedy
    assert "second line" in failed.traceback
    engine.errors.clear()
    assert isinstance(heard.closing(jobs.submit(RUN)), JobFinished)


def test_an_error_of_a_quick_task_leaves_the_long_one_alone(jobs: Jobs, heard: Heard, engine: Scripted) -> None:
    engine.errors[Tokenize] = RuntimeError("no tokens")
    engine.hold()
    job = jobs.submit(RUN)
    assert engine.inside.wait(WAIT)
    quick = jobs.submit(Tokenize("a"))
    engine.gate.set()
    assert isinstance(heard.closing(quick), JobFailed)
    assert isinstance(heard.closing(job), JobFinished)
    assert heard.states[heard.index(heard.closing(quick))] == "running"


def test_an_engine_that_cannot_be_made_is_told_and_tried_again(heard: Heard, engine: Scripted) -> None:
    tries: list[int] = []

    def make() -> Scripted:
        tries.append(1)
        if len(tries) < 3:
            raise ImportError("libtorch_cpu.so: cannot open shared object file")
        return engine

    jobs = Jobs(heard, make)
    jobs.start()
    failed = heard.closing(jobs.submit(LoadModel("demo")))
    assert isinstance(failed, JobFailed)
    assert failed.cause == "ImportError: libtorch_cpu.so: cannot open shared object file"
    assert isinstance(heard.closing(jobs.submit(Tokenize("a"))), JobFailed)
    assert isinstance(heard.closing(jobs.submit(RUN)), JobFinished)
    assert len(tries) == 3
    jobs.close()


def test_the_engine_is_made_on_the_job_thread(heard: Heard, engine: Scripted) -> None:
    made_on: list[int] = []

    def make() -> Scripted:
        made_on.append(threading.get_ident())
        return engine

    jobs = Jobs(heard, make)
    jobs.start()
    heard.closing(jobs.submit(RUN))
    assert made_on == [jobs._thread.ident]
    assert made_on[0] != threading.get_ident()
    jobs.close()


# Closing ------------------------------------------------------------------------------------------------------------


def test_closing_ends_an_idle_thread(engine: Scripted, heard: Heard) -> None:
    jobs = Jobs(heard, lambda: engine)
    assert jobs._thread.daemon
    jobs.start()
    heard.closing(jobs.submit(RUN))
    jobs.close()
    jobs.join(WAIT)
    assert not jobs._thread.is_alive()
    jobs.close()
    told = len(heard)
    jobs.submit(RUN)
    time.sleep(0.05)
    assert len(heard) == told


def test_closing_cancels_what_runs_and_drops_what_waits(jobs: Jobs, heard: Heard, engine: Scripted) -> None:
    engine.hold()
    job = jobs.submit(RUN)
    assert engine.inside.wait(WAIT)
    waiting = [jobs.submit(RUN), jobs.submit(Tokenize("a"))]
    jobs.close()
    engine.gate.set()
    jobs.join(WAIT)
    assert not jobs._thread.is_alive()
    assert isinstance(heard.closing(job), JobCancelled)
    assert engine.began == [0]
    assert not any(event.job in waiting for event in heard)


# Updates ------------------------------------------------------------------------------------------------------------


class Clock:
    """A time that is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(jobs_module.time, "monotonic", lambda: self.now)


@pytest.mark.parametrize("interval", [0.001, 0.02, 0.05])
def test_updates_come_at_most_ten_times_a_second_and_the_last_is_not_lost(
    interval: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, posted = Clock(monkeypatch), []
    updates = Coalescer(posted.append)
    count = int(2 / interval)
    for step in range(count):
        updates.post(PartialTexts(texts=((0, f"text {step}"),)))
        updates.post(Progress(cells_done=0, cells=1, steps_done=step, steps=count))
        clock.now += interval
    updates.flush()
    texts = [event for event in posted if isinstance(event, PartialTexts)]
    steps = [event for event in posted if isinstance(event, Progress)]
    assert 12 <= len(texts) <= 22
    assert 12 <= len(steps) <= 22
    assert texts[-1].texts == ((0, f"text {count - 1}"),)
    assert steps[-1].steps_done == count - 1


def test_updates_that_are_rare_are_passed_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, posted = Clock(monkeypatch), []
    updates = Coalescer(posted.append)
    for step in range(5):
        clock.now += 0.2
        updates.post(Progress(cells_done=0, cells=1, steps_done=step, steps=5))
        assert len(posted) == step + 1


def test_what_is_held_back_is_sent_when_it_is_due_though_no_other_update_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, posted = Clock(monkeypatch), []
    updates = Coalescer(posted.append)
    updates.post(Progress(cells_done=0, cells=1, steps_done=1, steps=5))
    updates.post(PartialTexts(texts=((0, "first words"),)))
    updates.flush_due()
    assert len(posted) == 1
    clock.now += 0.11
    updates.flush_due()
    assert [type(event) for event in posted] == [Progress, PartialTexts]
    updates.flush_due()
    assert len(posted) == 2


def test_texts_of_different_cells_are_held_back_together(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    posted: list[Event] = []
    updates = Coalescer(posted.append)
    updates.post(PartialTexts(texts=((0, "sent at once"),)))
    updates.post(PartialTexts(texts=((2, "two"), (0, "old"))))
    updates.post(PartialTexts(texts=((0, "new"), (-1, "control"))))
    assert len(posted) == 1
    updates.flush()
    assert posted[-1] == PartialTexts(texts=((-1, "control"), (0, "new"), (2, "two")))
    updates.flush()
    assert len(posted) == 2


def test_what_is_held_back_comes_before_any_other_event(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    posted: list[Event] = []
    updates = Coalescer(posted.append)
    updates.post(PartialTexts(texts=((0, "a"),)))
    updates.post(PartialTexts(texts=((0, "ab"),)))
    updates.post(Notice(text="half the batch"))
    assert posted[1:] == [PartialTexts(texts=((0, "ab"),)), Notice(text="half the batch")]


def test_first_words_are_sent_though_the_step_after_them_is_long(heard: Heard) -> None:
    """The step asks whether it is cancelled before each block, as those of the engine do."""
    sent = threading.Event()

    class LongStep:
        def run(self, task: Task, cancelled: Callable[[], bool], post: Callable[[Event], object]) -> Iterator[Event]:
            yield Progress(cells_done=0, cells=1, steps_done=1, steps=2)
            yield PartialTexts(texts=((0, "first words"),))
            limit = time.monotonic() + WAIT
            while not sent.wait(0.01) and time.monotonic() < limit:
                cancelled()

    jobs = Jobs(heard, LongStep)
    heard.jobs = jobs
    jobs.start()
    jobs.submit(RUN)
    heard.wait(lambda event: isinstance(event, PartialTexts))
    assert not any(isinstance(event, CLOSING) for event in heard)
    sent.set()
    heard.wait(lambda event: isinstance(event, JobFinished))
    jobs.close()


def test_a_jobs_last_update_comes_before_its_end(jobs: Jobs, heard: Heard, engine: Scripted) -> None:
    engine.steps = 50
    job = jobs.submit(RUN)
    heard.closing(job)
    updates = [event for event in heard if isinstance(event, Progress)]
    assert updates[-1].steps_done == 50
    assert len(updates) < 50


# The real engine ----------------------------------------------------------------------------------------------------

LONG = Request(
    "the Eiffel Tower is in Paris", tuple(Cell(layer, 1) for layer in (EMBED, 0, 1)), PRESET, max_new_tokens=110
)


@pytest.fixture
def real(heard: Heard) -> Iterator[Jobs]:
    jobs = Jobs(heard, lambda: EngineService(build("llama", layers=2), threads=1))
    heard.jobs = jobs
    jobs.start()
    yield jobs
    jobs.close()
    jobs.join(WAIT)
    assert not jobs._thread.is_alive()


def cells_of(events: list[Event]) -> list[Event]:
    return [event.interpretation for event in events if isinstance(event, CellFinished)]


def test_the_real_engine_answers_tokens_and_lens_between_its_steps(real: Jobs, heard: Heard) -> None:
    job = real.submit(Interpret(LONG))
    heard.wait(lambda event: isinstance(event, Progress))
    quick = [
        real.submit(task) for task in (Tokenize("the city"), ReadLens("the city of Paris", (2,)), PreviewPreset(PRESET))
    ]
    end = heard.closing(job)
    assert isinstance(end, JobFinished)
    answers = [event for event in heard if event.job in quick]
    assert {type(event) for event in answers} == {PromptTokens, LensRead, PresetTokens}
    assert heard.index(answers[-1]) < heard.index(end)
    tokens = next(event.tokens for event in answers if isinstance(event, PromptTokens))
    assert [token.text for token in tokens] == ["<s>", " the", " city"]
    again = real.submit(Interpret(LONG))
    heard.closing(again)
    assert cells_of(heard.of(again)) == cells_of(heard.of(job))


def test_the_real_engine_is_cancelled_within_a_step_and_runs_again(real: Jobs, heard: Heard) -> None:
    job = real.submit(Interpret(LONG))
    heard.wait(lambda event: isinstance(event, Progress))
    real.cancel()
    asked = len(heard)
    assert isinstance(heard.closing(job), JobCancelled)
    assert sum(isinstance(event, Progress) for event in heard[asked:]) <= 2  # one under way, one held back
    assert heard.states[-1] == "idle"
    assert max(event.steps_done for event in heard if isinstance(event, Progress)) < 110 * len(LONG.cells)
    assert isinstance(heard.closing(real.submit(Interpret(LONG))), JobFinished)


def test_the_real_engine_tells_what_is_wrong_with_a_request(real: Jobs, heard: Heard) -> None:
    failures = [
        heard.closing(real.submit(task))
        for task in (
            Interpret(Request("", LONG.cells, PRESET)),
            ReadLens("the city", (99,)),
            ReadLens("the city", (-1,)),
            LoadModel("/no/such/folder"),
        )
    ]
    assert all(isinstance(event, JobFailed) for event in failures)
    causes = [event.cause for event in failures]  # type: ignore[attr-defined]
    assert causes[0] == "The prompt is empty."
    assert causes[1].startswith("Token 99 is out of range")
    assert causes[2].startswith("Token -1 is out of range")
    assert causes[3].startswith("Folder not found")
    assert not any("fault of the program" in event.remedy for event in failures)  # type: ignore[attr-defined]


def test_without_a_model_the_real_engine_says_so(heard: Heard) -> None:
    jobs = Jobs(heard, lambda: EngineService(threads=1))
    jobs.start()
    for task in (RUN, Tokenize("a"), ReadLens("a", (0,))):
        failed = heard.closing(jobs.submit(task))
        assert isinstance(failed, JobFailed)
        assert failed.cause == "No model is loaded."
    jobs.close()


def test_every_task_but_loading_has_one_method_and_every_method_a_task() -> None:
    tasks = {task for task in vars(records).values() if isinstance(task, type) and issubclass(task, Task)}
    assert not METHODS.keys() & METHODS_OF_TWO.keys()
    assert METHODS.keys() | METHODS_OF_TWO.keys() == tasks - {Task, LoadModel}


def test_the_engine_that_is_made_by_default_loads_the_demo_model(heard: Heard) -> None:
    jobs = Jobs(heard)
    jobs.start()
    job = jobs.submit(LoadModel("demo"))
    assert isinstance(heard.closing(job), JobFinished)
    steps = [event.step for event in heard.of(job) if isinstance(event, ModelProgress)]
    assert steps[0].startswith("the weights need ")
    assert steps[1] == "reading the tokenizer"
    assert any(isinstance(event, ModelReady) for event in heard.of(job))
    jobs.close()
    jobs.join(WAIT)


def test_a_quick_task_in_the_middle_of_its_work_gives_way_to_a_newer_one_of_its_kind_and_origin(heard: Heard) -> None:
    begun, asked = threading.Event(), []

    class Patient:
        """Works on the prompt "old" until it is told that no one waits for it."""

        def run(
            self, task: Tokenize, cancelled: Callable[[], bool], post: Callable[[Event], object]
        ) -> Iterator[Event]:
            end = time.monotonic() + WAIT
            while task.prompt == "old":
                asked.append(cancelled())
                begun.set()
                if asked[-1]:
                    raise Cancelled
                assert time.monotonic() < end
                time.sleep(0.001)
            yield PromptTokens(prompt=task.prompt, tokens=())

    jobs = Jobs(heard, Patient)
    heard.jobs = jobs
    jobs.start()
    jobs.submit(Tokenize("old", origin="map"))
    assert begun.wait(WAIT)
    other = jobs.submit(Tokenize("of another pane", origin="list"))
    before = len(asked)
    assert wait_until(lambda: len(asked) > before + 5)
    assert not any(asked), "a task of another origin waits its turn"
    newer = jobs.submit(Tokenize("new", origin="map"))
    heard.wait(lambda event: event.job == newer)
    assert [(event.job, event.prompt) for event in heard] == [(other, "of another pane"), (newer, "new")]
    begun.clear()
    jobs.submit(Tokenize("old"))
    assert begun.wait(WAIT)
    jobs.close()
    jobs.join(WAIT)
    assert len(heard) == 2, "nothing is said of a task that no one waits for"


def wait_until(true: Callable[[], bool]) -> bool:
    """Wait until something is true; whether it came true in time."""
    end = time.monotonic() + WAIT
    while not true() and time.monotonic() < end:
        time.sleep(0.001)
    return true()
