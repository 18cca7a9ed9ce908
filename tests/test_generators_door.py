"""The generators through the engine's door, each from a small file in its published layout: faces,
mixing, a strip, a film; and what is said of settings that mean nothing to one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import test_networks_biggan
import test_networks_progan
import test_networks_stylegan1
import test_networks_stylegan3
import torch
from test_tensorflow_files import as_tensorflow

from ganapps import networks
from ganapps.device import Device
from ganapps.engine import Engine, Result
from ganapps.errors import UserError
from ganapps.measure.prices import Ledger
from ganapps.models import catalog
from ganapps.models.runtime import Runtime
from ganapps.recipe import Recipe
from tests.face_layouts import made, nvidia
from tests.snapshot_files import tensorflow_networks


def stylegan3() -> dict[str, torch.Tensor]:
    """The small StyleGAN3, under `state_dict.` as StudioGAN keeps its averages."""
    return {
        f"state_dict.{name}": tensor for name, tensor in test_networks_stylegan3.state("t").items()
    }


def studiogan() -> dict:
    """StudioGAN's G_ema of StyleGAN2: NVIDIA's names under `state_dict`, a class for each label,
    beside what training kept.
    """
    return {
        "state_dict": made(nvidia(labels=3)),
        "optimizer": None,
        "seed": 0,
        "run_name": "StyleGAN2-ADA",
        "epoch": 3,
        "step": 200,
        "best_fid": None,
    }


FILES = {
    "stylegan3": lambda path: torch.save(stylegan3(), path),
    "progan": lambda path: torch.save(test_networks_progan.genforce(), path),
    "stylegan1": lambda path: torch.save(test_networks_stylegan1.genforce(), path),
    "biggan": lambda path: torch.save(test_networks_biggan.state(), path),
    "stylegan2 of TensorFlow": lambda path: path.write_bytes(
        tensorflow_networks(as_tensorflow(made(nvidia())), {})
    ),
    "stylegan2 of StudioGAN": lambda path: torch.save(studiogan(), path),
}
STYLED = [name for name in FILES if name != "progan"]


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(
        Runtime(catalog.load(networks.NAMES, ""), Device("cpu"), offline=True),
        Ledger(tmp_path / "prices.json"),
    )


@pytest.fixture
def file(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    FILES[request.param](tmp_path / "given.bin")
    return str(tmp_path / "given.bin")


def run(engine: Engine, file: str, task: str = "faces", **settings: object) -> Result:
    """The last result, with all pictures of the run."""
    results = list(engine.run(Recipe(task, "heads-64", settings), weights=file))
    kept = tuple(k for result in results for k in result.made)
    return results[-1], [
        np.asarray(k.picture if not k.frames else k.frames[0], np.float64) for k in kept
    ]


def sentences(result: Result) -> list[str]:
    return [sentence.format(**values) for sentence, values in result.report.changes]


@pytest.mark.parametrize("file", FILES, indirect=True)
def test_faces_come_out_each_its_own(engine: Engine, file: str) -> None:
    result, pictures = run(engine, file, seed=3, count=2)
    assert len(pictures) == 2 and pictures[0].std() > 1
    assert np.abs(pictures[0] - pictures[1]).mean() > 1
    assert not [s for s in sentences(result) if "no effect" in s]
    again = run(engine, file, seed=4, count=1)[1]
    assert np.array_equal(again[0], pictures[1])
    assert result.recipe.checkpoint.startswith("sha256:")


@pytest.mark.parametrize("file", STYLED, indirect=True)
def test_a_styled_one_mixes_varies_and_comes_from_its_average(engine: Engine, file: str) -> None:
    plain = run(engine, file, seed=3, count=1, psi=1.0)[1][0]
    mixed = run(engine, file, seed=3, count=1, psi=1.0, mix=9, mix_from=2)[1][0]
    calm = run(engine, file, seed=3, count=1, psi=0.3)[1][0]
    assert np.abs(plain - mixed).mean() > 0.5 and np.abs(plain - calm).mean() > 0.5
    _, strip = run(engine, file, "strip", seed=3, count=3, psi_from=0.0, psi_to=1.0)
    assert len(strip) == 3 and np.array_equal(strip[2], plain)
    assert len(run(engine, file, "loop", seed=3, count=2, frames=2)[1]) == 1
    assert len(run(engine, file, "walk", seed=3, frames=2)[1]) == 1


@pytest.mark.parametrize("file", ["progan"], indirect=True)
def test_progan_has_no_styles_and_says_so(engine: Engine, file: str) -> None:
    result, _ = run(engine, file, count=1, mix=3, psi=0.4, turn=20.0)
    assert sentences(result)[-2:] == [
        "This model has no style space, so this has no effect: psi, mix.",
        "This model's pictures can't be turned or moved, so this has no effect: turn.",
    ]
    with pytest.raises(UserError, match="has no average face to come from"):
        run(engine, file, "strip", count=2)
    assert len(run(engine, file, "loop", seed=3, count=2, frames=2)[1]) == 1


@pytest.mark.parametrize("file", ["stylegan3"], indirect=True)
def test_stylegan3_turns_and_moves_and_has_no_noise(engine: Engine, file: str) -> None:
    plain = run(engine, file, seed=3, count=1)[1][0]
    result, (moved,) = run(engine, file, seed=3, count=1, turn=10.0, right=0.2, down=-0.1)
    assert np.abs(plain - moved).mean() > 1 and not [
        s for s in sentences(result) if "no effect" in s
    ]
    assert result.recipe.settings["turn"] == 10.0
    result, (same,) = run(engine, file, seed=3, count=1, noise="random")
    assert np.array_equal(plain, same)
    assert sentences(result)[-1] == "This model has no noise, so this has no effect: noise."
    with pytest.raises(UserError, match="turn is 200.*from -180 to 180 is accepted"):
        run(engine, file, turn=200.0)


@pytest.mark.parametrize("file", ["biggan", "stylegan2 of TensorFlow"], indirect=True)
def test_others_can_not_be_turned_and_say_so(engine: Engine, file: str) -> None:
    result, _ = run(engine, file, count=1, down=0.5)
    assert (
        sentences(result)[-1]
        == "This model's pictures can't be turned or moved, so this has no effect: down."
    )


@pytest.mark.parametrize(
    "file, count", [("biggan", 5), ("stylegan2 of StudioGAN", 3)], indirect=["file"]
)
def test_classes_can_be_chosen(engine: Engine, file: str, count: int) -> None:
    first, last = (
        run(engine, file, seed=3, count=1, psi=1.0, labels={"class": str(number)})[1][0]
        for number in (0, count - 1)
    )
    assert np.abs(first - last).mean() > 0.5
    with pytest.raises(UserError, match=f"The label class can't be {count}: accepted are 0, 1"):
        run(engine, file, labels={"class": str(count)})


LAYOUTS = {
    "stylegan3": lambda: test_networks_stylegan3.state("r", 3),
    "progan of genforce": test_networks_progan.genforce,
    "progan of pytorch_GAN_zoo": test_networks_progan.zoo,
    "stylegan1 of genforce": test_networks_stylegan1.genforce,
    "stylegan1 of lernapparat": test_networks_stylegan1.lernapparat,
    "stylegan1 of TensorFlow": lambda: {
        f"Gs.{name}": tensor for name, tensor in test_networks_stylegan1.tensorflow().items()
    },
    "stylegan2 of TensorFlow": lambda: {
        f"Gs.{name}": tensor for name, tensor in as_tensorflow(made(nvidia())).items()
    },
    "biggan": test_networks_biggan.state,
}
ODD = ((), (0,), (2, 0), (1, 2, 3), (0, 1, 4, 4))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_odd_or_missing_tensor_is_a_sentence(layout: str) -> None:
    tensors, name = LAYOUTS[layout](), layout.split()[0]
    unread = (
        "lod",
        "kernel",
        "weight_v",
        "w_avg",
        "dlatent_avg",
        "noise",
        "transform",
        "filter",
        "output0",
        "output1",
        "toRGBLayers.0",
        "toRGBLayers.1",
        "ToRGB_lod1",
        "ToRGB_lod2",
    )
    keys = [key for key in tensors if not any(word in key for word in unread)]
    for number, key in enumerate(keys[:: 1 + len(keys) // 40]):
        shape = ODD[(number + (tensors[key].shape == ODD[number % len(ODD)])) % len(ODD)]
        with pytest.raises(ValueError, match=r"\w"):
            networks.build(name, tensors | {key: torch.zeros(shape)}, {})
        with pytest.raises(
            ValueError,
            match=r" is missing|left over|should be|does not fit|no shape|layers of one network",
        ):
            networks.build(
                name, {other: tensor for other, tensor in tensors.items() if other != key}, {}
            )
