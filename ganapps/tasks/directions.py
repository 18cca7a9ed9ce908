"""Ways through a generator's styles: of its labels, of files that ship, and those found on the spot
(GANSpace, Härkönen 2020; SeFa, Shen 2021).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from ganapps.errors import UserError
from ganapps.networks.contracts import FaceReader, StyleGenerator
from ganapps.tasks.labels import Labels
from ganapps.tasks.readings import Reader

SAMPLES = 2048  # faces whose styles are looked at
PAIRS = 128  # of them those whose labels are changed
RIDGE = 1e-3  # of the styles' variance: what is held is read off them by a ridge regression
LEFT = 0.05  # of a step must be left where others are held
FOUND = re.compile(r"(pca|sefa)-([1-9][0-9]{0,2})")


@dataclass(frozen=True)
class Direction:
    """A way: `step` [num_ws, w_dim] is what strength 1 adds to a face's styles. Who holds it keeps
    a face where it is along `normal` [w_dim]. `z_step` [z_dim]: the way was found in z, and `step`
    is its mean there.
    """

    step: Tensor
    normal: Tensor
    z_step: Tensor | None = None


@dataclass(frozen=True)
class Known:
    """What ships for one generator: `steps` by "w.NAME" and "z.NAME", perhaps a reader of what
    moved, and one of whole faces.
    """

    steps: Mapping[str, Tensor] = field(default_factory=dict)
    reader: Reader | None = None
    faces: FaceReader | None = None

    @property
    def names(self) -> dict[str, str]:
        """Each name as a person gives it -> as the file has it; w goes before z."""
        return {name.partition(".")[2]: name for name in sorted(self.steps, reverse=True)}


def known(
    parts: Sequence[tuple[Mapping[str, Tensor], Mapping[str, str]]],
    faces: FaceReader | None = None,
) -> Known:
    """Of the files' tensors and settings, and the reader of whole faces."""
    steps: dict[str, Tensor] = {}
    reader = None
    for tensors, settings in parts:
        steps |= {name: tensors[name].float() for name in tensors if name[:2] in ("w.", "z.")}
        if "reader.weight" in tensors:
            names = tuple(json.loads(settings["reads"]))
            reader = Reader(tensors["reader.weight"].float(), names, int(settings["side"]))
    return Known(steps, reader, faces)


class Way(NamedTuple):
    """What a label direction sets: numbers of the row at its beginning (None: as they are) and at
    its end; and by what it is `told`, number by number how much they change over all of it. Nothing
    tells a choice that no number of its own stands for.
    """

    title: str
    begin: Mapping[str, float] | None
    end: Mapping[str, float]
    told: Mapping[str, float]


def ways(table: Labels | None) -> Iterator[tuple[str, Way]]:
    """The directions of a model's labels by name: `age`, `hair: long`, `hair_colour: light`."""
    for control in table.controls if table else ():
        yield from _ways_of(table, control)


def _ways_of(table: Labels | None, control: Mapping[str, Any]) -> Iterator[tuple[str, Way]]:
    assert table is not None, "a control belongs to a table"
    name, title = control["id"], control["title"]

    def numbers(value: Any) -> dict[str, float]:
        return table.numbers({name: value})

    if control["kind"] == "choice":
        for option in control["options"]:
            end = numbers(option)
            yield f"{name}: {option}", Way(f"{title}: {option}", None, end, _own(control, end))
        return
    light = control["kind"] == "colour"
    ends = ("#000000", "#ffffff") if light else (control["min"], control["max"])
    begin, end = map(numbers, ends)
    told = {column: end[column] - begin[column] for column in end}
    yield f"{name}: light" if light else name, Way(title, begin, end, told)


def _own(control: Mapping[str, Any], end: Mapping[str, float]) -> dict[str, float]:
    """The number that is largest where this option is chosen, and how much larger than at its
    smallest; nothing where another option has as much of it.
    """
    column = max(end, key=lambda name: end[name])
    others = [sets[column] for sets in control["options"].values() if column in sets]
    if others.count(max(others)) > 1 or end[column] < max(others):
        return {}
    return {column: end[column] - min(others)}


