"""What makes a GPU quick, as far as a processor can tell: casts, calls and turns are counted, and
the pictures stay what they were.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ganapps import __main__
from ganapps.device import Device
from ganapps.engine import Engine, Result
from ganapps.models import hub
from ganapps.networks.contracts import Tiled
from ganapps.pictures import images
from ganapps.recipe import Recipe
from ganapps.report import Kept, Step
from ganapps.tasks import careful, denoise, sampling, text, tile_run, tiles
from ganapps.tasks.labels import from_classes
from ganapps.ui import api
from ganapps.workers import here as workers_here
from tests.test_denoise import network as denoiser
from tests.test_text import network as text_model

CPU = Device("cpu")
LOW = Device("cpu", "bfloat16")
CAST = ("aten::to", "aten::_to_copy")


class Casts(TorchDispatchMode):
    """Counts how often one of these tensors is cast."""

    def __init__(self, tensors: Iterator[Tensor]) -> None:
        super().__init__()
        self.watched = {x.data_ptr() for x in tensors}
        self.count = 0

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if operation._schema.name in CAST and args[0].data_ptr() in self.watched:
            self.count += 1
        return operation(*args, **(kwargs or {}))


def test_a_step_in_half_precision_casts_no_weight_again(tmp_path: Path) -> None:
    built = text_model(tmp_path)
    x, words = torch.randn(1, *built.shape), built.read("a cat")

    def step() -> tuple[Tensor, int]:
        with LOW.computing(), Casts(built.unet.parameters()) as casts:
            return built(x, 500, words), casts.count

    step()
    quick, none = step()
    kept, built._lowered.of = built._lowered.of, lambda module, x: module
    slow, many = step()
    built._lowered.of = kept
    assert torch.equal(quick, slow) and quick.dtype == torch.bfloat16
    assert none == 0 and many > 40, "autocast alone casts each again"
    with CPU.computing():
        assert built(x, 500, words).dtype == torch.float32, "its own weights are what they were"


def test_a_copy_in_half_precision_is_looked_at_between_its_blocks(tmp_path: Path) -> None:
    built = text_model(tmp_path)
    careful.watched(built)
    looked = careful.Watch(stop=lambda: None, rest=lambda: None, tell=lambda share: None)
    with careful.watching(looked), LOW.computing():
        built(torch.randn(1, *built.shape), 500, built.read("a cat"))
    assert looked.blocks > 40, "so Stop is seen there"


def run(
    task: Any, network: nn.Module, table: Any = None, **settings: Any
) -> tuple[list[np.ndarray], list[Step]]:
    steps = list(task(network, CPU, table, **settings))
    return [np.asarray(made.picture).astype(int) for step in steps for made in step.made], steps


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_seeds_go_through_a_denoiser_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eta: float
) -> None:
    built = denoiser(tmp_path, classes=5, latent=True)
    table = from_classes((), 5)
    asked = {"table": table, "seed": 7, "count": 5, "steps": 3, "eta": eta}
    alone, slow = run(denoise.denoise, built, **asked)
    monkeypatch.setattr(denoise, "batch_size", lambda resolution, device: 3)
    together, quick = run(denoise.denoise, built, **asked)
    same(alone, together)
    assert [sum(step.network_calls for step in steps) for steps in (slow, quick)] == [15, 6]
    assert [made.caption for step in quick for made in step.made] == [
        f"seed {n}" for n in range(7, 12)
    ]
    done = [step.done for step in quick]
    assert done == sorted(done) and done[-1] == quick[-1].total == 15


@pytest.mark.parametrize("guidance", [1.0, 6.0])
def test_seeds_of_a_text_go_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guidance: float
) -> None:
    built = text_model(tmp_path)
    asked = {"prompt": "a cat", "negative": "dog", "count": 3, "steps": 2, "guidance": guidance}
    alone, slow = run(text.draw, built, **asked)
    monkeypatch.setattr(text, "batch_size", lambda resolution, device: 8)
    together, quick = run(text.draw, built, **asked)
    same(alone, together)
    calls = [sum(step.network_calls for step in steps) for steps in (slow, quick)]
    assert calls[0] == 3 * calls[1]


def test_fewer_seeds_go_together_where_the_memory_is_full() -> None:
    tried: list[list[int]] = []

    def begin(seeds: Sequence[int]) -> Iterator[sampling.Moment]:
        tried.append(list(seeds))
        if len(seeds) > 2:
            raise careful.MemoryFull
        x = torch.zeros(len(seeds), 3, 4, 4)
        yield sampling.Moment(x, x)

    batches = list(sampling.in_batches([1, 2, 3, 4, 5], 5, begin))
    assert tried == [[1, 2, 3, 4, 5], [1, 2], [3, 4], [5]]
    said = [str(change) for batch in batches for change in batch.at.changes]
    assert said == ["Out of memory: 2 at a time instead."]

    def never(seeds: Sequence[int]) -> Iterator[sampling.Moment]:
        raise careful.MemoryFull
        yield

    with pytest.raises(careful.MemoryFull):
        list(sampling.in_batches([1, 2], 2, never))


def same(some: list[np.ndarray], others: list[np.ndarray]) -> None:
    assert len(some) == len(others)
    for one, other in zip(some, others, strict=True):
        assert np.abs(one - other).max() <= 1, "a picture is its seed's, whatever is beside it"


def test_heads_in_half_precision_are_the_same_heads(engine: Engine) -> None:
    row = engine.models.row("heads-128")
    assert row is not None
    found = hub.here(row)
    assert found is not None, "it ships"
    network: Any = engine.runtime.network(row, found).network
    assert network.precisions == ("float16",)
    z, labels = torch.randn(4, network.z_dim), torch.zeros(4, network.label_dim)
    levels = []
    for device in (CPU, CPU.with_precision("float16")):
        with device.computing():
            x = network.synthesis(network.mapping(z, labels, psi=0.7)).float()
            stages = list(network.stages(network.mapping(z, labels, psi=0.7)))
        levels.append((x * 127.5 + 128).clamp(0, 255).to(torch.uint8).int())
    apart = (levels[0] - levels[1]).abs()
    assert (apart <= 1).float().mean() >= 0.999
    assert apart.max() <= 3
    features = [stage.features for stage in stages if stage.features is not None]
    assert {x.dtype for x in features} == {torch.float16}, "half the bytes move on"
    assert stages[-1].picture.dtype == torch.float32, "the picture is added up exactly"


class Enlarger(Tiled):
    """Says what a tile run asks of a network."""

    channels, scale, tile, memory, reach = 3, 4, 640, 10, 24

    def __init__(self, reach: int | None) -> None:
        super().__init__()
        self.reach = reach


@pytest.mark.parametrize(("reach", "larger"), [(24, True), (None, False)])
def test_a_gpu_takes_larger_tiles_so_less_is_made_twice(
    monkeypatch: pytest.MonkeyPatch, reach: int | None, larger: bool
) -> None:
    monkeypatch.setattr(Device, "free_memory", lambda self: 40 << 30)
    photograph = np.zeros((3000, 4000, 3), np.uint8)
    pixels = {}
    for name in ("cpu", "cuda:0"):
        run = tile_run.TileRun(Enlarger(reach), Device(name), photograph)
        layout = run.layout(None, None)
        pixels[name] = layout.count * layout.rows.side * layout.columns.side
    assert (pixels["cuda:0"] < 0.95 * pixels["cpu"]) is larger
    assert larger or pixels["cuda:0"] == pixels["cpu"], "one that sees all would make another one"


def test_a_gpu_is_for_others_while_a_processor_blends(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = images.save_plain(np.zeros((40, 48, 3), np.uint8), tmp_path / "small.png")
    worker, busy = engine.worker, []
    assert isinstance(worker, workers_here.Here)
    add = tiles.Canvas.add

    def watched(canvas: tiles.Canvas, row: int, column: int, y: Tensor) -> None:
        busy.append(worker.device.busy)
        time.sleep(0.2)
        add(canvas, row, column, y)

    monkeypatch.setattr(tiles.Canvas, "add", watched)
    recipe = Recipe("upscale", "spanx4", {"inspect": False})
    seconds = [list(engine.run(recipe, [str(path)]))[-1].report.seconds]
    assert busy == [True], "a processor that computes is not"
    plain = careful.beside
    monkeypatch.setattr(careful, "beside", lambda device: plain(Device("cuda:0")))
    seconds.append(list(engine.run(recipe, [str(path)]))[-1].report.seconds)
    assert busy == [True, False]
    assert min(seconds) >= 0.2, "its own work is charged wherever it is done"


def test_many_pictures_are_encoded_at_once_and_byte_for_byte_the_same(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "SMALL", 0)
    results = engine.run(Recipe("faces", "heads-64", {"seeds": [3, 4, 3], "count": 3}))
    made: list[Kept] = [kept for result in results for kept in result.made]
    (tmp_path / "one").mkdir()
    (tmp_path / "all").mkdir()
    one = [images.keep(kept, tmp_path / "one", index) for index, kept in enumerate(made)]
    every = images.keep_all(made, tmp_path / "all", 0)
    assert [path.name for path in every] == [path.name for path in one]
    assert [path.read_bytes() for path in every] == [path.read_bytes() for path in one]
    again = images.keep_all(made, tmp_path / "all", 0, over=False)
    assert len({*every, *again}) == 2 + 3, "none goes over another one"
    assert [path.name for path in tmp_path.glob("all/.*")] == [], "nothing half is left"


@pytest.mark.parametrize("way", ["a program", "the command line"])
def test_the_next_batch_is_computed_while_the_last_one_is_written(
    way: str, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing was computed meanwhile, a GPU waited for the processor's cores."""
    asked = Recipe("faces", "heads-64", {"count": 1})
    batches = [next(engine.run(asked.with_settings(seed=seed))) for seed in range(3)]
    begun = [threading.Event() for _ in range(4)]
    keep_all = images.keep_all
    overlapped: list[bool] = []

    def run(*given: object) -> Iterator[Result]:
        for event, result in zip(begun, batches, strict=False):
            event.set()
            yield result
        begun[-1].set()

    def kept(made: Sequence[Kept], folder: Path, already: int, *form: Any, **named: Any) -> Any:
        overlapped.append(begun[already + 1].wait(10))
        return keep_all(made, folder, already, *form, **named)

    monkeypatch.setattr(engine, "run", run)
    monkeypatch.setattr("ganapps.engine.start", lambda device, offline: engine)
    monkeypatch.setattr(images, "keep_all", kept)
    if way == "a program":
        *_, (files, _) = api.answers(engine, asked)
        names = [Path(file.path).name for file in files]
    else:
        (tmp_path / "recipe.json").write_text(asked.to_json())
        words = ["run", str(tmp_path / "recipe.json"), "--out", str(tmp_path / "out")]
        assert __main__.main(words) == 0
        names = json.loads((tmp_path / "out" / "report.json").read_text())["files"]
    assert overlapped == [True, True, True]
    assert names == [f"heads-64-seed-{seed}.png" for seed in range(3)], "in their order"
