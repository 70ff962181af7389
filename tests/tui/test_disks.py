"""A disk that is full or cannot be written: one clear message for each thing that is not kept, and the app goes on."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.tui.test_signals import Selfie, draft, terminate

FULL = 'ulimit -f 1; PYTHONDONTWRITEBYTECODE=1 exec "$0" "$@"'
"""A shell in which no file can be longer than a block or two; Python would cut off what it compiles, for all tests."""

LONG = "a word and another " * 80


def run_and_leave(selfie: Selfie) -> str:
    """Interpret, change the theme, and quit; what the terminal shows after the program."""
    assert selfie.shows("verified")
    selfie.send("\x12")
    assert selfie.shows("control  ")
    assert selfie.shows("no longer saved")
    before = len(selfie.sent)
    selfie.send("\x14")
    assert selfie.until(lambda: len(selfie.sent) > before + 1000)  # all is drawn in other colours
    selfie.send("\x11")
    assert selfie.ends() == 0
    assert selfie.has_given_back_the_terminal()
    return selfie.sent.rpartition("\x1b[?1049l")[2]


def test_on_a_full_disk_the_app_says_once_what_is_not_kept_and_leaves_in_peace(tmp_path: Path):
    with Selfie(tmp_path, "--prompt", "The city of", shell=FULL) as selfie:
        after = run_and_leave(selfie)
        assert selfie.text().count("! The session is no longer saved") == 1
    assert "Traceback" not in after
    assert "Traceback" not in (selfie.state / "selfie-tui.log").read_text()


def test_a_draft_for_which_there_is_no_room_is_named_at_the_end(tmp_path: Path):
    with Selfie(tmp_path, "--prompt", LONG, shell=FULL) as selfie:
        assert selfie.shows("Model")
        terminate(selfie, signal.SIGTERM)
        assert selfie.ends() == 128 + signal.SIGTERM
        after = selfie.sent.rpartition("\x1b[?1049l")[2]
        assert "Drafts and settings are not kept" in after
        assert "File too large" in after


def test_a_full_disk_takes_the_warnings_of_the_configuration_from_the_log_alone(tmp_path: Path):
    folder = tmp_path / "config" / "selfie-tui"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("".join(f"unknown{number} = 1\n" for number in range(40)))
    with Selfie(tmp_path, shell=FULL) as selfie:
        assert selfie.shows("verified")
        assert "unknown0" in selfie.text()
        selfie.send("\x11")
        assert selfie.ends() == 0


def test_without_a_folder_for_what_is_kept_the_app_goes_on(tmp_path: Path):
    (tmp_path / "state").write_text("a file, where the folder would be")
    with Selfie(tmp_path) as selfie:
        after = run_and_leave(selfie)
        assert "Traceback" not in after


def test_half_of_a_surrogate_pair_in_the_prompt_is_kept_in_the_draft(tmp_path: Path):
    shell = 'exec "$0" "$@" --prompt "$(printf "abc\\355\\240\\200def\\377")"'
    with Selfie(tmp_path, shell=shell) as selfie:
        assert selfie.shows("surrogate")
        selfie.send("\x11")
        assert selfie.ends() == 0
        kept = draft(selfie)
        assert kept == "abc\udced\udca0\udc80def\udcff"
    with Selfie(tmp_path) as selfie:
        assert selfie.shows("surrogate")
