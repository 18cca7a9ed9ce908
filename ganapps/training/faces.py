"""Train the face generator: python -m ganapps.training.faces --data DIR --out DIR

`--start weights/heads-128.safetensors` goes on from the shipped one, `--start STATE` from another
run's state; with `--resolution 64` from the generator inside it.

StyleGAN2 (Karras 2020) against small heads on frozen features (Sauer 2021), told what to draw by
labels that the heads check (Miyato 2018), read (Odena 2017), and refuse where they are wrong (Reed
2016). Every made picture has the labels of a real one. Half of them are its twins: an encoder finds
its z too, and they are held to it in features and colours (Larsen 2016, "Autoencoding beyond
pixels"). The others share only the labels, so they are held to its coarsest colours: pose, light,
background. The critic teaches detail.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from ganapps.training import augment, controls, loop, precision
from ganapps.training.critic import Critic, Encoder
from ganapps.training.data import Portraits, load
from ganapps.training.features import FeatureNetwork, Projection
from ganapps.training.generator import Generator
from ganapps.training.labels import MIRRORED, NAMES, corner_side

SHEET = 24
BESIDE = ("critic", "encoder", "projection")
FINE, COARSE = (1, 2, 4, 8), (8, 16)  # cells whose colours are compared, pixels a side
# Which of the labels each control sets: bool [controls, label_dim].
CONTROLS = torch.tensor(
    [[name in controls.extremes(control)[0] for name in NAMES] for control in controls.CONTROLS]
)


@dataclass(frozen=True)
class Settings:
    """What a run may change. Weights of the losses are relative to each other; rates are Adam's."""

    resolution: int = 128
    batch: int = 16
    generator_rate: float = 2e-3
    critic_rate: float = 2e-4
    reading_rate: float = (
        2e-3  # of the critic's label readers: spectral norms leave them small numbers
    )
    encoder_rate: float = 1e-3
    # NVIDIA's layout lets the mapping learn a hundredth as quick; a short training can't wait for
    # it
    mapping_factor: float = 30.0
    critic_weight: float = 2.0
    feature_weight: float = 15.0
    colour_weight: float = 60.0
    background_weight: float = 30.0  # of the one label that a picture shows exactly
    # per nat that z says about its picture: with 1, z fell silent and faces resembled each other
    code_weight: float = 0.1
    small_weight: float = (
        20.0  # the picture of half the size inside the generator is the picture, shrunk
    )
    wrong_labels: float = 0.25  # their share of what the critic calls made
    # how often only one control's labels are wrong: smiles were never looked at while hair was
    # wrong too
    one_wrong: float = 0.5
    reading_weight: float = 10.0  # of the labels that the critic reads off a made picture
    mixing: float = 0.5  # how often two styles make one picture
    half_life: int = 4_000  # of the average, in pictures
    # A generator that starts without its critic and encoder waits for them, then takes up its rate:
    # what a fresh critic says would undo in minutes what it can. In pictures.
    waits: int = 8_000
    takes_up: int = 4_000


