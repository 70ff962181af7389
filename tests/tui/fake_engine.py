"""An engine without a model, that answers as the protocol wants: words as tokens, and readings that can be foreseen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from msgspec.structs import replace

from selfie_tui.errors import Cancelled, LoadError, RequestError, SelfieError
from selfie_tui.records import (
    EMBED,
    Answer,
    Calibrate,
    Calibrated,
    Calibration,
    CalibrationRow,
    Cell,
    CellFinished,
    CompareLenses,
    Control,
    ControlFinished,
    Edit,
    EditsSet,
    Event,
    GeneratedToken,
    InjectionSetting,
    Interpret,
    Interpretation,
    KeepVector,
    LensesCompared,
    LensRead,
    LensRow,
    LensToken,
    LoadModel,
    ModelInfo,
    ModelProgress,
    ModelReady,
    Notice,
    PartialTexts,
    PatchActivations,
    Peek,
    PeekSteps,
    PresetTokens,
    PreviewPreset,
    Progress,
    PromptToken,
    PromptTokens,
    ReadAttention,
    ReadBack,
    ReadLens,
    ReadModules,
    Request,
    SetEdits,
    StackInfo,
    Task,
    Token,
    Tokenize,
    TrackedToken,
    VectorKept,
)
from selfie_tui.records.calibration import LAST_ROUND, PROCEDURE
from tests.tui import fake_modules, fake_patching, fake_vectors

BLOCKS = 8
CONTROL_TEXT = "the message is empty"
LATE = "Paris , the capital of France"
EARLY = "the word of"


@dataclass
class FakeEngine:
    """Answers at once, unless held back: `loaded` holds back the model, `step` the next step of a run."""

    blocks: int = BLOCKS
    late: str = LATE
    loaded: threading.Event = field(default_factory=threading.Event)
    step: threading.Event = field(default_factory=threading.Event)
    pause: float = 0.0
    fail: SelfieError | Exception | None = None
    notices: tuple[Notice, ...] = ()
    done: list[Task] = field(default_factory=list)
    name: str = "demo"
    verdict: str = "verified"
    kind: str = "decoder"
    stacks: tuple[StackInfo, ...] = ()
    revision: str = ""
    reads_back: bool = True
    edits: tuple[Edit, ...] = ()

    def __post_init__(self) -> None:
        self.loaded.set()
        self.step.set()

    def run(self, task: Task, cancelled: Callable[[], bool], post: Callable[[Event], object]) -> Iterator[Event]:
        self.done.append(task)
        match task:
            case LoadModel():
                yield from self._load(task, cancelled)
            case Tokenize(prompt=prompt, stack=stack):
                yield PromptTokens(prompt=prompt, tokens=self._source(prompt, stack), stack=stack)
            case PreviewPreset(preset=preset, max_new_tokens=count):
                text = preset.text + " [MASK]" * (
                    count if self.kind == "encoder" and "[MASK]" not in preset.text else 0
                )
                slots = tuple(
                    PromptToken(token, token.text.strip() == preset.placeholder, token.text.strip() == "[MASK]")
                    for token in words(text)
                )
                if any(slot.overwritten for slot in slots):
                    yield PresetTokens(preset=preset, tokens=slots)
                else:
                    yield PresetTokens(preset=preset, problem=f"There is no {preset.placeholder} in it. Write one.")
            case ReadLens():
                yield self._read_lens(task)
            case CompareLenses():
                yield self._compare_lenses(task)
            case Calibrate():
                yield from self._calibrate(task, cancelled)
            case Interpret(request=request, earlier=earlier):
                there = dict(earlier.interpretations) if earlier else {}
                yield from (CellFinished(index=index, interpretation=found) for index, found in there.items())
                yield from self._interpret(request, cancelled, frozenset(there))
            case PatchActivations(clean=clean, corrupt=corrupt):
                pair = words(clean), words(corrupt)
                yield from fake_patching.patched(task, *pair, self.blocks, cancelled, self.step, self.pause)
            case _:
                yield from self._inspect(task, cancelled)

    def _inspect(self, task: Task, cancelled: Callable[[], bool]) -> Iterator[Event]:
        match task:
            case ReadModules(model="missing"):
                raise LoadError("There is no model called missing.", "Check its name.")
            case ReadModules(model=model):
                blocks = 4 if model == "broken" else self.blocks
                yield fake_modules.modules_read(model or self.name, blocks, loaded=not model)
            case Peek(prompt=prompt, stack=stack):
                yield fake_modules.peeked(task, self._source(prompt, stack), self._blocks(stack))
            case ReadAttention(prompt=prompt, stack=stack):
                yield fake_modules.attention(task, self._source(prompt, stack))
            case PeekSteps():
                yield from fake_modules.steps(task)
            case SetEdits(edits=edits):
                self.edits = edits
                yield EditsSet(model=replace(info(self.name, self.blocks), edits=edits))
            case KeepVector(file=file, name=name):
                assert Path(file).parent.is_dir()
                Path(file).touch()
                yield VectorKept(file=file, name=name, width=256, norm=41.2)
            case Answer():
                for event in fake_modules.answers(task, self.edits):
                    wait(self.step, cancelled)
                    yield event
            case _:
                yield from fake_vectors.answer(task, lambda: wait(self.step, cancelled))

    def _load(self, task: LoadModel, cancelled: Callable[[], bool]) -> Iterator[Event]:
        yield ModelProgress(step="reading weights", fraction=0.5)
        while not self.loaded.wait(0.02):
            if cancelled():
                raise Cancelled
            yield ModelProgress(step="reading weights", fraction=0.5)
        if task.name == "missing":
            raise LoadError("There is no model called missing.", "Check its name.")
        if task.name == "broken":
            yield fake_modules.modules_read("broken", 4, loaded=False)
            raise LoadError("The weights of broken end in the middle.", "Download them again.")
        self.name = task.name
        yield from self.notices
        model = info(task.name, self.blocks, self.verdict, self.kind, self.stacks)
        yield ModelReady(model=replace(model, revision=self.revision))

    def _calibrate(self, task: Calibrate, cancelled: Callable[[], bool]) -> Iterator[Event]:
        """Two settings, the second of which reads back more of eight words, unless there is nothing to propose."""
        curves = [(InjectionSetting(EMBED), 2), (InjectionSetting(2, "replace-norm"), 7 if self.reads_back else 0)]
        rows = list(task.earlier.rows) if task.earlier else []
        for setting, named in curves[len(rows) :]:
            curve = (ReadBack(2, "own", words=4, named=named // 2), ReadBack(5, "next", words=4, named=named // 4))
            rows.append(CalibrationRow(setting, curve, round=LAST_ROUND))
            yield Progress(cells_done=8, cells=16, steps_done=8, steps=16, seconds_left=3.0)
            yield Calibrated(calibration=self._calibration(task, rows, finished=False))
            wait(self.step, cancelled)
        yield Calibrated(calibration=self._calibration(task, rows[::-1], finished=True))

    def _calibration(self, task: Calibrate, rows: list[CalibrationRow], finished: bool) -> Calibration:
        lens = (ReadBack(2, "own", words=4, named=4), ReadBack(5, "next", words=4, named=1))
        return Calibration(
            preset=task.preset, rows=tuple(rows), lens=lens, finished=finished, model=self.name,
            revision=self.revision, system=task.system, procedure=PROCEDURE,
        )  # fmt: skip

    def _source(self, prompt: str, stack: str) -> tuple[Token, ...]:
        """The tokens of a stack: of two stacks, the decoder has its start token and what comes after `[/INST]`."""
        known = [known.name for known in self.stacks] or [self.kind]
        if stack not in ("", *known):
            raise RequestError(f"This model has no {stack}.", f"Choose of: {', '.join(known)}.")
        if self.kind != "encoder-decoder":
            return words(prompt)
        read, _, written = prompt.removeprefix("[INST]").partition("[/INST]")
        return words(f"<pad>{written}" if stack == "decoder" else read) if prompt else ()

    def _blocks(self, stack: str) -> int:
        return next((known.layers for known in self.stacks if known.name == stack), self.blocks)

    def _read_lens(self, task: ReadLens) -> LensRead:
        """The lens of all that a task asks for; a tracked word has half the probability of the top token."""
        source, blocks = self._source(task.prompt, task.stack), self._blocks(task.stack)
        rows = [row for at in task.positions for row in self._lens(source[at].text, at, blocks)]
        rows = [row for row in rows if task.layers is None or row.cell.layer in task.layers]
        if task.track:
            rows = [replace(row, tracked=row.top[0].probability / 2, tracked_rank=1) for row in rows]
        answers = tuple(self._lens(source[at].text, at, blocks)[-1].top[0] for at in task.positions)
        tracked = TrackedToken(f" {task.track}", 7) if task.track else None
        return LensRead(
            prompt=task.prompt,
            positions=task.positions,
            rows=tuple(rows),
            answers=answers,
            stack=task.stack,
            track=task.track,
            tracked=tracked,
            tuned=task.tuned,
        )

    def _compare_lenses(self, task: CompareLenses) -> LensesCompared:
        """Tokens that are the same are no distance apart, others the farther the later the layer."""
        here, there, blocks = self._source(task.prompt, task.stack), words(task.other), self._blocks(task.stack)
        pairs = zip(task.positions, task.other_positions, strict=True)
        same = [here[at].text == there[other].text for at, other in pairs]
        return LensesCompared(
            prompt=task.prompt,
            positions=task.positions,
            other=task.other,
            other_positions=task.other_positions,
            bits=tuple(tuple(0.0 if equal else at / blocks for at in range(blocks + 1)) for equal in same),
            stack=task.stack,
            tuned=task.tuned,
        )

    def _lens(self, text: str, position: int, blocks: int) -> tuple[LensRow, ...]:
        return tuple(
            LensRow(
                Cell(layer, position),
                (LensToken(f"{text}{layer}", (layer + 1) / (blocks + 1), 100 + layer),),
                entropy=1.0,
                answer_rank=blocks - 1 - layer,
                kl=float(blocks - 1 - layer),
            )
            for layer in (EMBED, *range(blocks))
        )

    def _interpret(
        self, request: Request, cancelled: Callable[[], bool], there: frozenset[int] = frozenset()
    ) -> Iterator[Event]:
        if self.fail is not None:
            raise self.fail
        source = self._source(request.prompt, request.stack)
        cells = len(request.cells)
        yield PartialTexts(
            texts=((-1, CONTROL_TEXT[:5]), *((index, "the") for index in range(cells) if index not in there))
        )
        yield Progress(cells_done=0, cells=cells, steps_done=1, steps=cells * 3, seconds_left=2.0)
        wait(self.step, cancelled)
        yield ControlFinished(control=Control("none", CONTROL_TEXT, generated(CONTROL_TEXT, None)))
        for index, cell in enumerate(request.cells):
            if index in there:
                continue
            wait(self.step, cancelled)
            time.sleep(self.pause)
            yield CellFinished(index=index, interpretation=self._interpretation(cell, source, request))
            yield Progress(cells_done=index + 1, cells=cells, steps_done=index * 3, steps=cells * 3, seconds_left=1.0)

    def _interpretation(self, cell: Cell, source: tuple[Token, ...], request: Request) -> Interpretation:
        text = CONTROL_TEXT if cell.layer == EMBED else EARLY if cell.layer < 4 else self.late
        tokens = generated(text, 0.0 if cell.layer == EMBED else 0.9)
        random = Control("random", "Picasso, painter", generated("Picasso, painter", None), cell)
        return Interpretation(
            cell=cell,
            token=source[cell.position],
            text=text,
            tokens=tokens,
            norm=5.0 + cell.layer,
            treatment_effect=sum(abs(token.effect or 0) for token in tokens) / max(len(tokens), 1),
            equals_control=text == CONTROL_TEXT,
            random=random if request.random_control else None,
            entropy=0.5,
            samples=(text, "something else", text) if request.samples > 1 else (),
            lens=LensToken(" lens", 0.25) if request.baselines else None,
            bare=CONTROL_TEXT if request.baselines else None,
        )


def wait(gate: threading.Event, cancelled: Callable[[], bool]) -> None:
    """Wait for a gate, and honour a cancel while waiting."""
    while not gate.wait(0.005):
        if cancelled():
            raise Cancelled
    if cancelled():
        raise Cancelled


def words(text: str) -> tuple[Token, ...]:
    """A token for every word, the space before it included, as byte-pair tokenizers have it."""
    pieces = [piece if number == 0 else f" {piece}" for number, piece in enumerate(text.split(" "))] if text else []
    ids = (crc32(piece.encode("utf-8", "surrogatepass")) % 4096 for piece in pieces)
    return tuple(Token(position, id, piece) for position, (id, piece) in enumerate(zip(ids, pieces, strict=True)))


def generated(text: str, effect: float | None) -> tuple[GeneratedToken, ...]:
    """Generated tokens whose effects fall from `effect` on, the second one negative."""
    pieces = [piece if number == 0 else f" {piece}" for number, piece in enumerate(text.split(" "))]
    return tuple(
        GeneratedToken(
            piece, number, 0.95, None if effect is None else effect / (number + 1) * (-1 if number == 1 else 1)
        )
        for number, piece in enumerate(pieces)
    )


def info(
    name: str, blocks: int, verdict: str = "verified", kind: str = "decoder", stacks: tuple[StackInfo, ...] = ()
) -> ModelInfo:
    """What a model of so many blocks, in its first stack if it names any, would say of itself."""
    blocks = stacks[0].layers if stacks else blocks
    sizes = (blocks, 256, 4096, 512, 4_900_000)
    return ModelInfo(name, name, "llama", *sizes, "cpu", "bfloat16", verdict, False, kind, stacks)


def encoder_decoder(encoder: int = 6, decoder: int = 6) -> FakeEngine:
    """An engine whose model has two stacks of so many layers."""
    return FakeEngine(kind="encoder-decoder", stacks=(StackInfo("encoder", encoder), StackInfo("decoder", decoder)))
