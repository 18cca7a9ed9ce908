"""How good the shipped models' pictures are, as measured: reads `weights/quality.toml`, whose first
lines explain it.
"""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from math import isfinite
from pathlib import Path
from typing import Any

from ganapps.models.catalog import WEIGHTS

log = logging.getLogger("ganapps")
TABLE = WEIGHTS / "quality.toml"
SETTINGS = ("psi", "steps", "eta")
MOST = 1e9  # of any figure: what is beyond was not measured


@dataclass(frozen=True)
class Measured:
    """A model at one setting; what was not measured is None.

    `setting` is the one that `value` belongs to: psi of a GAN; steps (of DDIM, eta 0) or eta (at
    `steps` steps) of a diffusion model. `pictures` were made for the figures. `frechet` falls,
    `precision`, `recall` (0 to 1) and `diversity` (1 is real) rise with quality, in
    EfficientNet-Lite0's features, those with `lite2_` in EfficientNet-Lite2's. `swd64`, `swd32`,
    `swd16`: sliced Wasserstein distance at so many pixels, x 1000, which falls. `seconds` a
    picture.
    """

    model: str
    setting: str
    value: float
    pictures: int
    frechet: float
    precision: float
    recall: float
    diversity: float
    swd64: float
    swd32: float
    swd16: float
    steps: int | None = None
    seconds: float | None = None
    nearest: float | None = None
    lite2_frechet: float | None = None
    lite2_precision: float | None = None
    lite2_recall: float | None = None
    lite2_diversity: float | None = None


def load(path: Path = TABLE) -> tuple[dict[str, Any], tuple[Measured, ...]]:
    """What the file says about itself, and its rows. ValueError names a file that is no such table;
    one that isn't there is empty.
    """
    if not path.exists():
        return {}, ()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return dict(table["about"]), tuple(_row(row) for row in table["rows"])
    except (AttributeError, KeyError, TypeError, ValueError) as e:
        raise ValueError(f"{path.name}: not a table of measurements ({e})") from e


def rows() -> list[dict[str, Any]]:
    """The shipped rows as plain values, without what was not measured; none of a damaged table,
    which the log tells.
    """
    try:
        measured = load()[1]
    except ValueError as e:
        log.error("%s", e)
        return []
    return [
        {name: value for name, value in asdict(row).items() if value is not None}
        for row in measured
    ]


def _row(row: Mapping[str, Any]) -> Measured:
    numbers = {f.name for f in fields(Measured)} - {"model", "setting"}
    wrong = [
        name
        for name in row
        if name in numbers and not _sensible(row[name], -MOST if name == "value" else 0)
    ]
    if wrong or row.get("setting") not in SETTINGS:
        raise ValueError(f"{row.get('model')}: {', '.join(wrong) or row.get('setting')}")
    return Measured(**row)


def _sensible(value: Any, least: float) -> bool:
    """A finite number from `least` (psi may be negative) to MOST."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and isfinite(value)
        and least <= value <= MOST
    )
