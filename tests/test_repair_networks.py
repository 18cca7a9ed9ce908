"""What Repair will use, in miniature: partial convolutions against their paper, the trainings of
filler, denoiser and scratch detector.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional as F

from ganapps.networks.repair import denoiser as denoiser_network
from ganapps.networks.repair import partial
from ganapps.networks.repair import scratches as scratches_network
from ganapps.training import averaged, denoiser, filler, loop, measure_repair, scratches
from tests.small_training import Eyes, same

MOST_BYTES = {"filler": 8_000_000, "denoiser": 2_000_000, "scratches": 2_000_000}  # in float16
BUILDERS = {
    "filler": partial.build,
    "denoiser": denoiser_network.build,
    "scratches": scratches_network.build,
}


def heap(seed: int, count: int = 3) -> list[np.ndarray]:
    """Smooth random pictures."""
    random = np.random.RandomState(seed)
    small = [
        Image.fromarray(random.randint(0, 256, (9, 9, 3)).astype(np.uint8)) for _ in range(count)
    ]
    return [
        np.asarray(p.resize((76 + 4 * i, 72), Image.Resampling.BICUBIC))
        for i, p in enumerate(small)
    ]


HEAPS = heap(1), heap(2)


def filler_trainer(seed: int = 0, plain: int = 4) -> filler.FillerTrainer:
    torch.manual_seed(seed)
    settings = filler.Settings(
        batch=2, side=32, widths=(4, 6, 8), kernels=(5, 3, 3), half_life=3, plain=plain
    )
    return filler.FillerTrainer(HEAPS, settings, pictures=1000, features=Eyes())


def denoiser_trainer(seed: int = 0) -> denoiser.DenoiserTrainer:
    torch.manual_seed(seed)
    return denoiser.DenoiserTrainer(
        HEAPS, denoiser.Settings(batch=2, side=32, width=8, depth=3, half_life=3), pictures=1000
    )


def scratch_trainer(seed: int = 0, rate: float = 1e-3) -> scratches.ScratchTrainer:
    torch.manual_seed(seed)
    settings = scratches.Settings(batch=2, side=32, widths=(4, 6, 8), half_life=3, rate=rate)
    return scratches.ScratchTrainer(HEAPS, settings, pictures=1000)


TRAINERS = pytest.mark.parametrize("make", [filler_trainer, denoiser_trainer, scratch_trainer])


def test_a_partial_convolution_is_the_papers_formula():
    torch.manual_seed(0)
    conv = partial.PartialConv(2, 3, 3, bias=True)
    torch.nn.init.normal_(conv.input_conv.bias)
    x, mask = torch.randn(1, 2, 5, 6), (torch.rand(1, 1, 5, 6) < 0.3).float()
    mask[:, :, :3, :3] = 0  # a window with nothing known in it
    made, left = conv(  # what lies in a hole must not matter
        (torch.where(mask > 0, x, torch.full_like(x, 1e3)), mask)
    )
    weight, bias = conv.input_conv.weight, conv.input_conv.bias
    around, known = F.pad(x * mask, (1, 1, 1, 1)), F.pad(mask.expand_as(x), (1, 1, 1, 1))
    for i in range(5):
        for j in range(6):
            window, seen = around[0, :, i : i + 3, j : j + 3], known[0, :, i : i + 3, j : j + 3]
            if seen.sum() > 0:
                expected = (weight * window).sum((1, 2, 3)) * 18 / seen.sum() + bias
            else:
                expected = torch.zeros(3)
            assert torch.allclose(made[0, :, i, j], expected, atol=1e-5)
            assert left[0, 0, i, j] == float(seen.sum() > 0)
    assert 0 < left.mean() < 1


def test_two_maps_with_masks_of_their_own_are_read_as_one():
    torch.manual_seed(0)
    conv = partial.PartialConv(5, 3, 3)
    (x, y), (m, n) = (
        (torch.randn(1, c, 6, 6) for c in (2, 3)),
        ((torch.rand(1, 1, 6, 6) < 0.5).float() for _ in range(2)),
    )
    made, left = conv((x, m), (y, n))
    each = torch.cat([m.expand(-1, 2, -1, -1), n.expand(-1, 3, -1, -1)], 1)
    seen = F.conv2d(each, torch.ones(1, 5, 3, 3), padding=1)
    plain = F.conv2d(torch.cat([x, y], 1) * each, conv.input_conv.weight, padding=1)
    assert torch.allclose(made, torch.where(seen > 0, plain * 45 / seen.clamp(min=1), 0), atol=1e-5)
    assert torch.equal(left, (seen > 0).float())


def test_where_everything_is_known_inside_a_partial_convolution_is_a_plain_one():
    conv = partial.PartialConv(2, 3, 3)
    x = torch.randn(1, 2, 6, 6)
    made, left = conv((x, torch.ones(1, 1, 6, 6)))
    assert (
        torch.allclose(made[..., 1:-1, 1:-1], F.conv2d(x, conv.input_conv.weight), atol=1e-5)
        and left.all()
    )


@pytest.mark.parametrize("size", [(32, 32), (37, 50), (9, 8)])
def test_a_filled_picture_is_untouched_where_it_was_known_and_holes_have_no_say(size):
    torch.manual_seed(0)
    network = partial.PartialUNet((4, 6, 8), (5, 3, 3)).eval()
    x, known = torch.rand(2, 3, *size), (torch.rand(2, 1, *size) < 0.7).float()
    with torch.no_grad():
        made, other = (
            network.fill(torch.where(known > 0, x, filled), known) for filled in (0.0, 0.9)
        )
    assert made.shape == x.shape and torch.equal(made, other)
    assert torch.equal(made * known, x * known) and made.min() >= 0 and made.max() <= 1


@TRAINERS
def test_a_repair_training_goes_on_as_if_it_had_never_stopped(make, tmp_path):
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
        losses = after.step()
    assert after.seen == whole.seen == 8 and same(after.state(), whole.state())
    assert all(np.isfinite(list(losses.values())))


@TRAINERS
def test_a_finished_file_is_the_average_and_a_training_starts_from_it(make, tmp_path):
    trainer = make()
    trainer.step()
    loop.save(trainer, tmp_path)
    path = tmp_path / f"{trainer.name}.safetensors"
    settings = {"looks": scratches.Settings.looks}  # as its catalogue row says; others ignore it
    built = BUILDERS[trainer.name.split("-")[0]](load_file(path), settings)
    assert all(tensor.is_floating_point() for tensor in load_file(path).values())
    x = torch.rand(1, 3, 40, 36, generator=torch.Generator().manual_seed(1))
    given = (x, torch.ones(1, 1, 40, 36)) if trainer.name == "filler-ours" else (x,)
    with torch.no_grad():
        assert torch.allclose(built(*given), trainer.average.half().float()(*given), atol=1e-3)
    later = make(seed=4)
    later.start_from(path)
    theirs = trainer.average.state_dict()
    assert all(
        torch.allclose(v.float(), theirs[k].float(), atol=1e-3)
        for k, v in later.network.state_dict().items()
        if not k.endswith("num_batches_tracked")
    )
    assert later.step()


@TRAINERS
def test_a_repair_sheet_leaves_the_training_as_it_was(make):
    trainer = make()
    before = trainer.state()["random"].clone()
    sheet = trainer.sheet()
    assert torch.equal(trainer.state()["random"], before) and torch.equal(sheet, trainer.sheet())
    assert len(sheet) == 24 and float(sheet.abs().max()) <= 1


@TRAINERS
def test_a_finished_network_goes_on_gently_where_it_stopped(make, tmp_path):
    first = make()
    for _ in range(3):
        first.step()
    first.export(tmp_path)
    later = make(seed=1)
    later.start_from(tmp_path / f"{first.name}.safetensors")
    assert later.seen == first.seen == 6 and later.rate() < 0.01 * first.rate()
    for mine, theirs in zip(later.network.parameters(), first.average.parameters()):
        torch.testing.assert_close(mine, theirs, rtol=0.01, atol=0.01)
    again = make(seed=2)
    again.restore(later.state())
    assert again.rate() == later.rate()
    again.seen, again.pictures = 6 + averaged.RISES, 100_000
    assert again.rate() == first.rate()


@pytest.mark.parametrize(
    "made",
    [
        lambda: filler.PartialUNet(filler.Settings().widths, filler.Settings().kernels),
        lambda: denoiser.Denoiser(denoiser.Settings().width, denoiser.Settings().depth),
        lambda: scratches.ScratchDetector(scratches.Settings().widths),
    ],
    ids=list(MOST_BYTES),
)
def test_the_networks_are_small(made, request):
    size = 2 * sum(tensor.numel() for tensor in made().state_dict().values())
    assert size <= MOST_BYTES[request.node.callspec.id]


def test_each_file_is_recognised_as_its_own_network_only(tmp_path):
    modules = {"filler": partial, "denoiser": denoiser_network, "scratches": scratches_network}
    for make in (filler_trainer, denoiser_trainer, scratch_trainer):
        trainer = make()
        trainer.export(tmp_path)
        shapes = {
            k: tuple(v.shape)
            for k, v in load_file(tmp_path / f"{trainer.name}.safetensors").items()
        }
        assert [name for name, module in modules.items() if module.recognise(shapes)] == [
            trainer.name.split("-")[0]
        ]
    # FFDNet itself
    assert not denoiser_network.recognise(
        {"model.0.weight": (96, 13, 3, 3), "model.2.weight": (12, 96, 3, 3)}
    )
    assert not any(module.recognise({}) for module in modules.values())


def test_a_file_that_lacks_something_names_it(tmp_path):
    for make in (filler_trainer, denoiser_trainer, scratch_trainer):
        trainer = make()
        trainer.export(tmp_path)
        tensors = load_file(tmp_path / f"{trainer.name}.safetensors")
        missing = sorted(name for name in tensors if name.endswith("bias"))[0]
        with pytest.raises(ValueError, match=f"{missing} is missing"):
            BUILDERS[trainer.name.split("-")[0]](
                {k: v for k, v in tensors.items() if k != missing}, {}
            )


def test_holes_take_the_share_that_was_asked_for():
    torch.manual_seed(0)
    known = filler.holes(20, 64, 96, (0.1, 0.25))
    assert known.shape == (20, 1, 64, 96) and set(known.unique().tolist()) == {0.0, 1.0}
    gone = 1 - known.mean((1, 2, 3))
    assert gone.min() >= 0.1 and gone.max() <= 0.25 and gone.std() > 0.02


def test_features_are_looked_at_later_and_the_encoders_norms_rest_then():
    trainer = filler_trainer(plain=2)
    assert trainer.step().keys() == {"apart"}
    norm, outer = trainer.network.enc_2.bn, trainer.network.dec_2.bn
    before = norm.running_mean.clone(), outer.running_mean.clone()
    assert trainer.step().keys() == {"apart", "features", "style"}
    assert torch.equal(norm.running_mean, before[0]) and not torch.equal(
        outer.running_mean, before[1]
    )


def test_roughness_is_felt_in_holes_only():
    known = torch.ones(1, 1, 16, 16)
    known[..., 4:8, 4:8] = 0
    assert filler.roughness(torch.rand(1, 3, 16, 16) * known, torch.ones_like(known)) == 0
    assert (
        filler.roughness(torch.rand(1, 3, 16, 16), known)
        > 0
        == filler.roughness(torch.ones(1, 3, 16, 16), known)
    )


def test_a_denoiser_begins_near_the_picture_and_odd_sides_fit():
    network = denoiser.Denoiser(8, 3)
    torch.nn.init.zeros_(network.model[-1].weight)
    torch.nn.init.zeros_(network.model[-1].bias)
    x = torch.rand(1, 3, 33, 21)
    assert torch.equal(network(x), x)


def test_damage_is_noise_then_jpeg_and_may_be_none():
    torch.manual_seed(0)
    x = (torch.rand(3, 40, 40) * 255).round() / 255
    assert torch.equal(denoiser.damage(x, 0.0, None), x)
    noisy = denoiser.damage(torch.full((3, 80, 80), 0.5), 0.1, None)
    assert float(noisy.std()) == pytest.approx(0.1, rel=0.1)
    assert (
        (denoiser.damage(x, 0.0, 15) - x).abs().mean()
        > (denoiser.damage(x, 0.0, 95) - x).abs().mean()
        > 0
    )
    kinds = [denoiser.draw() for _ in range(400)]
    assert (
        0.65 < np.mean([noise > 0 for noise, _ in kinds]) < 0.85
        and 0.65 < np.mean([q is not None for _, q in kinds]) < 0.85
    )
    damaged, whole = denoiser.pairs(torch.rand(2, 3, 40, 40), 32)
    assert damaged.shape == whole.shape == (2, 3, 32, 32)


def pictures() -> list[torch.Tensor]:
    return [torch.from_numpy(x.copy()).permute(2, 0, 1)[None].float() / 255 for x in heap(5)]


def test_fillers_are_measured_in_their_holes():
    whole = {x.shape: x for x in pictures()}
    perfect = measure_repair.fillers(pictures(), lambda x, known: whole[x.shape])
    grey = measure_repair.fillers(
        pictures(), lambda x, known: torch.where(known > 0, x, torch.tensor(0.5))
    )
    assert (
        perfect == {"psnr_db": pytest.approx(100), "changed": 0}
        and 5 < grey["psnr_db"] < 30
        and grey["changed"] == 0
    )
    assert measure_repair.fillers(pictures(), lambda x, known: x + 0.1)["changed"] == pytest.approx(
        25.5
    )


def test_telea_is_asked_for_a_whole_picture(monkeypatch):
    asked = []

    def inpaint(pixels, mask, radius, how):
        asked.append((pixels.dtype, mask.dtype, set(np.unique(mask))))
        return np.full_like(pixels, 51)

    monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace(inpaint=inpaint, INPAINT_TELEA=1))
    x, known = pictures()[0], measure_repair.hole(0, pictures()[0])
    made = measure_repair.telea(x * known, known)
    assert asked == [(np.uint8, np.uint8, {0, 255})]
    assert torch.equal(made * known, x * known) and torch.allclose(
        made[(known == 0).expand_as(made)], torch.tensor(0.2)
    )


def test_denoisers_are_measured_with_the_same_damage_each_time():
    given = measure_repair.denoisers(pictures(), lambda x: x, 25 / 255, None)
    assert (
        given == measure_repair.denoisers(pictures(), lambda x: x, 25 / 255, None)
        and 18 < given < 23
    )
    soft = measure_repair.denoisers(
        pictures(), lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), 25 / 255, None
    )
    assert soft > given + 3  # smooth pictures


def test_a_detector_is_measured_on_damaged_pictures_and_on_whole_ones():
    answers = []
    for i, x in enumerate(pictures()):
        truth = averaged.repeatable(i, lambda: scratches.scratched(x))[1]
        answers += [truth - 0.5, torch.zeros_like(truth)]
    given = iter(answers)
    perfect = measure_repair.detectors(pictures(), lambda x: next(given))
    assert perfect == {"found": 1, "right": 1, "f1": 1, "false": 0}
    blind = measure_repair.detectors(pictures(), lambda x: -torch.ones_like(x[:, :1]))
    assert blind == {"found": 0, "right": 0, "f1": 0, "false": 0}
    eager = measure_repair.detectors(pictures(), lambda x: torch.ones_like(x[:, :1]), scratches.ALL)
    assert eager["found"] == eager["false"] == 1 > eager["right"]


def test_photographs_and_portraits_are_gathered_from_one_folder(tmp_path):
    for i in range(9):
        Image.fromarray(heap(i, 1)[0]).save(tmp_path / f"source.{i}.png")
    photographs, portraits = averaged.gathered(tmp_path)
    assert len(photographs) == 8 * len(averaged.SIDES) and portraits == []
    trainer = denoiser_trainer()
    assert trainer.pick(5).shape == (5, 3, 40, 40)
    trainer.portraits = []
    assert trainer.pick(2).shape == (2, 3, 40, 40)