@dataclass(frozen=True)
class Sample:
    """Faces of fixed seeds: `z` [S, z_dim], label `rows` [S, C] or None, `w` [S, w_dim]."""

    z: Tensor
    rows: Tensor | None
    w: Tensor


_samples: WeakKeyDictionary[StyleGenerator, Sample] = WeakKeyDictionary()


class Directions:
    """The directions of one network, each found when it is asked for."""

    def __init__(
        self,
        network: StyleGenerator,
        device: str,
        table: Labels | None,
        known: Known,
        layers: tuple[int, int] = (0, 31),
    ) -> None:
        """`layers`: the first and the last that steps act in."""
        self.network, self.device, self.table, self.known = network, device, table, known
        self.layers = slice(layers[0], layers[1] + 1)
        self.ways = dict(ways(table))
        self._found: dict[str, Direction] = {}

    def find(self, name: str) -> Direction:
        """The direction of that name. Raises UserError for an unknown one, or where this network
        has none of that kind.
        """
        if name not in self._found:
            self._found[name] = self._looked_up(name)
        return self._found[name]

    def _looked_up(self, name: str) -> Direction:
        if name in self.ways:
            found = self._of_label(self.ways[name])
        elif name in self.known.names:
            found = self._shipped(self.known.names[name])
        elif match := FOUND.fullmatch(name):
            found = self._component(match[1], int(match[2]), name)
        else:
            raise UserError(
                "The direction {name} is unknown to this model: accepted are {known}.",
                name=name,
                known=", ".join([*self.known.names, "pca-1 ...", "sefa-1 ...", *self.ways]),
            )
        step = torch.zeros_like(found.step)
        step[self.layers] = found.step[self.layers]
        return Direction(step, found.normal, found.z_step)

    def held(self, name: str, others: Sequence[str]) -> Direction:
        """The direction without what moves a face along the `others`. Raises UserError where
        nothing is left of it.
        """
        found = self.find(name)
        if not others:
            return found
        normals = torch.stack([self.find(other).normal for other in others], dim=1)  # [w_dim, K]
        across, _ = torch.linalg.qr(_exact(normals))
        step = _exact(found.step)
        step = (step - step @ across @ across.T).to(found.step)
        if step.norm() < LEFT * found.step.norm():
            raise UserError(
                "Nothing is left of {name} where {held} is held: hold less.",
                name=name,
                held=", ".join(others),
            )
        return Direction(step, found.normal)

    def gone(self, name: str, ws: Tensor) -> float:
        """How much of the way of a label that is a number a face of these styles [1, num_ws, w_dim]
        has gone: 0 where it begins, 1 at its end. A ridge regression reads it off them, counted in
        what the whole way adds to its reading.
        """
        way = self.ways[name]
        assert way.begin is not None and way.told, "the label is a number"
        told = self._told(way)
        rising = self._rising(told)
        whole = self._of_label(way).step.mean(dim=0) @ rising
        beyond = (ws[0].float().mean(dim=0) - self.sample().w.mean(dim=0)) @ rising / whole
        begin = sum(way.begin[column] * step for column, step in way.told.items())
        middle = (float(told.mean()) - begin) / sum(step**2 for step in way.told.values())
        return middle + float(beyond)

    def sample(self) -> Sample:
        """Faces of fixed seeds, once for each network."""
        if self.network not in _samples:
            random = np.random.RandomState(0)
            z = torch.from_numpy(random.randn(SAMPLES, self.network.z_dim).astype(np.float32))
            rows = None
            if self.table is not None:
                drawn = np.stack([self.table.row(random, {}) for _ in range(SAMPLES)])
                rows = torch.from_numpy(drawn).to(self.device)
            z = z.to(self.device)
            _samples[self.network] = Sample(z, rows, self._w(z, rows)[:, 0])
        return _samples[self.network]

    def _w(self, z: Tensor, rows: Tensor | None) -> Tensor:
        with torch.no_grad():
            return self.network.mapping(z, rows).float()

    def _of_label(self, way: Way) -> Direction:
        assert self.table is not None, "a way belongs to a table"
        sample = self.sample()
        assert sample.rows is not None, "a table gives rows"
        z, rows = sample.z[:PAIRS], sample.rows[:PAIRS]
        begin = self._w(z, self._with(rows, way.begin or {}))
        step = (self._w(z, self._with(rows, way.end)) - begin).mean(dim=0)
        if not way.told:
            return Direction(step, _unit(step.mean(dim=0)))
        return Direction(step, _unit(self._rising(self._told(way))))

    def _told(self, way: Way) -> Tensor:
        """[S]: how far the sample's faces have gone a way by what tells it, times its length
        squared.
        """
        assert self.table is not None, "a way belongs to a table"
        rows = self.sample().rows
        assert rows is not None, "a table gives rows"
        columns = [self.table.names.index(name) for name in way.told]
        weights = torch.tensor(list(way.told.values()), dtype=torch.float32)
        return rows[:, columns] @ weights.to(self.device)

    def _with(self, rows: Tensor, numbers: Mapping[str, float]) -> Tensor:
        assert self.table is not None, "numbers belong to a table"
        rows = rows.clone()
        for name, value in numbers.items():
            rows[:, self.table.names.index(name)] = value
        return rows

    def _rising(self, read: Tensor) -> Tensor:
        """[w_dim]: by how much the numbers `read` [S] of the sample's faces rise along each of w,
        by a ridge regression.
        """
        sample = self.sample()
        w = _exact(sample.w - sample.w.mean(dim=0))
        inner = w.T @ w
        inner += RIDGE * inner.diagonal().mean() * torch.eye(len(inner))
        return torch.linalg.solve(inner, w.T @ _exact(read - read.mean())).to(sample.w)

    def _shipped(self, name: str) -> Direction:
        step = self.known.steps[name].to(self.device)
        if name.startswith("z."):
            sample = self.sample()
            z, rows = sample.z[:PAIRS], None if sample.rows is None else sample.rows[:PAIRS]
            moved = (self._w(z + step, rows) - self._w(z, rows)).mean(dim=0)
            return Direction(moved, _unit(moved[0]), step)
        step = step.expand(self.network.num_ws, -1)
        return Direction(step, _unit(step.mean(dim=0)))

    def _component(self, kind: str, number: int, name: str) -> Direction:
        """The component of this number, from 1; strength 1 is one standard deviation along it."""
        w = self.sample().w
        centred = _exact(w - w.mean(dim=0))
        spread = centred.T @ centred / len(w)
        matrix = spread if kind == "pca" else _exact(self._style_matrix())
        values, vectors = torch.linalg.eigh(matrix)
        if number > len(values):
            raise UserError(
                "There is no {name}: this model's styles have {count} numbers.",
                name=name,
                count=len(values),
            )
        vector = vectors[:, -number]
        # a component has no sign of its own: its largest number is positive, wherever it is found
        vector = vector * vector[vector.abs().argmax()].sign()
        deviation = (vector @ spread @ vector).clamp(min=0).sqrt()
        step = (vector * deviation).to(w).expand(self.network.num_ws, -1)
        return Direction(step, vector.to(w))

    def _style_matrix(self) -> Tensor:
        """[w_dim, w_dim], whose eigenvectors move the layers' styles the most."""
        weights = self.network.style_weights()[self.layers]
        if not weights:
            raise UserError(
                "This model tells no layers that a closed form could be found of: take pca-1 to "
                "pca-20, or a StyleGAN."
            )
        rows = torch.cat(weights).float()
        rows = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)
        return rows.T @ rows


def _exact(x: Tensor) -> Tensor:
    """x in float64, on the processor: not every device has it."""
    return x.cpu().double()


def _unit(vector: Tensor) -> Tensor:
    return vector / vector.norm().clamp(min=1e-12)
