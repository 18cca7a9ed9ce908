"""Text-to-image models: their folders read as data, and our loop equal to diffusers' own
pipelines.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ganapps.networks.torchvision_ops import ensure_torchvision

ensure_torchvision()

import diffusers
import pytest
import torch

from ganapps.device import Device
from ganapps.errors import UserError, WeightsError
from ganapps.models.formats import Contents, folders
from ganapps.networks.diffusion import stable_diffusion
from ganapps.tasks import sampling, text
from tests.small_stable import FILES, LENGTH, UNCHECKED, folder, schedule, theirs, vocabulary

CPU = Device("cpu")
LONG = "a cat! that walks on and on, à la 猫"


def contents(place: Path, **how: Any) -> Contents:
    return folders.read(place, folder(place, **how), "small")


def network(place: Path, **how: Any) -> stable_diffusion.StableDiffusion:
    read = contents(place, **how)
    return stable_diffusion.build(read.tensors, read.settings)


def drawn(built: stable_diffusion.StableDiffusion, **settings: Any) -> torch.Tensor:
    """The last picture of a run as numbers from 0 to 1, before they become bytes."""
    seen, decode = [], built.decode
    built.decode = lambda x: seen.append(decode(x)) or seen[-1]
    list(text.draw(built, CPU, **settings))
    built.decode = decode
    return (seen[-1] / 2 + 0.5).clamp(0, 1)


def pipeline(kind: str, place: Path, built: stable_diffusion.StableDiffusion, name: str) -> Any:
    scheduler = getattr(diffusers, sampling.CLASSES[name]).from_config(built.schedule)
    made = getattr(diffusers, kind)(**theirs(place), scheduler=scheduler, **UNCHECKED)
    made.set_progress_bar_config(disable=True)
    return made


@pytest.mark.parametrize("guidance", [1.0, 6.0])
@pytest.mark.parametrize("name", [n for n in sampling.CLASSES if n != "consistency"])
def test_every_scheduler_is_diffusers_pipeline_to_the_bit(
    tmp_path: Path, name: str, guidance: float
) -> None:
    built = network(tmp_path)
    asked = {
        "prompt": LONG,
        "guidance_scale": guidance,
        "negative_prompt": "dog",
        "eta": 0.5 if name == "ddim" else 0.0,
    }
    made = pipeline("StableDiffusionPipeline", tmp_path, built, name)
    truth = made(
        **asked, num_inference_steps=4, generator=torch.Generator().manual_seed(7), output_type="pt"
    ).images
    assert torch.equal(
        drawn(
            built,
            prompt=LONG,
            negative="dog",
            seed=7,
            steps=4,
            guidance=guidance,
            scheduler=name,
            eta=asked["eta"],
        ),
        truth,
    )


@pytest.mark.parametrize("prediction", ["v_prediction", "epsilon"])
def test_one_step_of_a_distilled_model_is_the_pipeline_s(tmp_path: Path, prediction: str) -> None:
    built = network(
        tmp_path,
        scheduler=schedule(
            diffusers.EulerDiscreteScheduler, prediction, timestep_spacing="trailing"
        ),
    )
    made = pipeline("StableDiffusionPipeline", tmp_path, built, "euler")
    truth = made(
        "a cat",
        guidance_scale=0.0,
        num_inference_steps=1,
        generator=torch.Generator().manual_seed(7),
        output_type="pt",
    ).images
    assert torch.equal(
        drawn(built, prompt="a cat", seed=7, steps=1, guidance=0.0, scheduler="euler"), truth
    )


def test_a_latent_consistency_model_is_diffusers_pipeline_to_the_bit(tmp_path: Path) -> None:
    built = network(tmp_path, scheduler=schedule(diffusers.LCMScheduler), distilled=True)
    made = pipeline("LatentConsistencyModelPipeline", tmp_path, built, "lcm")
    truth = made(
        "a cat",
        guidance_scale=8.0,
        num_inference_steps=4,
        generator=torch.Generator().manual_seed(7),
        output_type="pt",
    ).images
    assert torch.equal(
        drawn(built, prompt="a cat", seed=7, steps=4, guidance=8.0, scheduler="lcm"), truth
    )


def test_guidance_of_a_distilled_model_is_one_call_a_step(tmp_path: Path) -> None:
    for at, (distilled, guidance, calls) in enumerate(
        [(True, 8.0, 1), (False, 8.0, 2), (False, 1.0, 1)]
    ):
        steps = list(
            text.draw(
                network(tmp_path / str(at), distilled=distilled),
                CPU,
                prompt="a cat",
                steps=3,
                guidance=guidance,
            )
        )
        assert [s.network_calls for s in steps[::2]] == [calls] * 3


def test_a_step_tells_how_far_it_is_and_shows_noise_and_guess(tmp_path: Path) -> None:
    every = list(text.draw(network(tmp_path), CPU, prompt="a cat", seed=3, count=2, steps=3))
    steps, shows = every[::2], every[1::2]
    assert [s.done for s in steps] == [s.done for s in shows] == list(range(1, 7)) and {
        s.total for s in every
    } == {6}
    assert all(s.for_show for s in steps) and not any(
        s.for_show or s.made or s.network_calls for s in shows
    )
    assert [[p.size for p in s.preview] for s in shows] == [
        [(32, 32)] * 2,
        [(32, 32)] * 2,
        [(16, 16)] * 2,
    ] * 2
    assert [m.settings for s in steps for m in s.made] == [
        {"seed": 3, "count": 1},
        {"seed": 4, "count": 1},
    ]


def test_a_picture_does_not_depend_on_how_many_are_asked_for_nor_touches_the_global_state(
    tmp_path: Path,
) -> None:
    built, before = network(tmp_path), torch.random.get_rng_state()
    two = [
        m
        for s in text.draw(built, CPU, prompt="a cat", seed=3, count=2, steps=3, scheduler="ddpm")
        for m in s.made
    ]
    one = [
        m
        for s in text.draw(built, CPU, prompt="a cat", seed=4, steps=3, scheduler="ddpm")
        for m in s.made
    ]
    assert two[1].picture.tobytes() == one[0].picture.tobytes() != two[0].picture.tobytes()
    assert torch.equal(before, torch.random.get_rng_state())


def test_what_is_not_read_is_told(tmp_path: Path) -> None:
    built = network(tmp_path)
    said = [
        c
        for s in text.draw(
            built, CPU, prompt="a cat " * 9 + "end", negative="dog", steps=2, guidance=1.0
        )
        for c in s.changes
    ]
    assert [template for template, _ in said] == [
        "Without guidance above 1, what to avoid has no effect.",
        "The text is longer than this model reads, so its end was left out: {text}",
    ]
    assert said[1][1]["text"].endswith("cat end")
    short = [
        c for s in text.draw(built, CPU, prompt="a cat", negative="dog", steps=2) for c in s.changes
    ]
    assert short == []


def test_the_tokens_are_transformers_own(tmp_path: Path) -> None:
    built, truth = network(tmp_path), theirs(tmp_path)["tokenizer"]
    for words in ("", "A  cat's\tCAT", LONG, "x" * 99):
        how = {"padding": "max_length", "max_length": LENGTH, "truncation": True}
        assert built.text.tokenizer(words, **how).input_ids == truth(words, **how).input_ids
    assert truth.pad_token == "!", "the later file's mark counts, as in Stable Diffusion 2"


def test_files_of_older_libraries_are_read_equal(tmp_path: Path) -> None:
    """Attention by its names before diffusers 0.13, a text encoder's tensors under a prefix and
    with their positions.
    """
    read, truth = contents(tmp_path), theirs(tmp_path)
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    renamed = {}
    for name, tensor in read.tensors.items():
        if name.startswith("vae."):
            name = re.sub(
                r"(attentions\.0)\.(to_q|to_k|to_v|to_out\.0)\.",
                lambda m: f"{m[1]}.{old[m[2]]}.",
                name,
            )
        renamed[
            name.replace("text_encoder.text_model.", "text_encoder.").replace(
                "text_encoder.", "text_encoder.text_model."
            )
        ] = tensor
    assert "vae.encoder.mid_block.attentions.0.query.weight" in renamed
    renamed["text_encoder.text_model.embeddings.position_ids"] = torch.arange(LENGTH)[None]
    built = stable_diffusion.build(renamed, read.settings)
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            built.vae.state_dict().values(), truth["vae"].state_dict().values(), strict=True
        )
    )
    assert torch.equal(built.read("a cat"), network(tmp_path / "new").read("a cat"))


def test_half_precision_files_become_float32(tmp_path: Path) -> None:
    read = contents(tmp_path)
    built = stable_diffusion.build(
        {name: tensor.half() for name, tensor in read.tensors.items()}, read.settings
    )
    assert {p.dtype for p in built.parameters()} == {torch.float32}


def test_a_glance_knows_the_colours_of_plain_pictures(tmp_path: Path) -> None:
    built = network(tmp_path)
    # a stand-in for a trained encoder: latents are the colours, shuffled and scaled
    with torch.no_grad():
        built.vae.encode = lambda x: type(
            "Latents",
            (),
            {
                "latent_dist": type(
                    "D",
                    (),
                    {
                        "mode": staticmethod(
                            lambda: torch.cat(
                                [x[:, [2, 0, 1]] * 3 + 0.5, torch.zeros_like(x[:, :1])], 1
                            )[:, :, ::2, ::2]
                        )
                    },
                )
            },
        )()
        built.swatches = stable_diffusion._colours_of_latents(built.vae)
        colour = torch.tensor([0.3, -0.5, 0.7])[None, :, None, None].expand(1, 3, 16, 16)
        seen = built.glance(built.encode(colour) * built.vae.config.scaling_factor)
    assert seen.shape == (1, 3, 32, 32) and torch.allclose(
        seen, colour.repeat(1, 1, 2, 2), atol=1e-3
    )


REFUSED = {
    "a longer text": (
        {"prompt": "x" * 1001},
        "The setting prompt has 1001 characters: up to 1000 are accepted.",
    ),
    "a consistency scheduler": ({"scheduler": "consistency"}, "for consistency models only"),
    "eta without ddim": ({"scheduler": "euler", "eta": 0.5}, "eta has a meaning for ddim only"),
    "more steps than lcm has": (
        {"scheduler": "lcm", "steps": 60},
        "The scheduler lcm can't go in 60 steps here: choose fewer.",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_that_can_t_be_done_is_a_sentence(name: str, tmp_path: Path) -> None:
    from ganapps.settings import check

    settings, sentence = REFUSED[name]
    with pytest.raises(UserError, match=re.escape(sentence)):
        list(text.draw(network(tmp_path), CPU, **check(text.draw, settings)))


def test_a_face_model_draws_no_text() -> None:
    with pytest.raises(UserError, match="does not draw from a text"):
        next(text.draw(torch.nn.Identity(), CPU, prompt="a cat"))


def spoilt(place: Path, file: str, **changes: Any) -> Contents:
    """A folder one of whose tables has other values."""
    files = folder(place)
    table = json.loads((place / file).read_text()) | changes
    (place / file).write_text(json.dumps(table))
    return folders.read(place, files, "small")


FAULTS = {
    "another U-Net": (
        "unet/config.json",
        {"_class_name": "os.system"},
        "unet should be a UNet2DConditionModel, but is os.system",
    ),
    "another scheduler": (
        "scheduler/scheduler_config.json",
        {"_class_name": "subprocess.run"},
        "calls itself subprocess.run, which is none",
    ),
    "a consistency schedule": (
        "scheduler/scheduler_config.json",
        {"_class_name": "CMStochasticIterativeScheduler"},
        "of another kind of model",
    ),
    "another text encoder": (
        "text_encoder/config.json",
        {"model_type": "t5"},
        "not that of a CLIP text encoder",
    ),
    "an activation to fetch": (
        "text_encoder/config.json",
        {"hidden_act": "ann/kernel"},
        "values of no encoder: hidden_act",
    ),
    "a width that is text": (
        "text_encoder/config.json",
        {"hidden_size": "9" * 9},
        "values of no encoder: hidden_size",
    ),
    "another width": (
        "text_encoder/config.json",
        {"hidden_size": 20},
        "token_embedding.weight is 192x16 and should be 192x20",
    ),
    "a size that is text": ("unet/config.json", {"sample_size": "x"}, "the sample_size x"),
    "a mark that is no piece": (
        "tokenizer/special_tokens_map.json",
        {"pad_token": "<pad>"},
        "vocabulary lacks '<pad>'",
    ),
    "a mark that is a number": (
        "tokenizer/special_tokens_map.json",
        {"pad_token": 3},
        "has the special token 3",
    ),
    "more pieces than the encoder knows": (
        "tokenizer/vocab.json",
        {"zz": 4000},
        "does not fit the text encoder",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_folder_of_another_kind_is_refused_and_nothing_is_imported(
    name: str, tmp_path: Path
) -> None:
    file, changes, sentence = FAULTS[name]
    read = spoilt(tmp_path, file, **changes)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        stable_diffusion.build(read.tensors, read.settings)


@pytest.mark.parametrize(
    "lines, sentence",
    [("c a t\n", "merges.txt has the line 'c a t'"), ("q u\n", "vocabulary lacks 'qu'")],
)
def test_merges_that_join_nothing_are_refused(lines: str, sentence: str, tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "tokenizer/merges.txt").write_text(lines)
    read = folders.read(tmp_path, FILES, "small")
    with pytest.raises(ValueError, match=re.escape(sentence)):
        stable_diffusion.build(read.tensors, read.settings)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"x" * (5 << 20)])
def test_merges_that_are_no_text_are_one_sentence(body: bytes, tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / "tokenizer/merges.txt").write_bytes(body)
    with pytest.raises(
        WeightsError, match="merges.txt of small (can't be read as text|is too large)"
    ):
        folders.read(tmp_path, FILES, "small")


@pytest.mark.parametrize("part", ["unet", "vae", "text_encoder"])
def test_a_missing_tensor_is_named(part: str, tmp_path: Path) -> None:
    read = contents(tmp_path)
    gone = next(name for name in read.tensors if name.startswith(part + "."))
    del read.tensors[gone]
    with pytest.raises(
        ValueError,
        match=re.escape(f"{gone.removeprefix(part + '.').removeprefix('text_model.')} is missing"),
    ):
        stable_diffusion.build(read.tensors, read.settings)


def test_a_broken_schedule_is_one_sentence(tmp_path: Path) -> None:
    read = spoilt(tmp_path, "scheduler/scheduler_config.json", beta_schedule="zigzag")
    built = stable_diffusion.build(read.tensors, read.settings)
    with pytest.raises(
        WeightsError, match="The noise schedule of this model can't be used with ddim"
    ):
        list(text.draw(built, CPU, prompt="a cat", scheduler="ddim"))


def test_weights_that_give_no_number_are_one_sentence(tmp_path: Path) -> None:
    built = network(tmp_path)
    built.unet.conv_out.bias.fill_(float("nan"))
    with pytest.raises(UserError, match="its output is not finite"):
        list(text.draw(built, CPU, prompt="a cat", steps=2))


def test_every_piece_is_in_the_small_vocabulary_once() -> None:
    assert sorted(vocabulary().values()) == list(range(len(vocabulary())))
