"""The upscalers' published files, written small and read back equal; what is no upscaler is not
taken for one.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ganapps import networks
from ganapps.models import formats
from ganapps.models.catalog import WEIGHTS
from tests import upscaler_files as files
from tests.upscaler_files import lively, under

ROOT = Path(__file__).resolve().parent.parent
X = torch.rand(2, 3, 20, 28, generator=torch.Generator().manual_seed(1))


def shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def read_back(tensors: dict[str, Tensor], kind: str) -> nn.Module:
    """The network of a file with these tensors, which must be recognised as that kind."""
    assert networks.recognise(shapes(tensors)) == kind
    return networks.build(kind, tensors, {})


def assert_equal(network: nn.Module, reference: nn.Module, tolerance: float = 2e-6) -> None:
    with torch.no_grad():
        expected, y = reference(X), network(X)
    assert (
        y.shape == expected.shape == (2, 3, 20 * network.scale, 28 * network.scale)
        and expected.std() > 1e-3
    )
    assert (y - expected).abs().max() <= tolerance * max(1, expected.abs().max())


def assert_meets_the_contract(network: nn.Module) -> None:
    assert (
        network.value_range == (0.0, 1.0)
        and network.channels in (1, 3)
        and network.multiple >= 1
        and network.minimum >= 1
    )
    assert network.reach is None or network.reach > 0
    assert set(network.precisions) <= {"bfloat16", "float16"} and not network.training
    assert all(not p.requires_grad and p.dtype == torch.float32 for p in network.parameters())


SRRESNETS: dict[str, tuple[nn.Module, Callable[[dict], dict]]] = {
    "ChangyuLiu, averaged weights win": (
        files.Lornatang(),
        lambda s: (
            under("ema_state_dict.", s) | under("state_dict.", {k: v + 1 for k, v in s.items()})
        ),
    ),
    "ChangyuLiu, compiled": (
        files.Lornatang(doublings=3),
        lambda s: under("state_dict._orig_mod.", s),
    ),
    "Lornatang of old": (
        files.Lornatang(doublings=1),
        lambda s: {re.sub(r"^conv([123])\.", r"conv_block\1.", k): v for k, v in s.items()},
    ),
    "leftthomas": (files.Leftthomas(), lambda s: s),
    "leftthomas without counters": (
        files.Leftthomas(doublings=2),
        lambda s: {k: v for k, v in s.items() if "num_batches" not in k},
    ),
    "BasicSR x4": (files.BasicSR(), lambda s: under("params.", s)),
    "BasicSR x3, DataParallel": (files.BasicSR(scale=3), lambda s: under("params.module.", s)),
}


@pytest.mark.parametrize("name", SRRESNETS)
def test_srresnets_are_read_back_equal(name: str) -> None:
    reference, layout = SRRESNETS[name]
    network = read_back(layout(lively(reference).state_dict()), "srresnet")
    assert_equal(network, reference)
    assert_meets_the_contract(network)


def old_esrgan(state: dict[str, Tensor], blocks: int) -> dict[str, Tensor]:
    """ESRGAN's first release: everything is numbered."""
    renamed = {}
    for name, tensor in state.items():
        name = re.sub(r"^body\.(\d+)\.rdb(\d)\.conv(\d)\.", r"model.1.sub.\1.RDB\2.conv\3.0.", name)
        for new, old in (
            ("conv_first", "model.0"),
            ("conv_body", f"model.1.sub.{blocks}"),
            ("conv_up1", "model.3"),
            ("conv_up2", "model.6"),
            ("conv_hr", "model.8"),
            ("conv_last", "model.10"),
        ):
            name = re.sub(rf"^{new}\.", f"{old}.", name)
        renamed[name] = tensor
    return renamed


