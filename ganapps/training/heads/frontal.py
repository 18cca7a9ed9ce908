"""Renders held-back people from the front: python -m ganapps.training.heads.frontal --assets DIR
--out DIR

What `benchmarks/frontal.py` measures frontal views against: the same person, light and camera, with
yaw and pitch at zero. A picture that is there already is kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from ganapps.training.data import HELD_BACK
from ganapps.training.heads.people import Description, describe

HEADS, TURNED = 50, 8.0  # how many; degrees that a head is turned at least


def turned() -> Iterator[Description]:
    """The first people whose heads are turned, of those that no training sees."""
    index = found = 0
    while found < HEADS:
        person = describe(index)
        if abs(person["yaw"]) >= TURNED:
            found += 1
            yield person
        index += HELD_BACK


def picture(folder: Path, index: int) -> Path:
    """Where the frontal picture of the person of that index lies."""
    return folder / f"{index:06}.png"


def main() -> None:
    parser = argparse.ArgumentParser(description="Render held-back people from the front.")
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    studio = None
    for person in turned():
        path = picture(chosen.out, person["index"])
        if path.exists():
            continue
        # a second to import, and a process to itself: only when there is something to render
        from ganapps.training.heads.studio import Studio

        studio = studio or Studio(chosen.assets)
        studio.render(person | {"yaw": 0.0, "pitch": 0.0}).save(path)


if __name__ == "__main__":
    main()
