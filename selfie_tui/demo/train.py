"""Train the demo model again: `python -m selfie_tui.demo.train --seed N --tokens N --out DIR`."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import signal
import sys
import tempfile
from pathlib import Path

from .training import Plan, work


def arguments() -> Plan:
    parser = argparse.ArgumentParser(description="Train the demo model on text that is generated on the fly.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=7_500_000)
    parser.add_argument("--out", type=Path, required=True, help="the folder to write the model to")
    parser.add_argument("--distinct-blocks", type=int, choices=(4, 8), default=4, help="4: blocks shared over depth")
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parsed = parser.parse_args()
    return Plan(parsed.seed, parsed.tokens, parsed.out, parsed.distinct_blocks, learning_rate=parsed.learning_rate)


def main() -> None:
    plan = arguments()
    # An orderly exit ends the workers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        workers = [
            context.Process(target=work, args=(rank, plan, f"{folder}/rendezvous"), daemon=True)
            for rank in range(plan.processes)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    if any(worker.exitcode for worker in workers):
        sys.exit("Training stopped early; the message above says why.")


if __name__ == "__main__":
    main()
