"""Teach the face generator's small picture from its twins alone: python -m ganapps.training.sketch
--data DIR --out DIR

No critic and no features of made pictures, so it is three times as quick as
`ganapps.training.faces`, and far surer: pose, light, colours and background come to say what labels
and z say. The result is soft; `faces` goes on from the same folder and sharpens it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ganapps.training import loop, precision
from ganapps.training.data import load
from ganapps.training.faces import FaceTrainer, Settings, apart

BATCH = 32
CELLS = (1, 2, 4)  # of the small picture
RATE, MAPPING_RATE, ENCODER_RATE = 2e-3, 6e-2, 1e-3
MOMENTUM = 0.9  # nobody moves the target here, as a critic would


class Sketch:
    """A `FaceTrainer` whose generator learns with its encoder alone, at half its resolution (Kingma
    2014: an autoencoder whose z is noisy).
    """

    def __init__(self, faces: FaceTrainer, pictures: int) -> None:
        self.faces, self.pictures = faces, pictures
        mapping = [
            p for name, p in faces.generator.named_parameters() if name.startswith("mapping.fc")
        ]
        others = [
            p for name, p in faces.generator.named_parameters() if not name.startswith("mapping.fc")
        ]
        self.rates = (RATE, MAPPING_RATE, ENCODER_RATE)
        self.optimizer = torch.optim.Adam(
            [{"params": others}, {"params": mapping}, {"params": list(faces.encoder.parameters())}],
            betas=(MOMENTUM, 0.99),
        )

    @property
    def seen(self) -> int:
        """Pictures, as `faces` counts them."""
        return self.faces.seen

    def step(self) -> dict[str, float]:
        """One batch of twins; their distance in colour, and how many nats z holds of each."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * loop.falling(self.seen, self.pictures, self.faces.falls)
        faces = self.faces
        real, c = faces.pick(BATCH)
        with precision.quick():
            with torch.no_grad():
                maps = faces.features(real)
            z, nats = faces.noisy_codes(maps, c)
            w = faces.generator.mapping(z, c).float()
            small = faces.generator.synthesis(faces.generator.every_layer(w), depth=-1)[-1]
        faces.generator.mapping.w_avg.lerp_(w.detach().mean(0), 0.01)
        colours = apart(small, F.avg_pool2d(real, 2), CELLS)
        loop.descend(
            faces.settings.colour_weight * colours + faces.settings.code_weight * nats,
            self.optimizer,
        )
        faces.seen += BATCH
        loop.follow(faces.average, faces.generator, 0.5 ** (BATCH / faces.settings.half_life))
        return {"colours": colours.item(), "nats": nats.item()}

    def sheet(self) -> Tensor:
        """What `faces` shows."""
        return self.faces.sheet()

    def state(self) -> dict[str, Any]:
        """A state of `faces`, whose optimizers start afresh, and this one's."""
        return {
            name: value for name, value in self.faces.state().items() if name != "optimizers"
        } | {"sketch": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """The other way round; a state of `faces` starts a sketch."""
        self.faces.restore({name: value for name, value in state.items() if name != "optimizers"})
        if "sketch" in state:
            self.optimizer.load_state_dict(state["sketch"])

    def start_from(self, finished: Path) -> None:
        """As `faces` does."""
        self.faces.start_from(finished)

    def export(self, out: Path) -> None:
        """The files of `faces`."""
        self.faces.export(out)


def main() -> None:
    chosen = loop.arguments("Teach the face generator's small picture.", pictures=600_000)
    settings = Settings()
    faces = FaceTrainer(
        load(chosen.data, settings.resolution), settings, chosen.pictures, falls=chosen.falls
    )
    loop.run(Sketch(faces, chosen.pictures), chosen.out, chosen.pictures, chosen.start)


if __name__ == "__main__":
    main()
