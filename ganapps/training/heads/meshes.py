"""MakeHuman's meshes in plain numpy: OBJ files, shape targets, and meshes that are fitted to the
body.

Units are MakeHuman's: decimetres, y up, z to the front.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np


class Mesh:
    """A Wavefront file: vertices [V, 3], uvs [U, 2]; for each face its vertex numbers, uv numbers
    and group.
    """

    def __init__(self, path: Path) -> None:
        vertices, uvs = [], []
        self.faces: list[list[int]] = []
        self.face_uvs: list[list[int]] = []
        self.groups: list[str] = []
        group = ""
        for kind, *words in _words(path):
            if kind == "v":
                vertices.append([float(word) for word in words[:3]])
            elif kind == "vt":
                uvs.append([float(word) for word in words[:2]])
            elif kind == "g":
                group = words[0]
            elif kind == "f":
                corners = [word.split("/") for word in words]
                self.faces.append([int(corner[0]) - 1 for corner in corners])
                self.face_uvs.append([int(corner[1]) - 1 for corner in corners])
                self.groups.append(group)
        self.vertices, self.uvs = np.array(vertices, np.float32), np.array(uvs, np.float32)

    def select(self, wanted: Callable[[list[int], str], bool]) -> Piece:
        """The faces for which `wanted(vertex numbers, group)` holds, as a mesh of their own."""
        kept = [
            i for i, (face, group) in enumerate(zip(self.faces, self.groups)) if wanted(face, group)
        ]
        used = np.unique(np.concatenate([self.faces[i] for i in kept]))
        number = np.full(len(self.vertices), -1)
        number[used] = np.arange(len(used))
        return Piece(
            [[int(number[v]) for v in self.faces[i]] for i in kept],
            [self.face_uvs[i] for i in kept],
            used,
        )


class Piece:
    """Part of a mesh: faces in its own vertex numbers, `ids` [N] the same vertices in the whole
    mesh.
    """

    def __init__(self, faces: list[list[int]], face_uvs: list[list[int]], ids: np.ndarray) -> None:
        self.faces, self.face_uvs, self.ids = faces, face_uvs, ids


class Fitted:
    """A mesh that follows the body, such as hair or a suit: NAME.obj and how it is fitted,
    NAME.mhclo.

    Each vertex is a weighted sum of three of the body's, plus an offset that grows with the body.
    `hidden`: the body's vertices that lie under it.
    """

    def __init__(self, stem: Path) -> None:
        self.mesh = Mesh(stem.with_suffix(".obj"))
        self.scale: dict[int, tuple[int, int, float]] = {}
        rows, hidden, mode = [], set(), ""
        for kind, *words in _words(stem.with_suffix(".mhclo")):
            if kind in ("x_scale", "y_scale", "z_scale"):
                self.scale["xyz".index(kind[0])] = (int(words[0]), int(words[1]), float(words[2]))
            elif kind in ("verts", "delete_verts", "weights"):
                mode = kind
            elif mode == "verts" and kind.lstrip("-").isdigit():
                rows.append([float(word) for word in (kind, *words)])
            elif mode == "delete_verts" and kind.isdigit():
                hidden |= _ranges([kind, *words])
        self.hidden = np.array(sorted(hidden), int)
        self._bind(rows[: len(self.mesh.vertices)])

    def _bind(self, rows: list[list[float]]) -> None:
        count = len(self.mesh.vertices)
        self.corners = np.zeros((count, 3), int)
        self.weights, self.offsets = (
            np.zeros((count, 3), np.float32),
            np.zeros((count, 3), np.float32),
        )
        for i, row in enumerate(rows):
            if len(row) == 1:
                self.corners[i], self.weights[i] = int(row[0]), (1, 0, 0)
            else:
                self.corners[i], self.weights[i], self.offsets[i] = row[:3], row[3:6], row[6:9]

    def fit(self, body: np.ndarray) -> np.ndarray:
        """Its vertices [N, 3] on a body's [V, 3]."""
        size = np.ones(3, np.float32)
        for axis, (a, b, distance) in self.scale.items():
            size[axis] = abs(body[a, axis] - body[b, axis]) / distance
        return np.einsum("nk,nkd->nd", self.weights, body[self.corners]) + self.offsets * size


