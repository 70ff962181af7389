"""What the engine without a model answers about vectors: numbers that can be foreseen, of names alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

from selfie_tui.errors import RequestError
from selfie_tui.records import (
    EMBED,
    BrowseDirections,
    Cell,
    CellFinished,
    CompareVectors,
    Control,
    ControlFinished,
    Direction,
    DirectionsFound,
    Event,
    GeneratedToken,
    Interpretation,
    InterpretLines,
    KeepLine,
    KeepMeans,
    LensToken,
    PartialTexts,
    ReadVectorFile,
    Steer,
    Steered,
    SteeredSoFar,
    Task,
    Token,
    VectorFileRead,
    VectorKept,
    VectorLooks,
    VectorsCompared,
)

WIDTH = 256
PLAIN = ("Rome", ".", " It", " is", " old", ".")
STEERED = ("Rome", ".", " Paris", " is", " new", ".")
DIRECTIONS = 1000


def answer(task: Task, step: Callable[[], None]) -> Iterator[Event]:
    """The events of a task; `step` is called before each step of a long one."""
    match task:
        case CompareVectors(lines=lines):
            yield compared(lines, task.k, centred=task.centred)
        case InterpretLines():
            yield from read(task, step)
        case Steer():
            yield from steered(task, step)
        case BrowseDirections():
            yield directions(task)
        case ReadVectorFile(file=file):
            yield file_read(file)
        case KeepLine(name=name) | KeepMeans(name=name):
            write(Path(name), task.line if isinstance(task, KeepLine) else "mean")
            yield VectorKept(file=name, name=Path(name).stem, width=WIDTH, norm=41.2)


def number(line: str) -> float:
    """From 0 to 1, for a line."""
    return crc32(line.encode()) % 1000 / 1000


def word(line: str, place: int) -> str:
    """Letters that differ from line to line and from place to place."""
    return f"{crc32(f'{line} {place}'.encode()):x}"[:7].translate(str.maketrans("0123456789", "ghijklmnop"))


def cosine(one: str, other: str) -> float:
    return 1.0 if one == other else number(min(one, other) + max(one, other)) * 2 - 1


def compared(lines: tuple[str, ...], k: int, *, centred: bool) -> VectorsCompared:
    if any("nan" in line for line in lines):
        raise RequestError("“nan” is not finite.", "Divide by something else than 0.")
    looks = tuple(
        VectorLooks(
            line=line,
            layers=(5,),
            width=WIDTH,
            norm=10 + 40 * number(line),
            nearest=tuple(LensToken(f" {word(line, n)}", 0.4 / (n + 1)) for n in range(k)),
            farthest=tuple(LensToken(f" {word(line, -n - 1)}", 0.4 / (n + 1)) for n in range(k)),
            cosines=tuple(cosine(line, other) for other in lines),
            projections=tuple(10 * cosine(line, other) for other in lines),
        )
        for line in lines
    )
    return VectorsCompared(vectors=looks, centred=centred)


def tokens(texts: tuple[str, ...], relevancy: float | None = None) -> tuple[GeneratedToken, ...]:
    return tuple(GeneratedToken(text, n, 0.5, relevancy) for n, text in enumerate(texts))


def read(task: InterpretLines, step: Callable[[], None]) -> Iterator[Event]:
    """Two steps, then the control and the words, which name the line."""
    (line,) = task.lines
    words = ("says", *(f" {word}" for word in line.split()), " here")
    for count in (1, len(words)):
        step()
        yield PartialTexts(texts=((0, "".join(words[:count])), (-1, "nothing")))
    yield ControlFinished(control=Control("none", "nothing at all", tokens(("nothing", " at", " all"))))
    yield CellFinished(
        index=0,
        interpretation=Interpretation(
            Cell(EMBED, 0), Token(0, -1, line), "".join(words), tokens(words, 0.5), 40.0, treatment_effect=0.5
        ),
    )


def steered(task: Steer, step: Callable[[], None]) -> Iterator[Event]:
    """A token at a time; at strength 0 both answers are the same."""
    (strength,) = task.strengths
    said = STEERED if strength else PLAIN
    if task.line.startswith("nowhere") and not task.layers:
        raise RequestError("“nowhere” is of no layer.", "Choose the layers that it is added to.")
    count = min(len(PLAIN), task.max_new_tokens)
    for done in range(1, count + 1):
        step()
        yield SteeredSoFar(
            prompt=task.prompt,
            line=task.line,
            layers=task.layers or (5,),
            plain=tokens(PLAIN[:done]),
            steered=(Steered(strength, tokens(said[:done]), 2 if strength and done > 2 else None, abs(strength) / 10),),
            finished=done == count,
        )


def directions(task: BrowseDirections) -> DirectionsFound:
    step = 7 if task.word or task.like else 1
    found = tuple(
        Direction(
            index * step,
            1.0,
            tuple(LensToken(f" d{index * step}{n}", 0.5) for n in range(task.k)),
            0.9 - index / 1000 if task.like else None,
            0.9 - index / 1000 if task.word else None,
        )
        for index in range(task.first, min(task.first + task.count, DIRECTIONS // step))
    )
    return DirectionsFound(file=task.file, count=DIRECTIONS, width=WIDTH, directions=found)


def file_read(file: str) -> VectorFileRead:
    name = Path(file).name
    if "sae" in name:
        return VectorFileRead(file=file, holds="directions", width=WIDTH, layers=(5,), count=DIRECTIONS)
    if "adapter" in name:
        return VectorFileRead(file=file, holds="adapter", width=WIDTH, kind="scalar_affine")
    if "broken" in name:
        raise RequestError(f"{file} does not hold one vector.", "Give a file with a single tensor of one row.")
    return VectorFileRead(file=file, holds="vector", width=WIDTH, layers=(4, 5, 6), count=3, norm=1.0)


def write(file: Path, line: str = "") -> None:
    """A file of one vector, with where it is from."""
    keep(file.parent, file.stem, layers=(5,), norm=10 + 40 * number(line or file.stem))


def keep(
    folder: Path, name: str, *, layers: tuple[int, ...] = (5,), norm: float = 41.2, width: int = WIDTH, source: str = ""
) -> Path:
    """Write a file as the engine does, of zeros."""
    import json

    folder.mkdir(parents=True, exist_ok=True)
    rows = max(len(layers), 1)
    shape = [width] if rows == 1 else [rows, width]
    size = 4 * rows * width
    metadata = {"format": "selfie-tui vector 1", "name": name, "norm": f"{norm:.4g}", "layers": json.dumps(layers)}
    if source:
        metadata["source"] = source
    header = json.dumps(
        {"__metadata__": metadata, "vector": {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}}
    ).encode()
    file = folder / f"{name}.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + bytes(size))
    return file
