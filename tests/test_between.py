"""Films through a model's noise: from one seed to another and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from test_denoise import CPU, network

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.pictures import images
from ganapps.pictures.inside import from_file
from ganapps.recipe import Recipe
from ganapps.tasks.between import drift, evenness, slerp, walk
from ganapps.tasks.denoise import denoise
from ganapps.tasks.faces import generate
from tests.small_generator import Small


def film(steps) -> tuple:
    *_, end = steps
    return end.made[0].frames


def test_slerp_keeps_the_length_and_goes_at_a_steady_angle() -> None:
    a, b = torch.tensor([[1.0, 0, 0]]), torch.tensor([[0, 1.0, 0]])
    points = torch.cat([slerp(a, b, s / 4) for s in range(5)])
    assert torch.allclose(points.norm(dim=1), torch.ones(5)) and torch.equal(points[0], a[0])
    assert torch.allclose(points[:, 1].asin(), torch.arange(5) * torch.pi / 8, atol=1e-6)
    assert torch.equal(slerp(a, a, 0.5), a)


def test_a_gan_s_film_begins_and_turns_at_the_faces_of_its_seeds() -> None:
    small = Small()
    frames = film(walk(small, CPU, seed=3, to=9, frames=5))
    faces = [
        m.picture for n in (3, 9) for s in generate(small, CPU, seed=n, count=1) for m in s.made
    ]
    assert len(frames) == 8 and frames[5:] == (frames[3], frames[2], frames[1])
    assert [frames[i].tobytes() for i in (0, 4)] == [f.tobytes() for f in faces]


def test_a_model_with_labels_mixes_those_of_both_seeds(engine: Engine) -> None:
    *_, result = engine.run(Recipe("walk", "heads-64", {"seed": 5, "frames": 4}))
    kept = result.made[0]
    ends = [
        list(engine.run(Recipe("faces", "heads-64", {"seed": n, "count": 1})))[-1].made[0].picture
        for n in (5, 6)
    ]
    for frame, face in ((kept.frames[0], ends[0]), (kept.frames[3], ends[1])):
        assert np.abs(np.asarray(frame, int) - np.asarray(face, int)).max() <= 1


def test_a_diffusion_model_s_film_begins_and_turns_at_the_pictures_of_its_seeds(
    tmp_path: Path,
) -> None:
    built = network(tmp_path, latent=True)
    steps = list(drift(built, CPU, seed=3, to=9, frames=4, steps=3))
    pictures = [
        m.picture
        for n in (3, 9)
        for s in denoise(built, CPU, seed=n, count=1, steps=3)
        for m in s.made
    ]
    frames = steps[-1].made[0].frames
    assert len(frames) == 6 and [frames[i].tobytes() for i in (0, 3)] == [
        p.tobytes() for p in pictures
    ]
    assert [s.done for s in steps] == list(range(1, 13)) and sum(
        s.network_calls for s in steps
    ) == 12


def test_the_film_holds_the_recipe_that_makes_it_again(engine: Engine, tmp_path: Path) -> None:
    *_, result = engine.run(Recipe("drift", "heads-ddpm-64", {"seed": 7, "frames": 3, "steps": 2}))
    path = images.keep(result.made[0], tmp_path, 0)
    asked = from_file(path)
    assert (asked.task, asked.settings["seed"], asked.settings["to"]) == ("drift", 7, 8)
    *_, again = engine.run(asked)
    assert [f.tobytes() for f in again.made[0].frames] == [
        f.tobytes() for f in result.made[0].frames
    ]


def test_how_evenly_a_film_walks_is_measured() -> None:
    from PIL import Image

    grey = [Image.new("RGB", (4, 4), (v, v, v)) for v in (0, 10, 40)]
    assert evenness(grey) == {"mean_step": 20.0, "largest_step": 30.0}


def test_a_network_without_noise_is_refused() -> None:
    with pytest.raises(UserError, match="does not draw from noise alone"):
        next(drift(Small(), CPU))
    with pytest.raises(UserError, match="does not draw from seeds"):
        next(walk(torch.nn.Linear(1, 1), CPU))
