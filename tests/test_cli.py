"""The headless commands as a user runs them: stdout is data, stderr is narration, exit codes are an interface.

What only a process has (its exit code, signals, a pipe that closes) is tried on processes; each imports torch, which
takes seconds. All else runs in this process, with the bundled model loaded once.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from selfie_tui import cli
from selfie_tui.engine.loading.load import load
from selfie_tui.engine.model import Model
from tests.sweep.small import small
from tests.sweep.sweep import mask_tokenizer

PROGRAM = str(Path(sys.executable).parent / "selfie-tui")
EIFFEL = "The Eiffel Tower is located in the city of"


@dataclass
class Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


@cache
def bundled_model(device: str, dtype: str) -> Model:
    return load("demo", device=device, dtype=dtype)


@pytest.fixture(autouse=True)
def _bundled_model_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's loader, with the bundled model shared; any other model is loaded as ever."""

    def load_or_share(name: str, *, device: str, dtype: str, **options: Any) -> Model:
        if name == "demo" and device == "auto":
            return bundled_model(device, dtype)
        return load(name, device=device, dtype=dtype, **options)

    monkeypatch.setattr("selfie_tui.engine.service.load", load_or_share)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Done]]:
    """A command line in this process."""

    def run(*arguments: str, text: str = "") -> Done:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        capsys.readouterr()
        return Done(cli.main(arguments), *capsys.readouterr())

    weights = bundled_model("auto", "auto").module.state_dict()
    before = {name: weight.clone() for name, weight in weights.items()}
    yield run
    assert [name for name, weight in before.items() if not weight.equal(weights[name])] == []


def run_process(*arguments: str) -> Done:
    """A command line in a process of its own, whose standard input is not a terminal."""
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, input="", timeout=120)
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("of_its_own", [False, True], ids=["in this process", "in a process of its own"])
def test_the_city_of_the_eiffel_tower_appears_with_the_layers_and_not_in_the_control(
    of_its_own: bool, run: Callable[..., Done]
) -> None:
    done = (run_process if of_its_own else run)("interpret", EIFFEL)
    assert done.returncode == 0, done.stderr
    control, *cells = done.stdout.splitlines()
    assert control.startswith("control")
    assert "Paris" not in control
    assert [line.split()[0] for line in cells] == ["embed", *(f"L{layer}" for layer in range(8))]
    assert not any("Paris" in line for line in cells[:3])
    assert all("Paris" in line for line in cells[-4:])
    assert "verified" in done.stderr


def test_json_lines_hold_the_request_the_control_and_every_cell(run: Callable[..., Done]) -> None:
    done = run("interpret", EIFFEL, "--layers", "embed,5-7", "--tokens", "2,-1", "--random-control", "--json")
    assert done.returncode == 0, done.stderr
    first, control, *cells = [json.loads(line) for line in done.stdout.splitlines()]
    assert (first["type"], first["task"]["type"]) == ("RunBegan", "Interpret")
    assert first["task"]["request"]["prompt"] == EIFFEL
    assert first["info"]["proof"] == "verified"
    assert {"torch", "transformers", "nnsight", "selfie-tui", "python"} == set(first["versions"])
    assert (control["index"], control["value"]["kind"]) == (-1, "none")
    *cells, ended = cells
    assert (ended["type"], ended["ending"]) == ("RunEnded", "finished")
    requested = [(cell["layer"], cell["position"]) for cell in first["task"]["request"]["cells"]]
    finished = [(c["value"]["cell"]["layer"], c["value"]["cell"]["position"]) for c in cells]
    assert requested == finished == [(layer, position) for position in (2, 9) for layer in (-1, 5, 6, 7)]
    for cell in cells:
        interpretation = cell["value"]
        assert interpretation["random"]["kind"] == "random"
        effects = [abs(token["effect"]) for token in shown_tokens(interpretation)]
        assert interpretation["treatment_effect"] == pytest.approx(sum(effects) / len(effects))
        assert "".join(token["text"] for token in interpretation["tokens"]).strip() == interpretation["text"]


def shown_tokens(interpretation: dict[str, Any]) -> list[dict[str, Any]]:
    """An interpretation's tokens without the blank ones at its ends."""
    blank = [not token["text"].strip() for token in interpretation["tokens"]]
    return interpretation["tokens"][blank.index(False) : len(blank) - blank[::-1].index(False)]


