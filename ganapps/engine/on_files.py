"""Work on picture files that needs no network: paths in; a path, numbers or a picture out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganapps.models import finder
from ganapps.pictures import images, masks
from ganapps.pictures.formats import Format
from ganapps.pictures.inside import from_picture
from ganapps.pictures.uploads import Upload, open_upload, shows, size_of
from ganapps.recipe import Recipe
from ganapps.report import Kept, SoFar
from ganapps.tasks import cycle, figures, find_faces, finish, hidden, learn_picture, resample
from ganapps.tasks.table import TASKS

LOOKS_A_SECOND = 8  # in a film of the Lab
PAINTED = 2_000_000  # pixels of what is painted on in a page (painter.js)


def finished(
    recipe: Recipe, picture: str, result: str, strength: float, keep_colours: bool
) -> Kept:
    """A result made with full strength, finished otherwise, at once and without the network:
    what running the recipe with these two settings would give. `picture` is the path of the
    upload, `result` that of the raw result.
    """
    upload, raw = open_upload(picture), open_upload(result)
    settings = recipe.settings
    source = hidden.extended(finish.crop(upload.pixels, settings.get("crop")))
    wraps = bool(settings.get("tileable"))
    pixels = finish.finish(raw.pixels, source, strength, keep_colours, wraps)
    made = recipe.with_settings(strength=strength, keep_colours=keep_colours)
    return _kept(pixels, made, upload, source)


def so_far(recipe: Recipe, picture: str, left: SoFar) -> Kept:
    """What is left of a run of the recipe that was stopped, as a result of its own. `picture` is
    the path of the upload.
    """
    upload = open_upload(picture)
    pixels = finish.put(left.pixels, upload.pixels, left.corner)
    made = recipe.with_settings(**left.settings)
    kept = _kept(pixels, made, upload, upload.pixels)
    return replace(kept, figures=left.figures, beside={**left.beside, **kept.beside})


def _kept(pixels: Any, made: Recipe, upload: Upload, source: Any) -> Kept:
    """A result [H, W, C] with its recipe, what is seen of it beside the source [h, w, C], and what
    its file says of the upload.
    """
    place = upload.gps if made.settings.get("keep_place") else None
    return Kept(
        pixels,
        f"{pixels.shape[1]} x {pixels.shape[0]}",
        made,
        beside=finish.shown(pixels, source),
        about={"icc": upload.icc, "date": upload.date, "gps": place},
    )


def cropped(picture: str, box: list[int] | None, side: int, folder: Path) -> str:
    """The path, in `folder`, of the part [x, y, width, height] of a picture, else of a square
    of `side` in its middle: to try many models on it. Raises UserError where the box does not
    lie inside.
    """
    pixels = open_upload(picture).pixels
    height, width = pixels.shape[:2]
    middle = [
        max(0, (width - side) // 2),
        max(0, (height - side) // 2),
        min(side, width),
        min(side, height),
    ]
    return str(images.save_plain(finish.crop(pixels, box or middle), folder / "crop.png"))


def returned(picture: str, back: str) -> cycle.Returned:
    """How much of the picture at one path is there again at the other, after both
    translations.
    """
    return cycle.returned(open_upload(picture).pixels, open_upload(back).pixels)


def distance(first: str, second: str) -> float:
    """The mean absolute difference of the pictures at two paths, values in -1 to 1: one of
    CycleGAN's losses on them.
    """
    return cycle.distance(open_upload(first).pixels, open_upload(second).pixels)


def shrunk(picture: str, side: int, folder: Path) -> str:
    """The path, in `folder`, of the picture made small: to try many models on it."""
    pixels = open_upload(picture).pixels
    share = min(1.0, side / max(pixels.shape[:2]))
    small = (
        resample.resize(pixels, tuple(max(1, round(n * share)) for n in pixels.shape[1::-1]))
        if share < 1
        else pixels
    )
    return str(images.save_plain(small, folder / "small.png"))


def preview(picture: str, side: int, folder: Path) -> str | None:
    """The path, in `folder`, of a small picture to look at in place of one that no browser
    shows (a TIFF); None where it shows it itself. Raises UserError where it can't be read.
    """
    return None if shows(picture) else shrunk(picture, side, folder)


def small_copy(picture: str, folder: Path) -> str | None:
    """The path, in `folder`, of a copy to look at of a picture that is large or that no browser
    shows; None where it can be looked at itself. Raises UserError where it can't be read.
    """
    real = size(picture)
    shown = images.shown_size(real)
    if shows(picture) and shown == real:
        return None
    return shrunk(picture, max(shown), folder)


def converted(path: str, form: Format, folder: Path) -> str:
    """The path, in `folder`, of a result of this app in another format, its recipe inside.
    Raises UserError where the format has no room for it.
    """
    made, recipe = open_upload(path), from_picture(path)
    place = images.free(folder / f"{Path(path).stem}{form.ending}")
    images.save_pixels(
        made.pixels,
        place,
        recipe,
        icc=made.icc,
        date=made.date,
        gps=made.gps,
        quality=form.quality,
        most=form.most,
    )
    return str(place)


def size(picture: str) -> tuple[int, int]:
    """Width and height of the picture at a path as it stands upright, from its header. Raises
    UserError where it can't be read.
    """
    return size_of(picture)


def mask(path: str, picture: str) -> str:
    """What the file at `path` marks of the picture at the other path, as the text of a mask of at
    most PAINTED pixels; "" where nothing is marked. Raises UserError where it has another shape.
    """
    marked = masks.fitted(masks.of_file(open_upload(path)), size_of(picture))
    share = math.sqrt(PAINTED / marked.size)
    small = masks.shrunk(marked, share) if share < 1 else marked
    return masks.packed(small) if marked.any() else ""


def in_recipe(mask: str) -> str | None:
    """A mask's text where there is one and a recipe has room for it."""
    return mask if 0 < len(mask) <= masks.LONGEST else None


