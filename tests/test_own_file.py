"""A person's own checkpoint file: recognised or refused in one sentence, named by its content, and
nothing of it stays.
"""

from __future__ import annotations

import gc
import hashlib
import json
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage import data
from test_runtime import dcgan

from ganapps import __main__, networks
from ganapps.engine import Engine
from ganapps.errors import UserError, WeightsError
from ganapps.measure.prices import Ledger
from ganapps.models import own_file
from ganapps.pictures import inside
from ganapps.recipe import Recipe
from tests import hostile
from tests import upscaler_files as files
from tests.small_generator import pixels


@pytest.fixture
def picture(tmp_path: Path) -> str:
    Image.fromarray(data.astronaut()[60:90, 170:210]).save(tmp_path / "in.png")
    return str(tmp_path / "in.png")


def srgan(folder: Path, name: str = "my-secret-model.pth.tar", seed: int = 1) -> Path:
    """A tiny SRGAN in a file of the paper's layout."""
    torch.save(
        {"state_dict": files.lively(files.Lornatang(), seed).state_dict(), "epoch": 3},
        folder / name,
    )
    return folder / name


def digest(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def last(results):
    *_, result = results
    return result


def test_a_file_enlarges_and_the_recipe_names_its_content_never_its_name(
    engine: Engine, picture: str, tmp_path: Path
) -> None:
    path = srgan(tmp_path)
    result = last(
        engine.run(Recipe("upscale", "realesrgan-x4plus", {"inspect": False}), [picture], str(path))
    )
    assert result.made[0].picture.shape == (120, 160, 3)
    assert result.recipe.checkpoint == digest(path) and result.report.sha256 == digest(path)[7:]
    told = (
        result.recipe.to_json()
        + result.made[0].recipe.to_json()
        + json.dumps(result.report.as_dict())
    )
    assert "secret" not in told and str(tmp_path) not in told
    expected = networks.build("srresnet", torch.load(path, weights_only=True)["state_dict"], {})
    x = torch.from_numpy(np.array(Image.open(picture))).permute(2, 0, 1)[None] / 255
    assert (
        np.abs(
            (expected(x)[0].clamp(0, 1) * 255).permute(1, 2, 0).numpy() - result.made[0].picture
        ).max()
        <= 1.01
    )


@pytest.mark.parametrize("kind", ["safetensors", "pth", "pt", "pkl"])
def test_the_ending_does_not_matter(
    engine: Engine, picture: str, tmp_path: Path, kind: str
) -> None:
    state = files.lively(files.Compact(), 2).state_dict()
    path = tmp_path / f"mine.{kind}"
    save_file(state, path) if kind == "safetensors" else torch.save(state, path)
    assert engine.models.own_file(str(path)) == own_file.Given(
        digest(path), "upscalers", sum(t.numel() for t in state.values())
    )
    assert last(engine.run(Recipe("upscale", digest(path)), [picture], str(path))).made[
        0
    ].picture.shape == (120, 160, 3)


def test_it_is_one_mechanism_for_every_task(engine: Engine, picture: str, tmp_path: Path) -> None:
    torch.save(dcgan(), tmp_path / "faces.pt")
    assert pixels(engine.run(Recipe("faces", "file", {"seed": 3}), (), str(tmp_path / "faces.pt")))[
        0
    ].shape == (8, 8, 3)
    with pytest.raises(UserError, match="does not translate pictures"):
        last(engine.run(Recipe("translate", "file"), [picture], str(srgan(tmp_path))))
    with pytest.raises(UserError, match="does not enlarge pictures"):
        last(engine.run(Recipe("upscale", "file"), [picture], str(tmp_path / "faces.pt")))


def test_a_recipe_asks_for_its_own_file_again(engine: Engine, picture: str, tmp_path: Path) -> None:
    path, other = srgan(tmp_path), srgan(tmp_path, "other.pth", seed=2)
    asked = Recipe("upscale", digest(path), {"inspect": False})
    assert (
        engine.checked(asked)[0].checkpoint == digest(path)
        and engine.price(asked, [picture]).download == 0
    )
    with pytest.raises(
        WeightsError,
        match="^This recipe was made with a checkpoint file of its own .sha256 "
        f"{digest(path)[7:19]}...., and no recipe holds one: give",
    ):
        last(engine.run(asked, [picture]))
    with pytest.raises(
        WeightsError,
        match=f"begins with {digest(other)[7:19]}, that of the recipe with {digest(path)[7:19]}",
    ):
        last(engine.run(asked, [picture], str(other)))


def test_nothing_of_it_stays(
    engine: Engine, picture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = []
    real = networks.build
    monkeypatch.setattr(
        networks, "build", lambda *a: (network := real(*a), built.append(weakref.ref(network)))[0]
    )
    monkeypatch.setattr(engine, "ledger", Ledger(tmp_path / "prices.json"))
    kept = list(engine.runtime._ready)
    path = srgan(tmp_path)
    last(engine.run(Recipe("upscale", "file", {"inspect": False}), [picture], str(path)))
    gc.collect()
    assert len(built) == 1 and built[0]() is None and list(engine.runtime._ready) == kept
    assert not (tmp_path / "prices.json").exists()
    path.unlink()
    with pytest.raises(WeightsError, match="^my-secret-model.pth.tar can't be read: "):
        last(engine.run(Recipe("upscale", "file"), [picture], str(path)))


def test_the_command_line_takes_a_file(
    picture: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = srgan(tmp_path)
    (tmp_path / "recipe.json").write_text(
        '{"task": "upscale", "checkpoint": "file", "settings": {"inspect": false}}'
    )
    words = [
        "run",
        str(tmp_path / "recipe.json"),
        "--picture",
        picture,
        "--out",
        str(tmp_path / "out"),
        "--device",
        "cpu",
        "--offline",
    ]
    assert __main__.main([*words, "--weights", str(path)]) == 0
    made = next((tmp_path / "out").glob("*.png"))
    assert inside.from_picture(made).checkpoint == digest(path) and "secret" not in made.name
    words[1] = str(made)
    assert __main__.main(words) == 2 and "give the file again" in capsys.readouterr().err
    assert __main__.main([*words, "--weights", str(path)]) == 0


def test_a_hostile_file_is_one_sentence_on_this_way_too(engine: Engine, tmp_path: Path) -> None:
    for kind, (content, _) in {**hostile.false_claims(), **hostile.impostors()}.items():
        (tmp_path / "mine.pth").write_bytes(content)
        with pytest.raises(WeightsError) as error:
            engine.models.own_file(str(tmp_path / "mine.pth"))
        assert "\n" not in str(error.value) and str(tmp_path) not in str(error.value), kind


def test_what_is_no_file_or_too_large_or_unknown_is_refused(engine: Engine, tmp_path: Path) -> None:
    with (tmp_path / "large.pth").open("wb") as file:
        file.truncate(own_file.LARGEST + 2**20)
    with pytest.raises(
        WeightsError,
        match="^large.pth has 513 MB: checkpoint files of at most 512 MB are accepted.$",
    ):
        engine.models.own_file(str(tmp_path / "large.pth"))
    with pytest.raises(WeightsError, match="can't be read: not a file"):
        engine.models.own_file(str(tmp_path))
    save_file({"conv.weight": torch.zeros(2, 2)}, tmp_path / "odd.safetensors")
    with pytest.raises(
        WeightsError,
        match="^odd.safetensors holds 1 tensor in a layout that no network here knows",
    ):
        engine.models.own_file(str(tmp_path / "odd.safetensors"))


SPOILED = (
    lambda t: None,
    lambda t: t[None][:0],
    lambda t: t[..., None],
    lambda t: t.long(),
    lambda t: torch.ones(1000, 2),
    lambda t: t.reshape(-1)[0],
)


@pytest.mark.parametrize(
    "layout",
    [files.Lornatang, files.Leftthomas, files.BasicSR, files.RRDB, files.Compact, files.SPAN],
)
def test_a_damaged_layout_is_a_sentence_whatever_is_wrong(
    engine: Engine, tmp_path: Path, layout: type
) -> None:
    """Tensors left out, of another shape, of another type: never anything but a WeightsError, or a
    network after all.
    """
    whole, refused = files.lively(layout()).state_dict(), 0
    names = list(whole)
    for name in {*names[:: max(1, len(names) // 6)], names[-1]}:
        for spoil in SPOILED:
            wrong = spoil(whole[name])
            torch.save(
                {k: v for k, v in whole.items() if k != name}
                | ({} if wrong is None else {name: wrong.clone()}),
                tmp_path / "mine.pth",
            )
            try:
                engine.models.own_file(str(tmp_path / "mine.pth"))
            except WeightsError:
                refused += 1
    assert refused > 3
