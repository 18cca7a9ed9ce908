"""From a row to a network that is ready: recognised, built once, kept while there is room; own rows
and own files.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ganapps import engine as engines
from ganapps.device import Device
from ganapps.errors import UserError, WeightsError
from ganapps.models import runtime
from ganapps.models.catalog import Checkpoint, Source
from ganapps.models.hub import Located
from ganapps.models.runtime import Runtime
from ganapps.recipe import Recipe
from tests.small_generator import pixels

ROW = """[[checkpoint]]
id = "mine"
title = "Mine"
task = "faces"
network = "dcgan"
sources = [{ file = "mine.pt" }]
format = "torch"
licence = "CC0-1.0"
commercial = "yes"
trained_on = "nothing"
paper = "DCGAN"
parameters = 1
data = "none"
"""


def dcgan(seed: int = 0) -> dict[str, torch.Tensor]:
    """The tensors of a tiny generator of 8 px, as PyTorch's tutorial names them."""
    torch_random = torch.Generator().manual_seed(seed)
    layers = nn.Sequential(
        nn.ConvTranspose2d(6, 4, 4, 1, 0, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.ConvTranspose2d(4, 3, 4, 2, 1, bias=False),
    )
    state = {f"main.{name}": tensor for name, tensor in layers.state_dict().items()}
    return {
        k: torch.randn(t.shape, generator=torch_random) if "weight" in k and t.dim() == 4 else t
        for k, t in state.items()
    }


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A person's own folder with a file and a catalogue that names it."""
    torch.save(dcgan(), tmp_path / "mine.pt")
    (tmp_path / "own.toml").write_text(ROW)
    monkeypatch.setenv("GANAPPS_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("GANAPPS_CATALOG", str(tmp_path / "own.toml"))
    yield tmp_path


def row(network: str = "dcgan", **more) -> Checkpoint:
    return Checkpoint(
        "mine",
        "Mine",
        "faces",
        network,
        (Source("mine.pt"),),
        "torch",
        "CC0-1.0",
        "yes",
        "nothing",
        "DCGAN",
        1,
        "none",
        **more,
    )


def test_own_rows_and_own_files_make_pictures(folder: Path) -> None:
    engine = engines.start("cpu", offline=True)
    assert engine.models.here(engine.models.row("mine"))
    made = pixels(engine.run(Recipe("faces", "mine", {"count": 2, "seed": 3})))
    z = torch.from_numpy(np.random.RandomState(3).randn(1, 6)).float()
    state = dcgan()
    x = torch.relu(
        nn.functional.batch_norm(
            nn.functional.conv_transpose2d(z[..., None, None], state["main.0.weight"]),
            torch.zeros(4),
            torch.ones(4),
        )
    )
    x = torch.tanh(nn.functional.conv_transpose2d(x, state["main.3.weight"], stride=2, padding=1))[
        0
    ].permute(1, 2, 0)
    assert (
        made[0].shape == (8, 8, 3)
        and np.abs(made[0] - (x * 127.5 + 128).clamp(0, 255).numpy()).max() < 1.01
    )


def test_a_network_is_loaded_once_and_again_when_its_file_changes(folder: Path) -> None:
    machine = Runtime({}, Device("cpu"))
    located = Located(folder / "mine.pt", Source("mine.pt"))
    first = machine.network(row(), located)
    assert machine.network(row(), located) is first and first.parameters == sum(
        p.numel() for p in first.network.parameters()
    )
    assert not first.network.training and not any(
        p.requires_grad for p in first.network.parameters()
    )
    torch.save(dcgan(1), folder / "mine.pt")
    (folder / "mine.pt").touch()
    assert machine.network(row(), located) is not first


def test_two_that_want_it_at_once_load_it_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads, machine = [], Runtime({}, Device("cpu"))
    real = machine._load
    monkeypatch.setattr(machine, "_load", lambda *a: loads.append(1) or real(*a))
    threads = [
        threading.Thread(
            target=machine.network, args=(row(), Located(folder / "mine.pt", Source("mine.pt")))
        )
        for _ in range(4)
    ]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert loads == [1]


def test_the_longest_unused_network_leaves_when_there_is_no_room(folder: Path) -> None:
    machine = Runtime({}, Device("cpu"))
    places = []
    for name in ("a.pt", "b.pt", "c.pt"):
        torch.save(dcgan(), folder / name)
        places.append(Located(folder / name, Source(name)))
    a = machine.network(row(), places[0])
    machine._room = 2.5 * 4 * a.parameters
    b = machine.network(row(), places[1])
    assert machine.network(row(), places[0]) is a
    machine.network(row(), places[2])
    assert machine.network(row(), places[0]) is a and machine.network(row(), places[1]) is not b
    machine._room = 0
    assert machine.network(row(), places[2]).network is not None, "one always fits"


def test_a_file_of_another_network_is_refused(folder: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"^Mine is not a stylegan2 checkpoint as expected: .*\w"
    ):
        Runtime({}, Device("cpu")).network(
            row("stylegan2"), Located(folder / "mine.pt", Source("mine.pt"))
        )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nobody", "The model nobody is not in the catalogue"),
        ("ann/faces", "ann/faces is not a place on the Hub"),
        ("faces:m.pt", "faces:m.pt is not a place on the Hub"),
    ],
)
def test_a_name_that_is_no_model_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(UserError, match=f"^{sentence}"):
        Runtime({}, Device("cpu")).checkpoint(name, "faces")


