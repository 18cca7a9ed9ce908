"""A picture as a face of a generator's own: the styles that draw it most alike, found by gradients
(Karras 2020; one w first, then one for each layer, Abdal 2019); or from an encoder's guess on, by
L-BFGS (Liu 1989).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import FaceFinder, FaceGenerator, StyleEncoder, StyleGenerator
from ganapps.pictures.images import from_tensor
from ganapps.pictures.uploads import Upload
from ganapps.report import Made, Step
from ganapps.settings import Picture, Setting
from ganapps.tasks import careful, planes, upright
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import Maker
from ganapps.tasks.shared import FORMATS
from ganapps.tasks.styles import packed, rounded, styled
from ganapps.tasks.task import Task

SAMPLE = 64  # faces: their mean is where the search begins, their spread its measure
RATE = 0.1  # of that spread that a number may move in a step, at first
STRIDE = 10  # looks at a picture between two of ours, where a guess is made better
REMEMBERED = 20  # steps by which such a search knows how its way bends
SCALE = 10  # of the squares, so that its first step is not lost in rounding
LEVELS = 4  # sizes at which pictures are compared, each half of the one before
ALONE = 0.4  # of the steps one w serves all layers
# of 255: a face that the model knows comes nearer. In 100 steps 45 of 49 held-back heads did with
# Heads 128, and 4 of 23 faces of photographs (benchmarks/inversion.py)
UNKNOWN = 17.0
# from a guess on: in 50 steps held-back heads came to 12 at most, in 100 a photograph to 15
UNKNOWN_FROM_GUESS = 14.0
PREVIEW = 0.3  # seconds between two looks

Space = Literal["w", "w+"]
Start = Literal["average", "encoder"]


def invert(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None,
    finder: FaceFinder,
    encoder: StyleEncoder | None,
    picture: Annotated[Upload, Picture(FORMATS)],
    *,
    steps: Annotated[
        int,
        Setting(10, 1000, label="Steps", slider=(25, 300), says="steps of the search"),
    ] = 100,
    space: Annotated[
        Space,
        Setting(
            label="How",
            choices=(("more alike (W+)", "w+"), ("better to edit (W)", "w")),
            says="w+: each layer has styles of its own, more alike; w: all have the same, better "
            "to edit",
        ),
    ] = "w+",
    points: Annotated[
        list[Any],
        Setting(
            says="where the face has both eyes, the tip of the nose and both corners of the mouth, "
            "as five [x, y] in pixels of the picture; without them they are looked for"
        ),
    ]
    | None = None,
    start: Annotated[
        Start,
        Setting(
            label="Begins with",
            choices=(("a guess of its encoder", "encoder"), ("the average face", "average")),
            says="encoder: with the guess of the encoder that ships for the model, where one does, "
            "which comes nearer in fewer steps; average: with the model's average face",
        ),
    ] = "average",
) -> Iterator[Step]:
    """The face of this generator that is most like the one in the picture, which is found and
    turned as this model's own faces stand.

    First come its figures: `error` is how far it is from the picture, as a root mean square of 255.
    `styles` is the face as text, to be edited, pulled or bred; `points` are those that were used.
    `beside` has the turned picture and what was found.
    """
    network = styled(network)
    make = Maker(network, device, labels_of_model, None, "const")
    search = Search(network, make, steps, space)
    x = planes.to_planes(planes.on_white(picture.pixels), 3)
    places, said = _places(finder, x, points)
    own = upright.own_points(finder, _shares(search.average(), network))
    turned = upright.turned(x, places, own, network.resolution)
    low, high = network.value_range
    wanted = (turned * (high - low) + low).to(device.name)
    search.aim(wanted)
    if start == "encoder":
        said = (*search.guess(encoder, wanted), *said)
    seen = time.monotonic()
    while search.gone < steps:
        search.step()
        if search.gone < steps and time.monotonic() - seen > PREVIEW:
            preview = tuple(from_tensor(search.drawn, network.value_range))
            yield Step(search.gone, steps, (), search.calls(), said, preview)
            seen, said = time.monotonic(), ()
    ws = rounded(search.ws)
    drawn, changes = make.pictures(ws, [0], None)
    error = _apart(drawn, wanted, network.value_range)
    figures = {
        "error": error,
        "styles": packed(ws),
        "points": [[round(px, 1), round(py, 1)] for px, py in places],
    }
    beside = {"before": _shown(wanted, network), "after": _shown(drawn, network)}
    made = Made(beside["after"], f"error {error:.0f}", {}, figures=figures, beside=beside)
    calls = search.calls() + make.calls()
    yield Step(steps, steps, (made,), calls, (*_told(error, search.guessed), *said, *changes))


INVERT = Task(
    "invert",
    invert,
    models="faces",
    work=("steps",),
    says="Find the face of a generator that is most like the one in a picture.",
    finds=True,
    encodes=True,
)


class Search:
    """One search: a step moves the styles a little towards the picture."""

    optimiser: torch.optim.Optimizer

    def __init__(self, network: StyleGenerator, make: Maker, steps: int, space: Space) -> None:
        if not network.bends:
            raise UserError(
                "This model can't be searched for a face: choose a StyleGAN2 or StyleGAN3."
            )
        self.network, self.make, self.steps, self.space = network, make, steps, space
        self.gone = self._calls = 0
        self.guessed = False
        z, rows = make.drawn(range(SAMPLE))
        known = make.ws(z, rows, 1.0, None)[:, :1].float()
        self.spread = float(known.std(dim=0).mean())
        self.moving = known.mean(dim=0, keepdim=True).detach().clone()  # [1, 1, w_dim]
        self._begin()

    def average(self) -> Tensor:
        """The face where the search begins, [1, 3, H, H] in the network's range."""
        x, _ = self.make.pictures(self.ws, [0], None)
        return x

    def aim(self, wanted: Tensor) -> None:
        """Take this picture [1, 3, H, H] in the network's range for the one to look for."""
        self.drawn, self.levels = wanted, _pyramid(wanted)

    def guess(self, encoder: StyleEncoder | None, wanted: Tensor) -> tuple[Message, ...]:
        """Begin with what the encoder takes `wanted` for, in "w" with the mean of its layers; and
        what to say where there is none.
        """
        if encoder is None:
            return (
                Message("No encoder ships for this model: the search began with its average face."),
            )
        with torch.no_grad():
            ws = encoder(wanted.float().cpu()).to(self.moving)
        self.moving = ws if self.space == "w+" else ws.mean(dim=1, keepdim=True)
        self.guessed = True
        # 50 steps of it come to 9.5 of 255 where 50 of Adam come to 13
        self.optimiser = torch.optim.LBFGS(
            [self.moving.requires_grad_()],
            max_iter=STRIDE,
            tolerance_grad=0,
            tolerance_change=0,
            history_size=REMEMBERED,
            line_search_fn="strong_wolfe",
        )
        return ()

    @property
    def ws(self) -> Tensor:
        """The styles as they are now, [1, num_ws, w_dim]."""
        return self.moving.detach().expand(1, self.network.num_ws, -1).contiguous()

    def calls(self) -> int:
        """Network calls since this was last asked."""
        calls, self._calls = self._calls, 0
        return calls

    def step(self) -> None:
        """One step, or from a guess a stride of some."""
        if self.guessed:
            for group in self.optimiser.param_groups:
                group["max_eval"] = min(STRIDE, self.steps - self.gone)
            with careful.bending():
                self.optimiser.step(self._squares)
            return
        if self.space == "w+" and self.gone == int(ALONE * self.steps):
            self.moving = self.ws
            self._begin()
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        with careful.bending():
            x = self.network.synthesis(self.moving.expand(1, self.network.num_ws, -1))
            pairs = zip(_pyramid(x), self.levels)
            loss = sum((mine - theirs).abs().mean() for mine, theirs in pairs)
            assert isinstance(loss, Tensor), "there are levels"
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
        self.drawn = x.detach()
        self.gone += 1
        self._calls += 1

    def _squares(self) -> float:
        """How far the picture of these styles is from the one to look for, and its gradient."""
        x = self.network.synthesis(self.moving.expand(1, self.network.num_ws, -1))
        pairs = zip(_pyramid(x), self.levels)
        loss = SCALE * sum((mine - theirs).square().mean() for mine, theirs in pairs)
        assert isinstance(loss, Tensor), "there are levels"
        self.optimiser.zero_grad()
        loss.backward()
        self.drawn = x.detach()
        self.gone += 1
        self._calls += 1
        return float(loss.detach())

    def _begin(self) -> None:
        self.optimiser = torch.optim.Adam([self.moving.requires_grad_()])

    def _rate(self) -> float:
        """Falls to a tenth on a cosine."""
        share = self.gone / self.steps
        return RATE * self.spread * (0.1 + 0.9 * (1 + math.cos(math.pi * share)) / 2)


