"""What networks say of themselves: all that a task needs to know of one, whatever its paper."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import torch
from torch import Tensor

Values = tuple[float, float]  # the lowest and the highest number of a picture


class FaceGenerator(Protocol):
    """Draws pictures from z, and from labels where `label_dim` is not 0."""

    @property
    def value_range(self) -> Values:
        """Of its pictures; it may step over them a little."""

    @property
    def resolution(self) -> int:
        """The side of its pictures in pixels."""

    @property
    def z_dim(self) -> int:
        """How many numbers z has."""

    @property
    def label_dim(self) -> int:
        """How many numbers a row of labels has; 0: it takes none."""

    @property
    def num_ws(self) -> int:
        """Layers that take a style; 0: it has no style space, else it is a `StyleGenerator`."""

    def __call__(self, z: Tensor, c: Tensor | None = None) -> Tensor:
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

        `noise` is "const", "none", or "random": then `generators` has one per picture.
        """


class StyleGenerator(FaceGenerator, Protocol):
    """A generator with a style space."""

    @property
    def mapping(self) -> Mapper: ...

    @property
    def synthesis(self) -> Synthesis: ...

    @property
    def w_avg(self) -> Tensor:
        """The average w [w_dim], to which truncation pulls."""


class Tiled(Protocol):
    """What whoever cuts a picture into tiles must know of a network that enlarges them."""

    @property
    def value_range(self) -> Values:
        """Of what it takes and of what it makes."""

    @property
    def channels(self) -> int:
        """Of what it takes and of what it makes: 1 or 3."""

    @property
    def scale(self) -> int:
        """How many times as long the sides of the result are."""

    @property
    def multiple(self) -> int:
        """Both sides in pixels must be multiples of it."""

    @property
    def minimum(self) -> int:
        """The shortest side that it takes, in pixels."""

    @property
    def reach(self) -> int | None:
        """So many pixels away nothing changes a pixel any more; None: it may see all of its
        picture.
        """

    @property
    def step(self) -> int:
        """Moved by so many pixels, a picture gives the same result, moved."""

    @property
    def tile(self) -> int:
        """The side of the tile that is quickest where memory allows, in pixels."""

    @property
    def memory(self) -> int:
        """Bytes per pixel of the picture while it is at work, in float32."""

    @property
    def precisions(self) -> tuple[str, ...]:
        """The lower precisions that it bears: "bfloat16", "float16"."""

    def to(self, device: str) -> Self:
        """Itself, moved there."""


class Upscaler(Tiled, Protocol):
    """Enlarges a picture in one call."""

    @property
    def draws(self) -> bool:
        """Does it draw noise, of a seed?"""

    def __call__(self, x: Tensor, *seed: int) -> Tensor:
        """x [N, channels, H, W] -> [N, channels, scale * H, scale * W]; a `seed` only where it
        draws.
        """


class TwinUpscaler(Upscaler, Protocol):
    """One that removes noise, beside its twin that leaves it."""

    def denoised(self, strength: float) -> Upscaler:
        """The network at `strength`, 0 (leaves noise) to 1 (removes it)."""


class NoisyUpscaler(Tiled, Protocol):
    """Enlarges a picture by diffusion, in latents as large as the small picture."""

    @property
    def schedule(self) -> Mapping[str, Any]:
        """The configuration of the published scheduler."""

    @property
    def noises(self) -> Mapping[str, Any] | None:
        """The schedule by which the small picture itself is made noisy first; None: it is not."""

    @property
    def noise_levels(self) -> int:
        """The highest level up to which it is made noisy; 0: it is not."""

    @property
    def latent_channels(self) -> int: ...

    def __call__(
        self, x_t: Tensor, t: Tensor | int, small: Tensor, level: int | None = None
    ) -> Tensor:
        """x_t [N, C, h, w], a timestep and the small picture [N, 3, h, w] in -1 to 1, noisy by
        `level` -> the prediction [N, C, h, w].
        """

    def decode(self, x_0: Tensor) -> Tensor:
        """Latents [N, C, h, w] -> [N, 3, scale * h, scale * w]."""


class Pictures(Protocol):
    """What whoever brings a picture to a network that changes it must know."""

    @property
    def value_range(self) -> Values:
        """Of what it takes."""

    @property
    def output_range(self) -> Values:
        """Of what it makes."""

    @property
    def channels(self) -> int:
        """Of what it takes: 1 or 3."""

    @property
    def multiple(self) -> int:
        """Both sides in pixels must be multiples of it."""

    @property
    def minimum(self) -> int:
        """The shortest side that it takes, in pixels."""

    @property
    def precisions(self) -> tuple[str, ...]:
        """The lower precisions that it bears: "bfloat16", "float16"."""


