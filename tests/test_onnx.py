"""ONNX files as data: what stands in them, AnimeGANv2 out of one equal to onnxruntime's picture,
and files that were made to harm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from test_networks_translate import animegan as shapes
from test_networks_translate import made, picture

from ganapps import networks
from ganapps.errors import WeightsError
from ganapps.models import formats
from ganapps.models.formats import read
from tests.onnx_files import animegan as as_onnx
from tests.upscaler_files import swinir_onnx


def weights() -> dict[str, torch.Tensor]:
    """Small random ones: a norm's scale and shift too, so that a mistaken one shows."""
    return {name: tensor.float() for name, tensor in made(shapes()).items()}


def put(folder: Path, model: onnx.ModelProto | bytes) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put(tmp_path_factory.mktemp("onnx"), as_onnx(weights()))


@pytest.mark.parametrize("resize", ["asymmetric", "align_corners", "half_pixel"])
def test_a_picture_equals_what_onnxruntime_makes_of_the_same_file(
    resize: str, tmp_path: Path
) -> None:
    path, x = put(tmp_path, as_onnx(weights(), resize)), picture(40, 48)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = torch.from_numpy(
        session.run(None, {"generator_input:0": x.permute(0, 2, 3, 1).numpy()})[0]
    ).permute(0, 3, 1, 2)
    contents = read(path)
    with torch.inference_mode():
        y = networks.build("animegan", contents.tensors, contents.settings)(x)
    assert (y - expected).abs().max() < 1e-4 * expected.abs().max()


def test_strips_equal_the_whole_where_a_mean_stands_between_two_pixels(file: Path) -> None:
    contents, x = read(file), picture(72, 40)
    network = networks.build("animegan", contents.tensors, contents.settings)
    with torch.inference_mode():
        whole, work = network(x), network.in_strips(x, strip=20_000)
        strips = 0
        while True:
            try:
                strips, _ = next(work)
            except StopIteration as end:
                assert strips > 100 and (end.value - whole).abs().max() < 1e-4
                return


def test_an_onnx_file_of_the_generator_is_recognised_by_its_shapes(file: Path) -> None:
    assert (
        networks.recognise({name: tuple(t.shape) for name, t in read(file).tensors.items()})
        == "animegan"
    )


@pytest.mark.parametrize("set_of_operators", [11, 17])
def test_a_swinir_enlarges_as_onnxruntime_does_with_the_same_file(
    set_of_operators: int, tmp_path: Path
) -> None:
    path = put(tmp_path, swinir_onnx(set_of_operators))
    contents = read(path)
    assert (
        networks.recognise({name: tuple(tensor.shape) for name, tensor in contents.tensors.items()})
        == "upscalers"
    )
    network = networks.build("upscalers", contents.tensors, contents.settings)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for height, width in ((16, 24), (48, 16)):  # the windows' masks depend on it
        x = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(height))
        with torch.inference_mode():
            y = network(x)
        expected = torch.from_numpy(session.run(None, {"input": x.numpy()})[0])
        assert (
            y.shape == (1, 3, 4 * height, 4 * width)
            and (y - expected).abs().max() < 1e-5 * expected.abs().max()
        )


@pytest.mark.parametrize(
    ("biases", "said"),
    [
        (
            torch.eye(64).repeat(1, 2, 1, 1) + torch.arange(64),
            "differ where the distance is the same",
        ),
        (torch.zeros(1, 2, 60, 60), "windows of 60 pixels, no square"),
        (torch.zeros(1, 2, 2500, 2500), "windows of 2500 pixels, no square of up to 32"),
    ],
)
def test_a_swinir_whose_windows_cannot_be_is_refused_in_one_sentence(
    biases: torch.Tensor, said: str, tmp_path: Path
) -> None:
    contents = read(put(tmp_path, swinir_onnx(11)))
    tensors = {
        name: biases if tensor.shape == (1, 2, 64, 64) else tensor
        for name, tensor in contents.tensors.items()
    }
    with pytest.raises(ValueError, match=said):
        networks.build("upscalers", tensors, contents.settings)


@pytest.mark.parametrize(
    "change",
    [
        lambda node: node["inputs"].clear(),
        lambda node: node["inputs"].pop(),
        lambda node: node["inputs"].append("more"),
        lambda node: node["outputs"].clear(),
    ],
)
@pytest.mark.parametrize("operation", ["Identity", "MatMul", "Add"])
def test_a_node_with_too_few_or_many_ends_is_no_more_than_a_fault_in_the_file(
    operation: str, change: Callable, swinir: formats.Contents
) -> None:
    nodes = [
        node | {"inputs": [*node["inputs"]], "outputs": [*node["outputs"]]}
        for node in swinir.settings["nodes"]
    ]
    nodes.append(
        {
            "operation": "Identity",
            "inputs": ["conv_first.weight"],
            "outputs": ["again"],
            "texts": {},
        }
    )
    for node in nodes:
        if node["operation"] == operation:
            change(node)
    with contextlib.suppress(ValueError):
        networks.build("upscalers", swinir.tensors, {"nodes": nodes})


@pytest.mark.parametrize("odd", [(), (0, 2), (12, 36, 2)])
def test_a_swinirs_tensor_of_another_shape_is_one_sentence(
    odd: tuple[int, ...], swinir: formats.Contents
) -> None:
    table = "layers.0.residual_group.blocks.0.attn.relative_position_bias_table"
    with pytest.raises(ValueError):
        networks.build("upscalers", {**swinir.tensors, table: torch.zeros(odd)}, swinir.settings)
    with pytest.raises(ValueError):
        networks.build(
            "upscalers",
            {
                name: torch.zeros(odd) if tuple(t.shape) == (12, 36) else t
                for name, t in swinir.tensors.items()
            },
            swinir.settings,
        )
    with pytest.raises(ValueError, match="windows of 64 pixels"):
        networks.build(
            "upscalers",
            {
                name: torch.zeros(2, 2, 64, 64) if tuple(t.shape) == (1, 2, 64, 64) else t
                for name, t in swinir.tensors.items()
            },
            swinir.settings,
        )