def new_esrgan(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """ESRGAN's second spelling, also BSRGAN's."""
    swaps = {"conv_body": "trunk_conv", "conv_up": "upconv", "conv_hr": "HRconv"}
    renamed = {
        re.sub(r"^body\.(\d+)\.rdb(\d)\.", r"RRDB_trunk.\1.RDB\2.", name): tensor
        for name, tensor in state.items()
    }
    return {
        next((name.replace(a, b) for a, b in swaps.items() if name.startswith(a)), name): tensor
        for name, tensor in renamed.items()
    }


FAMILY: dict[str, tuple[nn.Module, Callable[[dict], dict], str]] = {
    "Real-ESRGAN, averaged weights win": (
        files.RRDB(),
        lambda s: under("params_ema.", s) | under("params.", {k: v * 2 for k, v in s.items()}),
        "ESRGAN",
    ),
    "Real-ESRGAN, bare, DataParallel": (files.RRDB(), lambda s: under("module.", s), "ESRGAN"),
    "Real-ESRGAN x2, pixels unshuffled": (
        files.RRDB(shuffle=2),
        lambda s: under("params_ema.", s),
        "ESRGAN",
    ),
    "x8": (files.RRDB(ups=3), lambda s: under("params.", s), "ESRGAN"),
    "ESRGAN of old": (files.RRDB(), lambda s: old_esrgan(s, 2), "ESRGAN"),
    "KAIR's ESRGAN": (
        files.RRDB(),
        lambda s: {k.replace(".conv5.0.", ".conv5."): v for k, v in old_esrgan(s, 2).items()},
        "ESRGAN",
    ),
    "BSRGAN": (files.RRDB(), lambda s: new_esrgan(s), "ESRGAN"),
    "Compact x4": (files.Compact(), lambda s: under("params.", s), "Compact"),
    "Compact x2": (
        files.Compact(convolutions=3, scale=2),
        lambda s: under("params_ema.", s),
        "Compact",
    ),
}


@pytest.mark.parametrize("name", FAMILY)
def test_the_esrgan_family_is_read_back_equal(name: str) -> None:
    reference, layout, family = FAMILY[name]
    network = read_back(layout(lively(reference).state_dict()), "upscalers")
    assert network.family == family
    assert_equal(network, reference)
    assert_meets_the_contract(network)


def test_span_whole_and_folded() -> None:
    reference = lively(files.SPAN())
    network = read_back(under("params_ema.", reference.state_dict()), "span")
    assert_equal(network, reference, 1e-5)
    assert_meets_the_contract(network)
    folded = {name: tensor for name, tensor in network.state_dict().items() if name != "mean"}
    assert_equal(read_back(folded, "span"), reference, 1e-5)
    plain = read_back(folded | {"no_norm": torch.zeros(1)}, "span")
    with torch.no_grad():
        assert not torch.allclose(plain(X), network(X))


@pytest.mark.filterwarnings("ignore:torch.meshgrid")
@pytest.mark.parametrize("maker", ["SwinIR", "RealCUGAN", "PLKSR", "OmniSR"])
def test_other_families_come_through_spandrel_unchanged(maker: str) -> None:
    from ganapps.networks.upscale.known import spandrel

    spandrel = spandrel()
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        from spandrel.architectures import PLKSR, OmniSR, RealCUGAN, SwinIR

        made = {
            "SwinIR": lambda: SwinIR.SwinIR(
                img_size=16,
                embed_dim=12,
                depths=[2],
                num_heads=[2],
                window_size=8,
                mlp_ratio=2,
                upscale=2,
                upsampler="pixelshuffle",
            ),
            "RealCUGAN": lambda: RealCUGAN.UpCunet2x(),
            "PLKSR": lambda: PLKSR.PLKSR(dim=16, n_blocks=2, upscaling_factor=2),
            "OmniSR": lambda: OmniSR.OmniSR(num_feat=16, res_num=1, up_scale=2),
        }[maker]().eval()
    tensors = made.state_dict()
    network = read_back(under("params.", tensors), "upscalers")
    assert network.family == maker
    assert_meets_the_contract(network)
    expected = spandrel.ModelLoader().load_from_state_dict(dict(tensors))
    side = max(network.minimum, 32)
    x = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.allclose(network(x).clamp(0, 1), expected(x), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("trunk.1.rcb.3.weight"), "trunk.1.rcb.3.weight is missing"),
        (lambda s: s.update({"more.weight": torch.zeros(1)}), "more.weight is left over"),
        (
            lambda s: s.update({"conv3.weight": torch.zeros(3, 8, 3, 3)}),
            "conv3.weight is 3x8x3x3 and should be 3x8x9x9",
        ),
    ],
)
def test_a_faulty_srresnet_is_named(change: Callable[[dict], object], said: str) -> None:
    state = dict(lively(files.Lornatang()).state_dict())
    change(state)
    with pytest.raises(ValueError, match=said):
        networks.build("srresnet", state, {})


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.pop("body.1.rdb2.conv3.weight"),
        lambda s: s.update({"more.weight": torch.zeros(1)}),
        lambda s: s.update({"conv_last.weight": torch.zeros(3, 9, 3, 3)}),
        lambda s: s.update(
            {"conv_last.weight": torch.zeros(5, 8, 3, 3), "conv_last.bias": torch.zeros(5)}
        ),
    ],
)
def test_a_faulty_esrgan_is_refused(change: Callable[[dict], object]) -> None:
    state = dict(lively(files.RRDB()).state_dict())
    networks.build("upscalers", state, {})
    change(state)
    with pytest.raises(ValueError, match="^as ESRGAN: "):
        networks.build("upscalers", state, {})
    assert networks.recognise(shapes(state)) is None


