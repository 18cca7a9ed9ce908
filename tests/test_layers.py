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
# Room, or part of one -> what of ours, and what of others', it may import (the standard library is
# open to all). Of the entries that a file stands under, the longest counts.
TABLE: dict[str, tuple[set[str], set[str]]] = {
    "__init__": (set(), set()),
    "__main__": (
        {"pictures", "engine", "export", "race", "measure.doctor", "tasks.table", "deploy"}
        | {"workers.signals", "recipe", "report", "errors"},
        set(),
    ),
    "deploy": ({"errors"}, {"huggingface_hub"}),
    # the plain values that cross the door
    "errors": (set(), set()),
    "settings": ({"errors"}, set()),
    "recipe": ({"errors"}, set()),
    "report": ({"recipe", "errors"}, {"PIL", "numpy"}),
    "device": ({"errors"}, {"torch"}),
    "models": (set(), set()),
    "models.catalog": ({"errors"}, set()),
    "models.hub": ({"models.catalog", "models.hub", "errors"}, {"huggingface_hub"}),
    "models.formats": ({"models.formats", "errors"}, {"torch", "safetensors"}),
    "models.directions": ({"models.formats", "models.hub", "models.catalog"}, set()),
    "models.encoder": ({"models.directions", "networks"}, set()),
    "models.face_reader": ({"models.directions", "networks"}, set()),
    "models.finder": ({"models.formats", "models.hub", "models.catalog", "networks"}, set()),
    "models.own_file": ({"models.catalog", "models.hub", "errors"}, set()),
    "models.runtime": ({"models", "networks", "device", "errors"}, {"torch"}),
    "pictures": (set(), set()),
    "pictures.uploads": ({"pictures.uploads", "report", "errors"}, {"PIL", "numpy"}),
    "pictures.masks": ({"pictures.uploads", "errors"}, {"numpy"}),
    "pictures.png_file": (set(), {"numpy"}),
    "pictures.exports": ({"pictures", "recipe", "report", "errors"}, set()),
    "pictures.images": ({"pictures", "recipe", "report", "errors"}, {"PIL", "numpy", "torch"}),
    "pictures.formats": ({"pictures.inside", "recipe", "errors"}, {"PIL"}),
    "pictures.family": (set(), {"PIL"}),
    "pictures.inside": ({"recipe", "errors"}, {"PIL"}),
    "pictures.mp4": ({"pictures.images", "pictures.inside"}, {"PIL", "av"}),
    "pictures.temporary": ({"errors"}, {"filelock"}),
    "networks": ({"networks"}, {"torch"}),
    "learning": ({"learning", "networks"}, {"torch"}),
    "tasks": (
        {"tasks", "learning", "networks.contracts", "networks.faces.lab", "device", "pictures"}
        | {"recipe", "settings", "report", "errors"},
        {"torch", "numpy", "diffusers"},
    ),
    "measure": (set(), set()),
    "measure.energy": (set(), {"torch", "pynvml"}),
    "measure.flops": (set(), {"torch"}),
    "measure.held": (set(), {"torch"}),
    "measure.meter": ({"measure.energy"}, {"torch"}),
    "measure.prices": (set(), {"filelock"}),
    "measure.quality": ({"models.catalog", "errors"}, set()),
    "measure.doctor": (
        {"engine", "models", "measure", "pictures", "tasks.table"} | {"recipe", "report", "errors"},
        {"PIL", "huggingface_hub"},
    ),
    "workers": (
        {"workers", "tasks", "models", "measure", "networks.contracts"}
        | {"pictures.uploads", "pictures.temporary"}
        | {"device", "recipe", "report", "errors"},
        set(),
    ),
    "engine": (
        {"engine", "workers", "models", "measure", "tasks", "pictures"}
        | {"recipe", "settings", "report", "errors"},
        {"PIL"},
    ),
    "export": (
        {"engine", "models.catalog", "models.own_file", "pictures.exports", "tasks.maker"}
        | {"recipe", "report", "errors"},
        set(),
    ),
    "race": ({"race", "engine", "pictures", "tasks", "recipe", "report", "errors"}, set()),
    "ui": (
        {
            "ui",
            "engine",
            "export",
            "race",
            "workers",
            "measure.quality",
            "measure.prices",
            "tasks.table",
            "learning.presets",
        }
        | {"models.catalog", "pictures.formats", "pictures.images", "pictures.inside"}
        | {"pictures.mp4", "pictures.family"}
        | {"recipe", "settings", "report", "errors"},
        {"gradio"},
    ),
}

