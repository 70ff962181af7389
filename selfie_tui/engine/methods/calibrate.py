"""Calibration: at which layer, and how, a vector has to be written for an interpretation prompt to read on this model.

States whose word is known (see `known_words`) are read with many settings, and for each is counted how many of the
words are named in their readings: its read-back. Published prompts were fitted to one model each; on another the same
words can be read from `L0` and none from `embed`. In Patchscopes (Ghandeharioun et al. 2024, arXiv 2401.06102 §4.1)
this is the precision of next-token identity prompts, there for one prompt over all pairs of layers.

Settings are ranked by the layers inside the model, each of which counts the same: a state at `embed` is the vocabulary
itself, and on SmolLM2 what reads it best (`summarize` at `embed`) reads half as many of those at L8 as the setting that
reads these best. The column of `embed` is shown beside the others.

All settings are tried on a sixteenth of the words, then the 16, 8, 4 and 3 of them that read most so far on as many
words again (successive halving: Jamieson & Talwalkar 2016, arXiv 1502.07943, §3). A kind of words of which no setting
reads two in the first round, as of `concept` on SmolLM2 the model's next ones, tells no settings apart: no more of
these are tried, and they do not count.

When it misleads: to read a word back is not to say what is hidden behind it. Over settings, read-back goes with how
well other own tokens are read (rank correlation .90 on SmolLM2, .68 on Gemma 3 270M) and does not go with how often an
attribute of a subject is named (-.28, -.21). It is counted in English, on thirteen passages, and a word of several
tokens comes back far less often than one of a single token. Where a state is read at a layer that is not in the curve,
the curve says nothing of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import msgspec

from selfie_tui.engine.devices import short_name
from selfie_tui.engine.generation.batches import Halved
from selfie_tui.engine.generation.plan import Plan, plan_run
from selfie_tui.engine.generation.prefill import never
from selfie_tui.engine.known_passages import BUILT_IN, Passage
from selfie_tui.engine.known_words import KnownWords, known_words
from selfie_tui.engine.model import Model
from selfie_tui.engine.prompts.placeholders import TargetPrompt
from selfie_tui.engine.prompts.prepare import prepare_target
from selfie_tui.engine.read_back import control_text, curve_of, lens_texts, read_words
from selfie_tui.errors import PromptError, RequestError
from selfie_tui.records import (
    EMBED,
    Calibrate,
    Calibrated,
    Calibration,
    CalibrationRow,
    Cell,
    Event,
    InjectionSetting,
    Notice,
    Progress,
    Request,
)
from selfie_tui.records.calibration import KINDS, LAST_ROUND, PROCEDURE, Curve, Kind, added, ranked

LAYERS = (EMBED, 0, 2, 5, 8)
"""Layers that are always tried, where the model has them; then thirds of its depth."""

WAYS = (("replace", 1.0), ("replace-norm", 1.0), ("blend", 0.5), ("add-norm", 1.0))
"""Modes with the strength that each is tried at; `blend` at strength 1 would be `replace`."""

STOP = ("\n",)
"""A reading ends with its line: after it, a prompt of examples goes on with examples of its own."""

DEALT = (0, 4, 3, 4, 2, 4, 3, 4, 1, 4, 3, 4, 2, 4, 3, 4)
"""The round in which each of sixteen words of a layer is tried first: of these 1 in the first, then 1, 2, 4 and 8."""

SURVIVORS = (16, 8, 4, 3)
"""Settings that the second round tries, the third, and so on to the last."""

LEAST_READ = 2
"""Words of a kind that some setting has to read in the first round for others of this kind to be tried: one is luck."""


def calibrate(
    model: Model, task: Calibrate, cancelled: Callable[[], bool] = never, passages: Sequence[Passage] = BUILT_IN
) -> Iterator[Event]:
    """Try the settings of an interpretation prompt: after each a `Calibrated` with all rows so far, and `Progress`.

    What an `earlier` calibration of the same prompt has tried is not tried again.

    Raises:
        SelfieError: before any forward, if the model does not take the interpretation prompt or a passage, or if
            edits stand, as what is kept is of the model as it is.
        Cancelled: within one decoding step after `cancelled` gives true; rows already yielded stay valid.
    """
    request = Request(
        "", (), task.preset, max_new_tokens=task.max_new_tokens, stop=STOP, relevancy=False, system=task.system
    )
    target = prepare_target(model, request)
    if model.edits.records:
        raise RequestError(
            "The model is edited, and calibrations are kept of it as it is.", "Take the edits off first."
        )
    known = known_words(model, passages, cancelled)
    check_enough(known, passages)
    request = msgspec.structs.replace(request, cells=tuple(Cell(word.layer, word.position) for word in known.words))
    with closing(Trial(model, task, request, target, known, cancelled)) as trial:
        yield from trial.rounds()


def run(model: Model, task: Calibrate, cancelled: Callable[[], bool]) -> Iterator[Event]:
    """Do a `Calibrate` task; raises as `calibrate`."""
    yield from calibrate(model, task, cancelled)


RUNS = {Calibrate: run}


def check_enough(known: KnownWords, passages: Sequence[Passage]) -> None:
    """Raise PromptError where a model's tokens show less than half of the passages' words: too few to choose by."""
    found = len({word.word for word in known.words if word.kind == "own"})
    tried = sum(len(passage.words) for passage in passages)
    if 2 * found < tried:
        raise PromptError(
            f"This model's tokens show {found} of the {tried} English words that are tried, which is too few to choose "
            "settings by.",
            "Choose settings by hand.",
        )


def settings_for(model: Model, target: TargetPrompt) -> tuple[InjectionSetting, ...]:
    """The settings that are tried: layers of all stacks that are written to, each in every way."""
    stacks = [model.anatomy.main] if target.positions else []
    stacks += [model.anatomy.last] if target.prefix and target.prefix.positions else []
    blocks = min(len(stack.blocks) for stack in stacks)
    layers = sorted({layer for layer in (*LAYERS, blocks // 3, 2 * blocks // 3) if layer < blocks})
    return tuple(InjectionSetting(layer, *way) for layer in layers for way in WAYS)


def parts_of(known: KnownWords) -> tuple[list[int], ...]:
    """The indices of the words that each round adds, of every layer an even share; those of `embed` come last.

    At another layer it is other words that are tried first.
    """
    parts: tuple[list[int], ...] = tuple([] for _ in range(LAST_ROUND + 1))
    for number, layer in enumerate(known.layers()):
        turn = number if len(layer) >= len(DEALT) else 0
        for place, index in enumerate(layer):
            at_embed = known.words[index].layer == EMBED
            parts[-1 if at_embed else DEALT[(place + turn) % len(DEALT)]].append(index)
    return parts


@dataclass
class Trial:
    """The settings of one interpretation prompt on the known words of one model, and the rows there are."""

    model: Model
    task: Calibrate
    request: Request
    target: TargetPrompt
    known: KnownWords
    cancelled: Callable[[], bool]
    rows: dict[InjectionSetting, CalibrationRow] = field(default_factory=dict)
    control: str | None = None
    base: Plan | None = None
    done: int = 0
    skipped: int = 0
    """Readings that were done in an earlier calibration."""
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.settings = settings_for(self.model, self.target)
        self.parts = parts_of(self.known)
        self.lens = curve_of(self.known, lens_texts(self.model, self.known))
        if self.task.earlier is not None and self.task.earlier.procedure == PROCEDURE:
            self.rows = {row.setting: row for row in self.task.earlier.rows if row.setting in self.settings}

    def close(self) -> None:
        """Free what is kept for the readings."""
        if self.base is not None:
            self.base.close()

    @property
    def readings(self) -> int:
        """The readings of all rounds, as far as is known which kinds of words are left out."""
        return sum(len(self.part(number)) * self.places(number) for number in range(len(self.parts)))

    def rounds(self) -> Iterator[Event]:
        """Every setting on a few words, then in each round the ones that read most of them on more."""
        yield self.found()
        for number in range(len(self.parts)):
            self.leave_out_kinds()
            part = self.part(number)
            for setting in self.settings_of(number):
                if setting not in self.rows or self.rows[setting].round < number:
                    yield from self.trial(setting, part)
                else:
                    self.skipped += len(part)
                self.done += len(part)
        yield self.found(finished=True)

    def leave_out_kinds(self) -> None:
        """Once all settings have been tried, have their scores be of the kinds of words that any of them reads."""
        if len(self.rows) == len(self.settings):
            kinds = kinds_read(self.rows.values())
            self.rows = {setting: msgspec.structs.replace(row, kinds=kinds) for setting, row in self.rows.items()}

    def part(self, number: int) -> list[int]:
        """The indices of the words that a round adds."""
        kinds = kinds_read(self.rows.values()) if number and len(self.rows) == len(self.settings) else KINDS
        return [index for index in self.parts[number] if self.known.words[index].kind in kinds]

    def places(self, number: int) -> int:
        """How many settings a round tries."""
        return min(len(self.settings), SURVIVORS[number - 1]) if number else len(self.settings)

    def in_order(self) -> list[CalibrationRow]:
        """The rows there are, in the order in which their settings are tried."""
        return [self.rows[setting] for setting in self.settings if setting in self.rows]

    def settings_of(self, number: int) -> list[InjectionSetting]:
        """The settings that a round tries: those that read most before it, and first those that have been through it.

        Of equals the one that is tried first.
        """
        if not number:
            return list(self.settings)
        through = [row for row in self.in_order() if row.round >= number]
        others = [row for row in self.in_order() if row.round == number - 1]
        rows = [*through, *sorted(others, key=lambda row: -row.score)]
        return [row.setting for row in rows[: self.places(number)]]

    def trial(self, setting: InjectionSetting, indices: Sequence[int]) -> Iterator[Event]:
        """Read some of the words with a setting, and add what is found to its row."""
        plan = self.plan(setting)
        if self.control is None:
            self.control = control_text(plan, self.cancelled)
        texts: dict[int, str] = {}
        for found in read_words(plan, indices, self.cancelled):
            if isinstance(found, Halved):
                text = f"Out of memory with {found.size} cells at once: going on with {found.next_size}."
                yield Notice(text=text, severity="warning")
            else:
                texts[found[0]] = found[1]
        curve, before = curve_of(self.known, texts, self.control), self.rows.get(setting)
        row = CalibrationRow(setting, curve) if before is None else further(before, curve)
        self.rows[setting] = row
        yield self.progress(len(indices))
        yield self.found()

    def plan(self, setting: InjectionSetting) -> Plan:
        """The plan of a run of all words with a setting.

        All settings share the interpretation prompt's forward without injection, and what a processor keeps of weights.
        """
        if self.base is None:
            self.base = plan_run(self.model, self.request, self.known.vectors, self.target, self.cancelled)
        request = msgspec.structs.replace(
            self.request, injection_layer=setting.layer, mode=setting.mode, strength=setting.strength
        )
        return replace(self.base, request=request)

    def progress(self, more: int) -> Progress:
        """How far the calibration is with so many more readings than before, and at that speed the seconds left."""
        done, of = self.done + more, self.readings
        left = (time.monotonic() - self.started) / (done - self.skipped) * (of - done)
        return Progress(cells_done=done, cells=of, steps_done=done, steps=of, seconds_left=left)

    def found(self, finished: bool = False) -> Calibrated:
        """All rows so far."""
        task, model = self.task, self.model
        return Calibrated(
            calibration=Calibration(
                preset=task.preset,
                rows=ranked(self.in_order()),
                lens=self.lens,
                finished=finished,
                model=model.name,
                revision=model.revision,
                dtype=short_name(model.dtype),
                system=task.system,
                max_new_tokens=task.max_new_tokens,
                procedure=PROCEDURE,
            )
        )


def kinds_read(rows: Iterable[CalibrationRow]) -> tuple[Kind, ...]:
    """The kinds of words of which some setting has read two inside the model; own words where there is none.

    After the first round others do not change this: words are added to these kinds alone.
    """
    read = {kind for row in rows for kind in KINDS if read_of(row, kind) >= LEAST_READ}
    return tuple(kind for kind in KINDS if kind in read) or ("own",)


def read_of(row: CalibrationRow, kind: Kind) -> int:
    """How many words of a kind a setting has read back, `embed` left out."""
    return sum(each.named + each.longer_named for each in row.inside if each.kind == kind)


def further(row: CalibrationRow, curve: Curve) -> CalibrationRow:
    """A row with what a further round has counted."""
    return CalibrationRow(row.setting, added(row.curve, curve), row.round + 1, row.kinds)
