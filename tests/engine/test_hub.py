"""Fetching from the hub, by the real client, against a hub on loopback."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import run

import huggingface_hub
import pytest
from huggingface_hub import constants
from transformers import AutoModelForCausalLM

from selfie_tui.cli import main
from selfie_tui.engine.loading import hub as fetching
from selfie_tui.engine.loading.hub import fetch_snapshot
from selfie_tui.engine.loading.load import load, no_report
from selfie_tui.errors import Cancelled, LoadError
from tests.engine.hub_server import COMMIT, Hub
from tests.engine.zoo import build

NAME = "someone/tiny-llama"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as it lies in a repository, in several shards."""
    folder = tmp_path_factory.mktemp("repository")
    model = build("llama", layers=2)
    model.module.save_pretrained(folder, max_shard_size="100KB")
    model.tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text("# A model\n")
    (folder / "consolidated.safetensors").write_bytes(b"the same weights once more, in another layout")
    return folder


@pytest.fixture
def hub(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one model, and an empty cache."""
    server = Hub({NAME: repository})
    point_to(server.url, monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_XET_CACHE", str(tmp_path / "xet"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 4096)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.close()
    huggingface_hub.close_session()


def point_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a URL the hub's."""
    huggingface_hub.close_session()
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")


class Reports(list[tuple[str, float | None]]):
    """A report that is remembered."""

    def __call__(self, step: str, fraction: float | None) -> None:
        self.append((step, fraction))

    def fractions(self) -> list[float]:
        return [fraction for _, fraction in self if fraction is not None]


def cancel_when(wanted: Callable[[str, float | None], bool]) -> Callable[[str, float | None], None]:
    """A report that asks to stop at the first report of that kind, and notes when."""

    def report(step: str, fraction: float | None) -> None:
        if wanted(step, fraction):
            report.at = time.monotonic()  # type: ignore[attr-defined]
            raise Cancelled

    return report


def downloading() -> bool:
    """Whether a thread of a download is alive."""
    return any(thread.name.startswith("download of") for thread in threading.enumerate())


def wait_until(holds: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def half_files(cache: Path) -> list[Path]:
    return list(cache.rglob("*.incomplete"))


def cache_of(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_a_model_is_downloaded_with_progress_and_loads(hub: Hub) -> None:
    reports = Reports()
    model = load(NAME, report=reports)
    assert model.verdict == "verified"
    assert model.info().revision == fetch_snapshot(NAME, no_report).name == COMMIT
    shares = reports.fractions()
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert {"README.md", "consolidated.safetensors"}.isdisjoint(hub.downloads())


def test_progress_grows_with_the_bytes_of_the_whole_model(hub: Hub) -> None:
    hub.pause = 0.004
    reports = Reports()
    fetch_snapshot(NAME, reports)
    shares = reports.fractions()
    assert len({share for share in shares if 0 < share < 1}) >= 3
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_complete_cache_needs_no_network(hub: Hub) -> None:
    first = fetch_snapshot(NAME, no_report)
    hub.close()
    asked = len(hub.requests)
    assert fetch_snapshot(NAME, no_report) == first
    assert load(NAME).verdict == "verified"
    assert len(hub.requests) == asked


@pytest.mark.parametrize(
    "lost", ["model-00002-of-*.safetensors", "model*.safetensors*", "tokenizer.json", "model.safetensors.index.json"]
)
def test_what_is_missing_in_the_cache_is_fetched_and_nothing_else(hub: Hub, lost: str) -> None:
    folder = fetch_snapshot(NAME, no_report)
    gone = sorted(path.name for path in folder.glob(lost))
    assert gone
    for name in gone:
        (folder / name).resolve().unlink()
        (folder / name).unlink()
    hub.requests.clear()
    assert load(NAME).verdict == "verified"
    assert sorted(hub.downloads()) == gone


def test_a_cache_that_misses_a_part_is_not_trusted_without_network(hub: Hub) -> None:
    folder = fetch_snapshot(NAME, no_report)
    next(folder.glob("model-00002-of-*")).unlink()
    hub.close()
    with pytest.raises(LoadError, match="not complete on this machine"):
        fetch_snapshot(NAME, no_report)


@pytest.mark.parametrize("status", [401, 403])
def test_a_gated_model_says_where_to_accept_its_terms(hub: Hub, status: int) -> None:
    hub.refusals["config.json"] = (status, "GatedRepo")
    with pytest.raises(LoadError, match="gated") as caught:
        load(NAME)
    assert f"https://huggingface.co/{NAME}" in caught.value.remedy
    assert "hf auth login" in caught.value.remedy


def test_a_model_that_the_hub_does_not_have_is_said_to_be_missing_or_private(hub: Hub) -> None:
    with pytest.raises(LoadError, match="Model someone/no-such-model was not found on the hub, or it is private"):
        load("someone/no-such-model")


@pytest.mark.parametrize("place", [NAME, "config.json", "model-00001-of-00004.safetensors"])
def test_an_error_of_the_hub_is_told_by_its_number(hub: Hub, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client's own retries
    hub.refusals[place] = (500, "")
    with pytest.raises(LoadError, match="error 500") as caught:
        fetch_snapshot(NAME, no_report)
    assert caught.value.remedy == "Try again in a moment."


def test_a_token_that_is_refused_is_told_as_such(hub: Hub) -> None:
    hub.refusals[NAME] = (403, "")
    with pytest.raises(LoadError, match="error 403") as caught:
        fetch_snapshot(NAME, no_report)
    assert "hf auth login" in caught.value.remedy


def test_without_network_the_cause_is_the_network(hub: Hub) -> None:
    hub.close()
    with pytest.raises(LoadError, match="is not on this machine, and the hub cannot be reached") as caught:
        load(NAME)
    assert caught.value.remedy.startswith("Check the network")
    (Path(constants.HF_HUB_CACHE) / f"models--{NAME.replace('/', '--')}").mkdir(parents=True)
    with pytest.raises(LoadError, match="is not complete on this machine, and the hub cannot be reached"):
        load(NAME)


def test_in_offline_mode_nothing_is_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(LoadError, match="the hub cannot be reached") as caught:
        load(NAME)
    assert "HF_HUB_OFFLINE" in caught.value.remedy
    assert not hub.requests


@pytest.mark.filterwarnings("ignore:Not enough free disk space")
def test_a_disk_without_room_is_refused_before_the_download(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - 1000, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(LoadError, match="of disk") as caught:
        fetch_snapshot(NAME, no_report)
    assert "HF_HOME" in caught.value.remedy
    assert set(hub.downloads()) <= {"model.safetensors.index.json"}


def test_what_is_in_the_cache_already_needs_no_room(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = fetch_snapshot(NAME, no_report)
    size = (folder / "tokenizer.json").stat().st_size
    (folder / "tokenizer.json").unlink()
    assert size < sum(path.stat().st_size for path in folder.iterdir())
    usage = namedtuple("usage", "total used free")(10**9, 10**9 - size, size)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert fetch_snapshot(NAME, no_report) == folder


def test_a_disk_that_fills_up_meanwhile_is_told_as_such(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **kwargs: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(fetching, "hf_hub_download", full)
    with pytest.raises(LoadError, match="is full"):
        fetch_snapshot(NAME, no_report)


def test_a_cache_that_is_no_folder_is_told_as_such(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(LoadError, match="cannot be written"):
        fetch_snapshot(NAME, no_report)


def test_a_repository_without_weights_is_refused_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "gguf"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.gguf").write_bytes(b"GGUF")
    hub.repositories["someone/gguf"] = folder
    with pytest.raises(LoadError, match="no weights that transformers can load") as caught:
        fetch_snapshot("someone/gguf", no_report)
    assert "Download one of its GGUF files" in caught.value.remedy
    assert not hub.downloads()


def test_a_cancel_in_the_middle_of_a_download_ends_it_and_leaves_no_half_file(hub: Hub, tmp_path: Path) -> None:
    hub.pause = 0.02
    report = cancel_when(lambda step, fraction: bool(fraction))
    with pytest.raises(Cancelled):
        fetch_snapshot(NAME, report)
    assert time.monotonic() - report.at < 3  # type: ignore[attr-defined]
    assert wait_until(lambda: not downloading())
    assert not half_files(cache_of(tmp_path))
    assert fetching.cached_folder(NAME) is None
    hub.pause = 0
    assert load(NAME).verdict == "verified"


def test_a_cancel_is_heard_while_the_network_is_silent(hub: Hub, tmp_path: Path) -> None:
    hub.held = ".safetensors"
    started = time.monotonic()
    report = cancel_when(lambda step, fraction: bool(fraction) and time.monotonic() > started + 0.5)
    with pytest.raises(Cancelled):
        fetch_snapshot(NAME, report)
    assert time.monotonic() - report.at < 3  # type: ignore[attr-defined]
    hub.release.set()
    assert wait_until(lambda: not downloading())
    assert not half_files(cache_of(tmp_path))


def test_a_cancel_before_the_hub_has_answered_is_heard(hub: Hub) -> None:
    with pytest.raises(Cancelled):
        fetch_snapshot(NAME, cancel_when(lambda step, fraction: step.startswith("asking")))


def test_a_cancel_ends_a_download_through_xet(hub: Hub, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The storage of xet never answers here; its client retries without end and is heard nowhere."""
    hub.xet = tuple(file.name for file in hub.repositories[NAME].glob("model-*.safetensors"))
    started = time.monotonic()
    report = cancel_when(lambda step, fraction: fraction is not None and time.monotonic() > started + 1)
    with pytest.raises(Cancelled):
        fetch_snapshot(NAME, report)
    assert time.monotonic() - report.at < 3  # type: ignore[attr-defined]
    assert any(path == "/xet-token" for _, path in hub.requests)
    assert wait_until(lambda: not downloading())
    assert not half_files(cache_of(tmp_path))
    assert capfd.readouterr() == ("", "")
    hub.xet = ()
    assert load(NAME).verdict == "verified"


def test_a_silent_hub_is_given_up_and_what_is_waited_for_is_said(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS_OF_SILENCE", 1.0)
    monkeypatch.setattr(fetching, "SECONDS_BEFORE_SAYING_SO", 0.4)
    hub.silent = True
    reports, started = Reports(), time.monotonic()
    with pytest.raises(LoadError, match="has sent nothing new of") as caught:
        fetch_snapshot(NAME, reports)
    assert time.monotonic() - started < 5
    assert "Check the network" in caught.value.remedy
    assert any(step == f"asking the hub for {NAME}: no answer for 1 s" for step, _ in reports)


def test_the_command_line_says_what_it_waits_for(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetching, "SECONDS_OF_SILENCE", 1.5)
    monkeypatch.setattr(fetching, "SECONDS_BEFORE_SAYING_SO", 0.3)
    hub.silent = True
    assert main(["interpret", "the city", "--model", NAME, "--no-session"]) == 3
    waiting, refused = capsys.readouterr().err.splitlines()
    assert waiting == f"asking the hub for {NAME}: no answer yet"
    assert refused.startswith(f"The hub has sent nothing new of {NAME} for ")


def test_a_hub_that_falls_silent_within_a_file_is_given_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS_OF_SILENCE", 1.0)
    hub.held = ".safetensors"
    with pytest.raises(LoadError, match="has sent nothing new of"):
        fetch_snapshot(NAME, no_report)
    hub.release.set()


def test_a_file_that_is_broken_off_each_time_is_given_up_after_a_few_tries(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.02)))  # the client's own retries
    hub.broken = ".safetensors"
    with pytest.raises(LoadError, match="broke off a file of") as caught:
        fetch_snapshot(NAME, no_report)
    assert caught.value.remedy
    assert len([path for method, path in hub.requests if method == "GET" and path.endswith(".safetensors")]) < 12


def test_a_slow_hub_is_waited_for_as_long_as_bytes_come(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS_OF_SILENCE", 0.5)
    hub.pause = 0.02
    started = time.monotonic()
    assert fetch_snapshot(NAME, no_report).is_dir()
    assert time.monotonic() - started > 0.5


@pytest.mark.parametrize("place", [NAME, "config.json", "model-00001-of-00004.safetensors"])
def test_not_found_is_no_reason_to_try_again(hub: Hub, place: str) -> None:
    hub.refusals[place] = (404, "")
    with pytest.raises(LoadError, match=r"was not found on the hub|lacks a file") as caught:
        fetch_snapshot(NAME, no_report)
    assert "Try again" not in str(caught.value)


def test_a_model_that_the_law_forbids_is_no_reason_to_try_again(hub: Hub) -> None:
    hub.refusals[NAME] = (451, "")
    with pytest.raises(LoadError, match="error 451") as caught:
        fetch_snapshot(NAME, no_report)
    assert "Try again" not in caught.value.remedy


def test_an_adapter_and_the_base_model_that_it_names_are_fetched(hub: Hub, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    module = AutoModelForCausalLM.from_pretrained(hub.repositories[NAME])
    adapted = get_peft_model(module, LoraConfig(target_modules=["q_proj"], init_lora_weights=False))
    adapted.peft_config["default"].base_model_name_or_path = NAME
    adapted.save_pretrained(tmp_path / "lora")
    hub.repositories["someone/lora"] = tmp_path / "lora"
    model = load("someone/lora")
    assert (model.verdict, model.info().title, model.revision) == (
        "verified",
        "tiny-llama + lora",
        f"{COMMIT} on {COMMIT}",
    )
    hub.close()
    assert load("someone/lora").verdict == "verified"  # from the cache


def test_nothing_but_the_model_is_asked_for(hub: Hub) -> None:
    """In a process of its own, as the client asks for what it reports home once in a process."""
    code = f"from selfie_tui.engine.loading.load import load; print(load({NAME!r}).verdict)"
    variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(Path(constants.HF_HUB_CACHE).parent / "home")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "DISABLE_TEL"))}
    found = run([sys.executable, "-c", code], env=kept | variables, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "verified"
    assert hub.requests[0] == ("GET", f"/api/models/{NAME}")
    assert all(NAME in path for _, path in hub.requests)


def test_a_download_draws_nothing(hub: Hub, capfd: pytest.CaptureFixture[str]) -> None:
    fetch_snapshot(NAME, no_report)
    assert capfd.readouterr() == ("", "")
