"""Diffusion models: their folders read as data, and the sampling loop equal to diffusers' own pipelines."""

from __future__ import annotations

import json
from pathlib import Path

from ganapps.networks.torchvision_ops import ensure_torchvision

ensure_torchvision()

import diffusers
import numpy as np
import pytest
import torch
from small_diffusion import decoder, folder, unet

from ganapps import folders
from ganapps.device import Device
from ganapps.errors import UserError, WeightsError
from ganapps.networks import diffusion
from ganapps.tasks.denoise import CLASSES, denoise, sample

CPU = Device("cpu")


def network(place: Path, **how) -> diffusion.Diffusion:
    contents = folders.read(place, folder(place, **how), "small")
    return diffusion.build(contents.tensors, contents.settings)


def last(steps) -> torch.Tensor:
    for x, _ in steps:
        pass
    return x


@pytest.mark.parametrize("safe", [True, False])
def test_a_folder_is_read_back_equal(tmp_path: Path, safe: bool) -> None:
    built = network(tmp_path, latent=True, safe=safe)
    for part, truth in ((built.unet, unet()), (built.decoder, decoder())):
        assert all(torch.equal(a, b) for a, b in zip(part.state_dict().values(), truth.state_dict().values(), strict=True))
    assert (built.shape, built.resolution) == ((3, 8, 8), 16)


def test_files_at_the_top_are_the_unet(tmp_path: Path) -> None:
    unet().save_pretrained(tmp_path)
    diffusers.DDPMScheduler(num_train_timesteps=100).save_pretrained(tmp_path)
    contents = folders.read(tmp_path, ("config.json", "diffusion_pytorch_model.safetensors", "scheduler_config.json"), "small")
    assert diffusion.build(contents.tensors, contents.settings).schedule["num_train_timesteps"] == 100


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_ddim_is_diffusers_pipeline_to_the_bit(tmp_path: Path, prediction: str, eta: float) -> None:
    built = network(tmp_path, prediction=prediction)
    pipeline = diffusers.DDIMPipeline(unet(), diffusers.DDIMScheduler.from_config(built.schedule))
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(generator=torch.Generator().manual_seed(5), num_inference_steps=6, eta=eta, output_type="np").images
    ours = last(sample(built, CPU, 5, 6, "ddim", eta))
    assert np.array_equal(theirs, (ours / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy())


def test_ddpm_is_diffusers_pipeline_to_the_bit(tmp_path: Path) -> None:
    built = network(tmp_path)
    pipeline = diffusers.DDPMPipeline(unet(), diffusers.DDPMScheduler.from_config(built.schedule))
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(generator=torch.Generator().manual_seed(5), num_inference_steps=6, output_type="np").images
    ours = last(sample(built, CPU, 5, 6, "ddpm", 0.0))
    assert np.array_equal(theirs, (ours / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize("name", list(CLASSES))
def test_every_scheduler_ends_where_its_last_guess_is(tmp_path: Path, name: str) -> None:
    built = network(tmp_path)
    x, guess = list(sample(built, CPU, 1, 8, name, 0.0))[-1]
    guess = guess.clamp(-1, 1) if name in ("ddpm", "ddim") else guess  # those clip what they guess, as the schedule says
    assert torch.allclose(x, guess, atol=1e-5)


def test_a_step_tells_how_far_it_is_and_shows_noise_and_guess(tmp_path: Path) -> None:
    every = list(denoise(network(tmp_path, latent=True), CPU, seed=3, count=2, steps=4))
    steps, shows = every[::2], every[1::2]
    assert [s.done for s in steps] == list(range(1, 9)) and {s.total for s in steps} == {8}
    assert all(s.for_show for s in steps) and not any(s.for_show for s in shows), "decoding what is only looked at is charged to nobody"
    assert all(len(s.preview) == 2 and s.preview[0].size == (16, 16) for s in shows)
    assert [len(s.made) for s in steps] == [0, 0, 0, 1, 0, 0, 0, 1] and not any(s.made for s in shows)
    assert [s.network_calls for s in steps] == [1] * 8 and sum(s.network_calls for s in shows) == 0


def test_a_picture_does_not_depend_on_how_many_are_asked_for(tmp_path: Path) -> None:
    built = network(tmp_path)
    two = [m for s in denoise(built, CPU, seed=3, count=2, steps=3, eta=1.0) for m in s.made]
    one = [m for s in denoise(built, CPU, seed=4, count=1, steps=3, eta=1.0) for m in s.made]
    assert two[1].picture.tobytes() == one[0].picture.tobytes() != two[0].picture.tobytes()


def test_the_global_random_state_is_left_alone(tmp_path: Path) -> None:
    built = network(tmp_path)
    before = torch.random.get_rng_state()
    list(denoise(built, CPU, seed=3, steps=3, scheduler="ddpm"))
    assert torch.equal(before, torch.random.get_rng_state())


def test_eta_without_ddim_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="eta has a meaning for ddim only"):
        list(denoise(network(tmp_path), CPU, scheduler="euler", eta=0.5))


def test_a_folder_that_names_another_class_is_refused_and_nothing_is_imported(tmp_path: Path) -> None:
    files = folder(tmp_path)
    config = json.loads((tmp_path / "unet/config.json").read_text()) | {"_class_name": "os.system"}
    (tmp_path / "unet/config.json").write_text(json.dumps(config))
    contents = folders.read(tmp_path, files, "small")
    with pytest.raises(ValueError, match="should be a UNet2DModel, but is os.system"):
        diffusion.build(contents.tensors, contents.settings)


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000, "x" * (1 << 21)])
def test_a_damaged_config_is_one_sentence(tmp_path: Path, text: str) -> None:
    files = folder(tmp_path)
    (tmp_path / "unet/config.json").write_text(text)
    with pytest.raises(WeightsError, match="config.json of small"):
        folders.read(tmp_path, files, "small")


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    contents = folders.read(tmp_path, folder(tmp_path), "small")
    del contents.tensors["unet.conv_in.bias"]
    with pytest.raises(ValueError, match="conv_in.bias is missing"):
        diffusion.build(contents.tensors, contents.settings)
