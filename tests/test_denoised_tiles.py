"""Diffusion upscalers: equal to diffusers' pipelines in one tile, and stoppable, told and refused
in many.
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
from ganapps.errors import UserError
from ganapps.models.formats import folders
from ganapps.networks.diffusion import diffusion_upscaler
from ganapps.networks.upscale.span import SPAN
from ganapps.pictures.uploads import Upload, open_upload
from ganapps.tasks.upscale import upscale
from ganapps.ui.words import say
from tests.small_stable import latent_upscaler, theirs, upscaler

CPU = Device("cpu")
WRITERS = {"text": upscaler, "latent": latent_upscaler}


def network(place: Path, kind: str) -> diffusion_upscaler.DiffusionUpscaler:
    read = folders.read(place, WRITERS[kind](place), "small")
    return diffusion_upscaler.build(read.tensors, read.settings)


def noisy(place: Path, height: int = 16, width: int = 24, channels: int = 3) -> Upload:
    pixels = np.random.RandomState(0).randint(0, 256, (height, width, channels), np.uint8)
    Image.fromarray(pixels).save(place / "in.png")
    return open_upload(str(place / "in.png"))


def made(built: Any, picture: Upload, **settings: Any) -> torch.Tensor:
    """What the network made of the last tile, 0 to 1."""
    seen, decode = [], built.decode
    built.decode = lambda x: seen.append(decode(x)) or seen[-1]
    list(upscale(built, CPU, None, picture, **settings))
    built.decode = decode
    return seen[-1]


def test_the_upscaler_of_stable_diffusion_is_diffusers_pipeline_to_the_bit(tmp_path: Path) -> None:
    built, picture = network(tmp_path, "text"), noisy(tmp_path)
    pipeline = diffusers.StableDiffusionUpscalePipeline(
        **theirs(tmp_path),
        scheduler=diffusers.DDIMScheduler.from_pretrained(tmp_path / "scheduler"),
        low_res_scheduler=diffusers.DDPMScheduler.from_pretrained(tmp_path / "low_res_scheduler"),
        watermarker=None,
    )
    pipeline.set_progress_bar_config(disable=True)
    for level in (0, 30):
        truth = pipeline(
            "",
            image=Image.open(tmp_path / "in.png"),
            num_inference_steps=4,
            guidance_scale=1.0,
            noise_level=level,
            generator=torch.Generator().manual_seed(3),
            output_type="pt",
        ).images
        assert torch.equal(made(built, picture, steps=4, seed=3, noise_level=level), truth)


def test_the_upscaler_of_latent_diffusion_is_diffusers_pipeline_to_the_bit(tmp_path: Path) -> None:
    """The weights that diffusers reads, and over them its loop; the pipeline has the very tensors
    that ours has, for some processors round otherwise where numbers lie elsewhere in memory.
    """
    built, picture = network(tmp_path, "latent"), noisy(tmp_path)
    theirs_ = (
        diffusers.VQModel.from_pretrained(tmp_path / "vqvae"),
        diffusers.UNet2DModel.from_pretrained(tmp_path / "unet"),
    )
    for ours, read in zip((built.decoder, built.unet), theirs_):
        weights = read.state_dict()
        assert ours.state_dict().keys() == weights.keys() and all(
            torch.equal(weights[name], tensor) for name, tensor in ours.state_dict().items()
        )
    pipeline = diffusers.LDMSuperResolutionPipeline(
        built.decoder, built.unet, diffusers.DDIMScheduler.from_pretrained(tmp_path / "scheduler")
    )
    pipeline.set_progress_bar_config(disable=True)
    x = (
        2 * torch.from_numpy(picture.pixels[None].astype(np.float32) / 255).permute(0, 3, 1, 2) - 1
    ).contiguous()
    truth = pipeline(
        x, num_inference_steps=4, generator=torch.Generator().manual_seed(3), output_type="pt"
    ).images
    assert torch.equal(made(built, picture, steps=4, seed=3), truth)


@pytest.mark.parametrize("kind", WRITERS)
def test_every_step_of_every_tile_is_told(kind: str, tmp_path: Path) -> None:
    steps = list(
        upscale(
            network(tmp_path, kind), CPU, None, noisy(tmp_path), steps=3, seed=1, tile=16, overlap=8
        )
    )
    assert steps[-1].made[0].figures["tiles"] == 2 and steps[-1].made[0].picture.shape == (
        64,
        96,
        3,
    )
    assert [s.done for s in steps] == list(range(1, 8)) and {s.total for s in steps} == {7}
    assert [s.network_calls for s in steps] == [1] * 6 + [0]
    assert steps[2].part is None and sum(len(s.part.rows) for s in steps[:6] if s.part) == 64


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("height, width, channels", [(33, 21, 3), (1, 1, 3), (9, 7, 4)])
def test_any_size_comes_out_four_times_as_large(
    kind: str, height: int, width: int, channels: int, tmp_path: Path
) -> None:
    steps = list(
        upscale(
            network(tmp_path, kind), CPU, None, noisy(tmp_path, height, width, channels), steps=2
        )
    )
    assert steps[-1].made[0].picture.shape == (4 * height, 4 * width, channels)
    assert sum(s.network_calls for s in steps) == (4 if channels == 4 else 2), (
        "alpha is a picture of its own"
    )


def test_the_seed_and_the_noise_level_make_the_picture(tmp_path: Path) -> None:
    built, picture = network(tmp_path, "text"), noisy(tmp_path)
    one, again, other, noisier = (
        made(built, picture, steps=3, **more)
        for more in ({}, {"seed": "0"}, {"seed": 1}, {"noise_level": 300})
    )
    assert torch.equal(one, again) and not torch.equal(one, other) and not torch.equal(one, noisier)


def test_neighbours_share_their_noise(tmp_path: Path) -> None:
    """Where all tiles see the same small picture, what two of them start from where they overlap is
    the same.
    """
    built = network(tmp_path, "text")
    starts, forward = [], built.forward
    built.forward = lambda x_t, t, small, level: (
        starts.append(x_t.clone()) or forward(x_t, t, small, level)
    )
    list(upscale(built, CPU, None, noisy(tmp_path), steps=1, seed=1, tile=16, overlap=8))
    assert len(starts) == 2 and torch.equal(starts[0][..., 8:], starts[1][..., :8])


def test_only_what_is_needed_is_kept(tmp_path: Path) -> None:
    names = {name.split(".")[0] for name, _ in network(tmp_path, "text").named_parameters()}
    assert names == {"unet", "decoder"}, "the text encoder was asked for the empty text, once"


REFUSED = {
    "a noise level without one": (
        "latent",
        {"noise_level": 10},
        "does not make the picture noisy first",
    ),
    "too much noise": (
        "text",
        {"noise_level": 351},
        "The setting noise_level is 351: from 0 to 350 is accepted.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_that_can_t_be_done_is_a_sentence(name: str, tmp_path: Path) -> None:
    kind, settings, sentence = REFUSED[name]
    with pytest.raises(UserError, match=sentence):
        list(upscale(network(tmp_path, kind), CPU, None, noisy(tmp_path), **settings))


def test_the_window_says_what_is_refused_by_its_label(tmp_path: Path) -> None:
    for built, settings, label in (
        (network(tmp_path / "text", "text"), {"noise_level": 351}, "“Noise on the small picture: "),
        (SPAN(3, 8, 4, False), {"steps": 3, "seed": 1}, "“Steps”, “Seed: a number or any words”"),
    ):
        with pytest.raises(UserError) as refused:
            list(upscale(built, CPU, None, noisy(tmp_path), **settings))
        assert label in say("en", refused.value.message)


def test_steps_of_an_upscaler_without_any_are_refused(engine: Any, tmp_path: Path) -> None:
    from ganapps.recipe import Recipe

    noisy(tmp_path)
    with pytest.raises(
        UserError, match="does not work by diffusion and takes no steps, seed: leave that out"
    ):
        list(
            engine.run(
                Recipe("upscale", "spanx4", {"steps": 3, "seed": 1}), [str(tmp_path / "in.png")]
            )
        )


def test_weights_that_give_no_number_are_one_sentence(tmp_path: Path) -> None:
    built = network(tmp_path, "text")
    built.unet.conv_out.bias.fill_(float("nan"))
    with pytest.raises(UserError, match="its output is not finite"):
        list(upscale(built, CPU, None, noisy(tmp_path), steps=2))


def test_a_full_memory_is_one_sentence(tmp_path: Path) -> None:
    built = network(tmp_path, "text")

    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("full")

    built.forward = full
    with pytest.raises(UserError, match="not enough for tiles of 24 pixels with this model"):
        list(upscale(built, CPU, None, noisy(tmp_path), steps=2))


@pytest.mark.parametrize("kind", WRITERS)
def test_the_layout_is_recognised_before_the_other_kinds(kind: str, tmp_path: Path) -> None:
    from ganapps import networks

    read = folders.read(tmp_path, WRITERS[kind](tmp_path), "small")
    assert (
        networks.recognise({name: tuple(t.shape) for name, t in read.tensors.items()})
        == "diffusion_upscaler"
    )