@pytest.mark.parametrize("name", ["ann/faces:m.pt", "hf.co/ann/faces/blob/main/m.pt"])
def test_a_place_on_the_hub_is_a_model(name: str) -> None:
    (source,) = Runtime({}, Device("cpu")).checkpoint(name, "faces").sources
    assert (source.repo, source.file) == ("ann/faces", "m.pt")


def test_a_stranger_s_layout_is_recognised_or_refused(folder: Path) -> None:
    machine = Runtime({}, Device("cpu"))
    stranger = runtime.stranger(Source("mine.pt", "me/mine"), "faces")
    assert (
        type(
            machine.network(stranger, Located(folder / "mine.pt", stranger.sources[0])).network
        ).__name__
        == "DCGAN"
    )
    torch.save({"conv.weight": torch.zeros(2, 2), "conv.bias": torch.zeros(2)}, folder / "odd.pt")
    with pytest.raises(WeightsError) as error:
        machine.network(
            runtime.stranger(Source("odd.pt", "me/odd"), "faces"),
            Located(folder / "odd.pt", Source("odd.pt")),
        )
    assert (
        str(error.value)
        == "me/odd:odd.pt holds 2 tensors in a layout that no network here knows: nothing was run."
    )


def test_a_recipe_s_revision_is_asked_of_the_hub_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        runtime.hub,
        "fetch",
        lambda checkpoint, offline: iter(asked.append((checkpoint.sources, offline)) or ()),
    )
    sources = (Source("a.pt"), Source("b.pt", "me/b"), Source("c.pt", "me/c", "v1"))
    list(
        Runtime({}, Device("cpu"), offline=True).located(
            Checkpoint(**{**row().__dict__, "sources": sources}), "5" * 40
        )
    )
    assert asked == [
        ((Source("a.pt"), Source("b.pt", "me/b", "5" * 40), Source("c.pt", "me/c", "5" * 40)), True)
    ]


def test_a_device_that_is_not_there_is_refused() -> None:
    for name in ("cuda:99", "nonsense", "meta", "cpu:x"):
        with pytest.raises(
            UserError,
            match=f"^The device {name} is not there: accepted are auto, cpu, cuda, cuda:1, mps.$",
        ):
            runtime.start(name)
    assert runtime.start("cpu").device == Device("cpu")
