"""The endpoints for programs: the same door as the window, with working defaults."""

from __future__ import annotations

import functools
import inspect
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ganapps.engine import Engine
from ganapps.errors import UserError
from ganapps.pictures import images
from ganapps.race import Race, race, report
from ganapps.recipe import Recipe
from ganapps.ui.doors import files
from ganapps.ui.parts import common
from ganapps.ui.parts.pairs import FACES, between, given

log = logging.getLogger("ganapps")
Answer = tuple[list[gr.FileData], dict]


def publish(engine: Engine) -> None:
    """Register every endpoint; call it inside the window's Blocks."""
    for make in (_faces, _upscale, _translate, _compare):
        endpoint = _careful(make(engine))
        gr.api(endpoint, api_name=endpoint.__name__, **common.DEVICE)


def _careful(endpoint: Callable[..., Iterator[Answer]]) -> Callable[..., Iterator[Answer]]:
    """The endpoint, with null for what is left at its default, and with one sentence for whatever
    goes wrong.
    """
    defaults = {name: p.default for name, p in inspect.signature(endpoint).parameters.items()}

    @functools.wraps(endpoint)
    def careful(*given: Any, **named: Any) -> Iterator[Answer]:
        asked = dict(zip(defaults, given, strict=False)) | named
        asked = {
            name: defaults.get(name) if value is None else value for name, value in asked.items()
        }
        try:
            yield from endpoint(**asked)
        except UserError as e:
            raise gr.Error(str(e), print_exception=False) from e
        except Exception as e:
            log.exception("a call of /%s failed", endpoint.__name__)
            raise gr.Error(str(common.bug()), print_exception=False) from e

    return careful


def _faces(engine: Engine) -> Callable:
    first = common.here_first(engine, "faces").id

    def faces(
        seed: str = "0",
        count: int = 1,
        psi: float = 0.7,
        model: str = first,
        labels: dict | None = None,
        mix: str = "",
        mix_from: int = 4,
        mix_to: int = 31,
        cutoff: int = 0,
        noise: str = "const",
        precision: str = "auto",
        weights: gr.FileData | None = None,
        turn: float = 0,
        right: float = 0,
        down: float = 0,
    ) -> Iterator[Answer]:
        """Draw faces from seeds with a GAN. Streams: each answer holds the pictures made so far.

        Args:
            seed: a number, or any text (its SHA-256 is the number); face i has seed + i.
            count: how many faces, 1 to 64.
            psi: variety: 0 is the average face, 1 all the variety there is.
            model: a model of the catalogue, or owner/repo:file@revision of the Hub.
            labels: what to set on a model with labels, such as {"beard": 0.8}; the rest is drawn by
                the seed.
            mix: a second seed whose styles take the layers from mix_from to mix_to; empty for none.
            mix_from: first layer of the second seed.
            mix_to: last layer of the second seed.
            cutoff: psi acts in this many first layers only; 0 for all.
            noise: fine detail: const, random (by the seed) or none.
            precision: auto, float32, bfloat16 or float16.
            weights: a checkpoint file of your own, in place of the model; a recipe names it by its
                sha256.
            turn: of a StyleGAN3: turn the picture, in degrees.
            right: of a StyleGAN3: move it to the right, 1 is the picture's width.
            down: of a StyleGAN3: move it down, likewise.

        Returns:
            The PNG files, each with its recipe inside, and {"recipe", "report"}.
        """
        settings = {
            "seed": common.seed(seed),
            "count": count,
            "psi": psi,
            "labels": labels or None,
            "mix": mix or None,
            "mix_from": mix_from,
            "mix_to": mix_to,
            "cutoff": cutoff or None,
            "noise": noise,
            "turn": turn or None,
            "right": right or None,
            "down": down or None,
        }
        yield from answers(engine, Recipe("faces", model, settings, precision), (), weights)

    faces.__annotations__["return"] = Answer
    return faces


