"""From a published file on a Hub to a picture: the layouts of the catalogue through the real door,
with the real client.
"""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import test_networks_biggan
import test_networks_progan
import test_networks_stylegan1
import test_networks_stylegan3
import torch
from PIL import Image
from safetensors.torch import save
from test_networks_faces import dcgan, made, nvidia, rosinality, stylegan
from test_networks_translate import CASES

from ganapps import networks
from ganapps.device import Device
from ganapps.engine import Engine, Result
from ganapps.errors import UserError, WeightsError
from ganapps.measure.prices import Ledger
from ganapps.models import catalog
from ganapps.models.catalog import Checkpoint
from ganapps.models.runtime import Runtime
from ganapps.recipe import Recipe
from tests.local_hub import LocalHub, cache, hurry, server
from tests.onnx_files import animegan as as_onnx
from tests.small_diffusion import folder
from tests.upscaler_files import swinir_onnx

__all__ = ["cache", "hurry", "server"]  # fixtures


def torch_file(value: object) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


FILES = {
    "stylegan2-ffhq-1024": lambda: torch_file(
        {"g_ema": made(rosinality()), "latent_avg": torch.zeros(12)}
    ),
    "stylegan-ffhq-128": lambda: save(made(stylegan())),
    "progan-celebahq-1024": lambda: torch_file(test_networks_progan.genforce()),
    "stylegan1-animefaces-512": lambda: torch_file(test_networks_stylegan1.genforce()),
    "stylegan3-t-afhqv2-512": lambda: torch_file(
        {"state_dict": test_networks_stylegan3.state("t"), "epoch": 7}
    ),
    "biggan-deep-128": lambda: torch_file(test_networks_biggan.state()),
}
STRANGERS = {
    "rosinality": lambda: torch_file({"g_ema": made(rosinality())}),
    "nvidia as safetensors": lambda: save(made(nvidia())),
    "dcgan": lambda: torch_file(made(dcgan())),
}


def unmeasured(row: Checkpoint) -> Checkpoint:
    """The row without its files' sizes and hashes: what stands in for them here is tiny."""
    return replace(row, sources=tuple(replace(s, size=None, sha256=None) for s in row.sources))


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """An engine that keeps nothing, and takes tiny files for the published ones."""
    rows = {name: unmeasured(row) for name, row in catalog.load(networks.NAMES, "").items()}
    return Engine(Runtime(rows, Device("cpu")), Ledger(tmp_path / "prices.json"))


def finish(engine: Engine, recipe: Recipe) -> tuple[list[Result], Result]:
    results = list(engine.run(recipe))
    return results, results[-1]


@pytest.mark.parametrize("row", FILES)
def test_a_row_of_the_catalogue_is_fetched_and_drawn(
    row: str, server: LocalHub, engine: Engine
) -> None:
    source = engine.models.row(row).sources[0]
    commit = server.publish(source.repo, {source.file: FILES[row]()}, source.revision)
    assert not engine.models.here(engine.models.row(row))
    results, last = finish(engine, Recipe("faces", row, {"count": 2, "seed": 85}))
    assert any(r.waiting for r in results), "the download is told"
    assert (
        last.report.pictures == 2
        and last.report.revision == commit
        and source.repo in last.report.source
    )
    assert last.recipe.revision == commit and last.recipe.sha256
    assert engine.models.here(engine.models.row(row))
    again, _ = finish(engine, last.recipe)
    assert [k.picture.tobytes() for r in again for k in r.made] == [
        k.picture.tobytes() for r in results for k in r.made
    ]


def translators() -> dict[str, bytes]:
    """Of each published layout of translators a file as its row expects it, but for the largest."""
    case = {name: CASES[name][1]() for name in ("resnet-affine", "course", "drawing", "animegan")}
    both = {
        f"{side}.{name.removeprefix('model.')}": tensor
        for side in ("G_A", "G_B")
        for name, tensor in case["resnet-affine"].items()
    }
    onnx = as_onnx(
        {name: tensor.float() for name, tensor in case["animegan"].items()}
    ).SerializeToString()
    return {
        "zebra2horse": torch_file(both),
        "horse2zebra-course": torch_file(case["course"]),
        "informative-drawings-coarse": torch_file(case["drawing"]),
        "animeganv2-face-paint": torch_file(case["animegan"]),
        "animeganv2-shinkai": onnx,
        "animeganv2-paprika": onnx,
    }


