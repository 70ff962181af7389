"""What a run has freed goes back to the system, so that a program that runs for days stays as small as it began."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfie_tui.engine.service import EngineService, returning_memory
from selfie_tui.records import Cell, Event, Interpret, LoadModel, Notice, Tokenize
from selfie_tui.settings import InterpretSettings

BLOCK = 1 << 16
BLOCKS = 2000
MIB = 1 << 20


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def fragmented(kept: list[bytearray]) -> Iterator[Event]:
    """Take 125 MiB in blocks, and free all but the last, which lies above them."""
    blocks = [bytearray(BLOCK) for _ in range(BLOCKS)]
    kept.append(blocks.pop())
    blocks.clear()
    yield Notice(text="freed")


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is asked for it")
@pytest.mark.parametrize("whole", [True, False], ids=["to its end", "closed before"])
def test_what_a_run_has_freed_goes_back(whole: bool):
    kept: list[bytearray] = []
    before = resident()
    events = returning_memory(fragmented(kept))
    next(events)
    held = resident()
    assert held - before > 100 * MIB, "the block that is kept holds the others"
    if whole:
        assert list(events) == []
    else:
        events.close()
    assert resident() - before < 20 * MIB
    assert len(kept) == 1


def test_only_long_tasks_give_memory_back(monkeypatch: pytest.MonkeyPatch):
    given_back: list[str] = []
    monkeypatch.setattr("selfie_tui.engine.service.return_freed_memory", lambda: given_back.append("back"))
    service = EngineService()
    list(service.run(LoadModel("demo"), lambda: False, lambda _: None))
    list(service.run(Tokenize("a prompt"), lambda: False, lambda _: None))
    assert given_back == []
    request = InterpretSettings(max_new_tokens=1).request("a prompt", (Cell(0, 0),))
    list(service.run(Interpret(request), lambda: False, lambda _: None))
    assert given_back == ["back"]
