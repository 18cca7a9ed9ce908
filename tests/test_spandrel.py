"""Every architecture of spandrel's own registry, through our path: it runs as its own module does,
or is refused by name.
"""

from __future__ import annotations

import numpy as np
import pytest
import spandrel_files
import torch
from torch import nn
from torch.nn import functional as F

from ganapps import networks
from ganapps.device import Device
from ganapps.networks import bounds
from ganapps.networks.torchvision_ops import ensure_torchvision
from ganapps.networks.upscale import upscalers
from ganapps.tasks import tiles
from ganapps.tasks.tile_run import TileRun

CPU = Device("cpu")
REFUSED = {
    "GFPGAN": "repairs faces",
    "RestoreFormer": "repairs faces",
    "LaMa": "fills holes",
    "MMRealSR": "is told what to do",
    "IPT": "is told what to do",
    "Uformer": "square pictures only",
}


def built(name: str) -> nn.Module:
    state = spandrel_files.module(name).state_dict()
    kind = networks.recognise({n: tuple(t.shape) for n, t in state.items()})
    assert kind, f"{name} is not recognised"
    return networks.build(kind, state, {})


def test_all_of_the_registry_is_here() -> None:
    ensure_torchvision()
    import spandrel

    assert {
        str(s.architecture.id) for s in spandrel.MAIN_REGISTRY.architectures("detection")
    } == set(spandrel_files.SMALL)


@pytest.mark.parametrize("name", sorted(set(spandrel_files.SMALL) - set(REFUSED)))
def test_an_architecture_runs(name: str) -> None:
    network = built(name)
    height, width = (max(side, network.minimum) for side in (32, 64))
    x = torch.rand(1, network.channels, height, width, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        y = network(x)
    assert y.shape == (1, network.channels, network.scale * height, network.scale * width)
    assert torch.isfinite(y).all()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_no_upscaler_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"as {name}: .*{REFUSED[name]}"):
        built(name)


# -- noise


def test_a_tile_of_aurasr_does_not_depend_on_its_batch() -> None:
    network = built("AuraSR")
    x = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    before = torch.random.get_rng_state()
    with torch.inference_mode():
        together, alone, other = network(x, 7), network(x[2:], 7), network(x[2:], 8)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.allclose(together[2:], alone, atol=1e-6)
    assert not torch.allclose(alone, other, atol=1e-4), "the seed of the recipe draws it"


# -- what a network needs and sees


def folded(scale: int) -> nn.Module:
    """A small RRDBNet that folds its pixels first, as RealESRGAN x2plus does."""
    ensure_torchvision()
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    network = ESRGAN(
        in_nc=3 * 4, out_nc=3, num_filters=8, num_blocks=1, scale=2 * scale, shuffle_factor=2
    )
    return network.eval()


@pytest.mark.parametrize("size", [(34, 22), (45, 61), (20, 20), (7, 5)])
def test_a_folding_network_is_filled_up_as_its_authors_do(size: tuple[int, int]) -> None:
    """RealESRGANer mirrors to a multiple of two and cuts; more than that moves the right and bottom
    edges.
    """
    original = folded(2)
    network = networks.build("upscalers", original.state_dict(), {})
    assert (network.multiple, network.scale) == (2, 2)
    pixels = np.random.RandomState(0).randint(0, 256, (*size, 3), np.uint8)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        filled = F.pad(x, (0, size[1] % 2, 0, size[0] % 2), "reflect")
        theirs = original(filled)[..., : 2 * size[0], : 2 * size[1]]
        ours = TileRun(network, CPU, pixels)._forward(CPU, x)
    assert (ours - theirs).abs().max() < 1e-5