class Translator(Pictures, Protocol):
    """Carries a picture into another domain; the result has its size, and 1 or 3 channels."""

    @property
    def label_dim(self) -> int:
        """How many numbers a condition has; 0: it takes none."""

    @property
    def styles(self) -> int:
        """How many styles a condition mixes; 0: its numbers are labels, from 0 to 1 each."""

    def memory(self, height: int, width: int) -> int:
        """Bytes that a call holds at its peak for one picture of this size, about."""

    def __call__(
        self, x: Tensor, condition: Tensor | None = None, seed: int | None = None
    ) -> Tensor:
        """x [N, channels, H, W], condition [N, label_dim] -> [N, 1 or 3, H, W]; `seed` draws its
        noise, None: it has none.
        """

    def in_strips(
        self, x: Tensor, condition: Tensor | None = None, seed: int | None = None, **more: int
    ) -> Generator[tuple[int, int], None, Tensor]:
        """The same for one picture, strip by strip in bounded memory: yields (strips done, strips
        in all), returns the result on the processor. `strip`: bytes of one strip.
        """


class Latents(Protocol):
    """What whoever walks from noise to a picture must know."""

    @property
    def value_range(self) -> Values:
        """Of its pictures."""

    @property
    def resolution(self) -> int:
        """The side of its pictures in pixels."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """[C, h, w] of its noise."""

    @property
    def schedule(self) -> Mapping[str, Any]:
        """The configuration of the published scheduler: betas, and what is predicted."""

    def decode(self, x_0: Tensor) -> Tensor:
        """x_0 [N, C, h, w] -> x [N, 3, H, W]."""


class Denoiser(Latents, Protocol):
    """A diffusion model that reads no text."""

    @property
    def label_dim(self) -> int:
        """Counts classes; 0: it has none."""

    def __call__(self, x_t: Tensor, t: Tensor | int | float, row: Tensor | None = None) -> Tensor:
        """x_t [N, C, h, w], a timestep and a row of labels [N, label_dim] -> the prediction
        [N, C, h, w].
        """


class Reader(Protocol):
    """What encodes texts."""

    def left_out(self, text: str) -> str:
        """The end of the text that is not read; "" where all of it is."""


class TextDenoiser(Latents, Pictures, Protocol):
    """A diffusion model that a text guides. One that `edits` is given a picture's latents too,
    behind x_t.
    """

    @property
    def edits(self) -> bool: ...

    @property
    def distilled(self) -> bool:
        """Is the strength of guidance an input, not a second call?"""

    @property
    def text(self) -> Reader: ...

    def read(self, text: str) -> Tensor:
        """[1, tokens, C]"""

    def __call__(
        self, x_t: Tensor, t: Tensor | int, words: Tensor, guidance: float | None = None
    ) -> Tensor:
        """x_t [N, C, h, w] (of an editor [N, 2 * C, h, w]), a timestep and words [N, tokens, C] ->
        the prediction [N, C, h, w]. `guidance` only of a distilled network.
        """

    def encode(self, x: Tensor) -> Tensor:
        """x [N, 3, H, W] -> its most likely latents [N, C, h, w]."""

    def glance(self, x: Tensor) -> Tensor:
        """Latents [N, C, h, w], also noisy ones -> roughly their picture, in no time."""


# mypy reads here that what the files build keeps its contract; of a call, which torch leaves open,
# only that there is one.
if TYPE_CHECKING:
    from ganapps.networks.diffusion import diffusion, diffusion_upscaler, stable_diffusion
    from ganapps.networks.faces import dcgan, r3gan, stylegan, stylegan2
    from ganapps.networks.translate import (
        animegan,
        cartoongan,
        cyclegan,
        pix2pix,
        stargan,
        styles26,
    )
    from ganapps.networks.upscale import interpolated, span, srresnet, upscalers

    Network = TypeVar("Network", covariant=True)
    Build = Callable[[Mapping[str, Tensor], Mapping], Network]

    FACES: tuple[Build[FaceGenerator], ...] = (dcgan.build, r3gan.build)
    STYLES: tuple[Build[StyleGenerator], ...] = (stylegan.build, stylegan2.build)
    UPSCALE: tuple[Build[Upscaler], ...] = (span.build, srresnet.build, upscalers.build)
    TWINS: Build[TwinUpscaler] = interpolated.build
    NOISY: Build[NoisyUpscaler] = diffusion_upscaler.build
    TRANSLATE: tuple[Build[Translator], ...] = (
        *(animegan.build, cartoongan.build, cyclegan.build),
        *(pix2pix.build, stargan.build, styles26.build),
    )
    DENOISE: Build[Denoiser] = diffusion.build
    TEXT: Build[TextDenoiser] = stable_diffusion.build
