"""Children of two or more faces: each layer of a child's styles comes from a parent, and some of it
is its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import FaceGenerator
from ganapps.pictures.images import from_tensor
from ganapps.report import Made, Step
from ganapps.settings import Setting, within
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import Maker, number, numbers_of
from ganapps.tasks.shared import Count, Psi, Seed
from ganapps.tasks.styles import begun, packed, styled
from ganapps.tasks.task import Task

LARGEST = 32_000  # characters of a family as JSON
MOST_PARENTS = 8
SAMPLE = 256  # faces whose mean spread is the measure of a mutation
LOOKED_AT = 32  # pixels a side at which pictures are compared
FIRST = frozenset({"seed", "psi", "labels", "styles"})  # what an ancestor from a seed may have
BORN = frozenset({"of", "seed", "mutation", "crossing"})

Crossing = Literal["layers", "mixed"]
Family = Annotated[
    dict[str, Any],
    Setting(
        says='who there is, by name: from a seed, {"seed": 7, "psi": 0.7, "labels": {...}}, or '
        'from parents, {"of": ["a", "b"], "seed": 3, "mutation": 0.2, "crossing": "layers"}',
        free_text=True,
    ),
]


def breed(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    family: Family,
    parents: Annotated[
        list[Any], Setting(says="the names of two or more of them, whose children are made")
    ],
    seed: Seed = 0,
    count: Count = 8,
    mutation: Annotated[
        float,
        Setting(
            0.0,
            1.0,
            label="Mutation",
            slider=(0, 1),
            step=0.05,
            says="how much of a child is its own: 0 nothing, 1 as much as strangers differ",
        ),
    ] = 0.15,
    crossing: Annotated[
        Crossing,
        Setting(
            label="Crossing",
            choices=(("layer by layer", "layers"), ("mixed", "mixed")),
            says="layers: each layer of a child comes from one parent; mixed: all layers lie "
            "between the parents",
        ),
    ] = "layers",
    psi: Psi = 0.7,
) -> Iterator[Step]:
    """A litter: `count` children of the seeds seed, seed + 1, ..., each as its own seed makes it,
    whatever `count` is.

    A child's recipe holds its lineage, and no more of the family: it makes just this child again.
    The figures say how far apart the litter's pictures lie on average, and each from its parents,
    as a root mean square of 255 at 32 x 32 pixels; `birth` is what a family has of this child,
    `styles` the child as text, to be edited.
    """
    network = styled(network)
    numbers = numbers_of(seed, count)
    make = Maker(network, device, labels_of_model, None, "const")
    people = People(make, checked(family), psi)
    names = _parents(parents, people.family)
    of = [people.styles(name) for name in names]
    shown = [_small(_drawn(make, ws)) for ws in of]
    lineage = people.lineage(names)
    seen: list[Tensor] = []
    for done, child in enumerate(numbers, 1):
        birth = Birth(child, mutation, crossing)
        ws = people.child(of, birth)
        x = _drawn(make, ws)
        (picture,) = from_tensor(x, network.value_range)
        seen.append(_small(x))
        figures: dict[str, Any] = {
            "from parents": [_apart(seen[-1], other) for other in shown],
            "diversity": _diversity(seen),
            "styles": packed(ws),
            "birth": {"of": names, "seed": child, "mutation": mutation, "crossing": crossing},
        }
        own = {"family": lineage, "parents": list(names), "seed": child, "count": 1}
        caption = f"{' x '.join(names)} {child}"
        made = Made(picture, caption[:80], own, figures=figures)
        yield Step(done, count, (made,), make.calls(), make.changes())


BREED = Task(
    "breed",
    breed,
    models="faces",
    work=("count",),
    says="Make children of two or more faces.",
)


@dataclass(frozen=True)
class Birth:
    """What makes one child of its parents."""

    seed: int
    mutation: float
    crossing: Crossing


class People:
    """The styles of everybody in a family, each made once."""

    def __init__(self, make: Maker, family: Mapping[str, Mapping[str, Any]], psi: float) -> None:
        self.make, self.family, self.psi = make, family, psi
        self._styles: dict[str, Tensor] = {}
        self._spread: Tensor | None = None

    def styles(self, name: str) -> Tensor:
        """[1, num_ws, w_dim]"""
        for member in self._elders_first(name):
            if member not in self._styles:
                self._styles[member] = self._made(self.family[member])
        return self._styles[name]

    def lineage(self, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Those of the family from whom these come, and they themselves."""
        kept: dict[str, Mapping[str, Any]] = {}
        for name in names:
            for member in self._elders_first(name):
                kept[member] = self.family[member]
                if "of" not in kept[member]:  # whoever goes on may ask for another variety
                    kept[member] = {"psi": self.psi, **kept[member]}
        return kept

    def child(self, of: Sequence[Tensor], birth: Birth) -> Tensor:
        """The styles [1, num_ws, w_dim] of a child of these styles."""
        random = np.random.RandomState(birth.seed)
        parents = torch.cat(list(of))  # [P, num_ws, w_dim]
        count, layers = parents.shape[:2]
        if birth.crossing == "layers":
            shares = _crossed(random, count, layers)
        else:
            mixed = random.dirichlet(np.ones(count))
            shares = np.repeat(mixed[:, None], layers, axis=1)
        weights = torch.from_numpy(shares.astype(np.float32)).to(parents.device)
        ws = (parents * weights[:, :, None]).sum(dim=0, keepdim=True)
        drawn = random.standard_normal(parents.shape[2]).astype(np.float32)
        if not birth.mutation:
            return ws
        own = torch.from_numpy(drawn).to(parents.device) * self.spread()
        return ws + birth.mutation * own

    def spread(self) -> Tensor:
        """How far this model's styles differ, number by number [w_dim]."""
        if self._spread is None:
            z, rows = self.make.drawn(range(SAMPLE))
            self._spread = self.make.ws(z, rows, 1.0, None)[:, 0].float().std(dim=0)
        return self._spread

    def _made(self, member: Mapping[str, Any]) -> Tensor:
        if "of" not in member:
            make = self.make
            make.chosen = member.get("labels") or {}
            found = begun(make, member.get("seed", 0), self._psi(member), member.get("styles"))
            make.chosen = {}
            return found.ws
        birth = Birth(
            number(member.get("seed", 0)),
            member.get("mutation", 0.15),
            member.get("crossing", "layers"),
        )
        return self.child([self._styles[name] for name in member["of"]], birth)

    def _psi(self, member: Mapping[str, Any]) -> float:
        return member.get("psi", self.psi)

    def _elders_first(self, name: str) -> list[str]:
        """Everybody whom `name` comes from, parents before children, and `name`. Raises UserError
        where somebody comes from himself.
        """
        order: dict[str, None] = {}
        waiting = [(name, False)]
        under_way: set[str] = set()
        while waiting:
            member, ready = waiting.pop()
            if ready:
                order[member] = None
                under_way.discard(member)
            elif member in under_way:
                raise UserError(
                    "In this family {name} comes from itself: name parents who were there before.",
                    name=member,
                )
            elif member not in order:
                under_way.add(member)
                waiting.append((member, True))
                waiting += [(elder, False) for elder in self.family[member].get("of", ())]
        return list(order)