@pytest.mark.parametrize("count", [2, 32])
def test_a_straight_line_of_convolutions_is_cut_without_a_trace(count: int) -> None:
    """Compact with 32 convolutions looks 34 pixels around: tiles that share twice that equal the
    whole.
    """
    ensure_torchvision()
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(0)
    original = Compact(num_feat=8, num_conv=count, upscale=2).eval()
    with torch.no_grad():
        for weight in original.parameters():
            weight.mul_(2.5 if weight.dim() == 4 else 1)
    network = networks.build("upscalers", original.state_dict(), {})
    assert network.reach == count + 2
    pixels = np.random.RandomState(0).randint(0, 256, (200, 180, 3), np.uint8)
    run = TileRun(network, CPU, pixels)
    layout = run.layout(64 + 2 * network.reach, None)
    assert layout.count > 1
    results = []
    with torch.inference_mode():
        for top in layout.rows.starts:
            for left in layout.columns.starts:
                window = tiles.window(pixels, top, left, layout.rows.side, layout.columns.side)
                results += run._results([window])
        whole = run._results([pixels])[0]
    assert (
        tiles.whole(layout, network.scale, results) - whole
    ).abs().max() < 1e-4 * whole.abs().max()


def test_no_network_sees_farther_than_it_says() -> None:
    """One pixel is changed; nothing further away than `reach` moves."""
    for name in ("Compact", "SwiftSRGAN", "ESRGAN", "SPAN"):
        network = built(name)
        side = 2 * (network.reach + 8)
        x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0))
        other = x.clone()
        other[..., side // 2, side // 2] += 0.5
        with torch.inference_mode():
            moved = (network(other) - network(x)).abs().amax((0, 1)) > 1e-6
        rows, columns = torch.nonzero(moved, as_tuple=True)
        middle = network.scale * side / 2
        assert max((rows - middle).abs().max(), (columns - middle).abs().max()) <= network.scale * (
            network.reach + 1
        ), name


# -- files that claim more than they hold


@pytest.mark.parametrize(
    "name",
    [
        "body.999999999.weight",
        "model.5000.weight",
        "layers.99999999999999999999.x",
        "synthesis.blocks.999999998.conv",
    ],
)
def test_a_number_in_a_name_is_no_size(name: str) -> None:
    with pytest.raises(ValueError, match="claims a layer"):
        networks.recognise({name: (1,)})


def test_what_is_built_is_not_larger_than_what_is_held() -> None:
    state = spandrel_files.module("ESRGAN").state_dict()
    state["model.0.weight"] = torch.zeros(60_000, 3, 3, 3)
    with pytest.raises(ValueError, match="far larger than the file"):
        networks.build("upscalers", state, {})


def test_building_stops_at_its_room() -> None:
    with (
        pytest.raises(bounds.Unbounded, match="far larger than the file"),
        bounds.building({"a": torch.zeros(3)}),
    ):
        for _ in range(1_000):
            torch.empty(1_000_000)


@pytest.mark.parametrize("kind", [torch.int64, torch.int8, torch.bool, torch.complex64])
def test_weights_are_floating_point(kind: torch.dtype) -> None:
    state = {
        name: (10 * t).to(kind) for name, t in spandrel_files.module("Compact").state_dict().items()
    }
    with pytest.raises(ValueError, match="where weights are floating-point numbers"):
        networks.build("upscalers", state, {})


def test_what_an_rrdb_lacks_is_named() -> None:
    state = {f"params.{n}": t for n, t in upscaler_names().items() if not n.startswith("conv_up2")}
    with pytest.raises(ValueError, match=r"conv_up2\.weight is missing"):
        networks.build("upscalers", state, {})


def upscaler_names() -> dict[str, torch.Tensor]:
    """A small RRDBNet under the names that BasicSR gives."""
    import upscaler_files

    return upscaler_files.RRDB().state_dict()


def test_a_runtime_error_of_building_is_a_value_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("shapes\n that don't go together")

    monkeypatch.setattr(upscalers, "_loaded", fails)
    with pytest.raises(ValueError, match="shapes that don't go together"):
        networks.build("upscalers", {"a.weight": torch.zeros(1)}, {})


def test_building_stops_at_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "SECONDS", 0.0)
    with (
        pytest.raises(bounds.Unbounded, match="was not built within 0 s"),
        bounds.building({"a": torch.zeros(3)}),
    ):
        for _ in range(100_000):
            torch.zeros(1)
