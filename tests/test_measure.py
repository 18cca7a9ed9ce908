"""What measures made faces: distances of known sets, samples by seed, seconds, neighbours."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps.measure.quality import Measured
from ganapps.recipe import Recipe
from ganapps.training import distances, measure, nearest, samples
from tests.small_training import Eyes, diffusion_trainer, face_trainer, portraits


def test_the_frechet_distance_of_shifted_gaussians_is_the_shift():
    random = torch.Generator().manual_seed(0)
    a = torch.randn(4000, 3, generator=random)
    assert distances.frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert distances.frechet(a, a + torch.tensor([3.0, 0, 4.0])) == pytest.approx(25, rel=1e-4)
    assert distances.frechet(a, 3 * a) == pytest.approx(3 * (3 - 1) ** 2, rel=0.1)


def test_precision_and_recall_tell_a_narrow_set_from_a_strange_one():
    random = torch.Generator().manual_seed(0)
    real, narrow = (
        torch.randn(300, 4, generator=random),
        0.2 * torch.randn(300, 4, generator=random),
    )
    strange = torch.randn(300, 4, generator=random) + 50
    assert distances.inside(narrow, real) > 0.95 > 0.5 > distances.inside(real, narrow)
    assert distances.inside(strange, real) == 0


def test_the_sliced_wasserstein_distance_sees_texture_at_its_size():
    random = torch.Generator().manual_seed(0)
    noise, other = torch.randn(2, 40, 3, 64, 64, generator=random)
    smooth = F.interpolate(F.avg_pool2d(noise, 4), size=64, mode="bilinear")
    assert distances.sliced_wasserstein(noise, smooth, 64) > 2 * distances.sliced_wasserstein(
        noise, other, 64
    )


def test_measured_faces_are_the_ones_the_app_makes(tmp_path):
    trainer = face_trainer()
    trainer.export(tmp_path)
    rows = portraits().labels
    faces_made = samples.from_generator(tmp_path / "heads-16.safetensors", 0.8, rows)(
        np.array([3, 5])
    )
    state = np.random.RandomState(5)
    z, c = (
        torch.from_numpy(state.randn(1, 128)).float(),
        torch.from_numpy(rows[state.randint(len(rows))])[None],
    )
    with torch.no_grad():
        assert torch.allclose(faces_made[1:], trainer.average(z, c, psi=0.8), atol=0.01)


def test_faces_learned_by_heart_are_found_out():
    random = torch.Generator().manual_seed(0)
    learned, held_back = (
        torch.rand(60, 3, 64, 64, generator=random),
        torch.rand(20, 3, 64, 64, generator=random),
    )
    ruler = measure.Ruler(held_back, learned, Eyes())
    copied, fresh = (
        ruler.measure(learned[:20]),
        ruler.measure(torch.rand(20, 3, 64, 64, generator=random)),
    )
    assert copied["nearest"] < 0.01 < 0.5 < fresh["nearest"] and copied[
        "diversity"
    ] == pytest.approx(1, abs=0.3)


def test_a_picture_that_was_learned_is_found_even_mirrored(tmp_path):
    ramp = torch.linspace(0, 1, 64)

    class Lopsided(nn.Module):
        def forward(self, x: Tensor) -> list[Tensor]:
            return [x * ramp, x * ramp**2]

    learned = torch.rand(9, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    made = torch.stack([learned[4], learned[7].flip(2)])
    found, apart = nearest.neighbours(Lopsided(), made, learned, count=2)
    assert (
        torch.equal(found[0, 0], learned[4])
        and torch.equal(found[1, 0], learned[7].flip(2))
        and (apart[:, 0] < 1e-4).all()
    )
    assert (apart[:, 1] > 1e-3).all()
    nearest.sheet(made, found, tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").size == (2 * 64, 3 * 64)


def test_diffusion_samples_are_by_seed_and_fresh_noise_changes_them(tmp_path):
    diffusion_trainer().export(tmp_path)
    draw = {eta: samples.from_diffusion(tmp_path / "heads-ddpm-16", 4, eta) for eta in (0, 1)}
    with torch.no_grad():
        first, both, fresh = (
            draw[0](np.array([5])),
            draw[0](np.array([4, 5])),
            draw[1](np.array([5])),
        )
    assert first.shape == (1, 3, 16, 16) and torch.allclose(both[1], first[0], atol=1e-4)
    assert (fresh - first).abs().mean() > 0.01


def test_a_timed_picture_is_asked_for_at_its_row_s_setting():
    asked: list[Recipe] = []
    app = SimpleNamespace(
        models=SimpleNamespace(row=lambda model: SimpleNamespace(task="denoise")),
        run=lambda recipe: asked.append(recipe) or [],
    )
    row = Measured("m", "eta", 1, 250, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, steps=25)
    assert measure.seconds_of(app, row, pictures=2) >= 0
    assert [r.settings for r in asked] == [
        {"count": 1, "steps": 1},
        {"steps": 25, "eta": 1.0, "seed": 1, "count": 2},
    ]
    assert {r.precision for r in asked} == {"float32"}
