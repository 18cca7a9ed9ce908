"""Pictures in and out: picture <-> tensor, and files that people can keep."""

from __future__ import annotations

import base64
import errno
import io
import json
import math
import os
import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, PngImagePlugin

from ganapps.errors import UserError
from ganapps.pictures import formats, png_file
from ganapps.pictures.formats import PNG, Format
from ganapps.pictures.inside import XMP, from_picture, mark, png_info, png_texts, xmp
from ganapps.pictures.uploads import ifd
from ganapps.recipe import Recipe
from ganapps.report import Kept, Part

Picture = Image.Image
SIGNS = {"+": "plus-", "-": "minus-"}  # in a file's name
SMALL = 256 * 256 * 3  # numbers of a picture that is encoded before another thread has begun
# What a page shows of a picture at most; the file has all of it. A browser on a busy machine takes
# seconds to draw more.
SHOWN_SIDE = 1600  # pixels of the longer side
VIEW_SIDE = 512  # of a picture in a row of others: a cell has 300, a fine screen more of them
SHOWN_PIXELS = 1_990_000  # in all: two megapixels, less what rounding the sides may add


def from_tensor(
    x: torch.Tensor, value_range: tuple[float, float] = (-1.0, 1.0)
) -> list[Image.Image]:
    """Pictures of a batch [N, 1 or 3, H, W] with values in `value_range`, clamped.

    From (-1, 1) the byte is `trunc(x * 127.5 + 128)`, as the official StyleGAN scripts make it, so
    known seeds give the known bytes.
    """
    low, high = value_range
    scale = 255.0 / (high - low)
    scaled = (x.float() * scale).add_(0.5 - low * scale).clamp_(0, 255)
    # numpy takes a third of torch's time
    bytes_ = (
        torch.from_numpy(scaled.numpy().astype(np.uint8))
        if scaled.is_cpu
        else scaled.to(torch.uint8)
    )
    # in this order, for bytes move quicker than floats
    pixels = bytes_.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return [Image.fromarray(p[..., 0] if p.shape[-1] == 1 else p) for p in pixels]


def to_tensor(pixels: np.ndarray, value_range: tuple[float, float] = (0.0, 1.0)) -> torch.Tensor:
    """[1, C, H, W] float32 with values in `value_range` from [H, W, C] uint8 or uint16; a new one,
    on the processor.
    """
    low, high = value_range
    x = torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32, order="C"))
    return x.mul_((high - low) / np.iinfo(pixels.dtype).max).add_(low)[None]


def to_pixels(x: torch.Tensor, bits: int = 8) -> np.ndarray:
    """[H, W, C] uint8, or uint16 for 16 bits, of [1, C, H, W] in 0..1, clamped and rounded."""
    most = 2**bits - 1
    rounded = x[0].float().clamp(0, 1).mul(most).round().cpu().numpy()
    return np.ascontiguousarray(rounded.transpose(1, 2, 0)).astype(
        np.uint16 if bits == 16 else np.uint8
    )


def picture_of(kept: Kept) -> Picture:
    """What is kept, as Pillow has it."""
    return kept.picture if isinstance(kept.picture, Picture) else to_picture(kept.picture)


def pixels_of(kept: Kept) -> np.ndarray:
    """What is kept, as an array [H, W, C]."""
    pixels = np.asarray(kept.picture)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def to_picture(pixels: np.ndarray) -> Image.Image:
    """A picture of 8 bits to look at from [H, W, C], C 1 to 4; 16 bits are rounded to 8."""
    if pixels.dtype == np.uint16:
        pixels = eight_bits(pixels)
    return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """uint8 nearest to uint16 `pixels` [H, W, C] as shares of the whole range, row by row."""
    made = np.empty(pixels.shape, np.uint8)
    for row, wide in zip(made, pixels, strict=True):
        row[:] = (wide.astype(np.uint32) * 255 + 32895) >> 16  # exact for all of them
    return made


