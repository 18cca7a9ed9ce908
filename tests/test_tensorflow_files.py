"""StyleGAN2 of NVIDIA's TensorFlow program: the same pictures as from the file that NVIDIA's
converter makes of it.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ganapps import networks
from ganapps.errors import WeightsError
from ganapps.models import formats
from tests.face_layouts import made, nvidia
from tests.snapshot_files import TENSORFLOW, Network, stand_ins, tensorflow_networks

PLACES = {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB", "skip": "Skip"}
LEAVES = {"affine.weight": "mod_weight", "affine.bias": "mod_bias"}


def as_tensorflow(tensors: dict[str, Tensor], grown: bool = False) -> dict[str, Tensor]:
    """NVIDIA's PyTorch names and shapes as TensorFlow's; `grown`: as configurations B to D name the
    picture's layers.
    """
    theirs = {}
    for name, tensor in tensors.items():
        if name == "mapping.w_avg":
            theirs["dlatent_avg"] = tensor
        elif match := re.fullmatch(r"mapping\.(?:fc(\d)|embed)\.(\w+)", name):
            place = f"Dense{match[1]}" if match[1] else "LabelEmbed"
            theirs[f"mapping/{place}/{match[2]}"] = tensor.t() if match[2] == "weight" else tensor
        elif name == "synthesis.b4.const":
            theirs["synthesis/4x4/Const/const"] = tensor[None]
        elif match := re.fullmatch(r"synthesis\.b(\d+)\.(\w+)\.noise_const", name):
            theirs[f"synthesis/noise{2 * int(match[1]).bit_length() - 7 + int(match[2][-1])}"] = (
                tensor[None, None]
            )
        elif match := re.fullmatch(
            r"synthesis\.b(\d+)\.(\w+?)\.(affine\.\w+|weight|bias|noise_strength)", name
        ):
            place = "Conv" if match[1] == "4" and match[2] == "conv1" else PLACES[match[2]]
            path = f"{match[1]}x{match[1]}/{place}"
            if grown and place == "ToRGB":
                path = "ToRGB_lod0"
            theirs[f"synthesis/{path}/{LEAVES.get(match[3], match[3])}"] = lying(
                match[2], match[3], tensor
            )
    return theirs


def lying(layer: str, leaf: str, tensor: Tensor) -> Tensor:
    if leaf == "affine.bias":
        return tensor - 1
    if leaf == "affine.weight":
        return tensor.t()
    if leaf != "weight":
        return tensor
    tensor = tensor.permute(2, 3, 1, 0)
    return tensor.flip(0, 1) if layer == "conv0" else tensor


def read(
    tmp_path: Path, tensors: dict[str, Tensor], told: dict, protocol: int = 4
) -> formats.Contents:
    (tmp_path / "network.pkl").write_bytes(tensorflow_networks(tensors, told, protocol))
    return formats.read(tmp_path / "network.pkl")


def picture(network: torch.nn.Module, labels: int = 0) -> Tensor:
    z = torch.from_numpy(np.random.RandomState(7).standard_normal((2, network.z_dim)))
    return network.synthesis(network.mapping(z, torch.eye(labels)[:2] if labels else None, psi=0.7))


def same(ours: Tensor, reference: Tensor) -> bool:
    return ((ours - reference).abs().max() / reference.abs().max()).item() < 1e-5


@pytest.mark.parametrize(
    "architecture, labels, protocol",
    [("skip", 0, 4), ("resnet", 0, 2), ("orig", 0, 3), ("skip", 3, 4)],
)
def test_the_picture_is_that_of_the_converted_file(
    tmp_path: Path, architecture: str, labels: int, protocol: int
) -> None:
    converted = made(nvidia(architecture=architecture, labels=labels))
    contents = read(
        tmp_path, as_tensorflow(converted), dict(resolution=16, label_size=labels), protocol
    )
    assert (
        networks.recognise({name: tuple(t.shape) for name, t in contents.tensors.items()})
        == "stylegan2"
    )
    ours = networks.build("stylegan2", contents.tensors, contents.settings)
    assert same(picture(ours, labels), picture(networks.build("stylegan2", converted, {}), labels))


def test_configurations_b_to_d_have_the_last_picture_alone(tmp_path: Path) -> None:
    converted = made(nvidia(architecture="orig"))
    more = {
        "synthesis/ToRGB_lod1/bias": torch.zeros(3),
        "lod": torch.zeros(()),
        "synthesis/lod": torch.zeros(()),
    }
    contents = read(tmp_path, as_tensorflow(converted, grown=True) | more, {})
    assert same(
        picture(networks.build("stylegan2", contents.tensors, {})),
        picture(networks.build("stylegan2", converted, {})),
    )
    contents = read(
        tmp_path,
        as_tensorflow(converted, grown=True) | more | {"synthesis/lod": torch.tensor(1.0)},
        {},
    )
    with pytest.raises(ValueError, match="synthesis/lod is 1.0: this network was still growing"):
        networks.build("stylegan2", contents.tensors, {})


@pytest.mark.parametrize(
    "told, later",
    [({"mapping_lrmul": 1.0}, {"lr_multiplier": 1.0}), ({"conv_clamp": 0.5}, {"conv_clamp": 0.5})],
)
def test_what_its_constructor_was_told_counts(tmp_path: Path, told: dict, later: dict) -> None:
    converted = made(nvidia())
    contents = read(tmp_path, as_tensorflow(converted), told)
    ours = picture(networks.build("stylegan2", contents.tensors, contents.settings))
    assert same(ours, picture(networks.build("stylegan2", converted, later)))
    assert not same(ours, picture(networks.build("stylegan2", converted, {})))


def test_what_can_not_be_read_is_named(tmp_path: Path) -> None:
    converted = as_tensorflow(made(nvidia()))
    contents = read(tmp_path, converted, {"nonlinearity": "cube"})
    with pytest.raises(ValueError, match="activation is 'cube'; known are lrelu"):
        networks.build("stylegan2", contents.tensors, contents.settings)
    contents = read(tmp_path, converted, {"resample_kernel": "much"})
    with pytest.raises(ValueError, match="resample_kernel is much; a list of numbers is needed"):
        networks.build("stylegan2", contents.tensors, contents.settings)
    # labels as before ADA
    concatenated = converted | {"mapping/LabelConcat/weight": torch.zeros(3, 10)}
    with pytest.raises(ValueError, match="mapping/LabelConcat/weight is left over"):
        networks.build("stylegan2", read(tmp_path, concatenated, {}).tensors, {})


@pytest.mark.parametrize("cut", [40, 400, 4000])
def test_a_file_cut_short_or_changed_is_one_sentence(tmp_path: Path, cut: int) -> None:
    data = tensorflow_networks(as_tensorflow(made(nvidia(4))), {})
    changed = data[:-cut] + bytes(cut - 1) + b"."
    for content in (data[:-cut], changed):
        (tmp_path / "network.pkl").write_bytes(content)
        with pytest.raises(WeightsError, match="^network.pkl "):
            formats.read(tmp_path / "network.pkl")


def inside_itself(network: Network) -> None:
    """Twice at every level: as a tree it would never end."""
    network.state["components"] = {"a": network, "b": network}


@pytest.mark.parametrize(
    "spoil, refusal",
    [
        (inside_itself, "made of more pieces than any checkpoint"),
        (lambda network: network.state.update(variables=5), "is damaged or was made to do harm"),
        (
            lambda network: network.state.update(variables=[("w", 5)]),
            "is damaged or was made to do harm",
        ),
        (
            lambda network: network.state.update(variables=[(5, np.zeros(3))]),
            "is damaged or was made to do harm",
        ),
        (
            lambda network: network.state.update(
                variables=[("w", np.zeros(3)), ("w", np.zeros(3))]
            ),
            "is damaged or was made to do harm",
        ),
        (
            lambda network: network.state.update(variables=[("w", np.array(["text"]))]),
            "is damaged or was made to do harm",
        ),
        (
            lambda network: network.state.update(components={"a": 5}),
            "is damaged or was made to do harm",
        ),
        (
            lambda network: network.state.update(variables=[]),
            "older TensorFlow program, which this app can't read",
        ),
    ],
)
def test_what_no_honest_program_writes_is_one_sentence(
    tmp_path: Path, spoil: Callable[[Network], None], refusal: str
) -> None:
    network = Network("Gs")
    spoil(network)
    with stand_ins(TENSORFLOW):
        (tmp_path / "network.pkl").write_bytes(
            pickle.dumps((Network("G"), Network("D"), network), 4)
        )
    with pytest.raises(WeightsError, match=refusal):
        formats.read(tmp_path / "network.pkl")


def test_arrays_of_any_order_and_width_are_read(tmp_path: Path) -> None:
    rows = np.arange(6, dtype="f8").reshape(2, 3)
    variables = {
        "column": np.asfortranarray(rows),
        "half": rows.astype("f2"),
        "whole": rows.astype("i4"),
        "none": np.zeros((0, 2), "f4"),
    }
    with stand_ins(TENSORFLOW):
        (tmp_path / "network.pkl").write_bytes(
            pickle.dumps((Network("G"), Network("D"), Network("Gs", variables)), 4)
        )
    tensors = formats.read(tmp_path / "network.pkl").tensors
    assert all(
        np.array_equal(tensors[f"Gs.{name}"].numpy(), array) for name, array in variables.items()
    )