def test_the_prompt_can_come_from_stdin(run: Callable[..., Done]) -> None:
    done = run("interpret", "-", "--layers", "7", "--no-relevancy", text=EIFFEL + "\n")
    assert done.returncode == 0, done.stderr
    assert "Paris" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["", "--layers", "1"], 2, "The prompt is empty."),
        (["Hi", "--layers", "9"], 2, "Layer 9 is out of range"),
        (["Hi", "--tokens", "70"], 2, "Token 70 is out of range"),
        (["Hi", "--inject", "8"], 2, "Layer 8 is out of range"),
        (["Hi", "--mode", "paint"], 2, "Unknown injection mode “paint”."),
        (["Hi", "--preset", "none"], 2, "Unknown preset “none”."),
        (["Hi", "--stack", "encoder"], 2, "demo has no encoder. Its states are read from the decoder."),
        (["Hi", "--template", "no slot here"], 2, "no placeholder"),
        (["word " * 600], 2, "takes 512"),
        (["Hi", "--max-new-tokens", "0"], 2, "Invalid number of tokens “0”."),
        (["Hi", "--temperature", "-1"], 2, "Invalid temperature “-1”."),
        (["Hi", "--strength", "nan"], 2, "Invalid strength “nan”."),
        (["Hi", "--seed", "x"], 2, "Invalid seed “x”."),
        (["Hi", "--template", "nothing _", "--max-new-tokens", "600"], 2, "takes 512"),
        (["Hi", "--model", "./nowhere"], 3, "Folder not found: ./nowhere."),
        (["Hi", "--device", "abacus"], 3, "Invalid device “abacus”."),
    ],
)
def test_bad_input_has_its_own_message_and_exit_code(
    arguments: list[str], code: int, message: str, run: Callable[..., Done]
) -> None:
    assert_refused(run("interpret", *arguments), code, message)


def test_a_model_where_a_command_belongs_is_told_how_it_is_opened(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        cli.main(["openai-community/gpt2"])
    shown = " ".join(capsys.readouterr().err.split())
    assert refused.value.code == 2
    assert "there is no command openai-community/gpt2" in shown
    assert "a model is opened with --model openai-community/gpt2" in shown
    assert "calibrate, compare, control" in shown


def test_a_process_ends_with_the_exit_code_of_its_refusal() -> None:
    assert_refused(run_process("interpret", "Hi", "--model", "./nowhere"), 3, "Folder not found: ./nowhere.")


def assert_refused(done: Done, code: int, message: str) -> None:
    assert done.returncode == code
    assert done.stdout == ""
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def lines_of(run: Callable[..., Done], *arguments: str) -> list[dict[str, Any]]:
    """The JSON lines of a run, without the one that ends it."""
    done = run("interpret", *arguments, "--json", "--max-new-tokens", "2")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()][:-1]


def test_json_lines_say_which_stack_was_read_and_whether_the_published_positions_were_used(
    tmp_path: Path, run: Callable[..., Done]
) -> None:
    small("seq2seq", "t5").save_pretrained(tmp_path)
    mask_tokenizer().save_pretrained(tmp_path)
    arguments = ["[INST]the Eiffel Tower[/INST] is in", "--model", str(tmp_path)]
    first, _, *cells = lines_of(run, *arguments, "--stack", "decoder", "--tokens", "0-2")
    assert (first["info"]["kind"], first["task"]["request"]["stack"]) == ("encoder-decoder", "decoder")
    assert first["info"]["proof"] == "verified"
    assert [cell["value"]["token"]["text"] for cell in cells[::5]] == ["<pad>", " is", " in"]
    first, _, cell = lines_of(run, *arguments, "--layers", "-1")
    assert first["task"]["request"]["stack"] == "encoder"
    assert cell["value"]["token"]["text"] == " Tower"
    for options, compat in (([], False), (["--compat"], True)):
        first, *_ = lines_of(run, EIFFEL, "--layers", "7", *options)
        assert (first["task"]["request"]["stack"], first["task"]["request"]["compat"]) == ("", compat)


