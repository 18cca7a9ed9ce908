"""benchmarks/load.py counts what the workers of the app hold, too."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
# a front that has a worker, which holds 200 MB
FRONT = """
import subprocess, sys
hold = "x = bytearray(b'1') * 200_000_000; print('held', flush=True); input()"
worker = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE)
input()
"""


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("load")


def test_the_memory_of_workers_is_counted(load: ModuleType, tmp_path: Path) -> None:
    app = load.App.__new__(load.App)
    app.folder = tmp_path
    with subprocess.Popen(
        [sys.executable, "-c", FRONT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as app.process:
        assert app.process.stdout.readline().strip() == b"held"
        held = app.holds()
        assert held[load.PROCESSES] == 2 and held["threads"] >= 2
        assert 200 < held[load.MEMORY] < 400
        app.process.stdin.close()
