"""Every architecture of spandrel's own registry, through our path: it runs as its own module does,
or is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps import networks
from ganapps.device import Device
from ganapps.models import formats
from ganapps.networks import bounds
from ganapps.networks.torchvision_ops import ensure_torchvision
from ganapps.networks.upscale import known
from ganapps.tasks import calm, tiles
from ganapps.tasks.tile_run import TileRun
from tests import spandrel_files, upscaler_files

CPU = Device("cpu")
# what mends pictures without enlarging them, and as which network
MENDING = {"GFPGAN": "face_restorer", "RestoreFormer": "face_restorer", "LaMa": "lama"}
REFUSED = {
    "MMRealSR": "is told what to do",
    "IPT": "is told what to do",
    "Uformer": "square pictures only",
}


def built(name: str) -> nn.Module:
    state = spandrel_files.tensors(name)
    kind = networks.recognise({n: tuple(t.shape) for n, t in state.items()})
    assert kind, f"{name} is not recognised"
    return networks.build(kind, state, {})


def test_all_of_the_registry_is_here() -> None:
    ensure_torchvision()
    import spandrel

    assert {
        str(s.architecture.id) for s in spandrel.MAIN_REGISTRY.architectures("detection")
    } == set(spandrel_files.SMALL)


@pytest.mark.parametrize("name", MENDING)
def test_what_mends_is_no_upscaler(name: str) -> None:
    shapes = {n: tuple(t.shape) for n, t in spandrel_files.tensors(name).items()}
    assert networks.recognise(shapes) == MENDING[name]


@pytest.mark.parametrize("name", sorted(set(spandrel_files.SMALL) - set(REFUSED) - set(MENDING)))
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


# An ESRGAN that folds can fill up by itself, by the same; pools lie alike in tiles where they
# divide the sides.
MORE = ("ESRGAN x", "SAFMN")
USED = sorted(
    (spandrel_files.SMALL.keys() | spandrel_files.OTHER_KINDS.keys())
    - REFUSED.keys()
    - MENDING.keys()
)


def runs(original: Callable[[Tensor], Tensor], network: nn.Module, height: int, width: int) -> bool:
    """Does the original make a picture of the right size of one of this size, without help?"""
    x = torch.full((1, network.channels, height, width), 0.5)
    try:
        return original(x).shape[2:] == (height * network.scale, width * network.scale)
    except (RuntimeError, ValueError, TypeError, IndexError, AssertionError, ArithmeticError):
        return False


@pytest.mark.parametrize("name", USED)
def test_a_picture_is_filled_up_to_what_the_original_takes_and_no_further(name: str) -> None:
    """The twin: the original itself, of an odd picture that is mirrored at the right and bottom up
    to the next sides that it takes.
    """
    network, original = built(name), spandrel_files.original(name)
    step, least = network.multiple, network.minimum
    large = -(-max(least, 45) // step) * step
    with torch.inference_mode():
        assert runs(original, network, least, least) and runs(
            original, network, large, large + step
        )
        less = [
            d
            for d in range(1, step)
            if step % d == 0 and runs(original, network, large + d, large + d)
        ]
        assert not less or name.startswith(MORE)
        height, width = (45, 61) if least < 45 else (45 + least, 61 + least)
        pixels = np.random.RandomState(0).randint(0, 256, (height, width, 3), np.uint8)
        x = torch.from_numpy(pixels).permute(2, 0, 1)[None, : network.channels].float() / 255
        filled = F.pad(x, (0, -width % step, 0, -height % step), "reflect")
        # noise is drawn in the order in which pixels lie
        filled = filled.contiguous(memory_format=torch.channels_last)
        torch.manual_seed(0)  # of those that draw noise
        theirs = original(filled)[..., : height * network.scale, : width * network.scale]
        ours = TileRun(network, CPU, pixels, 0 if name == "AuraSR" else None)._run(x)
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() < 2e-5 * max(1, theirs.abs().max())


@pytest.mark.parametrize(
    "name", ["Compact", "SPAN", "SwiftSRGAN", "ESRGAN", "ESRGAN plus", "ESRGAN x2", "ESRGAN x1"]
)
def test_of_what_is_no_number_nothing_is_seen_beyond_the_reach(name: str) -> None:
    """The twin: whatever the weights are, what a pixel depends on becomes no number with it."""
    network, original = built(name), spandrel_files.original(name)
    middle = -(-(network.reach + 3) // network.multiple) * network.multiple
    x = torch.full((1, 3, network.multiple, 2 * middle), 0.5)
    x[..., middle] = float("nan")
    with torch.inference_mode():
        seen = original(x).isnan().any(2).any(1).view(-1, network.scale).any(1).nonzero()
    farthest = max(middle - int(seen.min()), int(seen.max()) - middle)
    assert 0.6 * network.reach <= farthest <= network.reach


def test_who_may_see_all_of_a_picture_says_so() -> None:
    finite = {name for name in USED if built(name).reach is not None}
    assert finite == {
        "Compact",
        "SPAN",
        "SwiftSRGAN",
        "ESRGAN",
        "ESRGAN plus",
        "ESRGAN x2",
        "ESRGAN x1",
    }


@pytest.fixture
def any_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights leave the range of pictures everywhere: tiles are compared as they are."""
    monkeypatch.setattr(calm, "FAR", float("inf"))