def test_a_network_that_only_looks_like_one_is_no_upscaler() -> None:
    segmenter = nn.ModuleDict(
        {
            "body": nn.Sequential(
                nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 3), nn.BatchNorm2d(4)
            )
        }
    )
    # body.0 and body.1, like Real-ESRGAN's small network
    assert networks.recognise(shapes(segmenter.state_dict())) is None
    cyclegan = {
        "model.1.weight": (64, 3, 7, 7),
        "model.1.bias": (64,),
        "model.10.conv_block.1.weight": (256, 256, 3, 3),
    }
    assert networks.recognise(cyclegan) not in ("upscalers", "srresnet", "span")
    assert (
        networks.recognise(
            {
                "conv1.weight": (64, 3, 7, 7),
                "layer1.0.conv1.weight": (64, 64, 3, 3),
                "fc.bias": (1000,),
            }
        )
        is None
    )
    assert networks.recognise({}) is None


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("realesrgan-x4plus", "upscalers"),
        ("realesrgan-x4plus-anime", "upscalers"),
        ("realesr-animevideov3-x4", "upscalers"),
        ("spanx4", "span"),
        ("heads-64", "stylegan2"),
    ],
)
def test_what_ships_is_recognised(file: str, kind: str) -> None:
    assert networks.recognise(shapes(formats.read(WEIGHTS / f"{file}.safetensors").tensors)) == kind


REACHES: dict[str, tuple[nn.Module, str, int]] = {
    "Compact, 32 convolutions": (files.Compact(convolutions=32), "upscalers", 34),
    "SPAN": (files.SPAN(), "span", 21),
    "ChangyuLiu": (files.Lornatang(blocks=3, doublings=2), "srresnet", 4 + 2 * 3 + 1 + 2 + 1),
    "ChangyuLiu, 16 blocks": (
        files.Lornatang(blocks=16, doublings=2),
        "srresnet",
        4 + 2 * 16 + 1 + 2 + 1,
    ),
    "leftthomas": (files.Leftthomas(blocks=2, doublings=1), "srresnet", 4 + 2 * 2 + 1 + 1 + 2),
    "BasicSR x3": (files.BasicSR(blocks=3, scale=3), "srresnet", 1 + 2 * 3 + 1 + 1),
}


@pytest.mark.parametrize("name", REACHES)
def test_the_reach_is_what_its_layers_see(name: str) -> None:
    """The twin: of a pixel that is no number, the original makes no numbers so far around, or a
    pixel less where the last layers look at a part of one.
    """
    reference, kind, reach = REACHES[name]
    network = read_back(lively(reference).state_dict(), kind)
    middle = reach + 4
    x = torch.rand(1, 3, 1, 2 * middle + 1, generator=torch.Generator().manual_seed(5))
    x[..., middle] = float("nan")
    with torch.no_grad():
        seen = reference(x).isnan().any(2).any(1).view(-1, network.scale).any(1).nonzero()
    assert network.reach == reach
    assert reach - 1 <= middle - int(seen.min()) <= reach
    assert reach - 1 <= int(seen.max()) - middle <= reach


