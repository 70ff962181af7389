"""`selfie-tui patch`: write one prompt's activations into another's run, site by site, and score the answer."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

import msgspec

from selfie_tui.commands.client import (
    WRONG_USAGE,
    Client,
    Failed,
    all_cores_engine,
    narrate,
    print_line,
    show_line,
)
from selfie_tui.commands.following import patching_lines, print_lines
from selfie_tui.commands.map_lines import line_width
from selfie_tui.commands.model_options import EXIT_CODES, add_model
from selfie_tui.commands.options import add_output
from selfie_tui.commands.patch_lines import LEGEND, patch_lines, site_line
from selfie_tui.commands.patch_means import Means
from selfie_tui.commands.patch_options import ANSWERS, Pair, add_patch_options, as_task, chosen_pairs
from selfie_tui.commands.prompt_stream import PromptStream, run_kept
from selfie_tui.errors import RequestError, SelfieError
from selfie_tui.jobs import Engine
from selfie_tui.patch_maps import strongest
from selfie_tui.records import (
    BEGINNING,
    Kept,
    LensRead,
    ModelInfo,
    Notice,
    PatchActivations,
    PatchBegan,
    PatchedRun,
    PatchProgress,
    ReadLens,
)
from selfie_tui.results.entries import Result, RunEnded, decode
from selfie_tui.results.stream_file import RunStream, WholeRun
from selfie_tui.text import clip, prose, visible


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Fill in the command's grammar."""
    command.description = (
        "Activation patching: SOURCE's activations are written into TARGET's run, one site at a time. A score is 0 "
        "where the answer stays TARGET's and 1 where it becomes SOURCE's. Maps of scores and the strongest sites on "
        "stdout, narration on stderr. With --out, pairs that were stopped go on when the same command is given again."
    )
    command.epilog = EXIT_CODES
    add_patch_options(command)
    add_model(command)
    add_output(command)
    command.set_defaults(run=run, stack="")


def run(arguments: argparse.Namespace, engine: Callable[[], Engine] = all_cores_engine) -> int:
    """Do the command and return its exit code. What is wrong whatever the model is refused before it is loaded."""
    arguments.prompts = arguments.pairs
    try:
        pairs = chosen_pairs(arguments)
        as_task(arguments, Pair("", ""), None)
        then = print_line if arguments.json else lambda line: None
        runs = RunStream(arguments.out, arguments.overwrite, then, noun="pair")
    except SelfieError as error:
        narrate(str(error))
        return WRONG_USAGE
    return run_kept(arguments, engine, runs, lambda client, arguments: patch_all(client, arguments, pairs, runs))


def patch_all(client: Client, arguments: argparse.Namespace, pairs: Iterable[Pair], runs: RunStream) -> int:
    """Load the model, and patch, print and keep pair after pair; the exit code."""
    patchings = Patchings(client, arguments, client.load(arguments), runs)
    patchings.read_all(pairs)
    patchings.show_mean()
    if written := runs.finish():
        narrate(written)
    return patchings.exit_code()


class Patchings(PromptStream[Pair]):
    """The patchings of pairs; one that is refused or fails is kept as a failed run."""

    NOUN = "pair"

    def __init__(self, client: Client, arguments: argparse.Namespace, model: ModelInfo, runs: RunStream) -> None:
        super().__init__(client, arguments, model)
        self.runs = runs
        self.means = Means()

    def read(self, prompt: Pair) -> None:
        stored = self.runs.next_prompt()
        task = as_task(self.arguments, prompt, self.model)
        try:
            task = self.with_answers(task)
        except (Failed, RequestError) as error:
            self.refuse(task, error, stored)
        else:
            if stored is not None:
                self.take_over(stored, task)
            else:
                self.run(task)

    def with_answers(self, task: PatchActivations) -> PatchActivations:
        """The task with the answers that its metric needs: what the prompts say, where they are not given.

        Raises:
            RequestError: where both prompts say the same.
            Failed: for a prompt that cannot be read.
        """
        needed = ANSWERS[task.metric]
        correct = task.correct or (self.says(task.clean) if needed else "")
        wrong = task.wrong or (self.says(task.corrupt) if needed > 1 else "")
        if correct and correct == wrong:
            raise RequestError(f"Both prompts are answered with {visible(correct)}.", "Give --correct and --wrong.")
        return msgspec.structs.replace(task, correct=correct, wrong=wrong)

    def says(self, prompt: str) -> str:
        """The most probable next token after a prompt, as an answer to the letter; raises Failed."""
        last = len(self.client.tokens(prompt, "")) - 1
        for event in self.client.run(ReadLens(prompt, (last,), layers=(0,), k=1), until=LensRead):
            if isinstance(event, LensRead):
                return f'"{event.answers[0].text}"'
        return ""

    def refuse(self, task: PatchActivations, error: Failed | RequestError, stored: WholeRun | None) -> None:
        """Narrate that a pair cannot be patched, and keep that, or take it over where it is kept."""
        self.lost(error)
        if stored is not None:
            self.runs.take_over(stored, task, self.model)
        else:
            self.runs.refused(task, self.model, str(error))

    def take_over(self, stored: WholeRun, task: PatchActivations) -> None:
        """Take over a pair that was patched before the command was stopped: into the counts and the mean."""
        self.runs.take_over(stored, task, self.model)
        entries = [decode(line) for line in stored.lines]
        ended = entries[-1]
        if isinstance(ended, RunEnded) and ended.ending == "failed":
            self.lost(RequestError(ended.problem, ""))
        self.keep({entry.index: entry.value for entry in entries if isinstance(entry, Result)})

    def run(self, task: PatchActivations) -> None:
        """Patch a pair and print what came of it; its entries go where the client's recorder writes them."""
        found: dict[int, Kept] = {}
        try:
            for event in self.client.run(task):
                found.update(event.results())
                match event:
                    case Notice(text=text):
                        narrate(f"{self.which()}{text}")
                    case PatchProgress(done=count, sites=sites):
                        show_line(f"{self.which()}{count}/{sites} sites")
        except Failed as error:
            self.lost(error)
            if not self.runs.began:
                self.runs.refused(task, self.model, str(error))
            return
        finally:
            show_line("")
        self.keep(found)

    def keep(self, found: dict[int, Kept]) -> None:
        """Take a pair's results into the mean, and print them."""
        began = found.get(BEGINNING)
        if not isinstance(began, PatchBegan):
            return
        runs = {index: each for index, each in found.items() if isinstance(each, PatchedRun)}
        if self.several:
            self.means.add(began, runs)
        if self.arguments.json:
            return
        if self.several and not self.arguments.per_example:
            best = strongest(runs, 1)
            line = f"{self.number:4} {site_line(began, best[0], None)}" if best else f"{self.number:4} {began.problem}"
            print(clip(f"{line}   {prose(self.title(began))}", line_width()), flush=True)
            return
        if self.several:
            print(f"{chr(10) if self.number > 1 else ''}{self.which()}".rstrip(": "))
        print_lines(patching_lines(found))
        if self.number == 1:
            narrate(LEGEND)

    def title(self, began: PatchBegan) -> str:
        """The clean prompt of a pair."""
        return "".join(token.text for token in began.clean.tokens if not token.special).strip()

    def show_mean(self) -> None:
        """Print the mean over several pairs."""
        mean = self.means.mean()
        if self.means.others:
            narrate(f"{self.means.others} of {self.number} pairs have other sites, or no scores: not in the mean")
        if mean is None or self.arguments.json:
            return
        print(f"\nmean of {self.means.pairs} pairs")
        print_lines(patch_lines(*mean, (), line_width()))
        narrate(LEGEND)