@contextmanager
def room() -> Iterator[None]:
    """What is written inside. Raises UserError where a disk is full."""
    try:
        yield
    except OSError as e:
        if e.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UserError(
            "The disk of this machine is full, so nothing was kept: make room on it and try again."
        ) from e


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Where to write a file that shall be at `path` as a whole or not at all. Raises UserError
    where the disk is full.
    """
    part = path.with_name(f".{path.name}.part")
    with room():
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def keep(kept: Kept, folder: Path, index: int, of: str = "", form: Format = PNG) -> Path:
    """The file in `folder` that a finished picture is kept as, its recipe inside: of the format
    that is asked for; a film is a WebP.

    Its name tells what it is (`heads-64-seed-7.png`), after `of`, the name of the picture that it
    was made of; `index`, the picture's place in its run, keeps other tasks' names apart.
    """
    return _written(kept, _place(kept, folder, index, of, form), form)


def _place(kept: Kept, folder: Path, index: int, of: str, form: Format) -> Path:
    words = f"{kept.recipe.checkpoint.split('/')[-1].split(':')[0]}-{kept.caption}"
    words = _in_a_name(words)[:80] + ("" if kept.recipe.task == "faces" else f"-{index}")
    if of:
        words = f"{_in_a_name(of)[:60]}-{words}"
    return folder / f"{words}{'.webp' if kept.frames else form.ending}"


def _written(kept: Kept, path: Path, form: Format) -> Path:
    if kept.frames:
        return save_film(kept.frames, path, kept.frames_per_second, kept.recipe)
    if isinstance(kept.picture, Picture) and form.kind == "png":
        return save_png(kept.picture, path, kept.recipe)
    pixels = pixels_of(kept)
    return save_pixels(
        pixels, path, kept.recipe, **kept.about, quality=form.quality, most=form.most
    )


def _in_a_name(words: str) -> str:
    """Signs are spelled out: "smile +1" and "smile -1" are two pictures."""
    words = re.sub(r"(?<= )([+-])(?=\d)", lambda sign: SIGNS[sign[1]], words)
    return "".join(c if c.isalnum() or c in ".-" else "-" for c in words)


def free(path: Path, taken: Collection[Path] = ()) -> Path:
    """`path`, or where something lies there, or it is `taken`, the first of `NAME-2`, `NAME-3`, ...
    that is free.
    """
    found, number = path, 1
    while found.exists() or found in taken:
        number += 1
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return found


def keep_all(
    made: Sequence[Kept],
    folder: Path,
    already: int,
    of: str = "",
    over: bool = True,
    form: Format = PNG,
) -> list[Path]:
    """All of them as files in `folder`, each with its recipe inside, or none; `already`: how many
    of their run lie there; `of` and `form` as `keep` has them. Where they may not go `over` files
    that are there, they get numbers. Raises UserError where the disk is full, or the format has no
    room for one of them.

    Large ones are encoded at once, one on each core: a GPU makes them quicker than a core encodes
    them.
    """
    places: list[Path] = []
    for index, kept in enumerate(made, already):
        place = _place(kept, folder, index, of, form)
        places.append(place if over else free(place, places))
    last = dict(zip(places, made))  # of one name
    large = any(pixels_of(kept).size > SMALL for kept in made)
    with ThreadPoolExecutor(os.cpu_count() if large else 1) as pool:
        files = {path: pool.submit(_written, kept, path, form) for path, kept in last.items()}
    if errors := [error for file in files.values() if (error := file.exception())]:
        for path, file in files.items():
            if not file.exception():
                path.unlink(missing_ok=True)
        raise errors[0]
    return places


def save_png(picture: Image.Image, path: Path, recipe: Recipe) -> Path:
    """`path`, written without loss, the recipe inside."""
    with whole(path) as part:
        picture.save(part, format="PNG", pnginfo=png_info(recipe), compress_level=4)
    return path


def save_plain(pixels: np.ndarray, path: Path) -> Path:
    """`path`, a PNG of [H, W, C] with 8 bits to work on here, without a recipe."""
    with whole(path) as part:
        to_picture(pixels).save(part, format="PNG")
    return path


def save_pixels(
    pixels: np.ndarray,
    path: Path,
    recipe: Recipe,
    *,
    icc: bytes | None = None,
    date: str | None = None,
    gps: bytes | None = None,
    quality: int = 92,
    most: int = 0,
) -> Path:
    """`path`, a PNG, JPEG (.jpg) or WebP by its ending, of [H, W, C] uint8 or uint16, the recipe
    inside.

    `icc`, `date` and `gps` are those of an Upload; a profile for other kinds of colours is left
    out. PNG keeps 16 bits and alpha; a JPEG has neither, so it is laid on white; WebP has 8 bits.
    `quality` and `most` are those of a Format.
    """
    icc = icc if icc and icc[16:20] == (b"GRAY" if pixels.shape[2] < 3 else b"RGB ") else None
    exif = ifd.block(date, gps)
    if path.suffix == ".png":
        with whole(path) as part:
            png_file.write(part, pixels, png_texts(recipe), icc, exif)
        return path
    kind = "webp" if path.suffix == ".webp" else "jpeg"
    form = Format(kind, quality, most)
    content = formats.encoded(to_picture(pixels), form, recipe, icc, exif)
    with whole(path) as part:
        part.write_bytes(content)
    return path


def address(picture: Image.Image, kind: str, side: int = 256) -> str:
    """A picture as text that a page can show at once (a data URI): small and lossy, for looking at
    while something runs; marked as of that `kind` (`inside.mark`), "": no network made it.
    """
    buffer = io.BytesIO()
    if max(picture.size) > side:
        picture = ImageOps.contain(picture, (side, side))
    picture.save(buffer, "WEBP", quality=88, xmp=mark(kind).encode() if kind else b"")
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def part_picture(parts: Sequence[Part]) -> Image.Image | None:
    """What is finished of a large picture; None where nothing is."""
    return to_picture(np.concatenate([part.rows for part in parts])) if parts else None


def shown_size(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height at which a page shows a picture of that `size`: its own, or less."""
    width, height = size
    share = min(1.0, SHOWN_SIDE / max(size), math.sqrt(SHOWN_PIXELS / (width * height)))
    return max(1, round(width * share)), max(1, round(height * share))