@pytest.mark.parametrize(
    "name", ["SwinIR", "SwinIR of JPEG", "SwinIR unshuffled", "HAT", "DRCT", "SAFMN"]
)
@pytest.mark.usefixtures("any_numbers")
def test_tiles_begin_where_windows_do(name: str) -> None:
    """The twin: of so small a network whose tiles share all that it sees, tiles make what the whole
    makes; where they begin inside a window, they do not.
    """
    network = built(name)
    pixels = np.random.RandomState(0).randint(0, 256, (40, 245, 3), np.uint8)
    run = TileRun(network, CPU, pixels)
    layout = run.layout(160, None)
    assert layout.count > 1 and all(start % network.step == 0 for start in layout.columns.starts)
    with torch.inference_mode():
        windows = [
            tiles.window(pixels, 0, left, layout.rows.side, layout.columns.side)
            for left in layout.columns.starts
        ]
        whole = run._results([pixels])[0]
        tiled = tiles.whole(
            layout, network.scale, [y for window in windows for y in run._results([window])]
        )
    assert (tiled - whole).abs().max() < 1 / 255 * whole.abs().max()


# -- files that spandrel can't read by itself


@pytest.mark.parametrize("naming", ["BasicSR", "RealSR", "old", "KAIR"])
@pytest.mark.parametrize(("growth", "shuffle"), [(16, 1), (48, 1), (4, 2)])
def test_an_rrdb_of_another_growth(growth: int, shuffle: int, naming: str) -> None:
    reference = upscaler_files.lively(upscaler_files.RRDB(width=12, growth=growth, shuffle=shuffle))
    state = {
        upscaler_files.rrdb_name(name, naming, blocks=2, ups=2): t
        for name, t in reference.state_dict().items()
    }
    kind = networks.recognise({name: tuple(t.shape) for name, t in state.items()})
    assert kind == "upscalers"
    network = networks.build(kind, state, {})
    assert (network.family, network.scale) == ("ESRGAN", 4 // shuffle)
    x = torch.rand(2, 3, 20, 28, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        theirs = reference(x)
        assert theirs.std() > 1e-3 and (network(x) - theirs).abs().max() < 1e-5


def test_an_esrgan_plus_of_another_growth() -> None:
    """Twice as many channels, the added ones empty, are the same network."""
    state = spandrel_files.tensors("ESRGAN plus")
    wide = dict(state)
    narrow = {}
    for name, tensor in wide.items():
        kind = re.search(r"RDB\d\.conv(\d|1x1)(?:\.0)?\.(weight|bias)", name)
        if kind and kind[1] != "5":
            tensor = tensor.clone()
            tensor[16:] = 0
        if kind and kind[1] in "2345" and kind[2] == "weight":
            kept = [
                *range(8),
                *(8 + 32 * part + c for part in range(int(kind[1]) - 1) for c in range(16)),
            ]
            wide[name], tensor = tensor, tensor[:, kept]
        elif kind:
            wide[name] = tensor
        narrow[name] = tensor[:16] if kind and kind[1] != "5" else tensor
    x = torch.rand(1, 3, 20, 28, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole, part = (networks.build("upscalers", tensors, {})(x) for tensors in (wide, narrow))
    assert (whole - part).abs().max() < 1e-5


def test_dense_blocks_that_do_not_fit_are_named() -> None:
    state = dict(upscaler_files.RRDB(growth=16).state_dict())
    state["body.1.rdb2.conv3.weight"] = torch.zeros(16, 41, 3, 3)
    with pytest.raises(
        ValueError,
        match=r"as ESRGAN: ValueError: body\.1\.rdb2\.conv3\.weight is "
        r"\(16, 41, 3, 3\) and should be \(16, 40, 3, 3\)",
    ):
        networks.build("upscalers", state, {})


ACTIVATIONS = {"relu": nn.ReLU(), "leakyrelu": nn.LeakyReLU(0.1)}
TOLD: dict[str, Callable[[str], dict]] = {
    "a row, or a safetensors file": lambda kind: {"act_type": kind},
    "BasicSR's options": lambda kind: {"opt": {"network_g": {"act_type": kind}}},
    "the network's options": lambda kind: {"network_g": {"act_type": kind}},
    "arguments": lambda kind: {"args": {"act_type": kind}},
}


def compact(kind: str) -> nn.Module:
    """BasicSR's SRVGGNetCompact with this activation."""
    network = upscaler_files.Compact(convolutions=3)
    for place in range(1, len(network.body), 2):
        network.body[place] = ACTIVATIONS[kind]
    return upscaler_files.lively(network)


@pytest.mark.parametrize("prefix", ["", "params_ema."])
@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_a_compact_without_prelu_is_what_its_settings_say(
    kind: str, told: str, prefix: str
) -> None:
    reference = compact(kind)
    state = upscaler_files.under(prefix, reference.state_dict())
    assert networks.recognise({name: tuple(t.shape) for name, t in state.items()}) == "upscalers"
    network = networks.build("upscalers", state, TOLD[told](kind))
    x = torch.rand(2, 3, 20, 28, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        theirs = reference(x)
        assert theirs.std() > 1e-3 and (network(x) - theirs).abs().max() < 1e-5
    assert (network.family, network.reach) == ("Compact", 5)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "nothing beside them says which"),
        ({"act_type": "gelu"}, "act_type beside them is 'gelu'"),
    ],
)
def test_a_compact_without_prelu_asks_for_its_setting(settings: dict, said: str) -> None:
    why = (
        "as Compact: its tensors hold no PReLU, so that its activation is ReLU or LeakyReLU, "
        f"and {said}: the setting act_type"
    )
    with pytest.raises(ValueError, match=why):
        networks.build("upscalers", compact("relu").state_dict(), settings)


def test_the_settings_of_a_compact_are_read_off_its_file(tmp_path: Path) -> None:
    state = {f"params.{name}": t.clone() for name, t in compact("leakyrelu").state_dict().items()}
    save_file(state, tmp_path / "a.safetensors", metadata={"act_type": "leakyrelu"})
    torch.save(
        {
            "params": compact("leakyrelu").state_dict(),
            "opt": {"network_g": {"act_type": "leakyrelu"}},
        },
        tmp_path / "a.pth",
    )
    x = torch.rand(1, 3, 20, 28, generator=torch.Generator().manual_seed(1))
    for name in ("a.safetensors", "a.pth"):
        contents = formats.read(tmp_path / name)
        network = networks.build("upscalers", contents.tensors, contents.settings)
        with torch.inference_mode():
            assert (network(x) - compact("leakyrelu")(x)).abs().max() < 1e-5


# -- tiles


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
        ours = TileRun(network, CPU, pixels)._run(x)
    assert (ours - theirs).abs().max() < 1e-5


@pytest.mark.parametrize("count", [2, 32])
@pytest.mark.usefixtures("any_numbers")
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
    return upscaler_files.RRDB().state_dict()


def test_a_runtime_error_of_building_is_a_value_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("shapes\n that don't go together")

    monkeypatch.setattr(known, "loaded", fails)
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
