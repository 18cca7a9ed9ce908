"""One person's body: the base mesh in their shape and expression, and how it is turned."""

from __future__ import annotations

from typing import Any

import numpy as np

from ganapps.training.heads.geometry import ramp, turn
from ganapps.training.heads.meshes import Human, macro_weights
from ganapps.training.heads.people import ANCESTRIES

CLIPPED = ("bald", "buzz", "crop")  # styles without a hair mesh


class Figure:
    """A person's shape before the pose. `vertices` [V, 3]; `neck`, `head` joints [3]; `eyes`: their
    centres, by side "l", "r".
    """

    def __init__(self, human: Human, person: dict[str, Any]) -> None:
        self.person = person
        self.vertices = human.shape(_targets(person))
        self.neck, self.head = (human.joint(self.vertices, name) for name in ("neck", "head"))
        self.eyes = {side: human.joint(self.vertices, f"{side}-eye") for side in "lr"}

    @property
    def between_eyes(self) -> np.ndarray:
        return (self.eyes["l"] + self.eyes["r"]) / 2

    @property
    def eye_distance(self) -> float:
        return (self.eyes["l"] - self.eyes["r"])[0]

    @property
    def has_hair_mesh(self) -> bool:
        return self.person["hair"] not in CLIPPED

    def pose(self, points: np.ndarray) -> np.ndarray:
        """Points [N, 3] turned: the body as a whole, and the head more and more up the neck."""
        p, neck, head = self.person, self.neck, self.head
        height = (points[:, 1] - neck[1] + 0.42 * (points[:, 2] - neck[2] - 0.45)) / (
            head[1] - neck[1]
        )
        share = ramp(height, -0.15, 0.62)
        pivot = neck * 0.35 + head * 0.65
        turned = (
            turn("y", (p["yaw"] - p["body_yaw"]) * share)
            @ turn("x", -p["pitch"] * share)
            @ turn("z", p["roll"] * share)
        )
        points = np.einsum("nij,nj->ni", turned, points - pivot) + pivot
        return (points - neck) @ turn("y", p["body_yaw"])[0].T + neck

    def look(self, eyeballs: np.ndarray) -> np.ndarray:
        """Eyeballs [N, 3] turned most of the way back to the camera, and to where the person
        looks.
        """
        p, turned = self.person, eyeballs.copy()
        across = turn("y", np.clip(-p["yaw"] * 0.8 + p["gaze_x"], -22, 22))[0]
        along = turn("x", np.clip(p["pitch"] * 0.8 + p["gaze_y"], -10, 10))[0]
        for side, sign in (("l", 1), ("r", -1)):
            chosen = eyeballs[:, 0] * sign > 0
            turned[chosen] = (eyeballs[chosen] - self.eyes[side]) @ (across @ along).T + self.eyes[
                side
            ]
        return turned


def _targets(person: dict[str, Any]) -> dict[str, float]:
    ancestry = {name: person[name] for name in ANCESTRIES}
    weights = macro_weights(
        person["gender"], max(25, person["age"]), person["muscle"], person["weight"], ancestry
    )
    for name, amount in person["shape"].items():
        weights[name] = weights.get(name, 0) + amount
    for name, amount in person["expression"].items():
        weights |= {
            f"expression/units/{who}/{name}": amount * share for who, share in ancestry.items()
        }
    return weights
