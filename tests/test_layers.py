"""Who may import whom, read from the files themselves; and that importing does nothing heavy."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(p for p in (ROOT / "ganapps").rglob("*.py"))
OURS = {p.relative_to(ROOT / "ganapps").parts[0].removesuffix(".py") for p in FILES} - {
    "__init__",
    "__main__",
}

# Room or file -> what of ours, and what of others', it may import (the standard library is open to
# all).
TABLE: dict[str, tuple[set[str], set[str]]] = {
    "__init__": (set(), set()),
    "errors": (set(), set()),
    "schema": ({"errors"}, set()),
    "prices": (set(), {"filelock"}),
    "temporary": ({"errors"}, {"filelock"}),
    "catalog": ({"errors"}, set()),
    "device": ({"errors"}, {"torch"}),
    "recipe": ({"errors"}, {"PIL"}),
    "energy": (set(), {"torch", "pynvml"}),
    "flops": (set(), {"torch"}),
    "report": ({"energy", "recipe", "errors"}, {"PIL", "numpy", "torch"}),
    "uploads": ({"uploads", "report", "errors"}, {"PIL", "numpy"}),
    "png_file": (set(), {"numpy"}),
    "images": ({"png_file", "uploads", "recipe", "report", "errors"}, {"PIL", "numpy", "torch"}),
    "formats": ({"errors", "formats"}, {"torch", "safetensors"}),
    "hub": ({"errors", "catalog", "hub"}, {"huggingface_hub"}),
    "own_file": ({"errors", "catalog", "hub"}, set()),
    "networks": ({"networks"}, {"torch"}),
    "runtime": (
        {"own_file", "catalog", "hub", "formats", "networks", "errors", "device"},
        {"torch"},
    ),
    "tasks": (
        {"tasks", "device", "schema", "images", "uploads", "report", "errors"},
        {"torch", "numpy", "diffusers"},
    ),
    "engine": (
        {
            "runs",
            "flops",
            "own_file",
            "runtime",
            "tasks",
            "recipe",
            "report",
            "catalog",
            "errors",
            "prices",
            "schema",
            "hub",
            "uploads",
            "images",
        },
        {"spaces", "PIL"},
    ),
    "quality": ({"catalog", "errors"}, set()),
    "rehearsal": ({"engine", "recipe", "uploads"}, set()),
    "race": ({"engine", "rehearsal", "tasks", "recipe", "report", "errors"}, set()),
    "doctor": (
        {"images", "engine", "hub", "prices", "recipe", "report", "catalog", "errors"},
        {"PIL", "huggingface_hub"},
    ),
    "runs": ({"errors"}, set()),
    "learning": ({"learning"}, {"torch"}),
    "ui": (
        {
            "ui",
            "runs",
            "engine",
            "race",
            "rehearsal",
            "quality",
            "recipe",
            "report",
            "prices",
            "catalog",
            "images",
            "errors",
            "schema",
        },
        {"gradio"},
    ),
    "__main__": ({"temporary", "engine", "race", "doctor", "images", "recipe", "errors"}, set()),
}

# The one file of a room that may import more.
ALONE = {
    "ui/incoming.py": {"starlette"},
    "ui/doors.py": {"starlette"},
    "ui/turns.py": {"starlette"},
    "tasks/denoise.py": {"PIL"},
    "tasks/text.py": {"PIL"},
    "tasks/between.py": {"PIL"},
    "tasks/cycle.py": {"PIL"},
    "tasks/figures.py": {"PIL", "skimage"},
    "tasks/resample.py": {"PIL"},
    "networks/folder_parts.py": {"diffusers"},
    "networks/text_encoder.py": {"transformers"},
    "networks/torchvision_ops.py": {"torchvision"},
    "networks/upscalers.py": {"spandrel"},
    "formats/snapshots.py": {"numpy"},
}


def room(path: Path) -> str:
    return path.relative_to(ROOT / "ganapps").parts[0].removesuffix(".py")


def imports(source: str) -> Iterator[str]:
    """Every imported name in full, `from ganapps import hub` as ganapps.hub."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def trespasses(name: str, source: str) -> list[str]:
    """What `source`, a file of the room `name`, imports against the table."""
    ours, others = TABLE[name]
    wrong = []
    for imported in imports(source):
        top, _, rest = imported.partition(".")
        part = rest.split(".")[0]
        if top == "ganapps":
            allowed = (
                part in ours or part == "__version__" or (part not in OURS and part.isidentifier())
            )
        else:
            allowed = top in others or top in sys.stdlib_module_names
        if not allowed:
            wrong.append(imported)
    return wrong


@pytest.mark.parametrize(
    "path", [p for p in FILES if room(p) != "training"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_a_file_imports_only_what_its_room_may(path: Path) -> None:
    assert room(path) in TABLE, "a new room: say in the table what it may import"
    alone = ALONE.get(str(path.relative_to(ROOT / "ganapps")), set())
    assert [
        i for i in trespasses(room(path), path.read_text()) if i.split(".")[0] not in alone
    ] == []


def test_the_table_would_notice() -> None:
    assert trespasses(
        "ui",
        "import torch\nfrom ganapps import runtime\nfrom ganapps.tasks import faces\nimport json",
    ) == ["torch", "ganapps.runtime", "ganapps.tasks.faces"]
    assert trespasses("networks", "def f():\n    from PIL import Image") == ["PIL.Image"]
    assert trespasses(
        "engine", "from ganapps import hub, __version__\nfrom ganapps.networks import build"
    ) == ["ganapps.networks.build"]


def test_the_app_never_imports_its_training() -> None:
    for path in [*FILES, ROOT / "app.py"]:
        if path == ROOT / "app.py" or room(path) != "training":
            assert not [i for i in imports(path.read_text()) if i.startswith("ganapps.training")], (
                path
            )


def test_every_row_of_the_table_is_there() -> None:
    assert set(TABLE) - {"__init__", "__main__"} <= OURS


def test_no_placeholder_is_left() -> None:
    words = re.compile(
        "TO"
        + "DO|FIX"
        + "ME|XX"
        + "X|raise NotImplemented"
        + "Error|# no"
        + "qa|type: ig"
        + "nore|pragma: no co"
        + "ver"
    )
    found = [
        f"{p.relative_to(ROOT)}:{i}"
        for folder in ("ganapps", "tests", "benchmarks")
        for p in sorted((ROOT / folder).rglob("*.py"))
        for i, line in enumerate(p.read_text().splitlines(), 1)
        if words.search(line)
    ]
    assert found == []


def test_no_handler_swallows_every_error() -> None:
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.ExceptHandler)
                and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
                and all(isinstance(b, (ast.Pass, ast.Continue)) for b in node.body)
            ):
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def test_importing_the_engine_opens_no_weights_and_starts_no_thread() -> None:
    program = """
import json, sys, threading
import torch, spaces, huggingface_hub
opened, before = [], threading.active_count()
def heard(event, args):
    if event == "open":
        opened.append(str(args[0]))
    if event.startswith("socket.connect"):
        opened.append(event)
sys.addaudithook(heard)
import ganapps.engine, ganapps.doctor
print(json.dumps([[o for o in opened if "weights" in o or o.startswith("socket")],
                  threading.active_count() - before,
                  sorted(m for m in ("gradio", "diffusers", "transformers") if m in sys.modules)]))
"""
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(said) == [[], 0, []]
