"""What networks say of themselves: all that a task needs to know of one, whatever its paper.

A network is of a kind because its class says so, and each kind's facts are plain attributes. Those
that have a value here are what holds of most; the others every network of the kind sets.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

Values = tuple[float, float]  # the lowest and the highest number of a picture


class Network(nn.Module):
    """What holds of every kind."""

    # The lower precisions that it bears: "bfloat16", "float16".
    precisions: tuple[str, ...] = ()
    # How many numbers a row of labels or a condition has, or how many classes there are; 0: it
    # takes none.
    label_dim: int = 0


class FaceGenerator(Network):
    """Draws pictures from z, and from labels where `label_dim` is not 0."""

    value_range: Values = (-1.0, 1.0)  # of its pictures; they may step over it a little
    resolution: int  # the side of its pictures in pixels
    z_dim: int  # how many numbers z has
    num_ws: int = 0  # layers that take a style; 0: it is no `StyleGenerator`

    @abstractmethod
    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """z [N, z_dim], c [N, label_dim] -> x [N, 3, resolution, resolution]."""


class Mapper(Protocol):
    """From z to styles."""

    def __call__(
        self, z: Tensor, c: Tensor | None = None, psi: float = 1.0, cutoff: int | None = None
    ) -> Tensor:
        """z [N, z_dim], c [N, label_dim] -> ws [N, num_ws, w_dim]; `psi` pulls the first `cutoff`
        layers (None: all) to the average: 1 not at all, 0 all the way.
        """


class Synthesis(Protocol):
    """From styles to pictures."""

    def __call__(
        self, ws: Tensor, noise: str = "const", generators: Sequence[torch.Generator] | None = None
    ) -> Tensor:
        """ws [N, num_ws, w_dim] -> x [N, 3, resolution, resolution].

        `noise` is "const", "none", or "random": then `generators` has one per picture. Where the
        network `places`, it also takes `rotation` (degrees) and `translation` (of the picture's
        side, right and down).
        """


@dataclass(frozen=True)
class Stage:
    """How far a synthesis is: `features` [N, C, side, side], None behind the last; and the
    `picture` [N, 3, side, side] as it is by then, None where none can be seen yet.
    """

    side: int
    features: Tensor | None
    picture: Tensor | None


class StyleGenerator(FaceGenerator):
    """A generator with a style space."""

    mapping: Mapper
    synthesis: Synthesis
    has_noise: bool = True  # does `noise` change its pictures?
    places: bool = False  # can what it draws be turned and moved?
    bends: bool = False  # do gradients reach its styles?

    def stages(self, ws: Tensor) -> Iterator[Stage]:
        """ws [N, num_ws, w_dim] -> what there is after each block, with constant noise; whoever
        stops listening stops the synthesis. Nothing where a network does not tell.
        """
        return iter(())

    def style_weights(self) -> list[Tensor]:
        """What each layer multiplies its w with, [channels, w_dim], in the order of ws; nothing
        where a network has no such matrices.
        """
        return []


@dataclass(frozen=True)
class FoundFace:
    """How sure it is a face, 0 to 1; and its `points`, x and y in pixels: the eyes (that on the
    picture's left first), the tip of the nose, the corners of the mouth.
    """

    score: float
    points: Sequence[tuple[float, float]]


class FaceFinder(Network):
    """Finds faces in a picture."""

    @abstractmethod
    def find(self, x: Tensor) -> list[FoundFace]:
        """x [1, 3, H, W] in 0..1 -> the faces in it, the surest first."""


class StyleEncoder(Network):
    """Finds the styles of a face in one call: those with which one certain generator draws it."""

    value_range: Values = (-1.0, 1.0)  # of what it takes
    resolution: int  # the side of what it takes, in pixels

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """x [N, 3, resolution, resolution] -> ws [N, num_ws, w_dim] of that generator."""


class Reading(NamedTuple):
    """What is read of faces: their `labels` [N, K]; and `likeness` [N, D], rows of length 1, whose
    product is large for two pictures of one person.
    """

    labels: Tensor
    likeness: Tensor


class FaceReader(Network):
    """Reads faces of one kind, as a generator's stand."""

    names: tuple[str, ...]  # of the labels

    @abstractmethod
    def forward(self, x: Tensor) -> Reading:
        """x [N, 3, H, W] in -1..1 -> what they show."""


class FaceLikeness(Network):
    """Turns a face into numbers that lie near those of the same person's other pictures."""

    side: int  # of the upright square that it takes, in pixels
    same: float  # two faces whose numbers lie nearer than that are one person's, say its authors

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """x [N, 3, side, side] in 0..1 -> [N, numbers]."""


class Tiled(Network):
    """What enlarges pictures, whose numbers are 0 to 1 before and after; and what whoever cuts them
    into tiles must know.
    """

    value_range: Values = (0.0, 1.0)
    channels: int  # of what it takes and of what it makes: 1 or 3
    scale: int  # how many times as long the sides of the result are
    multiple: int = 1  # both sides in pixels must be multiples of it
    minimum: int = 1  # the shortest side that it takes, in pixels
    # So many pixels away nothing changes a pixel any more; None: it may see all of its picture.
    reach: int | None
    step: int = 1  # moved by so many pixels, a picture gives the same result, moved
    tile: int  # the side of the tile that is quickest where memory allows, in pixels
    memory: int  # bytes per pixel of the picture while it is at work, in float32


class Upscaler(Tiled):
    """Enlarges a picture in one call."""

    draws: bool = False  # does it draw noise? Then a call takes a seed, too

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """x [N, channels, H, W] -> [N, channels, scale * H, scale * W]."""


class TwinUpscaler(Upscaler):
    """One that removes noise, beside its twin that leaves it."""

    @abstractmethod
    def denoised(self, strength: float) -> Upscaler:
        """The network at `strength`, 0 (leaves noise) to 1 (removes it)."""


class NoisyUpscaler(Tiled):
    """Enlarges a picture by diffusion, in latents as large as the small picture."""

    schedule: Mapping[str, Any]  # the configuration of the published scheduler
    # The schedule by which the small picture itself is made noisy first; None: it is not.
    noises: Mapping[str, Any] | None
    noise_levels: int  # the highest level up to which it is made noisy; 0: it is not
    latent_channels: int

    @abstractmethod
    def forward(
        self, x_t: Tensor, t: Tensor | int, small: Tensor, level: int | None = None
    ) -> Tensor:
        """x_t [N, C, h, w], a timestep and the small picture [N, 3, h, w] in -1 to 1, noisy by
        `level` -> the prediction [N, C, h, w].
        """

    @abstractmethod
    def decode(self, x_0: Tensor) -> Tensor:
        """Latents [N, C, h, w] -> [N, 3, scale * h, scale * w]."""


class Changer(Network):
    """What whoever brings a picture to a network that changes it must know; the result has the
    picture's size.
    """

    value_range: Values = (-1.0, 1.0)  # of what it takes
    output_range: Values = (-1.0, 1.0)  # of what it makes
    channels: int = 3  # of what it takes: 1 or 3
    multiple: int  # both sides in pixels must be multiples of it
    minimum: int  # the shortest side that it takes, in pixels


class Translator(Changer):
    """Carries a picture into another domain; the result has 1 or 3 channels."""

    # How many styles a condition mixes; 0: its numbers are labels, from 0 to 1 each.
    styles: int = 0

    @abstractmethod
    def memory(self, height: int, width: int) -> int:
        """Bytes that a call holds at its peak for one picture of this size, about."""

    @abstractmethod
    def forward(
        self, x: Tensor, condition: Tensor | None = None, seed: int | None = None
    ) -> Tensor:
        """x [N, channels, H, W], condition [N, label_dim] -> [N, 1 or 3, H, W]; `seed` draws its
        noise, None: it has none.
        """

    @abstractmethod
    def in_strips(
        self, x: Tensor, condition: Tensor | None = None, seed: int | None = None, **more: int
    ) -> Generator[tuple[int, int], None, Tensor]:
        """The same for one picture, strip by strip in bounded memory: yields (strips done, strips
        in all), returns the result on the processor. `strip`: bytes of one strip.
        """


class Inpainter(Network):
    """Fills what is not known of a picture, whose numbers are 0 to 1 before and after."""

    value_range: Values = (0.0, 1.0)
    multiple: int = 1  # both sides in pixels must be multiples of it
    minimum: int = 1  # the shortest side that it takes, in pixels
    tile: int  # the side of what it sees at once, in pixels; `minimum` where it takes no other
    hole: int  # the widest hole that it fills well at once, in pixels
    memory: int  # bytes per pixel of the picture while it is at work, in float32

    @abstractmethod
    def forward(self, x: Tensor, known: Tensor) -> Tensor:
        """x [N, 3, H, W], known [N, 1, H, W] 1 or 0 -> a whole picture [N, 3, H, W], its own where
        the picture is known, too; what x holds where nothing is known has no say.
        """


class PicturePrior(Network):
    """Has no weights: it is fitted to one picture."""

    multiple: int  # both sides in pixels must be multiples of it
    longest: int  # the longest side that is fitted, in pixels
    channels: int  # of its input, which is noise
    steps: int  # of the fitting, as its authors took
    jitter: float  # the deviation of the noise that each step adds to the input
    rate: float  # of Adam

    @abstractmethod
    def fresh(self, generator: torch.Generator) -> nn.Module:
        """A network [1, channels, H, W] -> [1, 3, H, W] in 0..1, its weights drawn."""


class DamageFinder(Network):
    """Says which pixels of a picture, numbers 0 to 1, are damaged."""

    value_range: Values = (0.0, 1.0)
    tile: int  # the side of what it sees at once, in pixels

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """x [N, 3, H, W] -> [N, 1, H, W]; above 0 is damaged rather than not."""


class Colouriser(Network):
    """Says what colours a grey picture may have had."""

    value_range: Values = (0.0, 1.0)  # of what it takes
    side: int  # of the square that it takes, into which a picture is pressed, in pixels

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """x [N, 3, side, side], grey -> a* and b* of Lab [N, 2, side, side]."""


class FaceRestorer(Network):
    """Makes a damaged face anew; numbers are 0 to 1 before and after."""

    value_range: Values = (0.0, 1.0)
    side: int  # of the upright square that it takes and gives, in pixels

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """x [N, 3, side, side] -> the same."""


class Latents(Network):
    """What whoever walks from noise to a picture must know."""

    value_range: Values = (-1.0, 1.0)  # of its pictures
    resolution: int  # the side of its pictures in pixels
    shape: tuple[int, int, int]  # [C, h, w] of its noise
    # The configuration of the published scheduler: betas, and what is predicted.
    schedule: Mapping[str, Any]

    @abstractmethod
    def decode(self, x_0: Tensor) -> Tensor:
        """x_0 [N, C, h, w] -> x [N, 3, H, W]."""


class Denoiser(Latents):
    """A diffusion model that reads no text."""

    @abstractmethod
    def forward(self, x_t: Tensor, t: Tensor | int | float, row: Tensor | None = None) -> Tensor:
        """x_t [N, C, h, w], a timestep and a row of labels [N, label_dim] -> the prediction
        [N, C, h, w].
        """


class Reader(Protocol):
    """What encodes texts."""

    def left_out(self, text: str) -> str:
        """The end of the text that is not read; "" where all of it is."""


class TextDenoiser(Latents, Changer):
    """A diffusion model that a text guides."""

    edits: bool  # is it given a picture's latents too, behind x_t, and changes that picture?
    distilled: bool  # is the strength of guidance an input, not a second call?
    text: Reader

    @abstractmethod
    def read(self, text: str) -> Tensor:
        """[1, tokens, C]"""

    @abstractmethod
    def forward(
        self, x_t: Tensor, t: Tensor | int, words: Tensor, guidance: float | None = None
    ) -> Tensor:
        """x_t [N, C, h, w] (of an editor [N, 2 * C, h, w]), a timestep and words [N, tokens, C] ->
        the prediction [N, C, h, w]. `guidance` only of a distilled network.
        """

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor:
        """x [N, 3, H, W] -> its most likely latents [N, C, h, w]."""

    @abstractmethod
    def glance(self, x: Tensor) -> Tensor:
        """Latents [N, C, h, w], also noisy ones -> roughly their picture, in no time."""
