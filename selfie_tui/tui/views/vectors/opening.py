"""What is read from files and written to them: vectors and folders opened, lines written, means of prompts kept."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from selfie_tui.errors import SelfieError
from selfie_tui.records import KeepLine, ReadVectorFile
from selfie_tui.tui.keepable import ENDING, KeepableLine, file_for
from selfie_tui.tui.views.vectors.means_line import Known, parse_means
from selfie_tui.tui.views.vectors.showing import ShowingView


class OpeningView(ShowingView):
    """The panes, with what files have to do with them."""

    def open_file(self) -> None:
        """Ask for a file or a folder, and have what it holds in the list."""

        async def open_path(typed: str, again: bool) -> None:
            path = Path(typed).expanduser().absolute()
            if '"' in str(path):
                raise SelfieError("A path with a quotation mark cannot stand in a line.", "Give it another name")
            if path.is_dir():
                self._open_folder(path)
            elif path.is_file():
                self.state.submit(ReadVectorFile(str(path), origin=f"vectors of {path}"))
            else:
                raise SelfieError(f"There is no {path}.", "Write the path of a file or a folder")

        self.app.ask_for("open vectors of a file or a folder", "", open_path)

    def _open_folder(self, path: Path) -> None:
        good, others = self.shelf.open_folder(path)
        if not good:
            raise SelfieError(f"{path} has no vectors in .safetensors files.", "Write the path of a file")
        also = f"; other safetensors files there: {others}, which can be opened one by one" if others else ""
        self.app.toast(f"Vectors of {path.name}: {good}{also}.", "information")
        self.show_list()

    def write(self) -> None:
        """Ask for a file, and have what the line is written to it."""
        keepable = self.keepable()
        if not isinstance(keepable, KeepableLine):
            self.app.toast("There is no vector here that could be written.", "information")
            return

        async def write_to(typed: str, again: bool) -> None:
            path = Path(typed).expanduser().absolute()
            if path.suffix != ENDING:
                raise SelfieError("Vectors are written as safetensors.", f"End the name in {ENDING}")
            if path.exists() and not again:
                raise SelfieError("There is such a file.", "Once more: enter overwrites it")
            self.state.submit(KeepLine(keepable.line, str(path), again, origin=f"vector {path}"))

        self.app.ask_for("write the vector to", f"{keepable.name}{ENDING}", write_to)

    def mean(self) -> None:
        """Ask for prompts, and have their mean state kept, less that of others."""
        if self.state.model is None:
            self.app.toast("States are read once the model is there.", "information")
            return
        pair = self.state.pair
        known = Known(self.state.prompt, pair.prompt if pair else "", self.state.selection.layer, self.state.blocks)

        async def keep(typed: str, again: bool) -> None:
            task = parse_means(typed, known)
            file = file_for(task.name, self.app.vectors_dir, overwrite=again)
            self.state.submit(replace(task, name=str(file), overwrite=again))

        proposal = "this - A" if pair else ""
        self.app.ask_for("mean of FILE - FILE at LAYERS as NAME", proposal, keep)