def _crossed(random: np.random.RandomState, count: int, layers: int) -> np.ndarray:
    """[count, layers] of 0 and 1: runs of layers from one parent each, and every one gives some."""
    cuts = np.sort(random.permutation(np.arange(1, layers))[: count - 1])
    order = random.permutation(count)
    shares = np.zeros((count, layers))
    for piece, layer in enumerate(np.split(np.arange(layers), cuts)):
        shares[order[piece], layer] = 1
    return shares


def _drawn(make: Maker, ws: Tensor) -> Tensor:
    return make.pictures(ws, [0], None)[0]


def _small(x: Tensor) -> Tensor:
    """A picture [1, 3, H, W] at the size at which pictures are compared, 0 to 255."""
    small = F.adaptive_avg_pool2d(x.float().clamp(-1, 1), LOOKED_AT)
    return small * 127.5 + 127.5


def _apart(a: Tensor, b: Tensor) -> float:
    return round(float((a - b).square().mean().sqrt()), 1)


def _diversity(seen: Sequence[Tensor]) -> float:
    """The mean distance of two pictures; 0 of a single one."""
    pairs = [(i, j) for i in range(len(seen)) for j in range(i)]
    if not pairs:
        return 0.0
    return round(sum(_apart(seen[i], seen[j]) for i, j in pairs) / len(pairs), 1)


def checked(family: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """The family. Raises UserError where it is too large, or somebody in it is not as said."""
    length = len(json.dumps(family, ensure_ascii=False, separators=(",", ":")))
    if length > LARGEST:
        raise UserError(
            "This family is too large: {size} characters, up to {most} are accepted.",
            size=length,
            most=LARGEST,
        )
    for name, member in family.items():
        if not _is_member(member) or not set(member.get("of", ())) <= set(family):
            raise UserError(
                "{name} is nobody of a family: a seed or styles are expected, or the names of "
                "parents who are in it.",
                name=name,
            )
    return family


def _is_member(member: Any) -> bool:
    if not isinstance(member, dict):
        return False
    seeded = isinstance(member.get("seed", 0), (int, str))
    if "of" in member:
        named = isinstance(member["of"], list) and 2 <= len(member["of"]) <= MOST_PARENTS
        return (
            named
            and seeded
            and set(member) <= BORN
            and all(isinstance(name, str) for name in member["of"])
            and within(member.get("mutation", 0), 0, 1)
            and member.get("crossing", "layers") in ("layers", "mixed")
        )
    return (
        seeded
        and bool(member)
        and set(member) <= FIRST
        and within(member.get("psi", 0), -2, 2)
        and isinstance(member.get("labels", {}), dict)
        and isinstance(member.get("styles", ""), str)
    )


def _parents(parents: Sequence[Any], family: Mapping[str, Any]) -> list[str]:
    """Raises UserError for too few, too many, or one who is not there."""
    if not 2 <= len(parents) <= MOST_PARENTS:
        raise UserError(
            "{count:parent is|parents are} named: 2 to {most} are needed.",
            count=len(parents),
            most=MOST_PARENTS,
        )
    for name in parents:
        if not isinstance(name, str) or name not in family:
            raise UserError(
                "The parent {name} is not in the family: {known} are.",
                name=str(name),
                known=", ".join(family),
            )
    return list(parents)