@pytest.mark.parametrize(
    "row",
    [
        "zebra2horse",
        "horse2zebra-course",
        "informative-drawings-coarse",
        "animeganv2-face-paint",
        "animeganv2-shinkai",
        "animeganv2-paprika",
    ],
)
def test_a_translator_of_the_catalogue_is_fetched_and_translates(
    row: str, server: LocalHub, engine: Engine, tmp_path: Path
) -> None:
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (33, 21, 3), np.uint8)).save(
        tmp_path / "small.png"
    )
    source = engine.models.row(row).sources[0]
    server.publish(source.repo, {source.file: translators()[row]}, source.revision)
    *_, last = engine.run(Recipe("translate", row), [str(tmp_path / "small.png")])
    assert source.repo in last.report.source and not last.report.changes
    made = last.made[0].picture
    assert (made.shape[:2] if isinstance(made, np.ndarray) else made.size[::-1]) == (33, 21)


@pytest.mark.filterwarnings("ignore:torch.meshgrid")
def test_a_swinir_of_the_catalogue_is_fetched_as_onnx_and_enlarges(
    server: LocalHub, engine: Engine, tmp_path: Path
) -> None:
    Image.fromarray(np.random.RandomState(0).randint(0, 256, (33, 21, 3), np.uint8)).save(
        tmp_path / "small.png"
    )
    source = engine.models.row("swinir-real-gan-x4").sources[0]
    server.publish(source.repo, {source.file: swinir_onnx()}, source.revision)
    *_, last = engine.run(
        Recipe("upscale", "swinir-real-gan-x4", {"scale": 4}), [str(tmp_path / "small.png")]
    )
    assert source.repo in last.report.source and last.made[0].picture.shape == (132, 84, 3)


def test_the_next_source_serves_and_the_report_says_so(server: LocalHub, engine: Engine) -> None:
    first, second, *_ = engine.models.row("stylegan2-ffhq-1024").sources
    server.publish(second.repo, {second.file: FILES["stylegan2-ffhq-1024"]()}, second.revision)
    _, last = finish(engine, Recipe("faces", "stylegan2-ffhq-1024", {"count": 1}))
    said = last.report.as_dict()["changes"]
    assert second.repo in last.report.source
    assert any(f"There is no repository {first.repo} " in s for s in said) and any(
        f"next source, {second.repo}" in s for s in said
    )


@pytest.mark.parametrize("layout", STRANGERS)
def test_a_typed_place_is_recognised_by_its_tensors(
    layout: str, server: LocalHub, engine: Engine
) -> None:
    server.publish("ann/mine", {"deep/g.bin": STRANGERS[layout]()})
    _, last = finish(engine, Recipe("faces", "ann/mine:deep/g.bin@main", {"count": 1}))
    assert last.report.pictures == 1


def test_a_typed_place_of_another_kind_is_refused_in_one_sentence(
    server: LocalHub, engine: Engine
) -> None:
    server.publish("ann/mine", {"g.bin": torch_file({"lin.weight": torch.ones(3, 3)})})
    with pytest.raises(WeightsError, match="holds 1 tensor in a layout that no network here knows"):
        finish(engine, Recipe("faces", "ann/mine:g.bin"))


def test_an_upscaler_typed_among_the_faces_is_one_sentence(
    server: LocalHub, engine: Engine
) -> None:
    server.publish(
        "ann/mine", {"up.safetensors": (catalog.WEIGHTS / "spanx4.safetensors").read_bytes()}
    )
    with pytest.raises(UserError, match="does not draw from seeds"):
        finish(engine, Recipe("faces", "ann/mine:up.safetensors"))


@pytest.mark.parametrize("row, safe", [("ldm-celebahq-256", True), ("ldm-celebahq-256", False)])
def test_a_diffusion_folder_is_fetched_and_sampled(
    row: str, safe: bool, server: LocalHub, engine: Engine, tmp_path: Path
) -> None:
    folder(tmp_path / "model", latent=True, safe=safe)
    files = {
        p.relative_to(tmp_path / "model").as_posix(): p.read_bytes()
        for p in (tmp_path / "model").rglob("*")
        if p.is_file()
    }
    source = engine.models.row(row).sources[0 if safe else 1]
    server.publish(source.repo, files, source.revision)
    _, last = finish(engine, Recipe("denoise", row, {"steps": 2}))
    assert last.report.network_calls == 2 and last.report.pictures == 1
    assert bool(last.report.changes) == (not safe), "a second source, the .bin files, is told"


def test_the_price_knows_the_download_before_it_is_paid(server: LocalHub, engine: Engine) -> None:
    source = engine.models.row("stylegan2-ffhq-1024").sources[0]
    body = FILES["stylegan2-ffhq-1024"]()
    server.publish(source.repo, {source.file: body}, source.revision)
    recipe = Recipe("faces", "stylegan2-ffhq-1024", {"count": 1})
    assert engine.price(recipe).download == len(body)
    finish(engine, recipe)
    after = engine.price(recipe)
    assert after.download == 0 and after.seconds > 0