# The one file of a room that may import more.
ALONE = {
    "ui/doors/__init__.py": {"starlette"},
    "ui/doors/callers.py": {"starlette"},
    "ui/doors/calls.py": {"starlette"},
    "ui/doors/pages.py": {"starlette"},
    "ui/doors/passwords.py": {"starlette"},
    "ui/doors/refused.py": {"starlette"},
    "ui/doors/incoming.py": {"starlette"},
    "ui/doors/shown.py": {"starlette"},
    "ui/doors/turns.py": {"starlette"},
    "tasks/denoise.py": {"PIL"},
    "tasks/text.py": {"PIL"},
    "tasks/instructed.py": {"PIL"},
    "tasks/say.py": {"PIL"},
    "tasks/between.py": {"PIL"},
    "tasks/cycle.py": {"PIL"},
    "tasks/learn_data.py": {"PIL"},
    "tasks/learn_picture.py": {"PIL"},
    "tasks/learn_views.py": {"PIL", "safetensors"},
    "tasks/fill_tiles.py": {"PIL"},
    "tasks/fit_face.py": {"PIL"},
    "tasks/fit_prior.py": {"PIL"},
    "tasks/repair.py": {"PIL"},
    "tasks/chain.py": {"PIL"},
    "tasks/figures.py": {"PIL", "skimage"},
    "tasks/resample.py": {"PIL"},
    "networks/diffusion/folder_parts.py": {"diffusers"},
    "networks/diffusion/text_encoder.py": {"transformers"},
    "networks/torchvision_ops.py": {"torchvision"},
    "networks/upscale/known.py": {"spandrel"},
    "models/formats/snapshots.py": {"numpy"},
    "workers/zerogpu.py": {"spaces"},
    "workers/ray.py": {"ray"},
}


def module(path: Path) -> str:
    """The module's name without `ganapps.`; a room's own `__init__` is the room."""
    parts = path.relative_to(ROOT / "ganapps").with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def in_training(path: Path) -> bool:
    return path.relative_to(ROOT / "ganapps").parts[0] == "training"


def imports(source: str) -> Iterator[str]:
    """Every imported name in full, `from ganapps import tasks` as ganapps.tasks."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def entries(name: str) -> list[str]:
    """The entries of the table that a module stands under."""
    return [entry for entry in TABLE if f"{name}.".startswith(f"{entry}.")]


def trespasses(name: str, source: str) -> list[str]:
    """What `source`, the file of the module `name`, imports against the table."""
    ours, others = TABLE[max(entries(name), key=len)]
    wrong = []
    for imported in imports(source):
        top, _, rest = imported.partition(".")
        if top == "ganapps":
            allowed = any(f"{rest}.".startswith(f"{our}.") for our in {*ours, "__version__"})
        else:
            allowed = top in others or top in sys.stdlib_module_names
        if not allowed:
            wrong.append(imported)
    return wrong


@pytest.mark.parametrize(
    "path", [p for p in FILES if not in_training(p)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_a_file_imports_only_what_its_room_may(path: Path) -> None:
    assert entries(module(path)), "a new room: say in the table what it may import"
    alone = ALONE.get(str(path.relative_to(ROOT / "ganapps")), set())
    wrong = trespasses(module(path), path.read_text())
    assert [i for i in wrong if i.split(".")[0] not in alone] == []


def test_the_table_would_notice() -> None:
    assert trespasses(
        "ui.tabs.faces",
        "import torch\nfrom ganapps.models import runtime\n"
        "from ganapps.tasks import faces\nimport json",
    ) == ["torch", "ganapps.models.runtime", "ganapps.tasks.faces"]
    assert trespasses("models.hub.disk", "from ganapps.models import catalog, formats") == [
        "ganapps.models.formats"
    ]
    assert trespasses("networks", "def f():\n    from PIL import Image") == ["PIL.Image"]
    assert trespasses(
        "engine", "from ganapps import models, __version__\nfrom ganapps.networks import build"
    ) == ["ganapps.networks.build"]


def test_the_app_never_imports_its_training() -> None:
    for path in [*FILES, ROOT / "app.py"]:
        if path == ROOT / "app.py" or not in_training(path):
            assert not [i for i in imports(path.read_text()) if i.startswith("ganapps.training")], (
                path
            )


def test_every_row_of_the_table_is_there() -> None:
    modules = {module(path) for path in FILES}
    assert set(TABLE) <= modules
    assert {name.split(".")[0] for name in modules} - {"training"} <= set(TABLE)


def test_no_placeholder_is_left() -> None:
    words = re.compile(
        "TO" + "DO|FIX" + "ME|XX" + "X|raise NotImplemented" + "Error|pragma: no co" + "ver"
    )
    # allowed where the reason stands beside it
    silenced = re.compile("# (?:no" + r"qa|type: ig" + r"nore)(?!(?:: |\[)[\w, -]+\]?  # \w.{7})")
    found = [
        f"{p.relative_to(ROOT)}:{i}"
        for folder in ("ganapps", "tests", "benchmarks")
        for p in sorted((ROOT / folder).rglob("*.py"))
        for i, line in enumerate(p.read_text().splitlines(), 1)
        if words.search(line) or silenced.search(line)
    ]
    assert found == []
    assert silenced.search("x = 1  # type: ig" + "nore[misc]")
    assert not silenced.search("x = 1  # type: ig" + "nore[misc]  # torch's stubs lack it")


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
import json, os, sys, threading
import torch, spaces, huggingface_hub
weights = os.path.join(os.getcwd(), "weights", "")
opened, before = [], threading.active_count()
def heard(event, args):
    if event == "open":
        opened.append(str(args[0]))
    if event.startswith("socket.connect"):
        opened.append(event)
sys.addaudithook(heard)
import ganapps.engine, ganapps.measure.doctor
print(json.dumps([[o for o in opened if weights in os.path.abspath(o) or o.startswith("socket")],
                  threading.active_count() - before,
                  sorted(m for m in ("gradio", "diffusers", "transformers") if m in sys.modules)]))
"""
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(said) == [[], 0, []]
