"""From a published folder on a Hub to a picture: every diffusion row of the catalogue, each of its
sources, with the real client.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import torch
from diffusers import LCMScheduler, PNDMScheduler
from PIL import Image
from safetensors.torch import load_file, save
from test_published import engine

from ganapps import networks
from ganapps.engine import Engine
from ganapps.models import catalog
from ganapps.models.catalog import Source
from ganapps.recipe import Recipe
from ganapps.settings import check
from ganapps.tasks.table import TASKS
from tests import small_diffusion, small_stable
from tests.local_hub import LocalHub, cache, hurry, server

__all__ = ["cache", "engine", "hurry", "server"]  # fixtures

WRITERS = {
    "sd-turbo": small_stable.folder,
    "lcm-dreamshaper-v7": lambda place: small_stable.folder(
        place, small_stable.schedule(LCMScheduler), distilled=True
    ),
    "stable-diffusion-v1-5": lambda place: small_stable.folder(
        place,
        small_stable.schedule(PNDMScheduler, skip_prk_steps=True, steps_offset=1),
    ),
    "tiny-sd": small_stable.folder,
    "consistency-imagenet-64": lambda place: small_diffusion.folder(
        place, consistency=True, classes=7
    ),
    "ddpm-celebahq-256": small_diffusion.folder,
    "ddpm-ema-celebahq-256": small_diffusion.folder,
    "ldm-celebahq-256": lambda place: small_diffusion.folder(place, latent=True),
    "stable-diffusion-x4-upscaler": small_stable.upscaler,
    "ldm-super-resolution-x4": small_stable.latent_upscaler,
    "instruct-pix2pix": lambda place: small_stable.folder(place, channels=8),
}
ROWS = {
    row.id: row
    for row in catalog.load(networks.NAMES, "").values()
    if row.format == "diffusers" and row.sources[0].repo
}
CASES = [(row, index) for row in WRITERS for index in range(len(ROWS[row].sources))]


def published(place: Path, source: Source) -> dict[str, bytes]:
    """A tiny folder in a source's layout (one folder or a flat one, .bin, half precision), and what
    nobody needs beside it.
    """
    files = {}
    for name in source.files:
        folder = place / (
            Path(name).parent if "/" in name else "scheduler" if "scheduler" in name else "unet"
        )
        if name.endswith((".json", ".txt")):
            files[name] = (folder / Path(name).name).read_bytes()
        else:
            tensors = load_file(next(folder.glob("*.safetensors")))
            tensors = {k: t.half() for k, t in tensors.items()} if ".fp16." in name else tensors
            files[name] = save(tensors) if name.endswith(".safetensors") else torch_file(tensors)
    return files | {
        "safety_checker/model.safetensors": b"no",
        "README.md": b"# a card",
        "model_index.json": b"{}",
    }


def torch_file(value: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def request(row: str, place: Path) -> tuple[Recipe, list[str]]:
    task = ROWS[row].task
    if not TASKS[task].pictures:
        return Recipe(task, row, {"prompt": "a cat"} if task == "text" else {}), []
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (24, 16, 3), np.uint8)).save(
        place / "in.png"
    )
    return Recipe(task, row, {"prompt": "make it snow"} if task == "translate" else {}), [
        str(place / "in.png")
    ]


def got(address: str, body: bytes, taken: set[str]) -> bool:
    """Was a file asked for, at the Hub by its address or at its CDN by its sha256?"""
    at_cdn = f"/{hashlib.sha256(body).hexdigest()}"
    return at_cdn in taken or any(path.endswith(address) for path in taken)


def test_every_diffusion_row_of_the_hub_is_tried() -> None:
    assert set(WRITERS) == set(ROWS)


@pytest.mark.parametrize("row, index", CASES)
def test_a_row_is_fetched_and_run_with_its_own_defaults(
    row: str, index: int, server: LocalHub, engine: Engine, tmp_path: Path
) -> None:
    WRITERS[row](tmp_path / "model")
    source = ROWS[row].sources[index]
    files = published(tmp_path / "model", source)
    server.publish(source.repo, files, source.revision)
    recipe, pictures = request(row, tmp_path)
    *_, last = results = list(engine.run(recipe, pictures))
    assert (
        any(r.waiting for r in results)
        and last.report.pictures == 1
        and source.repo in last.report.source
    )
    for name, value in ROWS[row].defaults.items():
        assert last.recipe.settings[name] == value
    steps = last.recipe.settings["steps"]
    guided = {"stable-diffusion-v1-5": 2, "tiny-sd": 2, "instruct-pix2pix": 3}.get(row, 1)
    assert last.report.network_calls == steps * guided
    assert [r.preview for r in results if r.preview] or ROWS[row].task == "upscale"
    assert bool(last.report.changes) == (index > 0), (
        "that an earlier source failed is told, and nothing else"
    )
    taken = {r.path for r in server.requests if r.method == "GET"}
    place = f"/{quote(source.revision or 'main', safe='')}/"
    fetched = {name for name in files if got(f"{place}{name}", files[name], taken)}
    assert fetched == set(source.files), "all that is needed, and no safety checker, card or index"


def test_the_defaults_of_every_row_are_settings_of_its_task() -> None:
    for row in catalog.load(networks.NAMES, "").values():
        if row.task in TASKS:
            check(TASKS[row.task].function, row.defaults)
        else:
            assert not row.defaults, "what serves a step of a task has no settings of its own"


def test_what_a_person_asks_for_wins_over_the_row(engine: Engine) -> None:
    checked, _ = engine.checked(Recipe("text", "sd-turbo", {"steps": 3}))
    assert (
        checked.settings["steps"],
        checked.settings["guidance"],
        checked.settings["scheduler"],
    ) == (3, 0.0, "euler")
    other, _ = engine.checked(Recipe("text", "ann/mine:x.bin", {}))
    assert (other.settings["steps"], other.settings["guidance"], other.settings["scheduler"]) == (
        25,
        7.5,
        "dpm++",
    )


def test_no_row_fetches_a_safety_checker_and_text_rows_say_so() -> None:
    for row in ROWS.values():
        assert not any("safety" in name for source in row.sources for name in source.files)
        if row.network == "stable_diffusion":
            assert "safety checker is neither fetched nor run" in row.note


def test_the_price_of_a_walk_grows_with_its_steps(engine: Engine, tmp_path: Path) -> None:
    recipe, pictures = request("instruct-pix2pix", tmp_path)
    engine.ledger.add(engine._key(recipe), 60.0, 1.0, None)
    twice = recipe.with_settings(steps=40)
    assert engine.price(twice, pictures).seconds == pytest.approx(
        2 * engine.price(recipe, pictures).seconds
    )
