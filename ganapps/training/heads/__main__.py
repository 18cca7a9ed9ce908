"""Renders portraits as shards for the trainings: python -m ganapps.training.heads --assets DIR
--out DIR --end 5000

Run it again to go on after a stop; a picture that is there already is kept. One processor core
renders about 45 pictures a minute; for more, start one process a core with `--part 0/2` and `--part
1/2` into the same folder, and `--pack` when all are done. `--day 1` renders the same people in
other poses, clothes and light as NNNNNN-1.jpg, for what learns who is who.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import tarfile
from pathlib import Path

SHARD = 1000


def render(
    out: Path, assets: Path, wanted: range, seed: int, size: int, samples: int, day: int = 0
) -> None:
    """Pictures `wanted` of the data set `seed` as OUT/NNNNNN.jpg (on another `day` NNNNNN-D.jpg),
    each with its description beside it as .json.
    """
    studio = None
    for index in wanted:
        name = f"{index:06}-{day}" if day else f"{index:06}"
        picture, description = out / f"{name}.jpg", out / f"{name}.json"
        if description.exists():
            continue
        # Blender takes a second to import and a process to itself: only when there is something to
        # render.
        from ganapps.training.heads.people import on_another_day
        from ganapps.training.heads.studio import Studio

        studio = studio or Studio(assets, size, samples)
        person = on_another_day(index, day, seed)
        studio.render(person).save(picture, quality=95, subsampling=0)
        finished = description.with_suffix(f".{os.getpid()}")
        finished.write_text(json.dumps({"file": picture.name} | person))
        os.replace(finished, description)  # a picture counts when its description is there, whole


def pack(out: Path, end: int, start: int = 0) -> None:
    """Whole shards of 1,000: heads128-NN.tar, and the rest in a last one. Raises FileNotFoundError
    for a picture that is missing.

    `start`, where a shard begins, leaves out those that were packed elsewhere.
    """
    assert start % SHARD == 0, f"no shard begins at {start}"
    for first in range(start, end, SHARD):
        names = [f"{index:06}" for index in range(first, min(first + SHARD, end))]
        lines = "\n".join((out / f"{name}.json").read_text() for name in names) + "\n"
        with tarfile.open(out / f"heads128-{first // SHARD:02}.tar", "w") as shard:
            for name in names:
                _add(shard, f"{name}.jpg", (out / f"{name}.jpg").read_bytes())
            _add(shard, "labels.jsonl.gz", gzip.compress(lines.encode(), mtime=0))


def _add(shard: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    shard.addfile(member, io.BytesIO(content))


def main() -> None:
    parser = argparse.ArgumentParser(description="Render portraits of people who do not exist.")
    parser.add_argument(
        "--assets", type=Path, required=True, help="what ganapps.training.heads.assets fetched"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--end", type=int, required=True)
    parser.add_argument("--part", default="0/1", help="K/N: every N-th picture, from the K-th on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--day", type=int, default=0, help="0: as in the data set")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--samples", type=int, default=24, help="light paths a pixel")
    parser.add_argument(
        "--pack", action="store_true", help="only put finished pictures into shards"
    )
    chosen = parser.parse_args()
    part, parts = map(int, chosen.part.split("/"))
    chosen.out.mkdir(parents=True, exist_ok=True)
    if chosen.pack:
        return pack(chosen.out, chosen.end, chosen.start)
    render(
        chosen.out,
        chosen.assets,
        range(chosen.start + part, chosen.end, parts),
        chosen.seed,
        chosen.size,
        chosen.samples,
        chosen.day,
    )


if __name__ == "__main__":
    main()
