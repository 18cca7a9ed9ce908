"""A picture carried into a network's other domain, in the size it came; large ones in strips that
share statistics of the whole.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from ganapps.device import Device, all_finite
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import Changer, Network, TextDenoiser, Translator
from ganapps.pictures.images import from_tensor
from ganapps.pictures.uploads import Upload
from ganapps.report import Made, Step
from ganapps.settings import Picture, Setting, settings_of, titles
from ganapps.tasks import careful, finish, hidden, resample
from ganapps.tasks.careful import Careful, MemoryFull
from ganapps.tasks.instructed import Editing
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import number
from ganapps.tasks.planes import has_alpha
from ganapps.tasks.shared import (
    EDITOR,
    FORMATS,
    Chosen,
    Guidance,
    KeepAlpha,
    KeepColours,
    KeepPlace,
    Seed,
    Steps,
    Strength,
)
from ganapps.tasks.task import Task

# bytes: larger pictures go through a processor in strips, so that Stop is heard and memory stays
# bounded
WHOLE = 600_000_000
SHARE = 0.5  # of a GPU's free memory that a picture may take at once
TRIAL = 256  # pixels of the longest side, at which strips are compared with the whole
TRIAL_STRIP = 200_000  # bytes of a strip there: many seams


def translate(
    network: Translator | TextDenoiser,
    device: Device,
    labels_of_model: Labels | None,
    picture: Annotated[Upload, Picture(FORMATS)],
    *,
    labels: Chosen | None = None,
    seed: Seed | None = None,
    keep_alpha: KeepAlpha = True,
    keep_place: KeepPlace = False,
    strength: Strength = 1.0,
    keep_colours: KeepColours = False,
    prompt: Annotated[
        str,
        Setting(
            longest=1000,
            label="What should change",
            says="what should change",
            only_for=EDITOR,
            free_text=True,
        ),
    ] = "",
    steps: Steps | None = None,
    guidance: Guidance | None = None,
    image_guidance: Annotated[
        float,
        Setting(
            0.0,
            30.0,
            label="How closely it follows the picture (image guidance)",
            slider=(1, 5),
            step=0.1,
            says="how closely it follows the picture",
            only_for=EDITOR,
        ),
    ]
    | None = None,
    brush: Annotated[
        int,
        Setting(
            64,
            8192,
            label="Brush size: work at so many pixels (0: the picture's own)",
            slider=(0, 2048),
            step=64,
            says="pixels of the longer side at which a larger picture is worked on: strokes become "
            "as large as in a small one; the result is resized to the picture's size",
            unset=0,
        ),
    ]
    | None = None,
) -> Iterator[Step]:
    """`picture` as the network's other domain would have it, or an editor as the `prompt` says; a
    Step after every strip, or step of an editor, the last one holds the result, as large as the
    picture.

    `labels` by name: of StarGAN what the face should have (0 to 1 each), of a network of many
    styles how much of each (any numbers from 0 on; alone, the first style). `seed` draws pix2pix's
    dropout; None: nothing is dropped. `brush`: pixels of the longer side at which a larger picture
    is worked on, and brought back to its size by resizing. `keep_alpha`: transparency stays.
    `keep_place`: where a photograph was taken stays in the file. `strength` mixes the result with
    the picture, `keep_colours` gives it the picture's colours. Of an editor alone: `prompt`,
    `steps`, `guidance` by the text and `image_guidance` by the picture; `seed` draws its noise.
    Raises UserError where the memory does not do.
    """
    asked = {
        "prompt": prompt,
        "steps": steps,
        "guidance": guidance,
        "image_guidance": image_guidance,
    }
    run = _run(
        network, device, labels_of_model, labels, None if seed is None else number(seed), asked
    )
    source = hidden.extended(picture.pixels)
    changes = hidden.SAID if hidden.any_hidden(source) else ()
    colours = _brushed(_colours(source), brush)
    x = _padded(network, run.scaled(colours))
    for done, total in run.through(x):
        yield Step(done, total + 1, (), run.calls(), run.changes(), preview=run.preview)
    total = run.strips + 1
    pixels = _pixels(run.result[0, :, : colours.shape[0], : colours.shape[1]], network, colours)
    if pixels.shape[:2] != source.shape[:2]:
        changes += (_said(pixels),)
        pixels = resample.resize(pixels, source.shape[1::-1])
    if keep_alpha and has_alpha(source):
        pixels = np.concatenate([pixels, source[..., -1:]], axis=2)
    pixels = finish.finish(pixels, source, strength, keep_colours)
    about = {"icc": picture.icc, "date": picture.date, "gps": picture.gps if keep_place else None}
    made = Made(
        pixels,
        f"{pixels.shape[1]} x {pixels.shape[0]}",
        {},
        figures=run.figures,
        beside=finish.shown(pixels, source),
        about=about,
    )
    yield Step(total, total, (made,), run.calls(), run.changes() + changes)


TRANSLATE = Task(
    "translate",
    translate,
    models="translate",
    work=("steps",),
    says="Carry a picture into a model's other domain. The result has the picture's size.",
)


def _run(
    network: Network,
    device: Device,
    table: Labels | None,
    chosen: Mapping[str, Any] | None,
    seed: int | None,
    asked: dict[str, Any],
) -> _Run | Editing:
    """Who carries the picture over. Raises UserError where something is asked that this model does
    not take.
    """
    if isinstance(network, TextDenoiser) and network.edits:
        if chosen:
            raise UserError("This model has no labels: leave them out, or choose a model that has.")
        return Editing(network, device, **asked, seed=seed)
    if not isinstance(network, Translator):
        raise UserError("This model does not translate pictures: choose a translator.")
    if given := [name for name, value in asked.items() if value not in (None, "")]:
        raise UserError(
            "This model does not work by diffusion and takes no {settings}: leave that out.",
            settings=titles(settings_of(translate), given),
        )
    return _Run(network, device, _condition(network, table, chosen), seed)


class _Run(Careful):
    """One picture: whole, or in strips, with retries that are told."""

    preview = ()

    def __init__(
        self, network: Translator, device: Device, condition: Tensor | None, seed: int | None
    ) -> None:
        super().__init__(device)
        self.network, self.condition, self.seed = network, condition, seed
        self.figures: dict[str, Any] = {}
        self.strips = 1

    def scaled(self, colours: np.ndarray) -> Tensor:
        """[1, channels, H, W] in the network's value range, of [H, W, 3]."""
        low, high = self.network.value_range
        x = torch.from_numpy(np.ascontiguousarray(colours.transpose(2, 0, 1)).astype(np.float32))[
            None
        ]
        x = x.mul_((high - low) / _most(colours)).add_(low)
        return x.mean(1, keepdim=True) if self.network.channels == 1 else x

    def through(self, x: Tensor) -> Iterator[tuple[int, int]]:
        """Until `result` [1, C, H, W] on the processor is there and finite: (strips done, strips in
        all).
        """
        if self._fits(x):
            try:
                self.result = self._whole(x, self.device)
                self._calls += 1
                yield 1, 1
            except MemoryFull:
                self._changes.append(
                    Message("Out of memory for the whole picture: in strips instead.")
                )
                yield from self._in_strips(x, self.device)
        else:
            yield from self._in_strips(x, self.device)
        if not all_finite(self.result) and self.device.precision != "float32":
            low, self.device = self.device, self.device.with_precision("float32")
            self._changes += careful.again(low, self.device)
            yield from self.through(x)
        elif not all_finite(self.result):
            raise careful.no_picture()

    def _fits(self, x: Tensor) -> bool:
        """May this picture go through the network whole?"""
        room = WHOLE if self.device.name == "cpu" else SHARE * self.device.free_memory()
        return self.network.memory(*x.shape[2:]) <= room

    def _whole(self, x: Tensor, device: Device) -> Tensor:
        with careful.block(device):
            return self.network(x.to(device.name), self._mixed(device), self.seed).float().cpu()

    def _in_strips(self, x: Tensor, device: Device) -> Iterator[tuple[int, int]]:
        """The exact way for large pictures; each strip in a block of its own, for nothing may be
        held while one waits.
        """
        self._calls += 1
        work = self.network.in_strips(x.to(device.name), self._mixed(device), self.seed)
        try:
            while True:
                try:
                    with careful.block(device):
                        done, self.strips = next(work)
                except StopIteration as end:
                    self.result = end.value
                    break
                yield done, self.strips
        except MemoryFull as error:
            raise careful.too_large() from error
        except OSError as error:
            raise UserError(
                "A picture of this size needs room for temporary files, and there is none ({why}): "
                "make it smaller, or set TMPDIR.",
                why=error.strerror or "full",
            ) from error
        self.figures = {"strips": self.strips, "untiled_difference": self._difference(x)}

    def _difference(self, x: Tensor) -> float:
        """The largest difference, in levels of 255, that many small strips make to this picture,
        shrunk until it fits in whole.
        """
        share = min(1.0, TRIAL / max(x.shape[2:]))
        need = self.network.multiple
        small = [
            max(need, self.network.minimum, round(s * share / need) * need) for s in x.shape[2:]
        ]
        x = torch.nn.functional.interpolate(
            x, size=[-(-s // need) * need for s in small], mode="area"
        )
        low, high = self.network.output_range
        with careful.block(self.device):
            work = self.network.in_strips(
                x.to(self.device.name), self._mixed(self.device), self.seed, strip=TRIAL_STRIP
            )
            striped = _run_out(work)
        whole = self._whole(x, self.device)
        self._calls += 2
        return round((striped - whole).abs().max().item() * 255 / (high - low), 4)

    def _mixed(self, device: Device) -> Tensor | None:
        return None if self.condition is None else self.condition.to(device.name)


def _run_out(work: Generator[Any, None, Tensor]) -> Tensor:
    """What a generator returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def _condition(
    network: Translator, table: Labels | None, chosen: Mapping[str, Any] | None
) -> Tensor | None:
    """[1, labels] of names and numbers; styles share out 1. Raises UserError for an unknown name or
    a number out of range.
    """
    if not network.label_dim:
        if chosen:
            raise UserError("This model has no labels: leave them out, or choose a model that has.")
        return None
    known = (
        list(table.controls[0]["options"]) if table else [str(n) for n in range(network.label_dim)]
    )
    row = torch.zeros(network.label_dim)
    most = 1e3 if network.styles else 1.0
    for name, value in (chosen or {}).items():
        if name not in known:
            raise UserError(
                "The label {name} is unknown to this model: accepted are {known}.",
                name=name,
                known=", ".join(known),
            )
        if not isinstance(value, (int, float)) or not 0 <= value <= most:
            raise UserError(
                "The label {name} is {value}: from {low} to {high} is accepted.",
                name=name,
                value=value,
                low=0,
                high=most,
            )
        row[known.index(name)] = float(value)
    if network.styles:
        row = row / row.sum() if row.sum() > 0 else torch.eye(network.label_dim)[0]
    return row[None]


def _most(pixels: np.ndarray) -> int:
    return np.iinfo(pixels.dtype).max


def _colours(pixels: np.ndarray) -> np.ndarray:
    """[H, W, 3] of [H, W, 1 to 4]."""
    return pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, axis=2)


def _brushed(colours: np.ndarray, brush: int | None) -> np.ndarray:
    """The picture at which the network works: made small where it is larger than the brush size."""
    share = 1.0 if brush is None else min(1.0, brush / max(colours.shape[:2]))
    if share == 1:
        return colours
    height, width = (max(1, round(side * share)) for side in colours.shape[:2])
    return resample.resize(colours, (width, height))


def _said(pixels: np.ndarray) -> Message:
    return Message(
        "Made at {width} x {height} pixels, the brush size, and resized to the picture's own.",
        width=pixels.shape[1],
        height=pixels.shape[0],
    )


def _padded(network: Changer, x: Tensor) -> Tensor:
    """x with its mirror image below and to the right, up to what the network needs."""
    need = [max(-(-s // network.multiple) * network.multiple, network.minimum) for s in x.shape[2:]]
    missing = [n - s for n, s in zip(need, x.shape[2:])]
    if not any(missing):
        return x
    return torch.from_numpy(
        np.pad(x.numpy(), ((0, 0), (0, 0), (0, missing[0]), (0, missing[1])), mode="reflect")
    )


def _pixels(y: Tensor, network: Changer, like: np.ndarray) -> np.ndarray:
    """The result [C, H, W] as pixels [H, W, C] of the kind that came."""
    if like.dtype == np.uint8:
        pixels = np.array(from_tensor(y[None], network.output_range)[0]).reshape(*y.shape[1:], -1)
    else:
        low, high = network.output_range
        pixels = (
            ((y - low) * (_most(like) / (high - low)) + 0.5)
            .clamp(0, _most(like))
            .permute(1, 2, 0)
            .numpy()
            .astype(like.dtype)
        )
    return pixels
