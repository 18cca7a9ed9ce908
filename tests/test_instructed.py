"""A picture edited as a text says: equal to diffusers' pipeline, in the size it came, and refused
in sentences.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganapps.networks.torchvision_ops import ensure_torchvision

ensure_torchvision()

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from ganapps.device import Device
from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.models.formats import folders
from ganapps.networks.diffusion import stable_diffusion
from ganapps.pictures.uploads import Upload, open_upload
from ganapps.recipe import Recipe
from ganapps.tasks import instructed, text
from ganapps.tasks.translate import translate
from tests.small_stable import UNCHECKED, folder, theirs

CPU = Device("cpu")


def network(place: Path) -> stable_diffusion.StableDiffusion:
    read = folders.read(place, folder(place, channels=8), "small")
    return stable_diffusion.build(read.tensors, read.settings)


def noisy(place: Path, height: int = 64, width: int = 96, channels: int = 3) -> Upload:
    Image.fromarray(
        np.random.RandomState(0).randint(0, 256, (height, width, channels), np.uint8)
    ).save(place / "in.png")
    return open_upload(str(place / "in.png"))


@pytest.mark.parametrize("guidance, image_guidance, calls", [(5.0, 1.5, 3), (1.0, 1.5, 1)])
def test_an_edit_is_diffusers_pipeline_to_the_bit(
    guidance: float, image_guidance: float, calls: int, tmp_path: Path
) -> None:
    built, picture = network(tmp_path), noisy(tmp_path)
    pipeline = diffusers.StableDiffusionInstructPix2PixPipeline(
        **theirs(tmp_path),
        scheduler=diffusers.EulerDiscreteScheduler.from_config(built.schedule),
        **UNCHECKED,
    )
    pipeline.set_progress_bar_config(disable=True)
    truth = pipeline(
        "a cat",
        image=Image.open(tmp_path / "in.png"),
        num_inference_steps=4,
        guidance_scale=guidance,
        image_guidance_scale=image_guidance,
        generator=torch.Generator().manual_seed(3),
        output_type="pt",
    ).images
    seen, decode = [], built.decode
    built.decode = lambda x: seen.append(decode(x)) or seen[-1]
    steps = list(
        translate(
            built,
            CPU,
            None,
            picture,
            prompt="a cat",
            steps=4,
            seed=3,
            guidance=guidance,
            image_guidance=image_guidance,
        )
    )
    assert torch.equal((seen[-1] / 2 + 0.5).clamp(0, 1), truth)
    assert [s.network_calls for s in steps] == [calls] * 4 + [0]
    assert [(s.done, s.total) for s in steps] == [(n, 5) for n in range(1, 6)]
    assert all(len(s.preview) == 2 for s in steps[:4])


@pytest.mark.parametrize("height, width, channels", [(33, 21, 4), (1, 1, 3), (70, 65, 3)])
def test_the_picture_keeps_its_size_and_its_alpha(
    height: int, width: int, channels: int, tmp_path: Path
) -> None:
    picture = noisy(tmp_path, height, width, channels)
    result = (
        list(translate(network(tmp_path), CPU, None, picture, prompt="a cat", steps=2))[-1]
        .made[0]
        .picture
    )
    assert result.shape == (height, width, channels)
    assert channels == 3 or np.array_equal(result[..., 3], picture.pixels[..., 3])


def test_a_large_picture_is_made_as_small_as_the_model_works_on(tmp_path: Path) -> None:
    run = instructed.Editing(network(tmp_path), CPU, "a cat", steps=1)
    small = run._smaller(torch.zeros(1, 3, 900, 700))
    assert small.shape == (1, 3, 710, 552) and 710 * 552 <= 512 * 768 == instructed.MOST
    ((template, values),) = run.changes()
    assert "larger than this model works on" in template and values == {"width": 552, "height": 710}


def test_a_large_picture_is_edited_smaller_and_the_report_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instructed, "MOST", 64 * 96)  # the whole path, without a minute's work
    steps = list(
        translate(network(tmp_path), CPU, None, noisy(tmp_path, 225, 175), prompt="a cat", steps=1)
    )
    ((template, values),) = [c for s in steps for c in s.changes]
    assert "larger than this model works on" in template and values == {"width": 68, "height": 88}
    assert values["width"] * values["height"] <= instructed.MOST
    assert steps[-1].made[0].picture.shape == (225, 175, 3)


def test_the_prompt_and_the_seed_make_the_picture(tmp_path: Path) -> None:
    built, picture = network(tmp_path), noisy(tmp_path)
    one, again, other, others = (
        list(translate(built, CPU, None, picture, steps=2, **more))[-1].made[0].picture.tobytes()
        for more in (
            {"prompt": "a cat"},
            {"prompt": "a cat", "seed": 0},
            {"prompt": "a dog"},
            {"prompt": "a cat", "seed": 1},
        )
    )
    assert one == again and len({one, other, others}) == 3


def test_a_full_memory_is_one_sentence(tmp_path: Path) -> None:
    built = network(tmp_path)

    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("full")

    built.forward = full
    with pytest.raises(UserError, match="The memory is not enough for this picture and this model"):
        list(translate(built, CPU, None, noisy(tmp_path), prompt="a cat", steps=2))


def test_a_prompt_for_a_translator_that_reads_none_is_refused(
    engine: Engine, tmp_path: Path
) -> None:
    noisy(tmp_path)
    with pytest.raises(
        UserError, match="does not work by diffusion and takes no prompt, steps: leave that out"
    ):
        list(
            engine.run(
                Recipe("translate", "cartoongan-shinkai", {"prompt": "snow", "steps": 3}),
                [str(tmp_path / "in.png")],
            )
        )


def test_an_editor_has_no_labels_and_draws_no_text(tmp_path: Path) -> None:
    built = network(tmp_path)
    with pytest.raises(UserError, match="This model has no labels"):
        list(translate(built, CPU, None, noisy(tmp_path), labels={"x": 1}))
    with pytest.raises(UserError, match="does not draw from a text"):
        list(text.draw(built, CPU, prompt="a cat"))