def save_shown(picture: Image.Image, path: Path, kind: str = "") -> Path:
    """`path`, a PNG that a page shows of `picture`, quickly made and without a recipe; marked as of
    that `kind` (`inside.mark`), "" where no network made it.
    """
    size = shown_size(picture.size)
    about = PngImagePlugin.PngInfo()
    if kind:
        about.add_itxt(XMP, mark(kind))
    with whole(path) as part:
        small = picture if size == picture.size else picture.resize(size)
        small.save(part, format="PNG", pnginfo=about, compress_level=1)
    return path


def save_view(file: Path, path: Path) -> Path:
    """`path`, a small WebP to look at in a row of others, of a picture `file` of this app; the
    recipe is in it, too.
    """
    with Image.open(file) as picture, whole(path) as part:
        small = picture.convert("RGB")
        small.thumbnail((VIEW_SIDE, VIEW_SIDE))
        packet = xmp(from_picture(file)).encode()
        small.save(part, format="WEBP", quality=90, method=1, xmp=packet)
    return path


def save_film(
    frames: Sequence[Image.Image], path: Path, frames_per_second: int, recipe: Recipe
) -> Path:
    """`path`, an endless animated WebP; the recipe stands in its XMP block."""
    first, *others = frames
    with whole(path) as part:
        first.save(
            part,
            format="WEBP",
            save_all=True,
            append_images=others,
            duration=round(1000 / frames_per_second),
            loop=0,
            quality=90,
            method=2,
            xmp=xmp(recipe).encode(),
        )
    return path


def save_zip(files: Iterable[Path], path: Path, texts: dict[str, str]) -> Path:
    """`path`, a ZIP of `files` under their own names and of `texts` by name."""
    with whole(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file, file.name)
        for name, text in texts.items():
            archive.writestr(name, text)
    return path


def save_text(text: str, path: Path) -> Path:
    """`path`, a file of `text` in UTF-8."""
    with whole(path) as part:
        part.write_text(text, encoding="utf-8")
    return path


def save_bytes(contents: bytes, path: Path) -> Path:
    """`path`, a file of just these bytes."""
    with whole(path) as part:
        part.write_bytes(contents)
    return path


def as_json(values: dict[str, Any]) -> str:
    """Plain values as indented JSON, for the files that go with pictures."""
    return json.dumps(values, indent=1, ensure_ascii=False)
