"""What the renderer needs of Blender: node trees written as formulas, pictures in linear light,
meshes that move.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import bpy
import numpy as np

Socket: TypeAlias = bpy.types.NodeSocket


class Nodes:
    """A node tree, emptied, to be written from the inputs to the output. Formulas give sockets;
    numbers may stand for them.
    """

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self.tree = tree
        tree.nodes.clear()

    def add(self, kind: str, label: str = "", **settings: Any) -> bpy.types.Node:
        """A node of this kind, with a name to find it by and its settings."""
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        if label:
            node.name = label
        for name, value in settings.items():
            setattr(node, name, value)
        return node

    def feed(self, node: bpy.types.Node, **inputs: Any) -> bpy.types.Node:
        """Connect or set the inputs of a node by name, `Base_Color` for "Base Color"; the node
        itself.
        """
        for name, value in inputs.items():
            self._join(node.inputs[name.replace("_", " ")], value)
        return node

    def math(
        self, operation: str, a: Socket | float, b: Socket | float = 0.0, clamp: bool = False
    ) -> Socket:
        node = self.add("Math", operation=operation, use_clamp=clamp)
        self._join(node.inputs[0], a)
        self._join(node.inputs[1], b)
        return node.outputs[0]

    def times(self, a: Socket | float, b: Socket | float, clamp: bool = False) -> Socket:
        return self.math("MULTIPLY", a, b, clamp)

    def mix(self, share: Socket | float, a: Any, b: Any, blend: str = "MIX") -> Socket:
        """Colours a and b mixed: all b where `share` is 1."""
        node = self.add("Mix", data_type="RGBA", blend_type=blend, clamp_factor=True)
        for number, value in ((0, share), (6, a), (7, b)):
            self._join(node.inputs[number], value)
        return node.outputs[2]

    def choose(self, share: Socket, a: Socket, b: Socket) -> Socket:
        """Shaders a and b mixed."""
        node = self.add("MixShader")
        for socket, value in zip(node.inputs, (share, a, b)):
            self._join(socket, value)
        return node.outputs[0]

    def value(self, label: str, start: float = 0.0) -> Socket:
        """A number that `tune` may change later."""
        socket = self.add("Value", label).outputs[0]
        socket.default_value = start
        return socket

    def colour(self, label: str) -> Socket:
        """A colour that `tune` may change later; white at first."""
        socket = self.add("RGB", label).outputs[0]
        socket.default_value = (1, 1, 1, 1)
        return socket

    def painted(self, name: str) -> Socket:
        """The number that each vertex of the mesh carries under this name."""
        return self.add("Attribute", attribute_name=name).outputs["Fac"]

    def noise(self, **inputs: float) -> Socket:
        return self.feed(self.add("TexNoise"), **inputs).outputs[0]

    def bump(self, **inputs: Any) -> Socket:
        return self.feed(self.add("Bump"), **inputs).outputs[0]

    def surface(self, **inputs: Any) -> bpy.types.Node:
        """Blender's all-purpose surface shader."""
        return self.feed(self.add("BsdfPrincipled"), **inputs)

    def finish(self, shader: Socket, kind: str = "Material") -> None:
        self.tree.links.new(shader, self.add(f"Output{kind}").inputs[0])

    def _join(self, socket: Socket, value: Any) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = value


def material(name: str) -> tuple[bpy.types.Material, Nodes]:
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    return made, Nodes(made.node_tree)


def tune(made: bpy.types.Material, label: str, value: float | Sequence[float] | np.ndarray) -> None:
    """Set a `Nodes.value` or `Nodes.colour` of a material."""
    socket = made.node_tree.nodes[label].outputs[0]
    if isinstance(value, (Sequence, np.ndarray)):
        socket.default_value = (*(float(x) for x in value), 1)
    else:
        socket.default_value = value


def picture(name: str, pixels: np.ndarray) -> bpy.types.Image:
    """A new float picture from [H, W, 3 or 4], top row first, in linear light."""
    height, width, channels = pixels.shape
    made = bpy.data.images.new(name, width, height, alpha=True, float_buffer=True)
    made.colorspace_settings.name = "Linear Rec.709"
    made.alpha_mode = "CHANNEL_PACKED"
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :channels] = pixels
    made.pixels.foreach_set(np.ascontiguousarray(rgba[::-1]).ravel())
    made.update()
    return made


class Pictures:
    """Pictures that are replaced between renders.

    With persistent data Cycles misses that a picture has changed, so a new one takes its place; and
    it tells pictures apart by their address, so the old one has to live until the render is over.
    """

    def __init__(self) -> None:
        self.old: list[bpy.types.Image] = []

    def replace(self, node: bpy.types.Node, pixels: np.ndarray) -> None:
        self.old.append(node.image)
        node.image = picture(node.image.name, pixels)

    def forget(self) -> None:
        while self.old:
            bpy.data.images.remove(self.old.pop())


class Part:
    """An object of the scene whose vertices are written anew for every picture; `used`: is it in
    this one?
    """

    def __init__(
        self,
        name: str,
        faces: list[list[int]],
        uvs: np.ndarray | None,
        count: int,
        materials: Sequence[bpy.types.Material],
    ) -> None:
        """`uvs` [corners, 2], one for each corner of each face; None where nothing is painted.
        `count` vertices.
        """
        self.mesh = bpy.data.meshes.new(name)
        self.mesh.from_pydata(np.zeros((count, 3)).tolist(), [], faces)
        layer = self.mesh.uv_layers.new(name="UVMap")
        if uvs is not None:
            layer.data.foreach_set("uv", uvs.astype(np.float32).ravel())
        self.mesh.polygons.foreach_set("use_smooth", np.ones(len(faces), bool))
        for made in materials:
            self.mesh.materials.append(made)
        self.object, self.used = bpy.data.objects.new(name, self.mesh), True
        bpy.context.scene.collection.objects.link(self.object)

    def move(self, vertices: np.ndarray) -> None:
        """Vertices [N, 3] in MakeHuman's axes (y up, z to the front) -> Blender's (z up, y to the
        back).
        """
        turned = np.stack([vertices[:, 0], -vertices[:, 2], vertices[:, 1]], 1).astype(np.float32)
        self.mesh.vertices.foreach_set("co", turned.ravel())
        self.mesh.update()
        self.object.hide_render = False
        self.used = True

    def paint(self, name: str, values: np.ndarray) -> None:
        """One number a vertex, for `Nodes.painted`."""
        layer = self.mesh.attributes.get(name) or self.mesh.attributes.new(name, "FLOAT", "POINT")
        layer.data.foreach_set("value", np.asarray(values, np.float32))


def corner_uvs(uvs: np.ndarray, face_uvs: list[list[int]]) -> np.ndarray:
    """A mesh's uvs and the uv numbers of its faces -> [corners, 2]."""
    return uvs[np.concatenate([np.array(face) for face in face_uvs])]
