"""AnimeGANv2's generator as its authors' TensorFlow program becomes an ONNX file: no tensor keeps
its name, norms are taken to pieces.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from torch import Tensor

EPSILON = 1e-12


class _Graph:
    """Nodes and stored tensors so far; pictures are NCHW inside, as tf2onnx turns them."""

    def __init__(self, weights: Mapping[str, Tensor], resize: str) -> None:
        self.weights, self.resize, self.nodes, self.stored, self.count = (
            {k: v.numpy() for k, v in weights.items()},
            resize,
            [],
            [],
            0,
        )

    def name(self) -> str:
        self.count += 1
        return f"const_fold_opt__{self.count}"

    def store(self, array: np.ndarray) -> str:
        name = self.name()
        self.stored.append(numpy_helper.from_array(array, name))
        return name

    def node(self, operation: str, *inputs: str, **attributes: object) -> str:
        name = self.name()
        self.nodes.append(helper.make_node(operation, list(inputs), [name], **attributes))
        return name

    def channels(self, name: str) -> str:
        return self.store(self.weights[name].reshape(1, -1, 1, 1))

    def convolution(self, x: str, name: str, stride: int = 1) -> str:
        weight = self.weights[f"{name}.weight"]
        side, groups = weight.shape[2] // 2, weight.shape[0] if weight.shape[1] == 1 else 1
        pads = [0, 0, 0, 0, 0, 0, 1, 1] if stride == 2 else [0, 0, side, side] * 2
        if any(pads):
            x = self.node("Pad", x, self.store(np.array(pads, np.int64)), mode="reflect")
        y = self.node(
            "Conv",
            x,
            self.store(weight),
            strides=[stride] * 2,
            group=groups,
            kernel_shape=list(weight.shape[2:]),
        )
        return (
            self.node("Add", y, self.channels(f"{name}.bias"))
            if f"{name}.bias" in self.weights
            else y
        )

    def norm(self, x: str, name: str) -> str:
        """tf.nn.moments and tf.nn.batch_normalization, as TensorFlow 1 spells them out."""
        mean = self.node("ReduceMean", x, axes=[1, 2, 3], keepdims=1)
        apart = self.node("Sub", x, mean)
        variance = self.node(
            "ReduceMean", self.node("Mul", apart, apart), axes=[1, 2, 3], keepdims=1
        )
        deviation = self.node(
            "Sqrt", self.node("Add", variance, self.store(np.array(EPSILON, np.float32)))
        )
        rate = self.node("Mul", self.node("Reciprocal", deviation), self.channels(f"{name}.weight"))
        scaled = self.node("Mul", x, rate)
        return self.node(
            "Add",
            scaled,
            self.node("Sub", self.channels(f"{name}.bias"), self.node("Mul", mean, rate)),
        )

    def block(self, x: str, name: str, stride: int = 1) -> str:
        y = self.norm(self.convolution(x, f"{name}.1", stride), f"{name}.2")
        return self.node("LeakyRelu", y, alpha=0.2)

    def doubled(self, x: str) -> str:
        region, scales = (
            self.store(np.zeros(0, np.float32)),
            self.store(np.array([1, 1, 2, 2], np.float32)),
        )
        return self.node(
            "Resize", x, region, scales, mode="linear", coordinate_transformation_mode=self.resize
        )

    def inverted(self, x: str, name: str, add: bool) -> str:
        y = self.block(self.block(x, f"{name}.0"), f"{name}.1")
        y = self.norm(self.convolution(y, f"{name}.2"), f"{name}.3")
        return self.node("Add", x, y) if add else y


def animegan(weights: Mapping[str, Tensor], resize: str = "asymmetric") -> ModelProto:
    """`weights` under bryandlee's names; the graph takes and gives [1, H, W, 3] in -1..1."""
    graph = _Graph(weights, resize)
    x = graph.node("Transpose", "generator_input:0", perm=[0, 3, 1, 2])
    x = graph.block(graph.block(graph.block(x, "block_a.0"), "block_a.1", 2), "block_a.2")
    x = graph.block(graph.block(graph.block(x, "block_b.0", 2), "block_b.1"), "block_c.0")
    for n in range(1, 5):
        x = graph.inverted(x, f"block_c.{n}.layers", n > 1)
    x = graph.block(x, "block_c.5")
    x = graph.block(graph.block(graph.doubled(x), "block_d.0"), "block_d.1")
    x = graph.block(
        graph.block(graph.block(graph.doubled(x), "block_e.0"), "block_e.1"), "block_e.2"
    )
    x = graph.node("Tanh", graph.convolution(x, "out_layer.0"))
    graph.nodes.append(
        helper.make_node(
            "Transpose", [x], ["generator/G_MODEL/out_layer/Tanh:0"], perm=[0, 2, 3, 1]
        )
    )
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, None, 3])
        for name in ("generator_input:0", "generator/G_MODEL/out_layer/Tanh:0")
    ]
    return helper.make_model(
        helper.make_graph(graph.nodes, "tf2onnx", ends[:1], ends[1:], graph.stored),
        opset_imports=[helper.make_opsetid("", 11)],
        ir_version=6,
        producer_name="tf2onnx",
    )
