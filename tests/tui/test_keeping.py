"""What outlives a start: settings, memory, the session, the clipboard's overflow, and the list of models."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from selfie_tui import clipboard, config, paths
from selfie_tui.records import EMBED
from selfie_tui.results import sessions
from selfie_tui.tui.app import FIRST_PROMPT
from selfie_tui.tui.catalog import Offer, cached_models, offers
from selfie_tui.tui.render.styles import plain_terminal
from tests.tui.driving import run_to_end, running, text_of, toasts, until
from tests.tui.fake_engine import FakeEngine

# Settings and memory --------------------------------------------------------------------------------------------------


def test_settings_are_read_and_a_file_that_is_not_toml_is_reported_and_replaced_by_none(tmp_path: Path):
    file = tmp_path / "config.toml"
    assert config.read_config(file) == (config.Config(), [])
    file.write_text('theme = "paper"\nmouse = false\n[keymap]\n"run.start" = "ctrl+g"\n')
    read, problems = config.read_config(file)
    assert (read.theme, read.mouse, read.keymap, problems) == ("paper", False, {"run.start": "ctrl+g"}, [])
    file.write_text("theme = ")
    read, (problem,) = config.read_config(file)
    assert read == config.Config()
    assert problem.startswith(str(file))


def test_an_entry_that_cannot_be_used_costs_that_entry_alone(tmp_path: Path):
    file = tmp_path / "config.toml"
    file.write_text(
        'them = "paper"\nmouse = 3\nascii = true\n[keymap]\nrun.start = "ctrl+g"\n"pane.zoom" = 5\n[modells]\na = 1\n'
    )
    read, problems = config.read_config(file)
    assert read == config.Config(ascii=True, keymap={"run.start": "ctrl+g"})
    assert [problem.removeprefix(f"{file}: ") for problem in problems] == [
        "unknown setting “them”; did you mean “theme”?",
        "mouse: Expected `bool`, got `int`",
        "keymap: the keys of “pane.zoom” are not text",
        "unknown setting “modells”",
    ]


def test_memory_comes_back_and_keeps_the_models_used_last_first(tmp_path: Path):
    memory = config.Memory(theme="okabe", draft="x\n")
    for name in ["a", "b", *map(str, range(10)), "b"]:
        memory = memory.with_model(name)
    config.write_memory(tmp_path / "new" / "memory.json", memory)
    assert config.read_memory(tmp_path / "new" / "memory.json") == (memory, "")
    assert memory.recent[:2] == ("b", "9")
    assert len(memory.recent) == config.RECENT
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["memory.json"]


async def test_draft_theme_and_models_are_there_at_the_next_start(tmp_path: Path):
    async with running(state_dir=tmp_path, theme=None) as (app, pilot):
        assert app.main.prompt_text.value == FIRST_PROMPT
        await pilot.press("i", "!", "ctrl+t")
        chosen = app.theme
        await pilot.press("escape", "q")
    async with running(state_dir=tmp_path, theme=None) as (app, _):
        assert app.main.prompt_text.value == FIRST_PROMPT + "!"
        assert app.theme == chosen
        assert app.memory.recent == ("demo",)


async def test_a_draft_is_saved_while_typing_pauses(tmp_path: Path):
    async with running(state_dir=tmp_path) as (_, pilot):
        await pilot.press("i", "x")
        await until(pilot, lambda: config.read_memory(tmp_path / "memory.json")[0].draft == FIRST_PROMPT + "x")


async def test_a_prompt_that_is_given_comes_before_the_draft(tmp_path: Path):
    config.write_memory(tmp_path / "memory.json", config.Memory(draft="the draft"))
    async with running(state_dir=tmp_path, prompt="given") as (app, _):
        assert app.main.prompt_text.value == "given"


async def test_readings_are_in_the_session_as_soon_as_they_are_on_the_screen(tmp_path: Path):
    engine = FakeEngine()
    async with running(engine, state_dir=tmp_path) as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        (file,) = (tmp_path / "sessions").iterdir()
        began, control, *readings, ended = sessions.read(file)
        assert began.request.prompt == FIRST_PROMPT
        assert control.value.kind == "none"
        assert [entry.value.cell.layer for entry in readings] == [EMBED, *range(8)]
        assert ended.ending == "finished"


async def test_without_a_session_nothing_is_written(tmp_path: Path):
    async with running(state_dir=tmp_path, session=False) as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
    assert not (tmp_path / "sessions").exists()


async def test_a_disk_that_refuses_does_not_stop_the_program(tmp_path: Path):
    (tmp_path / "file").write_text("")
    async with running(state_dir=tmp_path / "file" / "state") as (app, pilot):
        await pilot.press("enter")
        await run_to_end(app, pilot)
        await until(pilot, lambda: any("no longer saved" in toast for toast in toasts(app)))
        assert "Paris" in text_of(app)


async def test_unknown_themes_and_bad_files_are_told_and_not_fatal(tmp_path: Path):
    (tmp_path / "bad.toml").write_text("?")
    async with running(theme="nothing", user_themes=tmp_path, notes=("config.toml: wrong",)) as (app, _):
        told = "\n".join(toasts(app))
        assert "There is no theme 'nothing'" in told
        assert "bad.toml" in told
        assert "config.toml: wrong" in told
        assert app.theme == "dusk"


async def test_no_color_gets_the_terminals_own_colours_taken_away(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with running(theme=None) as (app, pilot):
        assert app.theme == "ansi"
        await pilot.press("enter")
        await run_to_end(app, pilot)
        for strip in app.screen._compositor.render_strips():
            filtered = strip.apply_filter(app._filters[-1], app.screen.background_colors[1])
            for segment in filtered:
                style = segment.style
                assert style is None or (
                    (style.color is None or style.color.is_default)
                    and (style.bgcolor is None or style.bgcolor.is_default)
                )


# The terminal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "plain"),
    [
        ({"TERM": "linux", "LANG": "C.UTF-8"}, True),
        ({"TERM": "vt100"}, True),
        ({"TERM": "xterm-256color", "LANG": "de_DE.UTF-8"}, False),
        ({"TERM": "xterm-256color", "LANG": "de_DE.ISO-8859-1"}, True),
        ({"TERM": "xterm", "LC_ALL": "C", "LANG": "C.UTF-8"}, True),
        ({"TERM": "tmux-256color", "LC_CTYPE": "en_US.utf8"}, False),
        ({"TERM": "xterm"}, False),
    ],
)
def test_terminals_that_need_ascii_are_known(environment, plain):
    assert plain_terminal(environment) == plain


# The clipboard --------------------------------------------------------------------------------------------------------


def test_a_copy_goes_out_as_osc_52(tmp_path: Path):
    done = clipboard.copy("né", "the prompt", tmp_path / "c.txt", {"TERM": "xterm"})
    assert done.ok
    assert done.sequence == f"\x1b]52;c;{base64.b64encode('né'.encode()).decode()}\x07"
    assert "2 characters" in done.message


def test_in_tmux_the_server_is_asked_first(tmp_path: Path):
    asked = []

    def run(command, content):
        asked.append((command, content))
        return True

    done = clipboard.copy("abc", "it", tmp_path / "c.txt", {"TMUX": "x", "TERM": "screen"}, run)
    assert asked == [(["tmux", "load-buffer", "-w", "-"], b"abc")]
    assert done.sequence == ""


def test_a_tmux_that_cannot_be_asked_gets_a_wrapped_sequence_and_the_plain_one(tmp_path: Path):
    done = clipboard.copy("abc", "it", tmp_path / "c.txt", {"TMUX": "x"}, lambda command, content: False)
    assert done.sequence == "\x1bPtmux;\x1b\x1b]52;c;YWJj\x07\x1b\\\x1b]52;c;YWJj\x07"


def test_screen_gets_pieces_that_it_accepts(tmp_path: Path):
    done = clipboard.copy("x" * 3000, "it", tmp_path / "c.txt", {"STY": "1", "TERM": "screen"})
    pieces = done.sequence.removesuffix("\x1b\\").split("\x1b\\")
    assert all(piece.startswith("\x1bP") and len(piece) <= 512 for piece in pieces)
    assert "".join(piece[2:] for piece in pieces) == clipboard.osc52("x" * 3000)


def test_what_is_too_long_for_a_terminal_goes_to_a_file_that_is_named(tmp_path: Path):
    long = "é" * clipboard.LIMIT
    done = clipboard.copy(long, "it", tmp_path / "new" / "c.txt", {})
    assert (done.sequence, done.ok) == ("", False)
    assert str(tmp_path / "new" / "c.txt") in done.message
    assert (tmp_path / "new" / "c.txt").read_text() == long


def test_what_is_copied_cannot_act_on_the_terminal_it_is_pasted_into(tmp_path: Path):
    done = clipboard.copy("a\x1b[31m\x9b2J\x7f\ud800\n\té\u202e", "it", tmp_path / "c.txt", {"TERM": "xterm"})
    copied = base64.b64decode(done.sequence.removeprefix("\x1b]52;c;").removesuffix("\x07")).decode()
    assert copied == "a␛[31m\\x9b2J␡\\ud800\n\té\u202e"


def test_the_file_of_a_long_copy_is_the_users_alone(tmp_path: Path):
    clipboard.copy("x" * (clipboard.LIMIT + 1), "it", tmp_path / "new" / "c.txt", {})
    assert (tmp_path / "new" / "c.txt").stat().st_mode & 0o777 == 0o600


# Models ---------------------------------------------------------------------------------------------------------------


def test_cached_models_are_found_by_their_folders(tmp_path: Path):
    for folder in ("models--gpt2", "models--Qwen--Qwen3-0.6B", "datasets--x--y", "models--no--weights"):
        (tmp_path / folder / "snapshots" / "abc").mkdir(parents=True)
    for folder in ("models--gpt2", "models--Qwen--Qwen3-0.6B", "datasets--x--y"):
        (tmp_path / folder / "snapshots" / "abc" / "config.json").write_text("{}")
    assert cached_models(tmp_path) == ["Qwen/Qwen3-0.6B", "gpt2"]
    assert cached_models(tmp_path / "nothing") == []


def test_each_model_is_offered_once_the_bundled_one_first():
    assert offers("/a/folder", ["gpt2", "x/y"], ["gpt2", "z"]) == (
        Offer("demo", "bundled"),
        Offer("gpt2", "cached"),
        Offer("x/y", "recent"),
        Offer("/a/folder", "named"),
        Offer("z", "cached"),
    )


def test_the_hubs_cache_is_where_its_own_library_looks():
    assert paths.hub_cache_dir({"HF_HUB_CACHE": "/a"}) == Path("/a")
    assert paths.hub_cache_dir({"HF_HOME": "/b"}) == Path("/b/hub")
    assert paths.hub_cache_dir({"XDG_CACHE_HOME": "/c"}) == Path("/c/huggingface/hub")
    assert paths.hub_cache_dir({}) == Path("~/.cache/huggingface/hub").expanduser()


def test_everything_that_is_kept_lies_under_xdg_directories(monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", "/c")
    monkeypatch.setenv("XDG_STATE_HOME", "/s")
    assert paths.config_file() == Path("/c/selfie-tui/config.toml")
    assert paths.user_themes_dir() == Path("/c/selfie-tui/themes")
    assert paths.sessions_dir() == Path("/s/selfie-tui/sessions")
    assert paths.log_file() == Path("/s/selfie-tui/selfie-tui.log")
