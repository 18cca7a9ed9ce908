"""Diffusion models: their folders read as data, and the sampling loop equal to diffusers' own
pipelines.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from ganapps.networks.torchvision_ops import ensure_torchvision

ensure_torchvision()

import diffusers
import numpy as np
import pytest
import torch

from ganapps.device import Device
from ganapps.errors import UserError, WeightsError
from ganapps.models.formats import folders
from ganapps.networks.diffusion import diffusion
from ganapps.tasks import sampling
from ganapps.tasks.denoise import denoise
from ganapps.tasks.labels import from_classes
from tests.small_diffusion import decoder, folder, unet

CPU = Device("cpu")


def network(place: Path, **how) -> diffusion.Diffusion:
    contents = folders.read(place, folder(place, **how), "small")
    return diffusion.build(contents.tensors, contents.settings)


def walk(
    built: diffusion.Diffusion, seed: int, steps: int, name: str, eta: float = 0.0
) -> list[sampling.Moment]:
    generator = torch.Generator().manual_seed(seed)
    loop = sampling.scheduler(built.schedule, name, steps)
    return list(
        sampling.walk(loop, sampling.noise(built.shape, generator, CPU), built, CPU, generator, eta)
    )


def pictures(x: torch.Tensor) -> np.ndarray:
    return (x / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()


def consistency(place: Path, classes: int = 0) -> diffusion.Diffusion:
    contents = folders.read(place, folder(place, consistency=True, classes=classes), "small")
    return diffusion.build(contents.tensors, contents.settings)


@pytest.mark.parametrize("safe", [True, False])
def test_a_folder_is_read_back_equal(tmp_path: Path, safe: bool) -> None:
    built = network(tmp_path, latent=True, safe=safe)
    for part, truth in ((built.unet, unet()), (built.decoder, decoder())):
        assert all(
            torch.equal(a, b)
            for a, b in zip(part.state_dict().values(), truth.state_dict().values(), strict=True)
        )
    assert (built.shape, built.resolution) == ((3, 8, 8), 16)


def test_files_at_the_top_are_the_unet(tmp_path: Path) -> None:
    unet().save_pretrained(tmp_path)
    diffusers.DDPMScheduler(num_train_timesteps=100).save_pretrained(tmp_path)
    contents = folders.read(
        tmp_path,
        ("config.json", "diffusion_pytorch_model.safetensors", "scheduler_config.json"),
        "small",
    )
    assert (
        diffusion.build(contents.tensors, contents.settings).schedule["num_train_timesteps"] == 100
    )


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("eta", [0.0, 0.7])
def test_ddim_is_diffusers_pipeline_to_the_bit(tmp_path: Path, prediction: str, eta: float) -> None:
    built = network(tmp_path, prediction=prediction)
    pipeline = diffusers.DDIMPipeline(unet(), diffusers.DDIMScheduler.from_config(built.schedule))
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        generator=torch.Generator().manual_seed(5), num_inference_steps=6, eta=eta, output_type="np"
    ).images
    assert np.array_equal(theirs, pictures(walk(built, 5, 6, "ddim", eta)[-1].x))


def test_ddpm_is_diffusers_pipeline_to_the_bit(tmp_path: Path) -> None:
    built = network(tmp_path)
    pipeline = diffusers.DDPMPipeline(unet(), diffusers.DDPMScheduler.from_config(built.schedule))
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        generator=torch.Generator().manual_seed(5), num_inference_steps=6, output_type="np"
    ).images
    assert np.array_equal(theirs, pictures(walk(built, 5, 6, "ddpm")[-1].x))


def test_a_latent_model_is_diffusers_pipeline_to_the_bit(tmp_path: Path) -> None:
    built = network(tmp_path, latent=True)
    pipeline = diffusers.LDMPipeline(
        decoder(), unet(), diffusers.DDIMScheduler.from_config(built.schedule)
    )
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        generator=torch.Generator().manual_seed(5), num_inference_steps=6, output_type="np"
    ).images
    with torch.no_grad():
        assert np.array_equal(theirs, pictures(built.decode(walk(built, 5, 6, "ddim")[-1].x)))


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("classes", [0, 7])
def test_a_consistency_model_is_diffusers_pipeline_to_the_bit(
    tmp_path: Path, classes: int, steps: int
) -> None:
    built = consistency(tmp_path, classes)
    assert built.label_dim == classes
    pipeline = diffusers.ConsistencyModelPipeline(
        unet(classes=classes), diffusers.CMStochasticIterativeScheduler.from_config(built.schedule)
    )
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        class_labels=4 if classes else None,
        num_inference_steps=steps,
        generator=torch.Generator().manual_seed(5),
        output_type="pil",
    ).images
    table = from_classes((), classes) if classes else None
    ours = [
        m
        for s in denoise(
            built,
            CPU,
            table,
            seed=5,
            steps=steps,
            scheduler="consistency",
            labels={"class": "4"} if classes else None,
        )
        for m in s.made
    ]
    assert np.abs(np.asarray(theirs[0], int) - np.asarray(ours[0].picture, int)).max() <= 1, (
        "bytes are rounded otherwise"
    )
    generator, row = torch.Generator().manual_seed(5), torch.eye(7)[4:5] if classes else None
    loop = sampling.scheduler(built.schedule, "consistency", steps)
    *_, last = sampling.walk(
        loop,
        sampling.noise(built.shape, generator, CPU),
        lambda x, t: built(x, t, row),
        CPU,
        generator,
    )
    theirs = pipeline(
        class_labels=4 if classes else None,
        num_inference_steps=steps,
        generator=torch.Generator().manual_seed(5),
        output_type="np",
    ).images
    assert np.array_equal(theirs, pictures(last.x)) and torch.allclose(
        last.guess, last.x, atol=1e-5
    )


def test_the_seed_draws_the_class_that_nobody_chose(tmp_path: Path) -> None:
    built, table = consistency(tmp_path, 7), from_classes((), 7)
    rows, forward = [], built.forward
    built.forward = lambda x, t, row: rows.append(int(row.argmax())) or forward(x, t, row)
    list(denoise(built, CPU, table, seed=0, count=12, steps=1, scheduler="consistency"))
    assert len(set(rows)) > 3
    with pytest.raises(UserError, match="The label class can't be nine"):
        list(denoise(built, CPU, table, steps=1, scheduler="consistency", labels={"class": "nine"}))


def test_a_model_without_classes_has_no_labels(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="This model has no labels"):
        list(denoise(network(tmp_path), CPU, labels={"class": "1"}))


def test_a_consistency_model_wants_its_own_scheduler(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="choose the scheduler consistency"):
        list(denoise(consistency(tmp_path), CPU, scheduler="ddim"))
    with pytest.raises(UserError, match="for consistency models only"):
        list(denoise(network(tmp_path / "other"), CPU, scheduler="consistency"))
    with pytest.raises(UserError, match="can't go in 60 steps here"):
        list(denoise(consistency(tmp_path / "third"), CPU, scheduler="consistency", steps=60))


def test_attention_by_its_old_names_is_read_equal(tmp_path: Path) -> None:
    contents = folders.read(tmp_path, folder(tmp_path, latent=True), "small")
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    renamed = {
        re.sub(
            r"(attentions\.0)\.(to_q|to_k|to_v|to_out\.0)\.", lambda m: f"{m[1]}.{old[m[2]]}.", n
        ): t
        for n, t in contents.tensors.items()
    }
    assert (
        "unet.mid_block.attentions.0.query.weight" in renamed
        and "vqvae.decoder.mid_block.attentions.0.proj_attn.bias" in renamed
    )
    built = diffusion.build(renamed, contents.settings)
    assert all(
        torch.equal(a, b)
        for a, b in zip(built.unet.state_dict().values(), unet().state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("name", [n for n in sampling.CLASSES if n != "consistency"])
def test_every_scheduler_ends_where_its_last_guess_is(tmp_path: Path, name: str) -> None:
    built = network(tmp_path)
    last = walk(built, 1, 8, name)[-1]
    # those clip it, as the schedule says
    x, guess = (
        last.x,
        last.guess.clamp(-1, 1) if name in ("ddpm", "ddim", "lcm") else last.guess,
    )
    assert torch.allclose(x, guess, atol=1e-5)


def test_a_step_tells_how_far_it_is_and_shows_noise_and_guess(tmp_path: Path) -> None:
    every = list(denoise(network(tmp_path, latent=True), CPU, seed=3, count=2, steps=4))
    steps, shows = every[::2], every[1::2]
    assert [s.done for s in steps] == list(range(1, 9)) and {s.total for s in steps} == {8}
    assert all(s.for_show for s in steps) and not any(s.for_show for s in shows), (
        "decoding what is only looked at is charged to nobody"
    )
    assert all(len(s.preview) == 2 and s.preview[0].size == (16, 16) for s in shows)
    assert [len(s.made) for s in steps] == [0, 0, 0, 1, 0, 0, 0, 1] and not any(
        s.made for s in shows
    )
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


def test_a_folder_that_names_another_class_is_refused_and_nothing_is_imported(
    tmp_path: Path,
) -> None:
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
