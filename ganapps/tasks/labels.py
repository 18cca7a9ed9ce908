"""The labels of a conditional generator: drawn by the seed, or set in words a visitor uses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ganapps.errors import UserError

# what StarGAN's published training on CelebA sets, in its order
FACE = (
    "Black hair",
    "Blond hair",
    "Brown hair",
    "Male",
    "Young",
)


@dataclass(frozen=True)
class Labels:
    """What a generator is conditional on.

    `rows` [N, C] are label rows to draw from, `names` the C numbers, `controls` say how a word a
    visitor uses sets some of them: {"id", "title", "kind": "number" | "choice" | "colour", ...}.
    For a network with classes the rows are one-hot.
    """

    rows: np.ndarray
    names: tuple[str, ...]
    controls: tuple[Mapping[str, Any], ...]

    def row(self, random: np.random.RandomState, chosen: Mapping[str, Any]) -> np.ndarray:
        """A label row [C]: drawn by `random`, then overwritten by what was chosen. Raises UserError
        for an unknown control.
        """
        row = self.rows[random.randint(len(self.rows))].astype(np.float32)
        for column, number in self.numbers(chosen).items():
            row[self.names.index(column)] = number
        return row

    def numbers(self, chosen: Mapping[str, Any]) -> dict[str, float]:
        """What was chosen as numbers of the row, by their names. Raises UserError for an unknown
        control, or a value it can't have.
        """
        by_id = {control["id"]: control for control in self.controls}
        numbers: dict[str, float] = {}
        for name, value in chosen.items():
            if name not in by_id:
                raise UserError(
                    "The label {name} is unknown to this model: accepted are {known}.",
                    name=name,
                    known=", ".join(by_id),
                )
            numbers |= _numbers(by_id[name], value)
        return numbers

    def told(self, row: np.ndarray) -> dict[str, Any]:
        """A row [C] in the words that set it: each control's value, the nearest that it can have
        where it is a choice.
        """
        numbers = dict(zip(self.names, row.tolist()))
        return {control["id"]: _told(control, numbers) for control in self.controls}


def from_table(rows: np.ndarray, metadata: Mapping[str, str]) -> Labels:
    """Labels from a shipped file's rows [N, C] and its `names` and `controls`, both JSON; controls
    that do not work are left out.

    Raises ValueError that says what of it is no label.
    """
    try:
        names, controls = json.loads(metadata["names"]), json.loads(metadata.get("controls", "[]"))
    except (KeyError, ValueError, RecursionError) as e:
        raise ValueError("the names or controls of its labels can't be read") from e
    if (
        not isinstance(names, list)
        or not all(isinstance(n, str) for n in names)
        or rows.ndim != 2
        or rows.shape[1] != len(names)
    ):
        raise ValueError("its labels have not one name for each column")
    if not len(rows) or not np.isfinite(rows).all():
        raise ValueError("its rows of labels are no finite numbers")
    for control in controls if isinstance(controls, list) else [controls]:
        if not _is_control(control, set(names)):
            raise ValueError(f"one of its labels can't be set as it says: {str(control)[:80]}")
    return Labels(rows, tuple(names), tuple(c for c in controls if c.get("works", True)))


def _is_control(control: Any, names: set[str]) -> bool:
    """Is this a control as `Labels` describes them, of labels with these names?"""
    if not isinstance(control, dict) or not all(
        isinstance(control.get(k), str) for k in ("id", "title")
    ):
        return False
    if control.get("kind") == "choice":
        options = control.get("options")
        return (
            isinstance(options, dict)
            and bool(options)
            and all(
                isinstance(sets, dict) and set(sets) <= names and all(map(_finite, sets.values()))
                for sets in options.values()
            )
        )
    kind, weights = control.get("kind"), control.get("weights")
    if (
        kind not in ("number", "colour")
        or not isinstance(weights, dict)
        or not set(weights) <= names
    ):
        return False
    if kind == "colour" and len(weights) != 3:
        return False
    lines = all(
        isinstance(line, list) and len(line) == 2 and all(map(_finite, line))
        for line in weights.values()
    )
    low, high, step = control.get("min", 0), control.get("max", 1), control.get("step", 1)
    return lines and all(map(_finite, (low, high, step))) and low < high and step > 0


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15


def from_classes(titles: tuple[str, ...], count: int) -> Labels:
    """One-hot labels for `count` classes; classes without a title are called by their number."""
    titles = titles if len(titles) == count else tuple(str(i) for i in range(count))
    columns = tuple(f"class_{i}" for i in range(count))
    options = {
        title: {c: float(c == column) for c in columns} for title, column in zip(titles, columns)
    }
    return Labels(
        np.eye(count, dtype=np.float32),
        columns,
        ({"id": "class", "title": "Class", "kind": "choice", "options": options},),
    )


def _numbers(control: Mapping[str, Any], value: Any) -> dict[str, float]:
    if control["kind"] == "choice":
        if not isinstance(value, str) or value not in control["options"]:
            raise UserError(
                "The label {name} can't be {value}: accepted are {known}.",
                name=control["id"],
                value=value,
                known=", ".join(control["options"]),
            )
        return dict(control["options"][value])
    if control["kind"] == "colour":
        channels = _channels(control["id"], value)
        return {
            column: scale * x + shift
            for x, (column, (scale, shift)) in zip(channels, control["weights"].items())
        }
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not control["min"] <= value <= control["max"]
    ):
        raise UserError(
            "The label {name} is {value}: from {low} to {high} is accepted.",
            name=control["id"],
            value=value,
            low=control["min"],
            high=control["max"],
        )
    return {column: scale * value + shift for column, (scale, shift) in control["weights"].items()}


def _told(control: Mapping[str, Any], numbers: Mapping[str, float]) -> Any:
    """The value of a control at which these numbers stand."""
    if control["kind"] == "choice":
        away = {
            option: sum((numbers[column] - value) ** 2 for column, value in sets.items())
            for option, sets in control["options"].items()
        }
        return min(away, key=lambda option: away[option])
    values = [
        (numbers[column] - shift) / scale
        for column, (scale, shift) in control["weights"].items()
        if scale
    ]
    if control["kind"] == "colour":
        levels = [round(255 * min(max(value, 0.0), 1.0)) for value in values]
        return "#" + "".join(f"{level:02x}" for level in levels)
    mean = sum(values) / max(len(values), 1)
    return round(min(max(mean, control["min"]), control["max"]), 3)


def _channels(name: str, value: Any) -> tuple[float, ...]:
    """`#rrggbb` as three numbers from 0 to 1."""
    if not (isinstance(value, str) and re.fullmatch("#[0-9a-fA-F]{6}", value)):
        raise UserError(
            "The label {name} can't be {value}: a colour like #7799cc is accepted.",
            name=name,
            value=value,
        )
    return tuple(b / 255 for b in bytes.fromhex(value[1:]))
