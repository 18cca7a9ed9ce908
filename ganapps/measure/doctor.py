"""Is everything here what it should be: versions, devices, cache, Hub, and every model against its
golden values.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from huggingface_hub import constants
from PIL import Image

from ganapps import __version__
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.measure import prices
from ganapps.models.catalog import WEIGHTS, Checkpoint
from ganapps.pictures import images
from ganapps.recipe import Recipe
from ganapps.report import size
from ganapps.tasks.table import TASKS

GOLDEN = WEIGHTS / "golden.json"
PICTURE = WEIGHTS / "doctor.png"  # what models that take a picture are run on
PACKAGES = (
    "torch",
    "gradio",
    "diffusers",
    "transformers",
    "huggingface_hub",
    "safetensors",
    "numpy",
    "pillow",
)
SIDE = 8  # a golden value is the picture in 8 x 8 means
FITTED = 20  # steps of what is fitted to a picture: enough to see that it learns
TOLERANCE = 2  # of 255: what devices and torch versions may differ by


@dataclass(frozen=True)
class Finding:
    """What became of one model: `word` for people; `differs` is the largest distance from its
    golden value, of 255.
    """

    model: str
    word: str
    fault: bool = False
    shipped: bool = False
    sha256: str | None = None
    thumbnail: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.word


def machine(engine: Engine, offline: bool = False) -> Iterator[str]:
    """Lines about this machine: versions, device, cache, Hub."""
    yield "  ".join(
        [
            f"ganapps {__version__}",
            f"Python {platform.python_version()}",
            *(f"{p} {_version(p)}" for p in PACKAGES),
        ]
    )
    yield f"device: {engine.device_title}, {size(engine.runtime.device.free_memory())} free"
    for what, folder in (
        ("measured prices", prices.folder()),
        ("models of the Hub", Path(constants.HF_HUB_CACHE)),
    ):
        yield f"{what}: {folder}, {size(_bytes(folder))}"
    asked = not offline and engine.models.hub_answers()
    reachable = "reachable" if asked else "not reachable"
    yield f"Hub: {constants.ENDPOINT}, {'not asked (offline)' if offline else reachable}"


def models(engine: Engine, update: bool = False, golden: Path = GOLDEN) -> Iterator[Finding]:
    """One finding for every row of the catalogue; each model that is here is run once on the
    bundled request of its task.

    Raises UserError where the file of golden values is none.
    """
    known = _golden(golden)
    for checkpoint in engine.runtime.catalog.values():
        if checkpoint.task not in TASKS or not engine.models.here(checkpoint):
            fetch = f" ({size(checkpoint.size)} to fetch)" if checkpoint.size else ""
            yield Finding(
                checkpoint.id,
                "here, no check for its task"
                if engine.models.here(checkpoint)
                else f"not here{fetch}",
            )
        else:
            yield _examined(engine, checkpoint, None if update else known.get(checkpoint.id))


def write_golden(findings: Iterable[Finding], golden: Path = GOLDEN) -> None:
    """Golden values of the models that ship, as found; those of other models stay as they are."""
    known = _golden(golden)
    known |= {
        f.model: {"sha256": f.sha256, "thumbnail": list(f.thumbnail)}
        for f in findings
        if f.shipped and f.thumbnail
    }
    rows = ",\n".join(
        f" {json.dumps(name)}: {json.dumps(value)}" for name, value in sorted(known.items())
    )
    golden.write_text(f"{{\n{rows}\n}}\n")


def thumbnail(picture: Image.Image) -> tuple[int, ...]:
    """The picture as 8 x 8 x 3 means, 0 to 255."""
    return tuple(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX).tobytes())


def _examined(engine: Engine, checkpoint: Checkpoint, golden: Any) -> Finding:
    shipped = checkpoint.sources[0].repo is None
    try:
        results = list(
            engine.run(
                _request(checkpoint), [str(PICTURE)] * (TASKS[checkpoint.task].pictures or 0)
            )
        )
    except UserError as e:
        return Finding(checkpoint.id, str(e), fault=True)
    made = next(kept for result in results for kept in result.made).picture
    found = thumbnail(made if isinstance(made, Image.Image) else images.to_picture(made))
    sha256 = results[-1].report.sha256
    if golden is not None and not _whole(golden):
        return Finding(
            checkpoint.id,
            "its golden value is damaged: write it anew with --update",
            True,
            shipped,
            sha256,
            found,
        )
    if golden is None or golden["sha256"] != sha256:
        return Finding(checkpoint.id, "no golden value", False, shipped, sha256, found)
    differs = max(abs(a - b) for a, b in zip(found, golden["thumbnail"], strict=True))
    word = "ok" if differs <= TOLERANCE else f"differs by {differs} of 255"
    return Finding(
        checkpoint.id,
        f"{word}, {results[-1].report.seconds:.2f} s",
        differs > TOLERANCE,
        shipped,
        sha256,
        found,
    )


def _golden(path: Path) -> dict[str, Any]:
    """The golden values by model, none where there is no file yet. Raises UserError for a file that
    holds something else.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        known = None
    if not isinstance(known, dict):
        raise UserError(
            "{file} holds no golden values: put the file back as it was, or delete it and write it "
            "anew with doctor --update.",
            file=str(path),
        )
    return known


def _no_number(name: str) -> float:
    """For what JSON does not know and Python reads: NaN and Infinity."""
    raise ValueError(name)


def _whole(golden: Any) -> bool:
    """Is this a golden value: the file's hash, and a thumbnail's numbers?"""
    if not isinstance(golden, dict) or not isinstance(golden.get("sha256"), str):
        return False
    numbers = golden.get("thumbnail")
    return (
        isinstance(numbers, list)
        and len(numbers) == 3 * SIDE**2
        and all(type(n) is int and 0 <= n <= 255 for n in numbers)
    )


def _request(checkpoint: Checkpoint) -> Recipe:
    """The request whose picture is compared: all defaults, one picture, float32."""
    task = TASKS[checkpoint.task]
    settings = dict(task.trial) if task.pictures else {"seed": 0, "count": 1}
    if checkpoint.kind == "fitted":
        settings["steps"] = FITTED
    return Recipe(checkpoint.task, checkpoint.id, settings, "float32")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _bytes(folder: Path) -> int:
    return sum(
        (Path(place) / name).lstat().st_size
        for place, _, names in os.walk(folder)
        for name in names
    )