def test_ctrl_c_ends_a_long_run_at_once_and_keeps_what_was_finished() -> None:
    arguments = [PROGRAM, "interpret", " ".join([EIFFEL] * 3), "--tokens", "all", "--max-new-tokens", "400"]
    arguments += ["--template", "_ _ of the", "--json"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert "verified" in process.stderr.readline()
        assert process.stdout
        assert json.loads(process.stdout.readline())["type"] == "RunBegan"
        # Its hundreds of cells take many seconds: this is in the midst of them.
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        pressed = time.monotonic()
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted" in err
    assert time.monotonic() - pressed < 10
    assert all(json.loads(line) for line in out.splitlines())


def test_a_closed_pipe_ends_the_command_without_a_traceback() -> None:
    done = subprocess.run(
        f"'{PROGRAM}' interpret '{EIFFEL}' --json | head -c 10", shell=True, capture_output=True, text=True, timeout=120
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_the_shell_has_closed_cost_nothing_but_themselves(closed: str, tmp_path: Path) -> None:
    out = "" if ">&- 2" in closed else f"> '{tmp_path}/out'"
    command = f"'{PROGRAM}' interpret '{EIFFEL}' --layers 7 --no-session {out} {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "")
    assert ("verified" in done.stderr) == ("2>" not in closed)
    if out:
        written = (tmp_path / "out").read_text().splitlines()
        assert [line.split()[0] for line in written] == ["control", "L7"]


def test_a_closed_standard_input_is_an_empty_prompt() -> None:
    done = subprocess.run(f"'{PROGRAM}' interpret - <&-", shell=True, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr.strip()) == (
        2,
        "The prompt is empty. Give the text whose hidden states you want to read.",
    )


def test_standard_input_that_is_not_utf_8_is_refused_with_its_first_bad_byte() -> None:
    done = subprocess.run([PROGRAM, "interpret", "-"], input=b"caf\xe9", capture_output=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("Standard input is not UTF-8: byte 3 is 0xe9.")


def test_an_output_of_ascii_gets_escapes_where_it_lacks_a_character() -> None:
    done = subprocess.run(
        [PROGRAM, "interpret", EIFFEL, "--layers", "7", "--no-session"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert b"Paris" in done.stdout
    assert (done.stdout + done.stderr).isascii()
    assert b"\\u258" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor", "/tmp/x\x1b]0;title\x07"],
        ["interpret", "a", "--no\x1b[31m"],
        ["\x1b[2J"],
        ["interpret", "a", "--model", "./\x9b2J"],
    ],
)
def test_refusals_show_control_characters_and_do_not_send_them(
    arguments: list[str], run: Callable[..., Done], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        done = run(*arguments)
        shown = done.stdout + done.stderr
    except SystemExit:
        shown = "".join(capsys.readouterr())
    assert shown.replace("\n", "").isprintable()
    assert "␛" in shown or "\\x" in shown


def test_the_doctor_shows_folders_without_the_control_characters_of_their_names(
    run: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/tmp/\x1b[31mred")
    done = run("doctor")
    assert "␛[31mred" in done.stdout
    assert done.stdout.replace("\n", "").isprintable()


def test_the_doctor_verifies_the_bundled_model(run: Callable[..., Done]) -> None:
    done = run("doctor", "demo")
    assert done.returncode == 0, done.stderr
    rows = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if len(line.split(maxsplit=1)) == 2)
    assert rows["verdict"] == "verified"
    assert "model.layers: 8 layers" in rows["decoder"]
    assert run("doctor", "./nowhere").returncode == 3


def test_the_doctor_takes_a_number_format_and_says_what_rounding_does(run: Callable[..., Done]) -> None:
    rounded = run("doctor", "demo", "--device", "cpu", "--dtype", "bf16").stdout
    assert re.search(r"^runs on +cpu · bf16$", rounded, re.MULTILINE)
    assert "56 of 216 greedy texts differ" in rounded
    exact = run("doctor", "demo", "--dtype", "fp32").stdout
    assert re.search(r"^runs on +cpu · fp32$", exact, re.MULTILINE)
    assert "rounding" not in exact
    assert run("doctor", "demo", "--dtype", "int3").returncode == 3


def test_without_a_terminal_the_app_says_what_to_do() -> None:
    done = run_process()
    assert done.returncode == 2
    assert "selfie-tui interpret" in done.stderr
