"""Any picture enlarged by any upscaler: tile by tile, blended, every retry told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np

from ganapps.device import Device
from ganapps.errors import UserError
from ganapps.networks.contracts import Network, NoisyUpscaler, Tiled, TwinUpscaler, Upscaler
from ganapps.pictures.uploads import Upload
from ganapps.report import Made, Part, Step
from ganapps.settings import Picture, Setting, settings_of, titles
from ganapps.tasks import careful, figures, finish, hidden, planes, resample, tiles, wrapping
from ganapps.tasks.denoised_tiles import DenoisedTiles
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import number
from ganapps.tasks.shared import (
    FORMATS,
    KeepAlpha,
    KeepColours,
    KeepPlace,
    Seed,
    Steps,
    Strength,
)
from ganapps.tasks.task import Task
from ganapps.tasks.tile_run import TileRun

INSPECTED = 64_000_000  # pixels: of larger results no heat maps are made


def upscale(
    network: Tiled,
    device: Device,
    labels_of_model: Labels | None,
    picture: Annotated[Upload, Picture(FORMATS)],
    *,
    scale: Annotated[
        float,
        Setting(0.05, 64, says="how many times larger; 0 for what the model does", unset=0),
    ]
    | None = None,
    width: Annotated[
        int,
        Setting(
            1,
            262_144,
            label="Width in pixels",
            says="or the width of the result in pixels; 0 for none",
            unset=0,
        ),
    ]
    | None = None,
    tile: Annotated[
        int,
        Setting(
            16,
            4096,
            label="Tile in pixels (0: by the memory)",
            seldom=True,
            says="side of a tile in pixels; 0 for what fits the memory",
            unset=0,
        ),
    ]
    | None = None,
    overlap: Annotated[int, Setting(0, 512, says="pixels that neighbouring tiles share")]
    | None = None,
    keep_alpha: KeepAlpha = True,
    keep_place: KeepPlace = False,
    sixteen_bit: Annotated[
        bool,
        Setting(
            label="A picture of 16 bits stays one",
            seldom=True,
            says="a picture of 16 bits stays one",
        ),
    ] = True,
    inspect: Annotated[
        bool, Setting(says="measure what contradicts the original and what was invented")
    ] = True,
    crop: Annotated[list[int], Setting(says="only this part of the picture: [x, y, width, height]")]
    | None = None,
    strength: Strength = 1.0,
    keep_colours: KeepColours = False,
    denoise: Annotated[
        float,
        Setting(
            0.0,
            1.0,
            label="Denoise",
            slider=(0, 1),
            step=0.05,
            says="how much noise is removed, 0 to 1; left out, all",
            only_for="a model with a twin that leaves noise",
        ),
    ]
    | None = None,
    steps: Steps | None = None,
    seed: Seed | None = None,
    noise_level: Annotated[
        int,
        Setting(
            0,
            1000,
            label="Noise on the small picture: the more, the more is invented",
            slider=(0, 350),
            says="how noisy the small picture itself is made first: the more, the more is invented",
            only_for="a diffusion model that can",
        ),
    ]
    | None = None,
    tileable: Annotated[
        bool | None,
        Setting(
            label="Tileable: a texture goes on at its edges",
            seldom=True,
            says="a texture whose edges meet: what lies beyond an edge is taken from the other one",
            unset=False,
        ),
    ] = None,
) -> Iterator[Step]:
    """`picture` enlarged; a Step after every tile, of a diffusion model after every step; the last
    one holds the result as pixels.

    `scale` or `width` (pixels of the result) ask for any size: the network's own scale, then one
    bicubic resize. `tile` and `overlap` are pixels of `picture`; left alone, they are chosen for
    the network and the free memory. Alpha goes through the network as a grey picture, or is laid on
    white. `keep_place`: where a photograph was taken stays in the file. `sixteen_bit`: a picture of
    16 bits stays one. `inspect`: heat maps of what contradicts the original and of what was
    invented. `crop` [x, y, width, height]: only this part of it. `strength` mixes the result with
    the bicubic picture, `keep_colours` gives it the original's. `denoise`, of a model with a twin
    that leaves noise: how much is removed, 0 to 1; None: all. Of a diffusion model alone: `steps`
    per tile, the `seed` of its noise, and `noise_level`, how much the small picture itself is made
    noisy first, so that more is invented. `tileable`: a texture that goes on at its edges, as does
    the result. Raises UserError where memory does not do at any size.
    """
    network = _upscaler(network, denoise)
    source = finish.crop(picture.pixels, crop)
    changes = hidden.SAID if keep_alpha and hidden.any_hidden(source) else ()
    source = hidden.extended(source) if keep_alpha else planes.on_white(source)
    size = _size(source, network.scale, scale, width)
    kind = np.uint16 if sixteen_bit and source.dtype == np.uint16 else np.uint8
    margin = wrapping.margin(network.reach) if tileable else 0
    wide = wrapping.wrapped(source, margin)
    _fits(wide, network.scale, size, kind)
    work = _work(network, device, wide, {"steps": steps, "seed": seed, "noise_level": noise_level})
    layout = work.layout(tile, overlap)
    canvas = tiles.Canvas(layout, network.scale, source.shape[2], kind, margin)
    total = layout.count * work.parts + 1
    for done in work.through(layout, canvas):
        rows = canvas.new_rows()
        part = Part(rows) if len(rows) else None
        yield Step(done, total, (), work.calls(), work.changes(), part=part)
    with careful.beside(work.device):
        fade = wrapping.FADE * network.scale
        pixels = wrapping.closed(canvas.pixels, margin * network.scale, fade)
        if size != pixels.shape[1::-1]:
            pixels = resample.resize(pixels, size, bool(tileable))
        pixels = finish.finish(pixels, source, strength, keep_colours, bool(tileable))
        said, beside = _measured(pixels, source, canvas, inspect)
        beside |= finish.shown(pixels, source)
    said |= {} if denoise is None else {"denoise": denoise}
    about = {"icc": picture.icc, "date": picture.date, "gps": picture.gps if keep_place else None}
    made = Made(pixels, f"{size[0]} x {size[1]}", {}, figures=said, beside=beside, about=about)
    yield Step(total, total, (made,), changes=changes + work.calm.changes())


UPSCALE = Task(
    "upscale",
    upscale,
    models="upscale",
    work=("steps",),
    says="Enlarge a picture with an upscaler.",
)


def _upscaler(network: Network, denoise: float | None) -> Tiled:
    """The network, of twins the one that removes noise so strongly. Raises UserError where it is no
    upscaler, or has no such choice.
    """
    if not isinstance(network, Tiled):
        raise UserError("This model does not enlarge pictures: choose an upscaler.")
    if denoise is None:
        return network
    if not isinstance(network, TwinUpscaler):
        raise UserError("This model has no denoise strength: leave it out, or choose one that has.")
    return network.denoised(denoise)


def _work(network: Tiled, device: Device, source: np.ndarray, asked: dict[str, Any]) -> TileRun:
    """Who makes the tiles: one call each, or a diffusion model's walk."""
    if isinstance(network, NoisyUpscaler):
        _check_level(network, asked["noise_level"])
        seed = None if asked["seed"] is None else number(asked["seed"])
        return DenoisedTiles(network, device, source, **{**asked, "seed": seed})
    draws = isinstance(network, Upscaler) and network.draws
    given = [
        name
        for name, value in asked.items()
        if value is not None and not (draws and name == "seed")
    ]
    if given:
        raise UserError(
            "This model does not work by diffusion and takes no {settings}: leave that out.",
            settings=titles(settings_of(upscale), given),
        )
    return TileRun(network, device, source, number(asked["seed"] or 0) if draws else None)


