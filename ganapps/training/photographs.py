"""Real photographs from places anyone can fetch: python -m ganapps.training.photographs --out DIR

Debian packages, on Debian or Ubuntu (`apt-get download`), and the sample pictures of scikit-image
and scikit-learn, where they are installed. Chosen by looking at everything the packages hold: no
drawings, no renderings, no people but one astronaut.
"""

from __future__ import annotations

import argparse
import io
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

LONGEST = 1024  # pixels of the long side of a kept picture
# every eighth of a source is for measurements; of the others every second one becomes a painting
HELD_BACK, PAINTED = (
    8,
    2,
)
ENDINGS = (".jpg", ".png", ".webp")
WALLPAPERS = {  # package -> the names that are photographs; the last folder that says which one
    "lomiri-wallpapers-16.04": """Bridge_by_Sander_Klootwijk Dragonfly_by_Bolly Picture_0B_by_freespace Picture_1A_by_freespace
        Wine_by_Jakkub_Mede aitzgorri_by_Aitzol_Berasategi friends_by_Aitzol_Berasategi greentock_by_Peter_Nerlich
        life_by_Aitzol_Berasategi picosdeeuropa_by_Aitzol_Berasategi seeding_by_Clements_Engelhardt sunset_by_Aitzol_Berasategi""",
    "lomiri-wallpapers-20.04": "Kleiber_by_Lukas_Baubkus",
    "mate-backgrounds": "Aqua Dune FreshFlower Garden GreenMeadow LadyBird RainDrops Storm "
    "TwoWings YellowFlower",
    "plasma-workspace-wallpapers": "BytheWater ColdRipple ColorfulCups EveningGlow FallenLeaf Kite "
    "OneStandsOut Path summer_1am",
}
GCOMPRIS = ("erase", "explore_farm_animals", "explore_monuments", "explore_world_animals")
# a licence of its own; a cut-out; grey; from the air
LEFT_OUT = (
    "kangaroo",
    "cabrillo",
    "castleClinton",
    "castillodeSanMarcos",
    "fortSumter",
)
SAMPLES = {
    "skimage": "data: astronaut chelsea coffee rocket motorcycle_left",
    "sklearn": "datasets/images: china flower",
}


@dataclass(frozen=True)
class Photograph:
    """A picture uint8 [H, W, 3], its name and what it is for: "photo", "painting" (to be painted)
    or "held-back".
    """

    name: str
    pixels: np.ndarray
    use: str


def load(folder: Path, *uses: str) -> list[Photograph]:
    """The gathered photographs for these uses, by name. Raises FileNotFoundError where there are
    none.
    """
    paths = sorted(Path(folder).glob("*.png"))
    if not paths:
        raise FileNotFoundError(
            f"no photographs in {folder}: gather them with ganapps.training.photographs"
        )
    parts = split([path.stem for path in paths])
    return [
        Photograph(p.stem, np.asarray(Image.open(p).convert("RGB")), parts[p.stem])
        for p in paths
        if parts[p.stem] in uses
    ]


def split(names: list[str]) -> dict[str, str]:
    """What each photograph is for, decided by its place among its source's names ("source.name"):
    one use each, no picture in two.
    """
    places: dict[str, int] = {}
    uses = {}
    for name in sorted(names):
        source = name.split(".")[0]
        place = places[source] = places.get(source, -1) + 1
        uses[name] = (
            "held-back" if place % HELD_BACK == 3 else "painting" if place % PAINTED else "photo"
        )
    return uses


def shrink(pixels: np.ndarray, side: int) -> np.ndarray:
    """uint8 [H, W, 3] with its short side brought to `side` pixels; the picture itself where it is
    no larger.
    """
    height, width = pixels.shape[:2]
    factor = side / min(height, width)
    if factor >= 1:
        return pixels
    return np.asarray(
        Image.fromarray(pixels).resize(
            (round(width * factor), round(height * factor)), Image.Resampling.LANCZOS
        )
    )


def resources(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The uncompressed files of one Qt resource file (.rcc, formats 1 to 3): (path, content).
    Raises ValueError for anything else.
    """
    if data[:4] != b"qres":
        raise ValueError("not a Qt resource file")
    version, tree, contents, names = struct.unpack(">4I", data[4:20])
    node = 22 if version >= 2 else 14

    def walk(index: int, path: str) -> Iterator[tuple[str, bytes]]:
        at = tree + index * node
        name, flags, a, b = struct.unpack(">IHII", data[at : at + 14])
        if index:
            (length,) = struct.unpack(">H", data[names + name : names + name + 2])
            path += "/" + data[names + name + 6 : names + name + 6 + 2 * length].decode("utf-16-be")
        if flags & 2:  # a folder: a children, from b on
            for child in range(b, b + a):
                yield from walk(child, path)
        elif flags == 0:  # a file of some language, its place in b
            (size,) = struct.unpack(">I", data[contents + b : contents + b + 4])
            yield path, data[contents + b + 4 : contents + b + 4 + size]

    return walk(0, "")


def gather(out: Path) -> int:
    """Fetch the packages and write every photograph as OUT/SOURCE.NAME.png; how many."""
    out.mkdir(parents=True, exist_ok=True)
    found = [*_wallpapers(out / "packages"), *_gcompris(out / "packages"), *_samples()]
    for name, data in found:
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
        picture.save(out / f"{name}.png")
    return len(found)


def _package(folder: Path, name: str) -> Path:
    """An unpacked Debian package, fetched where it isn't there yet."""
    unpacked = folder / name
    if not unpacked.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", name], cwd=folder, check=True)
        (package,) = folder.glob(f"{name}_*.deb")
        subprocess.run(["dpkg-deb", "-x", str(package), str(unpacked)], check=True)
    return unpacked


def _wallpapers(folder: Path) -> Iterator[tuple[str, bytes]]:
    for package, names in WALLPAPERS.items():
        source = package.split("-")[0]
        for name in names.split():
            files = [
                p
                for p in _package(folder, package).rglob("*")
                if p.suffix in ENDINGS and name in (p.stem, *(d.name for d in p.parents))
            ]
            yield f"{source}.{name}", max(files, key=lambda p: p.stat().st_size).read_bytes()


def _gcompris(folder: Path) -> Iterator[tuple[str, bytes]]:
    for activity in GCOMPRIS:
        (file,) = _package(folder, "gcompris-qt-data").rglob(f"{activity}.rcc")
        for path, data in resources(file.read_bytes()):
            name = Path(path).stem
            if path.endswith(ENDINGS) and len(data) > 20_000 and name not in LEFT_OUT:
                yield f"{activity}.{name}", data


def _samples() -> Iterator[tuple[str, bytes]]:
    for package, listed in SAMPLES.items():
        spec = find_spec(package)
        if spec is None:
            print(f"{package} is not installed: its sample photographs are left out")
            continue
        assert spec.submodule_search_locations, "a package has a folder"
        place, names = listed.split(": ")
        folder = Path(spec.submodule_search_locations[0]) / place
        for name in names.split():
            yield (
                f"{package}.{name}",
                next(p for p in folder.glob(f"{name}.*") if p.suffix in ENDINGS).read_bytes(),
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Gather real photographs to learn from.")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="where the pictures go, and the packages they come from",
    )
    print(f"{gather(parser.parse_args().out)} photographs")


if __name__ == "__main__":
    main()
