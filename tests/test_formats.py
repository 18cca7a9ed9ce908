"""Tiny random networks in each published layout, read back equal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn

from ganapps.errors import WeightsError
from ganapps.models.formats import read
from tests.snapshot_files import (
    OLDER,
    archive,
    legacy_stream,
    nvidia_snapshot,
    r3gan_snapshot,
    tensorflow_networks,
    tensorflow_snapshot,
    truth,
)


def put(folder: Path, content: bytes, name: str = "checkpoint") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype, name
        assert not found[name].requires_grad, name
        assert torch.equal(found[name], tensor.detach()), name


def state() -> dict[str, Tensor]:
    return {
        "conv.weight": torch.randn(4, 3, 3, 3),
        "conv.bias": nn.Parameter(torch.randn(4)),
        "half": torch.randn(5).half(),
        "bfloat16": torch.randn(3).bfloat16(),
        "view": torch.randn(6, 6).t()[1:3, ::2],
        "scalar": torch.tensor(3),
        "flags": torch.tensor([True, False]),
        "empty": torch.empty(0, 4),
        "not finite": torch.tensor([float("nan"), float("inf")]),
    }


def equal_or_nan(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.nan_to_num(tensor.detach(), 1.0, 2.0) for name, tensor in tensors.items()}


@pytest.mark.parametrize("write", [archive, legacy_stream])
@pytest.mark.parametrize(
    "protocol",
    [2, pytest.param(3, marks=pytest.mark.filterwarnings("ignore:Detected pickle protocol"))],
)
def test_pytorch_state_dict(tmp_path, write, protocol):
    expected = state()
    found = read(put(tmp_path, write(expected, protocol))).tensors
    assert_same(equal_or_nan(found), equal_or_nan(expected))
    assert torch.isnan(found["not finite"][0])


@pytest.mark.parametrize("write", [archive, legacy_stream])
def test_nested_dicts_become_dotted_names_and_plain_values_settings(tmp_path, write):
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.25)
    network(torch.randn(1, 3, 2, 2)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 4])  # holds a Counter
    content = dict(
        epoch=200,
        psnr=float("nan"),
        best=None,
        name="x4",
        size=torch.Size([1, 2]),
        pair=(1, [2.5]),
        dtype=torch.float16,
        state_dict=network.state_dict(),
        history=[torch.ones(2), torch.zeros(1)],
        optimizer=optimizer.state_dict(),
        scheduler=schedule.state_dict(),
        config={"blocks": 6, "weights": {"only": torch.ones(1)}},
    )
    contents = read(put(tmp_path, write(content)))
    names = set(contents.tensors)
    assert {f"state_dict.{name}" for name in network.state_dict()} | {
        "history.0",
        "history.1",
        "config.weights.only",
    } <= names
    assert "optimizer.state.0.exp_avg" in names
    settings = contents.settings
    assert (settings["epoch"], settings["best"], settings["name"]) == (200, None, "x4")
    assert (
        settings["size"] == [1, 2]
        and settings["pair"] == [1, [2.5]]
        and settings["config"] == {"blocks": 6}
    )
    assert settings["psnr"] != settings["psnr"]
    assert settings["optimizer"]["param_groups"][0]["lr"] == 0.25
    assert settings["scheduler"]["milestones"] == {3: 1, 4: 1}
    assert "state_dict" not in settings and "history" not in settings
    json.dumps(settings)


def test_pytorch_archive_is_mapped_and_stays_readable_when_the_file_goes(tmp_path):
    expected = state()
    path = put(tmp_path, archive(expected))
    found = read(path).tensors
    path.unlink()
    assert_same(equal_or_nan(found), equal_or_nan(expected))


def test_python_2_ordered_dict_with_its_pairs_in_the_call(tmp_path):
    """Files of 2017 were written by Python 2, which gave an OrderedDict a list of its pairs."""
    weight = torch.randn(3)
    before, pairs, after = (
        part for part in legacy_stream([["w", weight]]).partition(b"]q\x00]q\x01(X\x01")
    )
    value, after = after.split(b"ea.", 1)
    content = before + b"ccollections\nOrderedDict\n" + pairs + value + b"ea\x85R." + after
    assert_same(read(put(tmp_path, content)).tensors, {"w": weight})


def test_safetensors(tmp_path):
    expected = {"a.weight": torch.randn(2, 3), "b": torch.randn(3).half(), "c.x": torch.tensor(4)}
    contents = read(put(tmp_path, save(expected, {"z_dim": "128", "license": "CC0-1.0"})))
    assert_same(contents.tensors, expected)
    assert contents.settings == {"z_dim": "128", "license": "CC0-1.0"}


def test_weights_kept_as_whole_numbers_come_as_what_they_stand_for(tmp_path):
    numbers, scales = (
        torch.randint(-127, 128, (3, 2, 1, 1), dtype=torch.int8),
        torch.tensor([[0.5], [0.25], [2.0]]).half(),
    )
    content = {
        "a.weight": numbers,
        "a.weight_scale": scales,
        "a.bias": torch.ones(3).half(),
        "b.weight": numbers.clone(),
    }
    tensors = read(put(tmp_path, save(content))).tensors
    assert_same(
        tensors,
        {
            "a.weight": numbers * torch.tensor([0.5, 0.25, 2.0]).view(3, 1, 1, 1),
            "a.bias": torch.ones(3).half(),
            "b.weight": numbers,
        },
    )


@pytest.mark.parametrize(
    "scales", [torch.ones(2, 1), torch.ones(3), torch.ones(3, 1, dtype=torch.int8), torch.ones(())]
)
def test_scales_that_do_not_fit_are_refused(tmp_path, scales):
    with pytest.raises(WeightsError, match="is damaged"):
        read(
            put(
                tmp_path,
                save({"a.weight": torch.ones(3, 2, dtype=torch.int8), "a.weight_scale": scales}),
            )
        )


@pytest.mark.parametrize("write", [archive, legacy_stream, save])
def test_only_what_is_wanted(tmp_path, write):
    content = {"G.w": torch.ones(1), "G_ema.w": torch.zeros(2), "D": torch.ones(3)}
    path = put(tmp_path, write(content))
    assert set(read(path, wanted=("G_ema", "params")).tensors) == {"G_ema.w"}
    with pytest.raises(WeightsError, match="holds no params / params_ema, only D, G, G_ema"):
        read(path, wanted=("params", "params_ema"))


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_nvidia_pickle(tmp_path, protocol):
    content, ema = nvidia_snapshot(protocol)
    contents = read(put(tmp_path, content))
    assert_same(contents.tensors, truth(ema))
    assert contents.settings["training_set_kwargs"]["resolution"] == 32
    found = contents.settings["G_ema"]
    expected = dict(
        class_name="Generator",
        z_dim=16,
        w_dim=12,
        c_dim=0,
        num_ws=8,
        synthesis_kwargs=dict(channel_base=512, conv_clamp=256),
    )
    assert expected.items() <= found.items()
    assert found["modules"]["mapping.fc0"]["init_args"] == [16, 12]
    assert found["modules"]["mapping.fc0"]["class_name"] == "FullyConnectedLayer"
    assert found["modules"]["synthesis"]["conv_clamp"] is None
    assert found["non_persistent"] == ["synthesis.scratch"]
    if protocol > 2:  # which writes the bytes of numpy's values as text
        assert found["modules"]["mapping.fc0"]["weight_gain"] == 0.01 / 4
        assert found["modules"]["synthesis"]["in_size"] == [16, 16]
    assert contents.settings["G"]["z_dim"] == 16 and "modules" not in contents.settings["G"]
    json.dumps(contents.settings)


def test_nvidia_pickle_with_the_names_of_older_numpy(tmp_path):
    content, _ema = nvidia_snapshot(3)
    older = content.replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")
    assert older != content
    contents = read(put(tmp_path, older))
    assert contents.settings["G_ema"]["modules"]["mapping.fc0"]["weight_gain"] == 0.01 / 4


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_r3gan_pickle(tmp_path, protocol):
    content, ema = r3gan_snapshot(protocol)
    contents = read(put(tmp_path, content))
    assert_same(contents.tensors, truth(ema))
    assert {
        "class_name": "Generator",
        "z_dim": 8,
        "c_dim": 0,
        "img_resolution": 256,
    }.items() <= contents.settings["G_ema"].items()
    assert contents.settings["cur_nimg"] == 1000
    assert contents.settings["G_ema"]["modules"]["MainLayers.0"]["DataType"] == "torch.bfloat16"
    assert contents.settings["G_ema"]["modules"]["MainLayers.1.Layer"]["groups"] == 2


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_r3gan_is_known_by_what_it_holds_not_by_its_modules_names(tmp_path, protocol):
    """The authors' first files name training.networks_baseline and BaselineGAN.Networks."""
    content, ema = r3gan_snapshot(protocol, OLDER)
    assert b"networks_baseline" in content and b"BaselineGAN" in content and b"R3GAN" not in content
    contents = read(put(tmp_path, content))
    assert_same(contents.tensors, truth(ema))
    assert contents.settings["G_ema"]["class_name"] == "Generator"


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_networks_of_the_tensorflow_program_are_read_as_data(tmp_path, protocol):
    path = put(
        tmp_path,
        tensorflow_networks(
            {"synthesis/w": torch.ones(2, 3), "lod": torch.zeros(())}, {"resolution": 8}, protocol
        ),
    )
    contents = read(path)
    assert_same(contents.tensors, {"Gs.synthesis/w": torch.ones(2, 3), "Gs.lod": torch.zeros(())})
    assert contents.settings == {"Gs": {"resolution": 8}}
    assert set(read(path, wanted=("D",)).tensors) == {"D.w"}


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_a_network_of_the_tensorflow_program_alone_is_refused_with_what_to_do(tmp_path, protocol):
    with pytest.raises(WeightsError) as caught:
        read(put(tmp_path, tensorflow_snapshot(protocol, alone=True), "stylegan2-car-config-f.pkl"))
    assert str(caught.value) == (
        "stylegan2-car-config-f.pkl is a network of NVIDIA's older TensorFlow program, which this "
        "app can't read. "
        "Choose the PyTorch version of the model, or convert it with legacy.py of stylegan3."
    )


@pytest.mark.parametrize("write", [nvidia_snapshot, r3gan_snapshot])
def test_the_other_networks_of_a_snapshot_when_wanted(tmp_path, write):
    path = put(tmp_path, write(4)[0])
    names = set(read(path, wanted=("G", "D")).tensors)
    assert {name.partition(".")[0] for name in names} == {"G", "D"}
    with pytest.raises(WeightsError, match="holds no E, only"):
        read(path, wanted=("E",))


def test_a_tensor_used_twice_is_one_tensor(tmp_path):
    layer = nn.Linear(2, 2)
    content, _ = r3gan_snapshot(G_ema=nn.Sequential(layer, layer))
    found = read(put(tmp_path, content)).tensors
    assert found["G_ema.0.weight"] is found["G_ema.1.weight"]


def test_the_kind_is_in_the_bytes_not_in_the_name(tmp_path):
    content = {"w": torch.ones(2)}
    for name, write in [
        ("x.pkl", archive),
        ("x.safetensors", legacy_stream),
        ("y.safetensors", archive),
        ("x.pth.tar", save),
        ("x.html", archive),
    ]:
        assert_same(read(put(tmp_path, write(content), name)).tensors, content)
