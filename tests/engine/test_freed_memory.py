"""What a run has freed goes back to the system, so that a program that runs for days stays as small as it began."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from selfie_tui.engine.service import EngineService
from selfie_tui.interpret_settings import InterpretSettings
from selfie_tui.records import Cell, Interpret, LoadModel, Tokenize

PROGRAM = """
import sys
from pathlib import Path
from selfie_tui.engine.service import returning_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20

def fragmented(kept):
    blocks = [bytearray(1 << 16) for _ in range(2000)]
    kept.append(blocks.pop())  # it lies above the others
    blocks.clear()
    yield "freed"

kept, before = [], resident()
events = returning_memory(fragmented(kept))
next(events)
held = resident()
list(events) if sys.argv[1] == "whole" else events.close()
print(held - before, resident() - before)
"""
"""Takes 125 MiB in blocks and frees all but the last; prints how much more it has before and after it is given back."""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is asked for it")
@pytest.mark.parametrize("how", ["whole", "closed"])
def test_what_a_run_has_freed_goes_back(how: str):
    done = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    held, after = map(int, done.stdout.split())
    assert held > 100, "the block that is kept holds the others"
    assert after < 20


def test_only_long_tasks_give_memory_back(monkeypatch: pytest.MonkeyPatch):
    gc.collect()  # runs of earlier tests that were never closed end now
    given_back: list[str] = []
    monkeypatch.setattr("selfie_tui.engine.service.return_freed_memory", lambda: given_back.append("back"))
    service = EngineService()
    monkeypatch.setattr("selfie_tui.engine.service.QUICK", 60)
    list(service.run(LoadModel("demo"), lambda: False, lambda _: None))
    list(service.run(Tokenize("a prompt"), lambda: False, lambda _: None))
    assert given_back == []
    request = InterpretSettings(max_new_tokens=1).request("a prompt", (Cell(0, 0),))
    list(service.run(Interpret(request), lambda: False, lambda _: None))
    assert given_back == ["back"]
    monkeypatch.setattr("selfie_tui.engine.service.QUICK", 0)
    list(service.run(Tokenize("a long prompt"), lambda: False, lambda _: None))
    assert given_back == ["back", "back"], "what is quick with most prompts takes long with the longest"


SCATTERED = """
import sys
import torch
from selfie_tui.engine.heap import give_large_blocks_their_own_memory
from selfie_tui.engine.tensor_block import TensorBlock

if sys.argv[1] == "own":
    give_large_blocks_their_own_memory()
torch.empty(30 << 20, dtype=torch.uint8)  # freed at once: from here on glibc takes smaller ones from its heap

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 >> 20

before, kept = resident(), []
for layer in range(24):
    temporary = torch.ones(16 << 20, dtype=torch.uint8)
    kept.append(torch.ones(1 << 20, dtype=torch.uint8))
    del temporary
    larger = torch.ones(20 << 20, dtype=torch.uint8)
    kept.append(torch.ones(1 << 20, dtype=torch.uint8))
    del larger
print(resident() - before)
"""
"""Layers whose temporary tensors lie between the 48 MiB that are kept; prints how much more the process has."""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is asked for it")
def test_what_is_kept_of_a_layer_does_not_keep_the_room_of_its_temporary_tensors():
    arguments = [sys.executable, "-c", SCATTERED, "own"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 70
