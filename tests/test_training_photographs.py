"""The trainings on photographs in miniature: the gathering and its split, one step of each, going
on where it stopped, files the app can read.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps import networks
from ganapps.models import formats
from ganapps.models.catalog import WEIGHTS
from ganapps.networks.translate import styles26
from ganapps.training import (
    cyclegan,
    loop,
    measure_photographs,
    mixed,
    photographs,
    srgan,
    srresnet,
    whole_numbers,
)
from ganapps.training.features import TAP_CHANNELS

TINY_CYCLE = cyclegan.Settings(
    width=4, critic_width=4, blocks=1, side=48, last_side=56, pool=2, half_life=3
)
TINY_UPSCALER = srresnet.Settings(width=4, blocks=1, batch=2, half_life=3)
TINY_GAN = srgan.Settings(width=4, blocks=1, batch=2, half_life=3, critic_width=4)


class Eyes(nn.Module):
    """A stand-in for the feature network: its channels, fixed random colours."""

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(5)
        self.kernels = [torch.randn(c, 3, 1, 1, generator=random) for c in TAP_CHANNELS]

    def forward(self, x: Tensor) -> list[Tensor]:
        return [
            F.conv2d(F.interpolate(x, size=32 // 2**k, mode="bilinear"), kernel)
            for k, kernel in enumerate(self.kernels)
        ]


def heap(seed: int, count: int = 3) -> list[np.ndarray]:
    """Smooth random pictures of different sizes."""
    random = np.random.RandomState(seed)
    small = [
        Image.fromarray(random.randint(0, 256, (9, 9, 3)).astype(np.uint8)) for _ in range(count)
    ]
    return [
        np.asarray(p.resize((140 + 10 * i, 130), Image.Resampling.BICUBIC))
        for i, p in enumerate(small)
    ]


def cycle_trainer(seed: int = 0) -> cyclegan.CycleTrainer:
    torch.manual_seed(seed)
    return cyclegan.CycleTrainer(heap(1), heap(2), TINY_CYCLE, pictures=7)


def upscaler_trainer(seed: int = 0) -> srresnet.SRResNetTrainer:
    torch.manual_seed(seed)
    return srresnet.SRResNetTrainer(heap(3), TINY_UPSCALER, pictures=100)


def gan_trainer(seed: int = 0) -> srgan.SRGANTrainer:
    torch.manual_seed(seed)
    return srgan.SRGANTrainer(heap(3), TINY_GAN, pictures=100, features=Eyes())


TRAINERS = pytest.mark.parametrize("make", [cycle_trainer, upscaler_trainer, gan_trainer])


def same(one: object, other: object) -> bool:
    """Are two trees of tensors and plain values equal?"""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return torch.equal(one, other) if isinstance(one, Tensor) else one == other


def test_no_photograph_has_two_uses():
    names = [f"{source}.{i:02}" for source in ("one", "other") for i in range(16)]
    uses = photographs.split(names)
    assert sorted(uses) == sorted(names)
    assert {use: sum(u == use for u in uses.values()) for use in set(uses.values())} == {
        "held-back": 4,
        "painting": 12,
        "photo": 16,
    }
    assert uses == photographs.split(names[::-1])  # whatever order a disk lists them in


def test_a_folder_is_shared_out_and_an_empty_one_says_how_to_fill_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="ganapps.training.photographs"):
        photographs.load(tmp_path, "photo")
    for i in range(9):
        Image.new("RGB", (20, 10), (i, 0, 0)).save(tmp_path / f"source.{i}.png")
    parts = [
        {p.name for p in photographs.load(tmp_path, use)}
        for use in ("photo", "painting", "held-back")
    ]
    assert [len(part) for part in parts] == [5, 3, 1] and len(set.union(*parts)) == 9
    assert len(photographs.load(tmp_path, "photo", "painting")) == 8
    (held,) = photographs.load(tmp_path, "held-back")
    assert (
        held.pixels.shape == (10, 20, 3)
        and held.pixels[0, 0, 0] == int(held.name[-1])
        and held.use == "held-back"
    )


def test_shrinking_goes_by_the_short_side_and_never_enlarges():
    pixels = heap(0, 1)[0]
    assert photographs.shrink(pixels, 65).shape == (65, 70, 3)
    assert photographs.shrink(pixels, 131) is pixels


def resource_file(files: dict[str, bytes]) -> bytes:
    """A Qt resource file, format 3: one folder called "pictures" that holds `files`; the last one
    is marked as compressed.
    """
    names, contents, tree = b"", b"", b""

    def name(text: str) -> int:
        nonlocal names
        names += struct.pack(">HI", len(text), 0) + text.encode("utf-16-be")
        return len(names) - 6 - 2 * len(text)

    tree += struct.pack(">IHIIQ", 0, 2, 1, 1, 0)
    tree += struct.pack(">IHIIQ", name("pictures"), 2, len(files), 2, 0)
    for number, (path, data) in enumerate(files.items(), 1):
        tree += struct.pack(">IHIIQ", name(path), int(number == len(files)), 0, len(contents), 0)
        contents += struct.pack(">I", len(data)) + data
    header = struct.pack(">4I", 3, 24, 24 + len(tree), 24 + len(tree) + len(contents))
    return b"qres" + header + struct.pack(">I", 0) + tree + contents + names


def test_pictures_are_read_out_of_qt_resource_files():
    data = resource_file({"a.webp": b"first", "ü.webp": b"second one", "z.svg": b"squeezed"})
    assert dict(photographs.resources(data)) == {
        "/pictures/a.webp": b"first",
        "/pictures/ü.webp": b"second one",
    }
    with pytest.raises(ValueError, match="not a Qt resource file"):
        photographs.resources(b"PK" + bytes(40)).__next__()


@TRAINERS
def test_a_training_goes_on_as_if_it_had_never_stopped(make, tmp_path):
    whole = make()
    for _ in range(4):
        whole.step()
    before = make()
    for _ in range(2):
        before.step()
    torch.save(before.state(), tmp_path / "state.pt")
    after = make(seed=9)
    after.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    for _ in range(2):
        after.step()
    assert after.seen == whole.seen == 4 * whole.settings.batch
    assert same(after.state(), whole.state())


@TRAINERS
def test_a_sheet_leaves_the_training_as_it_was(make):
    trainer = make()
    trainer.step()
    before = trainer.state()["random"].clone()
    sheet = trainer.sheet()
    assert torch.equal(trainer.state()["random"], before)
    assert (
        sheet.shape[0] % 8 == 0
        and float(sheet.abs().max()) <= 1
        and torch.equal(sheet, trainer.sheet())
    )


def test_everything_of_a_cyclegan_learns_and_crops_grow():
    trainer = cycle_trainer()
    before = {
        k: v.clone()
        for name in ("generators", "average", "critics")
        for k, v in getattr(trainer, name).state_dict().items()
    }
    sides = []
    for _ in range(8):
        sides.append(trainer.side)
        losses = trainer.step()
    assert sides == [48] * 7 + [56]
    after = {
        k: v
        for name in ("generators", "average", "critics")
        for k, v in getattr(trainer, name).state_dict().items()
    }
    assert all(not torch.equal(before[k], v) for k, v in after.items() if k.endswith("weight"))
    assert all(x.shape == (3, 56, 56) for pool in trainer.pools.values() for x in pool.kept)
    assert losses.keys() == {"fooled", "cycle", "identity", "critics"}


def test_a_critic_looks_from_near_and_from_far_where_a_weave_can_not_be_seen():
    torch.manual_seed(0)
    critic = cyclegan.Critic(4).eval()
    plain, weave = torch.zeros(1, 3, 64, 80), torch.ones(1, 3, 64, 80)
    weave[..., ::2] = -1
    with torch.no_grad():
        (near, far), (near_weave, far_weave) = critic(plain), critic(weave)
    assert near.shape == (1, 1, 6, 8) and far.shape == (1, 1, 2, 3)
    assert torch.equal(far, far_weave) and not torch.allclose(near, near_weave, atol=1e-3)


def test_a_translator_begins_by_giving_the_picture_back():
    x = torch.rand(1, 3, 24, 36, generator=torch.Generator().manual_seed(1)) * 2 - 1
    network = cyclegan.generator(12, 2)
    with torch.no_grad():
        assert torch.allclose(network(x), torch.tanh(cyclegan.GAIN * x), atol=1e-5)
        assert (network(x) - x).abs().max() < 0.15
    assert all(p.requires_grad for p in network.parameters())


def test_a_pool_shows_old_pictures_about_half_the_time():
    torch.manual_seed(0)
    pool = cyclegan.Pool(5)
    shown = [int(pool.swap(torch.full((1, 3, 4, 4), float(i)))[0, 0, 0, 0]) for i in range(205)]
    assert shown[:5] == [0, 1, 2, 3, 4]
    assert 70 < sum(now == i for i, now in enumerate(shown[5:], 5)) < 130


def test_the_app_reads_the_translators_and_translates_the_same(tmp_path):
    trainer = cycle_trainer()
    for _ in range(3):
        trainer.step()
    trainer.export(tmp_path)
    x = torch.rand(1, 3, 24, 36, generator=torch.Generator().manual_seed(1)) * 2 - 1
    for way, name in cyclegan.FILES.items():
        network = measure_photographs.network_of(tmp_path / f"{name}.safetensors")
        with torch.no_grad():
            expected = trainer.average[way].half().float()(x)
            assert torch.allclose(network(x), expected, atol=2e-4)
    assert not torch.allclose(trainer.average["a2b"](x), trainer.average["b2a"](x), atol=1e-3)


@pytest.mark.parametrize("make", [upscaler_trainer, gan_trainer])
def test_the_app_reads_the_upscalers_and_enlarges_the_same(make, tmp_path):
    trainer = make()
    for _ in range(2):
        trainer.step()
    trainer.export(tmp_path)
    path = tmp_path / f"{trainer.name}.safetensors"
    assert networks.recognise({k: tuple(v.shape) for k, v in load_file(path).items()}) == "srresnet"
    x = torch.rand(1, 3, 12, 17, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = trainer.average.half().float()(x)
        assert torch.allclose(measure_photographs.network_of(path)(x), expected, atol=1e-3)
    assert expected.shape == (1, 3, 48, 68)


def test_an_upscaler_begins_as_bilinear_enlargement():
    x = torch.rand(2, 3, 16, 18, generator=torch.Generator().manual_seed(2))
    expected = x
    for _ in range(2):
        expected = F.interpolate(expected, scale_factor=2, mode="bilinear")
    with torch.no_grad():
        made = srresnet.Generator(8, 2).eval()(x)
    # outside of a border the padding shows
    assert torch.allclose(made[..., 8:-8, 8:-8], expected[..., 8:-8, 8:-8], atol=1e-5)


def test_an_upscaler_begins_without_a_grid_in_any_channel():
    generator = srresnet.Generator(8, 2).eval()
    with torch.no_grad():
        generator.conv3.weight.copy_(
            torch.randn(generator.conv3.weight.shape, generator=torch.Generator().manual_seed(1))
        )
        inside = generator(torch.full((1, 3, 20, 20), 0.5))[0, :, 32:48, 32:48].flatten(1)
    assert (inside - inside[:, :1]).abs().max() < 1e-4


def test_srgan_begins_with_srresnet_and_its_critic_learns(tmp_path):
    before = upscaler_trainer()
    before.step()
    trainer = gan_trainer(seed=4)
    trainer.restore(before.state())
    assert trainer.seen == 0 and same(trainer.generator.state_dict(), before.average.state_dict())
    critic = {k: v.clone() for k, v in trainer.critic.state_dict().items() if k.endswith("weight")}
    losses = trainer.step()
    assert all(not torch.equal(critic[k], trainer.critic.state_dict()[k]) for k in critic)
    assert losses.keys() == {"apart", "grid", "features", "fooled", "critic"}


def test_srgan_begins_with_a_finished_srresnet_too(tmp_path):
    finished, later = upscaler_trainer(), gan_trainer(seed=4)
    finished.step()
    finished.export(tmp_path)
    later.start_from(tmp_path / "srresnet-x4-ours.safetensors")
    assert close(later.generator, finished.average) and close(later.average, finished.average)
    assert later.step()


def test_a_cyclegan_goes_on_from_its_finished_files(tmp_path):
    finished, later = cycle_trainer(), cycle_trainer(seed=4)
    finished.step()
    finished.export(tmp_path)
    later.start_from(tmp_path)
    assert close(later.generators, finished.average) and close(later.average, finished.average)


def close(one, other):
    theirs = other.state_dict()
    return all(
        torch.allclose(tensor, theirs[name], rtol=1e-3, atol=1e-4)
        for name, tensor in one.state_dict().items()
        if tensor.is_floating_point()
    )


def test_small_pictures_are_shrunk_or_come_through_a_camera():
    torch.manual_seed(1)
    large = srresnet.crops(heap(3), 40)
    small = srresnet.damaged(large)
    assert small.shape == (40, 3, 24, 24) and torch.equal((small * 255).round() / 255, small)
    plain = torch.stack([srresnet.shrunk(x) for x in large])
    bicubic = sum(torch.equal(a, b) for a, b in zip(small, plain))
    assert 10 < bicubic < 30
    assert 0 < float((small - plain).abs().mean()) < 0.05


def test_the_loop_writes_what_a_training_makes(tmp_path, monkeypatch):
    trainer = upscaler_trainer()
    loop.run(trainer, tmp_path, pictures=4)
    assert {p.name for p in tmp_path.iterdir()} == {
        "state.pt",
        "sheet.png",
        "srresnet-x4-ours.safetensors",
    }
    assert Image.open(tmp_path / "sheet.png").size == (8 * 96, 3 * 96)


def style_network(path: Path) -> None:
    """A tiny file in the layout of the 26 styles."""
    random = torch.Generator().manual_seed(3)
    tensors, width = {}, 3
    for name, kernel, out in (
        ("contract.0", 9, 4),
        ("contract.1", 3, 6),
        ("contract.2", 3, 8),
        ("res.0.0", 3, 8),
        ("res.0.1", 3, 8),
        ("expand.0", 3, 6),
        ("expand.1", 3, 4),
        ("expand.2", 9, 3),
    ):
        tensors[f"{name}.w"] = torch.randn(out, width, kernel, kernel, generator=random) / 8
        tensors |= {
            f"{name}.norm.{leaf}": torch.randn(26, out, generator=random)
            for leaf in ("gamma", "beta")
        }
        width = out
    save_file(tensors, path)


def test_paintings_are_painted_in_one_style(tmp_path):
    style_network(tmp_path / "styles.safetensors")
    pictures = [x[:50, :71] for x in heap(4, 2)]
    painted = cyclegan.paint(pictures, tmp_path / "styles.safetensors")
    assert [p.shape for p in painted] == [(48, 68, 3)] * 2
    network = styles26.build(load_file(tmp_path / "styles.safetensors"), {})
    x = torch.from_numpy(pictures[1][:48, :68].copy()).permute(2, 0, 1)[None].float() / 255
    style = cyclegan.BOLD * F.one_hot(torch.tensor([cyclegan.STYLE]), 26).float()
    expected = network(x, style)[0].permute(1, 2, 0) * 255
    assert np.abs(painted[1] - expected.numpy()).max() <= 1


def test_translators_are_measured_against_the_hidden_truth():
    photos = [x[:64, :96] for x in heap(5, 2)]
    paintings = [255 - x for x in photos]
    perfect = measure_photographs.translators(photos, paintings, Negative(), Negative())
    lazy = measure_photographs.translators(photos, paintings, nn.Identity(), nn.Identity())
    assert (
        max(perfect["photo to painting"], perfect["painting to photo"], perfect["cycle of a photo"])
        < 1e-4
    )
    assert (
        lazy["photo to painting"]
        == lazy["photo to painting, nothing"]
        == perfect["photo to painting, nothing"]
        > 10
    )
    assert (
        lazy["painting to photo, colours"] == lazy["painting to photo, colours, nothing"] > 10
        and lazy["cycle of a painting"] == 0
    )


def test_a_sheet_shows_the_middles_of_what_was_given_made_and_meant(tmp_path):
    photos = [np.full((160, 200, 3), level, np.uint8) for level in (40, 200)]
    for photo in photos:
        photo[:8] = photo[:, :28] = 0  # outside of the middle
    rows = measure_photographs.painted_rows(
        photos, [255 - x for x in photos], Negative(), nn.Identity()
    )
    measure_photographs.draw(rows, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (2 * 144, 5 * 144) and sheet.mode == "P"
        seen = np.asarray(sheet.convert("RGB"))[72::144, 72::144, 0].astype(int)
    assert np.abs(seen - [[40, 200], [215, 55], [215, 55], [215, 55], [215, 55]]).max() <= 1


class Negative(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return -x


def test_upscalers_are_measured_against_the_truth():
    large = [x[:128, :136] for x in heap(6, 2)]
    small = [measure_photographs.made_small(x, srresnet.shrunk) for x in large]
    found = measure_photographs.upscalers(large, small, measure_photographs.bicubic)
    worse = measure_photographs.upscalers(
        large, small, lambda x: np.repeat(np.repeat(x, 4, 0), 4, 1)
    )
    assert (
        found.keys() == {"psnr_db", "ssim", "consistency_db"}
        and found["psnr_db"] > worse["psnr_db"] > 10
    )
    assert 0.5 < found["ssim"] <= 1 and found["consistency_db"] > 40


def test_held_back_photographs_are_cut_to_fit(tmp_path):
    for i in range(4):
        Image.fromarray(heap(i, 1)[0]).save(tmp_path / f"source.{i}.png")
    (picture,) = measure_photographs.held_back(tmp_path, 65, 8)
    assert picture.shape == (64, 64, 3)


def test_a_halved_checkpoint_is_read_as_nearly_what_it_was(tmp_path, monkeypatch):
    torch.manual_seed(0)
    before = {
        "a.weight": torch.randn(128, 512, 3, 3) * torch.rand(128, 1, 1, 1),
        "a.bias": torch.randn(128),
        "small.weight": torch.randn(8, 8, 3, 3),
    }
    save_file(before, tmp_path / "in.safetensors", metadata={"by": "me"})
    monkeypatch.setattr(
        "sys.argv",
        ["whole_numbers", str(tmp_path / "in.safetensors"), str(tmp_path / "out.safetensors")],
    )
    whole_numbers.main()
    after = formats.read(tmp_path / "out.safetensors")
    assert after.settings == {"by": "me"} and after.tensors.keys() == before.keys()
    assert all(
        torch.equal(after.tensors[name], before[name]) for name in ("a.bias", "small.weight")
    )
    off = (after.tensors["a.weight"] - before["a.weight"]).abs().amax((1, 2, 3))
    largest = before["a.weight"].abs().amax((1, 2, 3))
    assert (off <= 0.21 * largest).all() and (off > 0).all()
    assert (
        (after.tensors["a.weight"] - before["a.weight"]).square().mean((1, 2, 3)).sqrt()
        < 0.005 * largest
    ).all()
    assert (tmp_path / "out.safetensors").stat().st_size < 0.27 * (
        tmp_path / "in.safetensors"
    ).stat().st_size


def test_a_grid_is_seen_where_texture_is_not():
    torch.manual_seed(0)
    texture = torch.rand(4, 3, 96, 96)
    grid = torch.zeros(96, 96)
    grid[1::4, 2::4] = -0.1
    seen = srgan.places(texture + grid) - srgan.places(texture)
    expected = torch.zeros(4, 3, 16, 4)
    expected[:, :, 6] = -0.1
    assert torch.allclose(seen, expected.view(4, 48, 2, 2), atol=1e-5)
    assert (srgan.places(texture) - srgan.places(texture.flip(3))).abs().mean() < 0.035, (
        "144 pixels of noise each"
    )


def test_judges_see_the_same_part_of_both_and_not_always_the_same():
    torch.manual_seed(0)
    places = torch.arange(96.0).view(1, 1, 96, 1) * 100 + torch.arange(96.0)
    corners, sides = set(), set()
    for _ in range(400):
        one, other = srgan._part(places, places.expand(2, 3, -1, -1))
        assert (
            one.shape[2] == one.shape[3]
            and other.shape == (2, 3, *one.shape[2:])
            and torch.equal(one[0, 0], other[1, 2])
        )
        corners.add((int(one[0, 0, 0, 0]) // 100 % 4, int(one[0, 0, 0, 0]) % 100 % 4))
        sides.add(one.shape[-1])
    assert len(corners) == 16 and sides == set(range(64, 97))


def test_a_mixture_is_between_two_files_of_one_layout():
    close, lively = ({"a": torch.rand(3, 2), "b": torch.rand(4)} for _ in range(2))
    for share, wanted in ((0.0, close), (1.0, lively)):
        made = mixed.mixed(close, lively, share)
        assert all(torch.equal(made[name], wanted[name].half()) for name in wanted)
    half = mixed.mixed(close, lively, 0.5)
    torch.testing.assert_close(half["a"].float(), (close["a"] + lively["a"]) / 2, rtol=0, atol=1e-3)
    with pytest.raises(ValueError, match="different layouts"):
        mixed.mixed(close, {"a": lively["a"]}, 0.5)


def test_the_calm_upscaler_is_the_mixture_it_is_said_to_be():
    made = mixed.mixed(
        *(load_file(WEIGHTS / f"{name}-x4-ours.safetensors") for name in ("srresnet", "srgan")),
        mixed.SHARE,
    )
    shipped = load_file(WEIGHTS / "srgan-x4-calm-ours.safetensors")
    assert made.keys() == shipped.keys()
    for name, tensor in shipped.items():
        torch.testing.assert_close(made[name], tensor, rtol=1e-3, atol=1e-6)