@pytest.mark.parametrize("shuffle", [1, 2, 4])
def test_a_deep_esrgan_is_told_by_steps_of_its_features(shuffle: int) -> None:
    """What photographs showed holds behind the folding, where a step is so many pixels."""
    network = networks.build("upscalers", files.RRDB(blocks=6, shuffle=shuffle).state_dict(), {})
    assert (network.reach, network.step) == (56 * shuffle, shuffle)


def test_strips_are_the_whole() -> None:
    reference = lively(files.RRDB())
    network = networks.build("upscalers", reference.state_dict(), {})
    # three strips of 64 rows
    tall = torch.rand(1, 3, 150, 9, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        assert (network(tall) - reference(tall)).abs().max() < 1e-5


def test_a_low_precision_does_not_round_the_result_to_8_bits() -> None:
    for reference, kind in (
        (files.Compact(), "upscalers"),
        (files.RRDB(), "upscalers"),
        (files.SPAN(), "span"),
        (files.Lornatang(), "srresnet"),
    ):
        network = networks.build(kind, lively(reference).state_dict(), {})
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            y = network(X)
        assert y.dtype == torch.float32
        assert not torch.equal(y, y.bfloat16().float()), "the last convolution rounds to bfloat16"


def test_the_random_state_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    network = networks.build("upscalers", lively(files.Compact()).state_dict(), {})
    monkeypatch.setattr(network, "draws", True)
    monkeypatch.setattr(network, "_call", lambda body, x: x + torch.randn(x.shape))
    before = torch.random.get_rng_state()
    assert torch.equal(network(X), network(X)), "the same picture gives the same result"
    assert torch.equal(torch.random.get_rng_state(), before)


def test_faces_never_wait_for_spandrel() -> None:
    program = (
        "import sys, torch\nfrom ganapps import networks\nfrom ganapps.models import formats\nfrom "
        "ganapps.models.catalog import "
        "WEIGHTS\n"
        "for name in ('heads-64', 'spanx4'):\n"
        "    tensors = formats.read(WEIGHTS / f'{name}.safetensors').tensors\n"
        "    networks.build(networks.recognise({k: tuple(t.shape) for k, t in tensors.items()}), "
        "tensors, {})\n"
        "print('spandrel' in sys.modules, 'torchvision' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert said == "False False\n"


def general_pair(**width: int) -> tuple[nn.Module, nn.Module, dict[str, Tensor]]:
    """Two small networks of one shape, as Real-ESRGAN's general twins are, and their tensors under
    two files' names.
    """
    one, other = (lively(files.Compact(**width), seed) for seed in (3, 4))
    return (
        one,
        other,
        under("one.params.", one.state_dict()) | under("other.params.", other.state_dict()),
    )


@pytest.mark.parametrize("strength", [0.0, 0.25, 1.0])
def test_a_denoise_strength_is_the_network_between_two_files(strength: float) -> None:
    one, other, tensors = general_pair()
    twins = networks.build("interpolated", tensors, {"denoising": "one", "faithful": "other"})
    mixed = lively(files.Compact())
    mixed.load_state_dict(
        {
            k: strength * t + (1 - strength) * other.state_dict()[k]
            for k, t in one.state_dict().items()
        }
    )
    assert_equal(twins.denoised(strength), mixed)
    assert_equal(twins, one)  # the two stay as they are
    assert_equal(twins.denoised(0.0), other)


def test_twins_that_are_none_are_refused() -> None:
    _, _, tensors = general_pair()
    assert networks.recognise(shapes(tensors)) is None
    with pytest.raises(ValueError, match="faithful is missing: no tensor's name starts with gone"):
        networks.build("interpolated", tensors, {"denoising": "one", "faithful": "gone"})
    wide = under("wide.params.", lively(files.Compact(width=12)).state_dict())
    with pytest.raises(ValueError, match="of different shapes"):
        networks.build("interpolated", tensors | wide, {"denoising": "one", "faithful": "wide"})
