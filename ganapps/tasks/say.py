"""A face as a sentence says it, by a generator's labels; drawn in two stages, small and then large
(as StackGAN does, Zhang 2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from PIL import Image
from torch import Tensor

from ganapps.device import Device
from ganapps.errors import Message, UserError
from ganapps.networks.contracts import FaceGenerator, StyleGenerator
from ganapps.pictures.images import from_tensor
from ganapps.report import Made, Step
from ganapps.settings import Setting
from ganapps.tasks import sentences
from ganapps.tasks.labels import Labels
from ganapps.tasks.maker import Maker, number
from ganapps.tasks.sentences import Understood
from ganapps.tasks.shared import Psi, Seed
from ganapps.tasks.task import Task

SHOWN = 8  # words whose part in the picture is shown
BRIGHTEST = 3.0  # times the mean of a difference is white


def say(
    network: FaceGenerator,
    device: Device,
    labels_of_model: Labels | None = None,
    *,
    sentence: Annotated[
        str,
        Setting(
            longest=500,
            label="Say whom to draw",
            says="whom to draw, in English or Chinese: an old smiling woman with glasses, grey "
            "hair, looking left",
            free_text=True,
        ),
    ],
    seed: Seed = 0,
    psi: Psi = 0.7,
) -> Iterator[Step]:
    """A face of the labels that a sentence names; what it leaves open the seed draws.

    The first step shows the picture at half its size, where the network makes one on its way. The
    figures have the labels word by word. `beside` shows where each word acts: how the picture
    differs from the one without its label. The recipe of the picture is one of the task `faces`.
    """
    if labels_of_model is None:
        raise UserError("This model has no labels that words could set: choose Heads 128.")
    if not sentence.strip():
        raise UserError("There is no sentence yet: say whom to draw.")
    found = sentences.understood(sentence, labels_of_model)
    if not found.words:
        raise UserError(
            "None of these words says something that this model can draw: {words}. Try: an old "
            "smiling woman with glasses.",
            words=", ".join(found.not_understood) or sentence,
        )
    drawn = Drawn(network, device, labels_of_model, number(seed), psi)
    labels = found.labels
    ws, rows = drawn.styles(labels)
    early = drawn.early(ws)
    if early is not None:
        yield Step(1, 2, (), 1, _told(found), (early,))
    x = drawn.picture(ws, rows)
    beside = {} if early is None else {"first stage": early}
    for word in found.words[:SHOWN]:
        rest = {name: value for name, value in labels.items() if name not in word.sets}
        without = drawn.picture(*drawn.styles(rest))
        beside[word.text] = _difference(x, without)
    (picture,) = from_tensor(x, network.value_range)
    figures = {
        "words": {word.text: dict(word.sets) for word in found.words},
        "not understood": found.not_understood,
    }
    settings: Mapping[str, Any] = {"seed": drawn.seed, "count": 1, "psi": psi, "labels": labels}
    made = Made(picture, sentence[:60], settings, task="faces", figures=figures, beside=beside)
    yield Step(2, 2, (made,), drawn.make.calls(), (*_told(found), *drawn.changes))


SAY = Task(
    "say",
    say,
    models="faces",
    work=(),
    says="Draw a face as a sentence in English or Chinese says.",
)


class Drawn:
    """One seed's face with one set of labels or another."""

    def __init__(
        self, network: FaceGenerator, device: Device, table: Labels, seed: int, psi: float
    ) -> None:
        self.make = Maker(network, device, table, None, "const")
        self.network, self.seed, self.psi = network, seed, psi
        self.changes: tuple[Message, ...] = ()

    def styles(self, labels: Mapping[str, Any]) -> tuple[Tensor, Tensor | None]:
        """Styles (or z) and label rows, as the task `faces` makes them."""
        self.make.chosen = labels
        z, rows = self.make.drawn([self.seed])
        return self.make.ws(z, rows, self.psi, None), rows

    def picture(self, ws: Tensor, rows: Tensor | None) -> Tensor:
        """[1, 3, H, W]"""
        x, changes = self.make.pictures(ws, [self.seed], rows)
        self.changes += changes
        return x

    def early(self, ws: Tensor) -> Image.Image | None:
        """The picture at half its size, as the network makes it on its way; None where it makes
        none.
        """
        if not isinstance(self.network, StyleGenerator):
            return None
        half = self.network.resolution // 2
        with self.make.device.computing():
            for stage in self.network.stages(ws):
                if stage.side == half and stage.picture is not None:
                    return from_tensor(stage.picture.float(), self.network.value_range)[0]
        return None


def _told(found: Understood) -> tuple[Message, ...]:
    said = [
        Message("{word} gives way to {other}.", word=word, other=other)
        for word, other in found.gave_way
    ]
    if found.not_understood:
        said.append(Message("Not understood: {words}.", words=", ".join(found.not_understood)))
    return tuple(said)


def _difference(x: Tensor, without: Tensor) -> Image.Image:
    """Where two pictures differ, as a grey picture: white is three times the mean or more."""
    apart = (x.float() - without.float()).abs().mean(dim=1, keepdim=True)
    most = BRIGHTEST * float(apart.mean())
    return from_tensor(apart / most if most else apart, (0.0, 1.0))[0]
