"""One handwriting: what the formatter, the linter and the type checker of pyproject.toml say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


COMMANDS = {
    "format": "ruff format --check --no-cache .",
    "lint": "ruff check --no-cache .",
    "types": "mypy",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_file_is_written_alike(name: str) -> None:
    command = [sys.executable, "-m", *COMMANDS[name].split()]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