@pytest.fixture(scope="module")
def swinir(tmp_path_factory: pytest.TempPathFactory) -> formats.Contents:
    return read(put(tmp_path_factory.mktemp("swinir"), swinir_onnx(11)))


def test_a_table_for_windows_of_a_thousand_pixels_costs_no_memory() -> None:
    name = "layers.0.residual_group.blocks.0.attn.relative_position_bias_table"
    with pytest.raises(ValueError, match="1000 pixels a side, more than 32"):
        networks.build("upscalers", {name: torch.zeros(1999**2, 1)}, {"nodes": []})


def test_what_is_read_is_what_was_stored_in_every_way_that_numbers_are_stored(
    tmp_path: Path,
) -> None:
    arrays = {
        "float": np.float32([[1.5, -2]]),
        "half": np.float16([3, 4]),
        "double": np.float64(5),
        "whole": np.int64([[-1], [2**40]]),
        "small": np.int32([7]),
    }
    stored = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    listed = [
        helper.make_tensor("listed", TensorProto.FLOAT, [2], [0.5, 0.25]),
        helper.make_tensor("counted", TensorProto.INT64, [3], [1, -2, 3]),
        helper.make_tensor("words", TensorProto.STRING, [1], [b"left out"]),
    ]
    nodes = [
        helper.make_node(
            "Constant", [], ["constant"], value=numpy_helper.from_array(np.float32([9]), "inside")
        ),
        helper.make_node("Resize", ["x", "", "float"], ["y"], mode="linear", axes=[1, 2]),
    ]
    found = read(
        put(tmp_path, helper.make_model(helper.make_graph(nodes, "g", [], [], stored + listed)))
    )
    expected = {name: torch.from_numpy(np.asarray(array)) for name, array in arrays.items()}
    expected |= {
        "listed": torch.tensor([0.5, 0.25]),
        "counted": torch.tensor([1, -2, 3]),
        "constant": torch.tensor([9.0]),
    }
    assert found.tensors.keys() == expected.keys()
    assert all(
        torch.equal(found.tensors[name], tensor) and found.tensors[name].dtype == tensor.dtype
        for name, tensor in expected.items()
    )
    assert found.settings["nodes"][1] == {
        "operation": "Resize",
        "inputs": ["x", "", "float"],
        "outputs": ["y"],
        "texts": {"mode": "linear"},
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            lambda nodes, tensors: nodes.pop(
                next(i for i, n in enumerate(nodes) if n["operation"] == "Conv")
            ),
            "is",
        ),
        (lambda nodes, tensors: nodes.extend(nodes[:20]), "left over|should be"),
        (lambda nodes, tensors: tensors.clear(), "block_a.0.1.weight is missing"),
        (
            lambda nodes, tensors: [
                n["texts"].update(coordinate_transformation_mode="tf_crop_and_resize")
                for n in nodes
                if n["operation"] == "Resize"
            ],
            "resized",
        ),
        (lambda nodes, tensors: nodes.reverse(), "is"),
    ],
)
def test_a_graph_that_is_another_network_is_refused(change, why: str, file: Path) -> None:
    contents = read(file)
    change(contents.settings["nodes"], contents.tensors)
    with pytest.raises(ValueError, match=why):
        networks.build("animegan", contents.tensors, contents.settings)


def test_weights_in_other_files_are_never_asked_for(tmp_path: Path) -> None:
    tensor = TensorProto(
        name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL
    )
    tensor.external_data.add(key="location", value="/etc/passwd")
    with pytest.raises(WeightsError, match="keeps its weights in other files"):
        read(put(tmp_path, helper.make_model(helper.make_graph([], "g", [], [], [tensor]))))


@pytest.mark.parametrize("sides", [[2**62, 4], [2**40], [3] * 2_000, [-1], [5]])
def test_a_tensor_that_claims_more_than_there_is_is_refused(
    sides: list[int], tmp_path: Path
) -> None:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=sides, raw_data=b"\0" * 8)
    with pytest.raises(WeightsError, match="claims tensors larger|damaged"):
        read(put(tmp_path, helper.make_model(helper.make_graph([], "g", [], [], [tensor]))))


def test_a_graph_without_end_is_refused_in_time(tmp_path: Path) -> None:
    node = helper.make_node("Add", ["a"] * 1_000_000, ["b"])
    with pytest.raises(WeightsError, match="made of more pieces|holds no weights"):
        read(put(tmp_path, helper.make_model(helper.make_graph([node], "g", [], []))))


SMALL = helper.make_model(
    helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1])],
        "g",
        [],
        [],
        [
            numpy_helper.from_array(np.ones((2, 2), np.float32), "w"),
            numpy_helper.from_array(np.int64([3]), "n"),
        ],
    )
).SerializeToString()


@given(
    st.lists(
        st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), min_size=1, max_size=4
    ),
    st.integers(0, len(SMALL)),
)
def test_a_damaged_file_is_one_sentence_or_still_tensors(
    tmp_path_factory, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(SMALL)
    for place, value in changes:
        data[place] = value
    path = put(tmp_path_factory.getbasetemp(), bytes(data[: cut or len(data)]))
    try:
        assert all(isinstance(tensor, torch.Tensor) for tensor in read(path).tensors.values())
    except WeightsError as error:
        assert str(error)
