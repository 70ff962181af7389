"""What may be imported where, and that starting stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENGINE_ONLY = ("torch", "transformers", "nnsight", "huggingface_hub", "tokenizers", "safetensors")


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after running `code`."""
    script = (
        f"import sys\n{code}\nprint('\\n'.join({{name.split('.')[0] for name in sys.modules}}), file=sys.__stdout__)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def ran(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_import_contracts_hold() -> None:
    done = subprocess.run([Path(sys.executable).parent / "lint-imports"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_finds_nothing() -> None:
    ran("ruff", "check", ".")
    ran("ruff", "format", "--check", ".")


def test_the_type_checker_finds_nothing() -> None:
    ran("mypy")


def test_the_package_imports_neither_torch_nor_textual() -> None:
    assert not modules_after("import selfie_tui") & {*ENGINE_ONLY, "textual", "rich", "msgspec"}


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_neither_torch_nor_textual(option: str) -> None:
    code = f"import selfie_tui.cli\ntry: selfie_tui.cli.main(['{option}'])\nexcept SystemExit: pass"
    assert not modules_after(code) & {*ENGINE_ONLY, "textual", "rich", "msgspec", "asyncio"}


def test_the_app_imports_no_torch_before_its_first_paint() -> None:
    code = "import selfie_tui.tui.app\nselfie_tui.tui.app.SelfieApp()"
    assert not modules_after(code) & set(ENGINE_ONLY)


def test_the_app_imports_no_tables_of_results_before_its_first_paint() -> None:
    code = """
import selfie_tui.tui.app
selfie_tui.tui.app.SelfieApp()
loaded = {"selfie_tui.comparison_table", "selfie_tui.lens_table", "selfie_tui.measures"} & set(sys.modules)
assert not loaded, loaded
"""
    assert "selfie_tui" in modules_after(code)


def test_the_job_thread_imports_the_engine_only_when_it_works() -> None:
    code = "from selfie_tui.jobs import Jobs\njobs = Jobs(print)\njobs.start()\njobs.close()\njobs.join()"
    assert not modules_after(code) & {*ENGINE_ONLY, "textual"}