def _check_level(network: NoisyUpscaler, level: int | None) -> None:
    if level is None:
        return
    if not network.noise_levels:
        raise UserError(
            "This model does not make the picture noisy first: leave the noise level out."
        )
    if level > network.noise_levels:
        raise UserError(
            "The setting {name} is {value}: from {low} to {high} is accepted.",
            name=settings_of(upscale)["noise_level"].title,
            value=level,
            low=0,
            high=network.noise_levels,
        )


def _size(source: np.ndarray, own: int, scale: float | None, width: int | None) -> tuple[int, int]:
    """(W, H) of the result."""
    if scale is not None and width is not None:
        raise UserError("Both a scale and a width were given: leave one of them out.")
    by = width / source.shape[1] if width else scale or own
    return max(1, round(source.shape[1] * by)), max(1, round(source.shape[0] * by))


def _fits(source: np.ndarray, own: int, size: tuple[int, int], kind: type) -> None:
    """Refuses a result that this machine can't hold, before anything is computed."""
    made = source.size * own**2 + (
        0
        if size == (source.shape[1] * own, source.shape[0] * own)
        else size[0] * size[1] * source.shape[2]
    )
    free = Device("cpu").free_memory()
    if made * np.dtype(kind).itemsize > 0.7 * free:
        raise UserError(
            "The result would have {width} x {height} pixels and needs {need} GB of memory, {free} "
            "GB are free: "
            "choose a smaller scale.",
            width=size[0],
            height=size[1],
            need=round(made * np.dtype(kind).itemsize / 1e9, 1),
            free=round(free / 1e9, 1),
        )


def _measured(
    pixels: np.ndarray, source: np.ndarray, canvas: tiles.Canvas, inspect: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures of a result (tiles, seams, what it contradicts of the original and invents), and its
    heat maps.
    """
    columns, rows = (
        [round(b * canvas.scale) for b in axis.borders]
        for axis in (canvas.layout.columns, canvas.layout.rows)
    )
    said: dict[str, Any] = {
        "tiles": canvas.layout.count,
        "tile": max(canvas.layout.rows.side, canvas.layout.columns.side),
    }
    said["seam"] = round(float(figures.seam(canvas.pixels, columns, rows)), 2)
    smaller = pixels.shape[0] < source.shape[0] or pixels.shape[1] < source.shape[1]
    if not inspect or smaller or pixels.shape[0] * pixels.shape[1] > INSPECTED:
        return said, {}
    consistency, invention = figures.consistency(pixels, source), figures.invention(pixels, source)
    said |= {
        "consistency_db": round(float(consistency.db), 2),
        "drift": round(float(consistency.drift), 2),
        "invented": round(float(invention.mean), 2),
    }
    return said, {"contradicted": consistency.contradiction.picture, "invented": invention.picture}