def _upscale(engine: Engine) -> Callable:
    first = common.here_first(engine, "upscale").id

    def upscale(
        picture: gr.FileData | None = None,
        model: str = first,
        scale: float = 0,
        width: int = 0,
        strength: float = 1.0,
        keep_colours: bool = False,
        tile: int = 0,
        keep_place: bool = False,
        precision: str = "auto",
        denoise: float | None = None,
        weights: gr.FileData | None = None,
        steps: int | None = None,
        seed: str | None = None,
        noise_level: int | None = None,
    ) -> Iterator[Answer]:
        """Enlarge a picture with an upscaler. Streams: an answer after each tile, the last one with
        the result.

        Args:
            picture: PNG, JPEG, WebP, AVIF, TIFF, BMP or GIF.
            model: a model of the catalogue, or owner/repo:file@revision of the Hub.
            scale: how many times larger; 0 for what the model does.
            width: or the result's width in pixels; 0 for none.
            strength: 1 is the network's result, 0 the bicubic picture.
            keep_colours: give the result the original's colours.
            tile: side of a tile in pixels; 0 for what fits the memory.
            keep_place: keep where the photograph was taken (GPS).
            precision: auto, float32, bfloat16 or float16.
            denoise: of a model with a twin that leaves noise: how much is removed, 0 to 1.
            weights: a checkpoint file of your own, in place of the model; a recipe names it by its
                sha256.
            steps: of a diffusion model, for each tile, 1 to 1000.
            seed: of its noise: a number, or any text.
            noise_level: how noisy the small picture itself is made first, of a model that can: the
                more, the more is invented.

        Returns:
            The PNG file with its recipe inside, and {"recipe", "report"} with the figures measured
            on it.
        """
        settings = {
            "scale": scale or None,
            "width": width or None,
            "strength": strength,
            "keep_colours": keep_colours,
            "tile": tile or None,
            "keep_place": keep_place,
            "denoise": denoise,
        }
        settings |= _told(steps=steps, seed=seed, noise_level=noise_level)
        yield from answers(
            engine,
            Recipe("upscale", model, settings, precision),
            [_path(picture, "picture")],
            weights,
        )

    upscale.__annotations__["return"] = Answer
    return upscale


def _translate(engine: Engine) -> Callable:
    first = common.here_first(engine, "translate").id

    def translate(
        picture: gr.FileData | None = None,
        model: str = first,
        labels: dict | None = None,
        strength: float = 1.0,
        keep_colours: bool = False,
        keep_place: bool = False,
        precision: str = "auto",
        weights: gr.FileData | None = None,
        prompt: str = "",
        steps: int | None = None,
        guidance: float | None = None,
        image_guidance: float | None = None,
        seed: str | None = None,
    ) -> Iterator[Answer]:
        """Carry a picture into a model's other domain. The result has the picture's size.

        Args:
            picture: PNG, JPEG, WebP, AVIF, TIFF, BMP or GIF.
            model: a model of the catalogue, or owner/repo:file@revision of the Hub.
            labels: of a model with labels: {"7": 1} for style 7, {"Young": 1} for an attribute of a
                face.
            strength: 1 is the network's result, 0 the picture itself.
            keep_colours: give the result the picture's colours.
            keep_place: keep where the photograph was taken (GPS).
            precision: auto, float32, bfloat16 or float16.
            weights: a checkpoint file of your own, in place of the model; a recipe names it by its
                sha256.
            prompt: of an editor: what should change.
            steps: of an editor, 1 to 1000.
            guidance: how closely it follows the text.
            image_guidance: how closely it follows the picture.
            seed: of its noise, or of pix2pix's dropout: a number, or any text.

        Returns:
            The PNG file with its recipe inside, and {"recipe", "report"}.
        """
        settings = {
            "labels": labels or None,
            "strength": strength,
            "keep_colours": keep_colours,
            "keep_place": keep_place,
            "prompt": prompt,
        }
        settings |= _told(steps=steps, guidance=guidance, image_guidance=image_guidance, seed=seed)
        yield from answers(
            engine,
            Recipe("translate", model, settings, precision),
            [_path(picture, "picture")],
            weights,
        )

    translate.__annotations__["return"] = Answer
    return translate


