"""The encoder and the reader of heads: their trainings in miniature, files that the app reads back,
and a search that begins with a guess.
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ganapps import engine as engines
from ganapps.engine import Engine, Result
from ganapps.networks.faces import encoder
from ganapps.networks.find import reader
from ganapps.recipe import Recipe
from ganapps.training import encoder as training
from ganapps.training import head_reader, history
from ganapps.training.generator import Generator
from ganapps.training.heads import people
from tests.small_training import Eyes, portraits, same

TINY = training.Settings(widths=(4, 6), narrow=2, batch=2, small=2, plain=4)


def trainer() -> training.EncoderTrainer:
    torch.manual_seed(0)
    small = Generator(16, 44, w_dim=8, channel_base=64, channel_max=8).eval().requires_grad_(False)
    return training.EncoderTrainer(portraits(16), small, TINY, pictures=100, features=Eyes())


def test_an_encoder_learns_through_its_generator_and_goes_on_where_it_stopped() -> None:
    one = trainer()
    before = [p.clone() for p in one.generator.parameters()]
    told = [one.step() for _ in range(3)]
    assert [sorted(losses) for losses in told][::2] == [
        ["made", "portraits", "styles"],
        ["features", "made", "portraits", "styles"],
    ]
    assert all(torch.equal(a, b) for a, b in zip(before, one.generator.parameters()))
    kept = copy.deepcopy(one.state())
    told.append(one.step())
    other = trainer()
    other.restore(kept)
    assert other.step() == told[-1] and same(other.state(), one.state())
    assert one.sheet().shape == (32, 3, 16, 16)


def test_its_file_is_read_back_and_says_what_it_lacks(tmp_path: Path) -> None:
    one = trainer()
    one.step()
    one.export(tmp_path)
    tensors = load_file(tmp_path / "heads-128.encoder.safetensors")
    network = encoder.build(tensors)
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    assert network(x).shape == (2, one.generator.num_ws, 8)
    torch.testing.assert_close(network(x), one.average(x), rtol=0.02, atol=0.02)
    with pytest.raises(ValueError, match="halves.0.conv.weight"):
        encoder.build({name: t for name, t in tensors.items() if name != "halves.0.conv.weight"})


def test_portraits_are_moved_a_little_and_stay_pictures() -> None:
    x = torch.linspace(-1, 1, 16).expand(5, 3, 16, 16)
    moved = training.moved(x)
    assert moved.shape == x.shape and moved.min() >= -1 and moved.max() <= 1
    away = [float((one - x[0]).abs().mean()) for one in moved]
    assert len(set(away)) == 5


@pytest.fixture(scope="module")
def engine() -> Engine:
    return engines.start("cpu", offline=True)


def searched(engine: Engine, picture: Path, model: str, **settings: object) -> Result:
    *_, last = engine.run(Recipe("invert", model, {"steps": 10, **settings}), [str(picture)])
    return last


def test_a_search_without_an_encoder_says_so_and_is_as_ever(engine: Engine, tmp_path: Path) -> None:
    *_, drawn = engine.run(Recipe("faces", "heads-64", {"seed": 5, "count": 1, "psi": 0.5}))
    drawn.made[0].picture.resize((256, 256)).save(tmp_path / "own.png")
    plain = searched(engine, tmp_path / "own.png", "heads-64")
    asked = searched(engine, tmp_path / "own.png", "heads-64", start="encoder")
    assert asked.made[0].figures == plain.made[0].figures
    said = "No encoder ships for this model: the search began with its average face."
    assert said in [str(change) for change in asked.report.changes]
    assert said not in [str(change) for change in plain.report.changes]


def test_a_guess_comes_nearer_in_fewer_steps(engine: Engine, tmp_path: Path) -> None:
    *_, drawn = engine.run(Recipe("faces", "heads-128", {"seed": 5, "count": 1}))
    drawn.made[0].picture.resize((256, 256)).save(tmp_path / "own.png")
    plain = searched(engine, tmp_path / "own.png", "heads-128", steps=30)
    short = searched(engine, tmp_path / "own.png", "heads-128", steps=15, start="encoder")
    assert short.made[0].figures["error"] < plain.made[0].figures["error"]
    assert 15 <= short.report.network_calls <= 15 + 12  # and one for the average face, one at last
    one = searched(engine, tmp_path / "own.png", "heads-128", space="w", start="encoder")
    assert len(one.made[0].figures["styles"]) < len(short.made[0].figures["styles"]) / 10


def test_an_edit_says_whether_it_is_still_the_same_person(engine: Engine) -> None:
    def edited(**edits: float) -> dict:
        settings = {"seed": 3, "edits": edits}
        *_, last = engine.run(Recipe("edit", "heads-128", settings))
        return last.made[0].figures

    turned, another = edited(yaw=0.5), edited(hair_colour=0.0, gender=2.0, beard=2.0)
    assert turned["likeness"] > another["likeness"] and -1 <= another["likeness"] <= 1
    assert {"age", "smile", "glasses"} <= set(turned["shows"])
    assert not {"gender", "ancestry"} & set(turned["shows"])


def day(index: int, number: int) -> people.Description:
    return people.on_another_day(index, number)


def test_somebody_of_another_day_is_the_same_person() -> None:
    first, other = day(7, 0), day(7, 1)
    assert first == people.describe(7) and other == day(7, 1) != day(7, 2)
    stays = ("sex", "shape", "hair", "hair_rgb", "iris", "brows", "beard", "skin_light", "african")
    assert all(first[name] == other[name] for name in stays)
    assert all(first[name] != other[name] for name in ("yaw", "light_az", "noise_seed"))
    assert abs(first["age"] - other["age"]) <= people.YEARS


def crowd(seed: int, days: int = 4) -> head_reader.Crowd:
    """People who differ in eight of the numbers, and on their days in all others."""
    random = torch.Generator().manual_seed(seed)
    who = torch.arange(60).repeat_interleave(days)
    seen = torch.randn(len(who), 64, generator=random)
    seen[:, :8] = 0.5 * seen[:, :8] + torch.randn(60, 8, generator=random)[who]
    return head_reader.Crowd(seen, who + 1000 * seed)


def test_the_discriminant_tells_people_apart_whatever_their_day() -> None:
    weight, bias = head_reader.discriminant(crowd(1))
    assert weight.shape == (head_reader.LIKENESS, 64)
    strangers = crowd(2)
    likeness = torch.nn.functional.normalize(strangers.seen @ weight.T + bias, dim=1)
    told = head_reader.separation(likeness, strangers.who, torch.zeros(len(likeness)))
    assert told["area"] == pytest.approx(told["close"]) and told["area"] > 0.8
    assert told["alike"] > 0.3 > told["strangers"]
    assert head_reader.area(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 2.0, 3.5])) == 5 / 6


def test_labels_are_read_off_what_is_seen() -> None:
    random = torch.Generator().manual_seed(1)
    seen = torch.randn(4000, 50, generator=random)
    labels = seen[:, :2] * torch.tensor([2.0, -1.0]) + 1
    weight, bias = head_reader.ridge(seen, labels)
    assert ((seen @ weight.T + bias - labels).abs().mean(0) < 0.9 * labels.std(0)).all()


def test_a_reader_is_read_back(tmp_path: Path) -> None:
    network = reader.HeadReader(("age", "smile"), 4).eval()
    tensors = {name: tensor.half().float() for name, tensor in network.state_dict().items()}
    save_file(tensors, tmp_path / "a.safetensors", metadata={"names": '["age", "smile"]'})
    with safe_open(tmp_path / "a.safetensors", "pt") as file:
        there = reader.build(load_file(tmp_path / "a.safetensors"), file.metadata())
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        found = there(x)
    assert there.names == ("age", "smile") and found.labels.shape == (2, 2)
    torch.testing.assert_close(found.likeness.norm(dim=1), torch.ones(2))


def test_a_moment_is_a_sheet_of_sixteen() -> None:
    def sample(seeds: np.ndarray) -> Tensor:
        return torch.linspace(-1, 1, len(seeds)).view(-1, 1, 1, 1).expand(-1, 3, 64, 64)

    sheet = history.sheet(sample)
    assert sheet.size == (8 * 128, 2 * 128)
    assert sheet.getpixel((0, 0)) < sheet.getpixel((1023, 0)) < sheet.getpixel((0, 255))