def _places(
    finder: FaceFinder, x: Tensor, points: list[Any] | None
) -> tuple[list[upright.Point], tuple[Message, ...]]:
    """The points of the face: those that a person gave, else those that are found."""
    if points is None:
        return upright.points_in(finder, x)
    return upright.checked(points), ()


def _shares(x: Tensor, network: StyleGenerator) -> Tensor:
    """A picture of the network as shares of white, 0 to 1."""
    low, high = network.value_range
    return ((x.float() - low) / (high - low)).clamp(0, 1)


def _pyramid(x: Tensor) -> list[Tensor]:
    levels = [x]
    while len(levels) < LEVELS:
        levels.append(F.avg_pool2d(levels[-1], 2))
    return levels


def _apart(x: Tensor, wanted: Tensor, values: tuple[float, float]) -> float:
    low, high = values
    away = (x.float().clamp(low, high) - wanted).square().mean().sqrt()
    return round(float(away) * 255 / (high - low), 1)


def _shown(x: Tensor, network: StyleGenerator) -> Any:
    return from_tensor(x, network.value_range)[0]


def _told(error: float, guessed: bool) -> tuple[Message, ...]:
    """How near the model came, first of all."""
    said = [
        Message(
            "The nearest face found differs from the picture by {error} of 255 levels (root mean "
            "square).",
            error=error,
        )
    ]
    if error > (UNKNOWN_FROM_GUESS if guessed else UNKNOWN):
        said.append(
            Message(
                "This picture is not what this model knows: edits will show somebody else. "
                "Choose a model of photographs (FFHQ)."
            )
        )
    return tuple(said)
