"""Whatever stands in the JSON files of a model's folder, it opens or is refused in words: no other error, no hang."""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from selfie_tui.engine.loading.load import load
from selfie_tui.errors import LoadError
from tests.engine.zoo import build

VALUES = [0, -1, 1, 3, 10**5, 10**9, 10**30, 2.5, float("nan"), None, "x", True, [], {}, [1, 2], {"a": {}}, ["x"]]
OTHERS = ["vision_config", "text_config", "auto_map", "tokenizer_class", "rope_parameters", "chat_template", "dtype"]
FILES = ["config.json", "config.json", "generation_config.json", "tokenizer_config.json"]
TIMES = 60
LONGEST = 20.0
"""Seconds that one load may take on a machine under load; they take hundredths."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Good model folders by family."""
    made = {}
    for family in ("llama", "gpt2", "gemma2", "mixtral", "falcon", "opt"):
        made[family] = tmp_path_factory.mktemp("models") / family
        model = build(family, layers=2)
        model.module.save_pretrained(made[family])
        model.tokenizer.save_pretrained(made[family])
    return made


def spoilt(folder: Path, generator: random.Random) -> str:
    """Change a value in one of a folder's files; what was changed."""
    path = folder / generator.choice([name for name in FILES if (folder / name).is_file()])
    written: dict[str, Any] = json.loads(path.read_text())
    field = generator.choice([*written, *written, *OTHERS])
    written[field] = generator.choice(VALUES)
    path.write_text(json.dumps(written))
    return f"{path.name}: {field} = {written[field]!r}"


@pytest.mark.parametrize("seed", range(3))
def test_a_folder_with_any_value_opens_or_is_refused(
    folders: dict[str, Path], seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    generator, opened, refused = random.Random(seed), 0, 0
    for index in range(TIMES):
        folder = tmp_path / str(index)
        shutil.copytree(generator.choice(list(folders.values())), folder)
        changed, started = spoilt(folder, generator), time.monotonic()
        try:
            opened += bool(load(folder, device="cpu").verdict)
        except LoadError as error:
            refused += bool(error.cause and error.remedy)
        except Exception as error:
            raise AssertionError(f"{changed}: {error!r}") from error
        assert time.monotonic() - started < LONGEST, changed
        shutil.rmtree(folder)
    assert opened + refused == TIMES
    assert opened
    assert refused
