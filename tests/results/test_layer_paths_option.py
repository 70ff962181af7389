"""`--layer-paths`: blocks named on the command line, by every command that opens a model, and kept with its runs."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from selfie_tui import cli
from selfie_tui.errors import RequestError
from selfie_tui.parse import parse_block_paths
from tests.results.conftest import Done

EIFFEL = "The Eiffel Tower is located in the city of"
LAST_FOUR = "model.layers.{4-7}"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Done]:
    """A command line in this process that opens its models itself, with new folders."""
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        return Done(cli.main([str(argument) for argument in arguments]), *capsys.readouterr())

    return run


def test_paths_are_listed_counted_and_of_a_stack() -> None:
    assert parse_block_paths([]) == ()
    assert parse_block_paths(["first, second"]) == (("", ("first", "second")),)
    assert parse_block_paths(["encoder=e.{0-1}.x", "decoder=d.0,d.{9-10}"]) == (
        ("encoder", ("e.0.x", "e.1.x")),
        ("decoder", ("d.0", "d.9", "d.10")),
    )


@pytest.mark.parametrize(
    "texts",
    [[""], ["a,"], ["encoder="], ["h.{3-1}"], ["h.{0-"], ["h.{0}"], ["h.{0-x}"], ["h.{0-999999999}"], ["a", "b"],
     ["a", "encoder=b"], ["encoder=a", "b"]],
)  # fmt: skip
def test_paths_that_cannot_be_read_are_refused_with_how_to_write_them(texts: list[str]) -> None:
    with pytest.raises(RequestError, match=r"h\.\{0-11\}"):
        parse_block_paths(texts)


def test_named_blocks_are_the_layers_of_a_run_and_of_its_replay_and_its_script(
    run: Callable[..., Done], tmp_path: Path
) -> None:
    """Of the bundled model's eight blocks the last four: they are read and written as layers 0 to 3."""
    script = tmp_path / "run.py"
    done = run("interpret", EIFFEL, "--layer-paths", LAST_FOUR, "--out", script)
    assert done.code == 0, done.err
    assert [line.split()[0] for line in done.out.splitlines()] == ["control", "embed", "L0", "L1", "L2", "L3"]
    assert "4 layers" in done.err
    again = run("sessions", "replay", "1")
    assert again.code == 0, again.err
    assert "5 of 5 texts are those of" in again.err
    runs = runpy.run_path(str(script), run_name="exported")["RUNS"]
    assert [paths for _, _, _, paths, *_ in runs] == [
        {"decoder": tuple(f"model.layers.{index}" for index in range(4, 8))}
    ]


@pytest.mark.parametrize(
    "command",
    [
        ("lens", EIFFEL, "--layers=-1", "--tokens=-1"),
        ("grid", EIFFEL, "--layers=-1", "--tokens=-1", "--max-new-tokens=2", "--no-session"),
        ("inspect", EIFFEL, "--module=lm_head"),
        ("doctor", "demo"),
    ],
    ids=lambda command: command[0],
)
def test_every_command_that_opens_a_model_takes_them(run: Callable[..., Done], command: tuple[str, ...]) -> None:
    done = run(*command, "--layer-paths", LAST_FOUR)
    assert (done.code, "4 layers" in done.err + done.out) == (0, True), done.err
    refused = run(*command, "--layer-paths", "model.layers.{7-9}")
    assert (refused.code, "there is no module “model.layers.8”" in refused.err) == (3, True), refused.err
    assert run(*command, "--layer-paths", "h.{1-").code == 2