def _told(seed: str | None, **settings: float | None) -> dict[str, Any]:
    """The settings that were asked for; what is left out, the model's row says."""
    told = {name: value for name, value in settings.items() if value is not None}
    return told if seed is None else told | {"seed": common.seed(seed)}


def _path(given: object, name: str) -> str:
    """The path of an uploaded file, as Gradio hands it over. Raises UserError where it is no such
    file.
    """
    path = given.get("path") if isinstance(given, dict) else getattr(given, "path", None)
    if given is None:
        raise UserError("The argument {name} is missing: a picture belongs there.", name=name)
    if not isinstance(path, str) or not path:
        raise UserError(
            "The argument {name} is no file: upload one to /gradio_api/upload and give {example}.",
            name=name,
            example='{"path": "..."}',
        )
    return path


def _compare(engine: Engine) -> Callable:
    def compare(
        seed: str = "0",
        steps: int = 25,
        fair: str = "pictures",
        gan: str = FACES.first[0],
        diffusion: str = FACES.first[1],
        psi: float = 0.7,
        scheduler: str = "",
        eta: float = 0.0,
        prompt: str = "",
        picture: gr.FileData | None = None,
        gan_steps: int = 1,
    ) -> Iterator[Answer]:
        """Race a GAN against a diffusion model on one clock. Streams: each answer holds the
        pictures made so far and what each side spent.

        Args:
            seed: a number, or any text.
            steps: steps of a diffusion picture, 1 to 1000.
            fair: pictures, seconds, calls or memory: what both sides get the same of.
            gan: a model of the catalogue: of faces, a quick one of text to image, an upscaler or a
                translator.
            diffusion: the diffusion model of the same kind.
            psi: the GAN's variety.
            scheduler: ddim, ddpm, dpm++, euler, unipc, lcm or consistency; empty for what suits the
                model.
            eta: fresh noise in each DDIM step, 0 to 1.
            prompt: what is to be seen (text to image), or to be done (translators that read).
            picture: for upscalers and translators: PNG, JPEG, WebP, AVIF, TIFF, BMP or GIF.
            gan_steps: steps of the first model where it takes any (text to image).

        Returns:
            The PNG files, each with its recipe inside, and {"race", "seconds", "network_calls",
            "pictures", "joules", "one_picture", "reports"}, the GAN's first; "one_picture" says
            what one costs: parameters, operations counted by torch, peak memory with the network.
        """
        kind = between(engine, (gan, diffusion))
        asked = Race(
            kind.recipes(
                (gan, diffusion),
                "auto",
                *given(
                    kind, common.seed(seed), prompt, psi, gan_steps, steps, scheduler, eta, None
                ),
            ),
            fair,
        )
        pictures = [_path(picture, "picture")] if picture is not None else []
        with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
            kept: list[gr.FileData] = []
            reports: list = [None, None]
            files.check_room()
            for lap in race(engine, asked, pictures):
                kept += [
                    _stored(path)
                    for path in images.keep_all(lap.result.made, Path(folder), len(kept))
                ]
                reports[lap.side] = lap.result.report
                yield kept, report(asked, lap, reports)

    compare.__annotations__["return"] = Answer
    return compare


def _stored(path: Path) -> gr.FileData:
    return gr.FileData(path=files.keep(path))


def answers(
    engine: Engine, recipe: Recipe, pictures: Sequence[str] = (), weights: object = None
) -> Iterator[Answer]:
    """A recipe's results as files and plain values."""
    with tempfile.TemporaryDirectory(prefix="ganapps-") as folder:
        kept: list[gr.FileData] = []
        files.check_room()
        for result in engine.run(
            recipe, pictures, _path(weights, "weights") if weights is not None else None
        ):
            kept += [
                _stored(path) for path in images.keep_all(result.made, Path(folder), len(kept))
            ]
            figures = [dict(kept.figures) for kept in result.made if kept.figures]
            yield (
                kept,
                {"recipe": common.plain_recipe(result.recipe), "report": result.report.as_dict()}
                | ({"figures": figures} if figures else {}),
            )