class Human:
    """The base mesh and all its targets; the first start packs the targets into one file beside
    them.
    """

    def __init__(self, assets: Path) -> None:
        self.base = Mesh(assets / "base.obj")
        packed = assets / "targets.npz"
        if not packed.exists():
            _pack(assets / "targets", packed)
        archive = np.load(packed)
        starts, vertices, moves = archive["start"], archive["idx"], archive["d"]
        self.targets = {
            name: (vertices[a:b], moves[a:b])
            for name, a, b in zip(archive["names"].tolist(), starts[:-1], starts[1:])
        }

    def shape(self, weights: Mapping[str, float]) -> np.ndarray:
        """Vertices [V, 3] with these targets mixed in; raises KeyError for one that there isn't."""
        moved = self.base.vertices.copy()
        for name, weight in weights.items():
            if weight:
                vertices, moves = self.targets[name]
                moved[vertices] += np.float32(weight) * moves
        return moved

    @cached_property
    def _joints(self) -> dict[str, set[int]]:
        joints: dict[str, set[int]] = {}
        for face, group in zip(self.base.faces, self.base.groups):
            if group.startswith("joint-"):
                joints.setdefault(group.removeprefix("joint-"), set()).update(face)
        return joints

    def joint(self, vertices: np.ndarray, name: str) -> np.ndarray:
        """Centre [3] of the small cube that marks a joint."""
        return vertices[sorted(self._joints[name])].mean(0)


def macro_weights(
    gender: float, age: float, muscle: float, weight: float, ancestry: Mapping[str, float]
) -> dict[str, float]:
    """MakeHuman's large targets for a body: gender 0 (female) .. 1 (male), age from 25, muscle and
    weight 0..1, ancestry's sum 1.

    25 is the age of the "young" shape, so that nobody is ever mixed with the child targets;
    proportions are half way to ideal.
    """
    assert age >= 25, f"age {age}: younger shapes are not read"
    old = float(np.clip((age - 25) / 65, 0, 1))
    mixed: dict[str, float] = {}
    for sex, by_sex in (("female", 1 - gender), ("male", gender)):
        for years, by_age in (("young", 1 - old), ("old", old)):
            share = by_sex * by_age
            mixed |= {
                f"macrodetails/{name}-{sex}-{years}": share * part
                for name, part in ancestry.items()
            }
            for muscles, by_muscle in _three(muscle, "muscle"):
                for fat, by_fat in _three(weight, "weight"):
                    build, part = f"{sex}-{years}-{muscles}-{fat}", share * by_muscle * by_fat
                    mixed[f"macrodetails/universal-{build}"] = part
                    mixed[f"macrodetails/proportions/{build}-idealproportions"] = part * 0.5
    return {name: part for name, part in mixed.items() if part > 1e-4}


def _three(x: float, what: str) -> Iterator[tuple[str, float]]:
    yield f"min{what}", max(0, 1 - 2 * x)
    yield f"average{what}", 1 - abs(2 * x - 1)
    yield f"max{what}", max(0, 2 * x - 1)


def _words(path: Path) -> Iterator[list[str]]:
    """The lines of a text file as words, without comments and empty lines."""
    for line in path.read_text().splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            yield words


def _ranges(words: list[str]) -> set[int]:
    """`3 7 - 9` -> {3, 7, 8, 9}."""
    numbers: set[int] = set()
    while words:
        if words[1:2] == ["-"]:
            numbers.update(range(int(words[0]), int(words[2]) + 1))
            words = words[3:]
        else:
            numbers.add(int(words[0]))
            words = words[1:]
    return numbers


def _pack(folder: Path, packed: Path) -> None:
    """All .target files as one archive: each a list of vertices and how far they move."""
    names, vertices, moves, starts = [], [], [], [0]
    for file in sorted(folder.rglob("*.target")):
        rows = list(_words(file))
        names.append(file.relative_to(folder).with_suffix("").as_posix())
        vertices += [int(row[0]) for row in rows]
        moves += [[float(word) for word in row[1:4]] for row in rows]
        starts.append(len(vertices))
    np.savez(
        packed,
        names=np.array(names),
        idx=np.array(vertices, np.int32),
        d=np.array(moves, np.float32),
        start=np.array(starts),
    )