class FaceTrainer:
    """All that learns, and the pictures it learns from: `Portraits` of `settings.resolution`."""

    def __init__(
        self,
        portraits: Portraits,
        settings: Settings,
        pictures: int,
        features: torch.nn.Module | None = None,
        falls: int | None = None,
    ) -> None:
        self.settings, self.pictures, self.falls, self.seen = settings, pictures, falls, 0
        self.waits_until = 0
        self.real = torch.from_numpy(portraits.pictures).permute(0, 3, 1, 2)
        self.labels, self.mirrored = torch.from_numpy(portraits.labels), torch.from_numpy(MIRRORED)
        label_dim = self.labels.shape[1]
        self.generator = precision.channels_last(Generator(settings.resolution, label_dim))
        self.average = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.critic = precision.channels_last(Critic(label_dim))
        self.encoder = Encoder(self.generator.z_dim, label_dim)
        self.features = features or FeatureNetwork()
        self.projection = precision.channels_last(Projection())
        mapping = [
            p for name, p in self.generator.named_parameters() if name.startswith("mapping.fc")
        ]
        others = [
            p for name, p in self.generator.named_parameters() if not name.startswith("mapping.fc")
        ]
        rate = settings.generator_rate
        self.rates = {
            "generator": (rate, rate * settings.mapping_factor),
            "critic": (settings.critic_rate, settings.reading_rate),
            "encoder": (settings.encoder_rate,),
        }
        readers = [p for name, p in self.critic.named_parameters() if ".read." in name]
        judges = [p for name, p in self.critic.named_parameters() if ".read." not in name]
        self.optimizers = {
            "generator": _adam(others, mapping),
            "critic": _adam(judges, readers),
            "encoder": _adam(self.encoder.parameters()),
        }

    def step(self) -> dict[str, float]:
        """One batch for the critic and the same one for the generator; the losses, by name."""
        self._set_rates()
        real, c = self.pick(self.settings.batch)
        view = augment.draw(len(real), real.shape[-1])
        # twins are looked at in the same way
        view_fake = augment.draw(len(real), real.shape[-1]).like(view, self.twins)
        with precision.quick():
            with torch.no_grad():
                maps_real = self.features(augment.apply(view, real))
                # who somebody is can't be told from close
                whole = self.features(real[: self.twins])
            z, nats = self._codes(whole, c)
            *_, small, fake = self.generator.synthesis(self._styles(z, c))
            maps_fake = self.features(augment.apply(view_fake, fake))
            mixed_real, mixed_fake = self.projection(maps_real), self.projection(maps_fake)
        losses = {"critic": self._teach_critic(mixed_real, mixed_fake, c)}
        losses |= self._teach_generator(
            real, fake, small, maps_real, maps_fake, mixed_fake, c, nats
        )
        self.seen += len(real)
        loop.follow(self.average, self.generator, 0.5 ** (len(real) / self.settings.half_life))
        return losses

    @property
    def twins(self) -> int:
        """How many pictures of a batch are made from a real one's z and labels."""
        return self.settings.batch // 2

    def sheet(self) -> Tensor:
        """24 faces of the averaged generator, then 8 training pictures and what the encoder makes
        of them.
        """
        random = torch.Generator().manual_seed(7)
        z = torch.randn(SHEET, self.generator.z_dim, generator=random)
        rows = torch.randint(len(self.labels), (SHEET + 8,), generator=random)
        c, real = self.labels[rows], self.real[rows[SHEET:]].float() / 127.5 - 1
        with torch.no_grad():
            mean, _ = self.encoder(self.features(real), c[SHEET:])
            return torch.cat(
                [self.average(z, c[:SHEET], psi=0.9), real, self.average(mean, c[SHEET:])]
            )

    def state(self) -> dict[str, Any]:
        """Everything that a later run needs to go on as if it had never stopped, but for the frozen
        features.
        """
        networks = {
            name: getattr(self, name).state_dict() for name in ("generator", "average", *BESIDE)
        }
        optimizers = {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}
        progress = {
            "seen": self.seen,
            "waits_until": self.waits_until,
            "random": torch.get_rng_state(),
        }
        return networks | {"optimizers": optimizers} | progress

    def restore(self, state: dict[str, Any]) -> None:
        """The other way round. A state of a smaller generator grows, of a larger one the part
        inside is taken; both start the optimizers afresh, as one without them does.
        """
        if state["generator"].keys() != self.generator.state_dict().keys():
            state = {name: value for name, value in state.items() if name != "optimizers"}
        self.generator.grow(_float32(state["generator"]))
        own = self.generator.state_dict()
        self.average.load_state_dict(
            own
            | {name: tensor for name, tensor in _float32(state["average"]).items() if name in own}
        )
        for name in BESIDE:
            getattr(self, name).load_state_dict(_float32(state[name]))
        for name, optimizer in state.get("optimizers", {}).items():
            self.optimizers[name].load_state_dict(optimizer)
        self.seen, self.waits_until = state["seen"], state.get("waits_until", 0)
        if "random" in state:
            torch.set_rng_state(state["random"])

    def start_from(self, finished: Path) -> None:
        """Take over a finished generator, and critic, encoder and projection where they lie beside
        it in NAME.critic.safetensors; where they don't, it waits for new ones to learn.
        """
        for network in (self.generator, self.average):
            network.grow(_float32(load_file(finished)))
        beside = finished.with_suffix(".critic.safetensors")
        if not beside.exists():
            self.waits_until = self.seen + self.settings.waits
        else:
            tensors = _float32(load_file(beside))
            for name in BESIDE:
                getattr(self, name).load_state_dict(
                    {
                        k.removeprefix(f"{name}."): v
                        for k, v in tensors.items()
                        if k.startswith(f"{name}.")
                    }
                )
        with safe_open(finished, "pt") as file:
            self.seen = int(file.metadata()["images_seen"])

    def export(self, out: Path) -> None:
        """The averaged generator as heads-N.safetensors, in NVIDIA's layout, and the one of half
        the size inside it; and beside it what a later training needs.
        """
        path = out / f"heads-{self.settings.resolution}.safetensors"
        write_generator(self.average, path, self.seen)
        write_generator(
            self.average.inner(),
            out / f"heads-{self.settings.resolution // 2}.safetensors",
            self.seen,
        )
        beside = {
            f"{name}.{k}": v for name in BESIDE for k, v in getattr(self, name).state_dict().items()
        }
        save_file(
            {k: v.half().contiguous() for k, v in beside.items()},
            path.with_suffix(".critic.safetensors"),
        )

    def _set_rates(self) -> None:
        factor = loop.falling(self.seen, self.pictures, self.falls)
        for name, optimizer in self.optimizers.items():
            for group, rate in zip(optimizer.param_groups, self.rates[name], strict=True):
                group["lr"] = rate * factor * (self._awake() if name == "generator" else 1)

    def _awake(self) -> float:
        """The generator's share of its rate: 0 while it waits. Its optimizer gets to know the
        gradients meanwhile.
        """
        return (
            min(1.0, max(0.0, (self.seen - self.waits_until) / self.settings.takes_up))
            if self.waits_until
            else 1.0
        )

    def pick(self, count: int) -> tuple[Tensor, Tensor]:
        """Real pictures [N, 3, S, S] in -1..1 and their labels, half of them mirrored."""
        rows, flipped = torch.randint(len(self.real), (count,)), torch.rand(count) < 0.5
        real, c = self.real[rows].float() / 127.5 - 1, self.labels[rows].clone()
        real[flipped], c[flipped] = real[flipped].flip(3), c[flipped] * self.mirrored
        return real, c

    def _codes(self, maps: list[Tensor], c: Tensor) -> tuple[Tensor, Tensor]:
        """z [N, z_dim]: the twins' from the encoder's look at their maps, the others' drawn; and
        how many nats the twins' codes hold.
        """
        twins, nats = self.noisy_codes(maps, c[: self.twins])
        return torch.cat(
            [twins, torch.randn(self.settings.batch - self.twins, self.generator.z_dim)]
        ), nats

    def noisy_codes(self, maps: list[Tensor], c: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder says of real pictures: z [N, z_dim] with its noise, and the mean nats
        they hold.
        """
        mean, log_variance = self.encoder(maps, c)
        nats = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1).mean()
        return mean + (log_variance / 2).exp() * torch.randn_like(mean), nats

    def _styles(self, z: Tensor, c: Tensor) -> Tensor:
        """ws [N, num_ws, w_dim]; some pictures, never twins, change to a second z at a random layer
        (style mixing).
        """
        g = self.generator
        w, other = g.mapping(z, c).float(), g.mapping(torch.randn_like(z), c).float()
        with torch.no_grad():
            g.mapping.w_avg.lerp_(w[self.twins :].mean(0), 0.002)
        change = torch.randint(1, g.num_ws, (len(z), 1))
        change[
            (torch.rand(len(z)) > self.settings.mixing) | (torch.arange(len(z)) < self.twins)
        ] = g.num_ws
        first = torch.arange(g.num_ws) < change
        return torch.where(first[:, :, None], g.every_layer(w), g.every_layer(other))

    def _teach_critic(self, real: list[Tensor], fake: list[Tensor], c: Tensor) -> float:
        """Hinge loss, summed over the heads: real up; made, and real with another picture's labels,
        down.
        """
        share = self.settings.wrong_labels
        with precision.quick():
            judged, read = self.critic(real, c, self._wrong(c))
            made, _ = self.critic([x.detach() for x in fake], c)
        loss = sum(
            F.relu(1 - right).mean()
            + share * F.relu(1 + wrong).mean()
            + (1 - share) * F.relu(1 + bad).mean()
            for (right, wrong), (bad,) in zip(judged, made)
        )
        return loop.descend(loss + misread(read, c), self.optimizers["critic"])

    def _wrong(self, c: Tensor) -> Tensor:
        """Another picture's labels, or a picture's own but for one control's, [N, label_dim]."""
        one = CONTROLS[torch.randint(len(CONTROLS), (len(c),))]
        every = torch.rand(len(c), 1) > self.settings.one_wrong
        return torch.where(one | every, c.roll(1, 0), c)

    def _teach_generator(
        self,
        real: Tensor,
        fake: Tensor,
        small: Tensor,
        maps_real: list[Tensor],
        maps_fake: list[Tensor],
        mixed_fake: list[Tensor],
        c: Tensor,
        nats: Tensor,
    ) -> dict[str, float]:
        s, n = self.settings, self.twins
        self.critic.requires_grad_(False)
        with precision.quick():
            scores, read = self.critic(mixed_fake, c)
        fooled = -sum(score.mean() for (score,) in scores)
        unread = misread(read, c)
        features = sum(
            (
                (a[:n].float() - b[:n].float()).abs().mean() / b.float().abs().mean()
                for a, b in zip(maps_fake, maps_real)
            ),
            start=torch.zeros(()),
        )
        colours = (apart(fake[:n], real[:n], FINE) + apart(fake[n:], real[n:], COARSE)) / 2
        shrunk = (small - F.avg_pool2d(fake, 2)).abs().mean()
        background = (corners(fake) - corners(real)).abs().mean()
        loss = (
            s.critic_weight * fooled
            + s.reading_weight * unread
            + s.feature_weight * features
            + s.colour_weight * colours
            + s.background_weight * background
            + s.code_weight * nats
            + s.small_weight * shrunk
        )
        loop.descend(loss, self.optimizers["generator"], self.optimizers["encoder"])
        self.critic.requires_grad_(True)
        return {
            "fooled": fooled.item(),
            "unread": unread.item(),
            "features": features.item(),
            "colours": colours.item(),
            "background": background.item(),
            "nats": nats.item(),
        }


def misread(read: list[Tensor], c: Tensor) -> Tensor:
    """Mean squared difference between the labels that each head reads and the true ones, mean of
    the heads.
    """
    return torch.stack([F.mse_loss(labels, c) for labels in read]).mean()


def apart(made: Tensor, real: Tensor, cells: tuple[int, ...]) -> Tensor:
    """Mean difference in colour of pictures averaged over cells of so many pixels a side, summed
    over the sizes.
    """
    differences = ((F.avg_pool2d(made, k) - F.avg_pool2d(real, k)).abs().mean() for k in cells)
    return sum(differences, start=torch.zeros(()))


def corners(x: Tensor) -> Tensor:
    """Pictures [N, 3, S, S] -> the mean colour of their two upper corners, [N, 3]:
    `labels.background_colour`, differentiable.
    """
    edge = corner_side(x.shape[-1])
    top = x[:, :, :edge]
    return (top[..., :edge].mean((2, 3)) + top[..., -edge:].mean((2, 3))) / 2


def write_generator(generator: Generator, path: Path, seen: int) -> None:
    """A generator's tensors with its constructor's settings as metadata: what
    `ganapps.networks.faces.stylegan2` reads.

    In float16, half the bytes: a face changes by less than half of one of 255 levels.
    """
    tensors = {name: tensor.half().contiguous() for name, tensor in generator.state_dict().items()}
    save_file(
        tensors,
        path,
        metadata={
            name: str(value) for name, value in (generator.settings | {"images_seen": seen}).items()
        },
    )


def _adam(*groups: Iterable[torch.nn.Parameter]) -> torch.optim.Adam:
    """One that remembers no direction, as in StyleGAN; `_set_rates` sets its rates."""
    return torch.optim.Adam([{"params": list(group)} for group in groups], betas=(0.0, 0.99))


def _float32(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.float() for name, tensor in tensors.items()}


def main() -> None:
    chosen = loop.arguments(
        "Train the face generator.", pictures=600_000, resolution=Settings.resolution
    )
    settings = Settings(resolution=chosen.resolution)
    trainer = FaceTrainer(
        load(chosen.data, settings.resolution), settings, chosen.pictures, falls=chosen.falls
    )
    loop.run(trainer, chosen.out, chosen.pictures, chosen.start)


if __name__ == "__main__":
    main()