def as_file(mask: str, folder: Path) -> list[str]:
    """The path, in `folder`, of a mask that is too large for a recipe, as a file to run with; []
    for any other. Raises UserError for a damaged one.
    """
    if len(mask) <= masks.LONGEST:
        return []
    return [str(images.save_plain(masks.pixels(masks.unpacked(mask)), folder / "mask.png"))]


def smaller(mask: str, side: int) -> str:
    """A mask's text at `side` pixels of its longer side, or as it is where it is no larger."""
    marked = masks.unpacked(mask)
    share = side / max(marked.shape)
    return masks.packed(masks.shrunk(marked, share)) if share < 1 else mask


def united(marked: str, rectangles: Sequence[Sequence[float]], picture: str) -> str:
    """What is painted of the picture at a path, as a recipe's text or "", and rectangles of it
    [x, y, width, height], as one such text. Raises UserError where the text is none.
    """
    size = size_of(picture)
    mask = masks.fitted(masks.unpacked(marked), size) if marked else masks.nothing(size)
    for x, y, width, height in rectangles:
        mask[_within(y, height), _within(x, width)] = True
    return masks.packed(mask)


def _within(begin: float, length: float) -> slice:
    """The pixels whose middles lie there."""
    return slice(max(0, round(begin)), max(0, round(begin + length)))


def faces(picture: str) -> list[list[int]]:
    """[x, y, side] of the square around each face of the picture at a path, as `restore` takes
    them. Raises UserError where it can't be read.
    """
    return find_faces.squares(finder.shipped(), open_upload(picture).pixels)


def film(looks: Sequence[Mapping[str, Any]], recipe: Recipe, folder: Path) -> str:
    """The path, in `folder`, of a film (WebP) of the looks at a run of the Lab, the recipe
    inside; each has the numbers of its Result, and "walls" where there are pictures.
    """
    frames = learn_picture.film(looks)
    return str(images.save_film(frames, folder / "film.webp", LOOKS_A_SECOND, recipe))


def last_look(looks: Sequence[Mapping[str, Any]], recipe: Recipe, folder: Path) -> str:
    """The path, in `folder`, of the last of the looks that `film` takes, as a PNG."""
    *_, last = learn_picture.film(looks)
    return str(images.save_png(last, folder / "last-view.png", recipe))


def against_truth(result: str, truth: str) -> dict[str, float]:
    """PSNR and SSIM of the picture at one path beside the true one at the other. Raises
    UserError where the sizes differ.
    """
    return figures.against_truth(open_upload(result).pixels, open_upload(truth).pixels)


def brings(task: str, pictures: Sequence[str]) -> list[list[str]]:
    """What each of many runs of a task with one picture is given: the picture, and the mask
    that is its own where one lies among them (`masks.paired`).
    """
    known = TASKS.get(task)
    if known is None or not known.masks:
        return [[picture] for picture in pictures]
    return masks.paired(pictures)
