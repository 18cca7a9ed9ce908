"""Train photo <-> painting: python -m ganapps.training.cyclegan --data DIR --out DIR

CycleGAN (Zhu 2017): two generators and two critics; a picture that goes there and back must be
itself again. The paintings are photographs that the shipped network of 26 styles painted; no
photograph is on both sides, so no true pair is ever seen.

Two things differ from the paper, because small crops learn quickly but have no colours in common:
the generators have no instance norm, which would take each crop's own brightness and contrast away;
and they begin as networks that give the picture back, so that nearly all of a short training goes
into what is to change.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from ganapps.networks.translate import styles26
from ganapps.training import loop, precision
from ganapps.training.photographs import Photograph, load, shrink

STYLE, STYLES = 5, "weights/multistyle26.safetensors"  # broad strokes of fire, sky and night
BOLD = 1.5  # times that style: deeper colours, the same strokes
SIDES = (160, 224, 320)  # short sides in pixels: from the whole subject to its parts
SHEET, SHEET_SIDE = 8, 128
FILES = {"a2b": "photo-to-bold-painting", "b2a": "bold-painting-to-photo"}
NORM = nn.Identity()  # where the published layout has a norm
GAIN = 1.3  # tanh(1.3 x) is nearest to x


@dataclass(frozen=True)
class Settings:
    """What a run may change; the pool, both betas of Adam and how the rate falls are the
    paper's.
    """

    width: int = 24
    critic_width: int = 24
    blocks: int = 6
    side: int = 96  # pixels of a crop: small ones first, for many steps,
    last_side: int = 128  # and larger ones in the last tenth
    batch: int = 1
    rate: float = 2e-4
    critic_rate: float = 4e-4
    steepest: float = 100.0  # of the gradient that one step of the generators follows
    cycle_weight: float = 4.0
    identity_weight: float = (
        0.5  # looked at in the middle of a crop only, which is a quarter of the work
    )
    pool: int = 50
    half_life: int = 500  # of the averages, in pictures


class Block(nn.Module):
    """x + two convolutions of x; the second begins at nothing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        first, second = (nn.Conv2d(width, width, 3) for _ in range(2))
        nn.init.zeros_(second.weight)
        nn.init.zeros_(second.get_parameter("bias"))
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            first,
            NORM,
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            second,
            NORM,
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


def generator(width: int, blocks: int) -> nn.Sequential:
    """Pictures [N, 3, H, W] in -1..1 -> the same size, translated; H and W multiples of 4; `width`
    at least 12, or less and no picture comes through at first. Its tensors have the published
    names.
    """
    w = width
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(3),
        nn.Conv2d(3, w, 7),
        NORM,
        nn.ReLU(inplace=True),
    ]
    for k in (w, 2 * w):
        layers += [nn.Conv2d(k, 2 * k, 3, stride=2, padding=1), NORM, nn.ReLU(inplace=True)]
    layers += [Block(4 * w) for _ in range(blocks)]
    for k in (4 * w, 2 * w):
        layers += [
            nn.ConvTranspose2d(k, k // 2, 3, stride=2, padding=1, output_padding=1),
            NORM,
            nn.ReLU(inplace=True),
        ]
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(w, 3, 7), nn.Tanh()]
    network = nn.Sequential(*layers)
    if width >= 12:
        _begin_as_it_is(network)
    return precision.channels_last(network)


@torch.no_grad()
def _begin_as_it_is(network: nn.Sequential) -> None:
    """The first channels carry the picture + 1 through: 3, then 12 of half the side, then 48 of a
    quarter, and back.
    """
    head, *halves, last = (
        layer for layer in network if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))
    )
    nn.init.normal_(last.weight, std=0.02)
    for layer, gain, shift in ((head, 1.0, 1.0), (last, GAIN, -GAIN)):
        for colour in range(3):
            layer.weight[colour] = 0
            layer.weight[colour, colour, 3, 3] = gain
            layer.get_parameter("bias")[colour] = shift
    # channels of the finer side that carry: four times as many do on the other
    for layer, few in zip(halves, (3, 12, 12, 3)):
        carrying = (
            layer.weight[:, :few]
            if isinstance(layer, nn.ConvTranspose2d)
            else layer.weight[: 4 * few]
        )
        carrying.zero_()
        layer.get_parameter("bias").zero_()
        for channel in range(few):
            for place in range(4):
                layer.weight[4 * channel + place, channel, 1 + place // 2, 1 + place % 2] = 1


class Critic(nn.Module):
    """Two PatchGANs: one sees the picture, the other sees it at half the size (Wang 2018), where a
    patch holds whole strokes and no weave.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.near, self.far = patches(width), patches(width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures [N, 3, H, W], no side below 48 -> the scores of both."""
        return self.near(x), self.far(F.avg_pool2d(x, 2))


def patches(width: int) -> nn.Sequential:
    """A PatchGAN: [N, 3, H, W] -> a score for every patch of 70 pixels, [N, 1, H / 8 - 2, W / 8 -
    2]. Spectral norms (Miyato 2018) hold it back where the paper has instance norms, which can't
    see a picture's colours.
    """
    layers: list[nn.Module] = [
        spectral_norm(nn.Conv2d(3, width, 4, stride=2, padding=1)),
        nn.LeakyReLU(0.2, inplace=True),
    ]
    for k, stride in ((1, 2), (2, 2), (4, 1)):
        layers += [
            spectral_norm(nn.Conv2d(k * width, 2 * k * width, 4, stride=stride, padding=1)),
            nn.LeakyReLU(0.2, inplace=True),
        ]
    last = spectral_norm(nn.Conv2d(8 * width, 1, 4, padding=1))
    return precision.channels_last(nn.Sequential(*layers, last))


class Pool:
    """The last made pictures: half the time the critic sees an old one (Shrivastava 2017), so that
    it doesn't forget them.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: list[Tensor] = []

    def swap(self, made: Tensor) -> Tensor:
        """Pictures [N, 3, S, S] -> as many, some of them older; those of another size are
        forgotten.
        """
        self.kept = [x for x in self.kept if x.shape == made.shape[1:]]
        return torch.stack([self._swap_one(x) for x in made.detach()])

    def _swap_one(self, x: Tensor) -> Tensor:
        if len(self.kept) < self.size:
            self.kept.append(x)
            return x
        if torch.rand(()) < 0.5:
            return x
        place = int(torch.randint(self.size, ()))
        old, self.kept[place] = self.kept[place], x
        return old


class CycleTrainer:
    """All that learns, and the two heaps of pictures it learns from: uint8 [H, W, 3], no side below
    128 and those of `settings`.
    """

    def __init__(
        self,
        photos: Sequence[np.ndarray],
        paintings: Sequence[np.ndarray],
        settings: Settings,
        pictures: int,
    ) -> None:
        self.settings, self.pictures, self.seen = settings, pictures, 0
        self.heaps = {"a": photos, "b": paintings}
        self.generators = nn.ModuleDict(
            {way: generator(settings.width, settings.blocks) for way in FILES}
        )
        self.average = copy.deepcopy(self.generators).eval().requires_grad_(False)
        self.critics = nn.ModuleDict({domain: Critic(settings.critic_width) for domain in "ab"})
        self.pools = {domain: Pool(settings.pool) for domain in "ab"}
        self.optimizers = {"generators": _adam(self.generators), "critics": _adam(self.critics)}

    def step(self) -> dict[str, float]:
        """One batch of photographs and one of paintings; the losses, by name."""
        for name, rate in (
            ("generators", self.settings.rate),
            ("critics", self.settings.critic_rate),
        ):
            self.optimizers[name].param_groups[0]["lr"] = rate * min(
                1.0, max(0.02, 2 * (1 - self.seen / self.pictures))
            )
        real = {
            domain: crops(heap, self.settings.batch, self.side)
            for domain, heap in self.heaps.items()
        }
        made, losses = self._teach_generators(real)
        losses |= self._teach_critics(real, made)
        self.seen += self.settings.batch
        # short at first: nobody misses the beginnings
        half_life = min(self.settings.half_life, 1 + self.seen / 5)
        loop.follow(self.average, self.generators, 0.5 ** (self.settings.batch / half_life))
        return losses

    @property
    def side(self) -> int:
        """Of the crops that are looked at now."""
        return self.settings.side if 10 * self.seen < 9 * self.pictures else self.settings.last_side

    def sheet(self) -> Tensor:
        """Rows of eight: photographs, painted, and back; paintings, as photographs, and back."""
        state = torch.get_rng_state()
        torch.manual_seed(7)
        a, b = (crops(heap, SHEET, SHEET_SIDE) for heap in self.heaps.values())
        torch.set_rng_state(state)
        a2b, b2a = self.average["a2b"], self.average["b2a"]
        with torch.no_grad():
            painted, plain = a2b(a), b2a(b)
            return torch.cat([a, painted, b2a(painted), b, plain, a2b(plain)])

    def state(self) -> dict[str, Any]:
        """Everything that a later run needs to go on as if it had never stopped."""
        networks = {
            name: getattr(self, name).state_dict() for name in ("generators", "average", "critics")
        }
        optimizers = {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()}
        pools = {domain: pool.kept for domain, pool in self.pools.items()}
        return networks | {
            "optimizers": optimizers,
            "pools": pools,
            "seen": self.seen,
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        for name in ("generators", "average", "critics"):
            getattr(self, name).load_state_dict(state[name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        for domain, pool in self.pools.items():
            pool.kept = list(state["pools"][domain])
        self.seen = state["seen"]
        torch.set_rng_state(state["random"])

    def start_from(self, finished: Path) -> None:
        """Take over both finished generators, which lie in this folder."""
        for way, name in FILES.items():
            tensors = unpublished(load_file(finished / f"{name}.safetensors"))
            for networks in (self.generators, self.average):
                networks[way].load_state_dict(tensors)

    def export(self, out: Path) -> None:
        """The averaged generators in float16, in the layout that
        `ganapps.networks.translate.cyclegan` reads.
        """
        for way, name in FILES.items():
            tensors = {
                k: v.half().contiguous()
                for k, v in published(self.average[way].state_dict()).items()
            }
            save_file(
                tensors, out / f"{name}.safetensors", metadata={"pictures_seen": str(self.seen)}
            )

    def _teach_generators(
        self, real: dict[str, Tensor]
    ) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Fool the critics (least squares), come back, and leave alone what is on the right side
        already.
        """
        s, a2b, b2a = self.settings, self.generators["a2b"], self.generators["b2a"]
        self.critics.requires_grad_(False)
        with precision.quick():
            made = {"b": a2b(real["a"]), "a": b2a(real["b"])}
            back = {"a": b2a(made["b"]), "b": a2b(made["a"])}
            same = {"a": b2a(_middle(real["a"])), "b": a2b(_middle(real["b"]))}
            scores = {domain: self.critics[domain](made[domain]) for domain in "ab"}
        fooled = _sum(_off(both, 1) for both in scores.values())
        cycle = _sum((back[d].float() - real[d]).abs().mean() for d in "ab")
        identity = _sum((same[d].float() - _middle(real[d])).abs().mean() for d in "ab")
        _descend(
            fooled + s.cycle_weight * cycle + s.identity_weight * identity,
            self.optimizers["generators"],
            s.steepest,
        )
        self.critics.requires_grad_(True)
        return made, {"fooled": fooled.item(), "cycle": cycle.item(), "identity": identity.item()}

    def _teach_critics(self, real: dict[str, Tensor], made: dict[str, Tensor]) -> dict[str, float]:
        """Least squares: real patches to 1, made ones to 0."""
        loss = torch.zeros(())
        for domain in "ab":
            old = self.pools[domain].swap(made[domain].float())
            with precision.quick():
                good, bad = (self.critics[domain](x) for x in (real[domain], old))
            loss = loss + (_off(good, 1) + _off(bad, 0)) / 2
        _descend(loss, self.optimizers["critics"])
        return {"critics": loss.item()}


def published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A generator's tensors in the published layout with batch norms, which here do no more than
    add the convolutions' biases.
    """
    *_, last = (name for name in state if name.endswith(".bias"))
    tensors = {}
    for name, tensor in state.items():
        if not name.endswith(".bias") or name == last:
            tensors[f"model.{name}"] = tensor
            continue
        before, number = name.removesuffix(".bias").rpartition(".")[::2]
        norm = ".".join(filter(None, ("model", before, str(int(number) + 1))))
        one, zero = torch.ones_like(tensor), torch.zeros_like(tensor)
        tensors |= {
            f"{norm}.weight": one,
            f"{norm}.bias": tensor,
            f"{norm}.running_mean": zero,
            f"{norm}.running_var": one,
        }
    return tensors


def unpublished(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The other way round, in float32: a batch norm's shift is the bias of the convolution before
    it.
    """
    state = {}
    for name, tensor in tensors.items():
        before, number, leaf = (
            name.removeprefix("model.").rsplit(".", 2)
            if name.count(".") > 2
            else ("", *name.split(".")[1:])
        )
        place = ".".join(filter(None, (before, number)))
        if f"model.{place}.running_mean" not in tensors:
            state[f"{place}.{leaf}"] = tensor.float()
        elif leaf == "bias":
            state[".".join(filter(None, (before, str(int(number) - 1), leaf)))] = tensor.float()
    return state


def crops(heap: Sequence[np.ndarray], count: int, side: int) -> Tensor:
    """Random squares of `side` pixels out of random pictures, half of them mirrored: [N, 3, S, S]
    in -1..1.
    """
    picked = []
    for _ in range(count):
        pixels = heap[int(torch.randint(len(heap), ()))]
        y, x = (int(torch.randint(length - side + 1, ())) for length in pixels.shape[:2])
        crop = pixels[y : y + side, x : x + side]
        picked.append(crop[:, ::-1] if torch.rand(()) < 0.5 else crop)
    return to_tensor(np.stack(picked)).contiguous(memory_format=torch.channels_last)


def to_tensor(pixels: np.ndarray) -> Tensor:
    """uint8 [N, H, W, 3] -> [N, 3, H, W] in -1..1."""
    return torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 127.5 - 1


def sizes(photographs: Sequence[Photograph]) -> list[np.ndarray]:
    """Each photograph in every size of `SIDES`."""
    return [shrink(photograph.pixels, side) for photograph in photographs for side in SIDES]


def paint(pictures: Sequence[np.ndarray], weights: Path | str = STYLES) -> list[np.ndarray]:
    """Pictures uint8 [H, W, 3], painted by one style of the shipped network; sides are cut to
    multiples of 4.
    """
    network = styles26.build(load_file(weights), {})
    condition = BOLD * F.one_hot(torch.tensor([STYLE]), network.styles).float()
    painted = []
    with torch.no_grad():
        for pixels in pictures:
            height, width = (side // 4 * 4 for side in pixels.shape[:2])
            x = to_tensor(pixels[None, :height, :width]) / 2 + 0.5
            painted.append(loop.to_bytes(network(x, condition) * 2 - 1)[0].transpose(1, 2, 0))
    return painted


def paintings(folder: Path, kept: Path) -> list[np.ndarray]:
    """The painted photographs, from the file `kept` where an earlier run left them."""
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, *paint(sizes(load(folder, "painting"))))
    with np.load(kept) as arrays:
        return [arrays[f"arr_{i}"] for i in range(len(arrays.files))]


def _off(scores: Sequence[Tensor], wanted: float) -> Tensor:
    """Least squares, the sum over critics."""
    return torch.stack([(score.float() - wanted).square().mean() for score in scores]).sum()


def _sum(losses: Iterable[Tensor]) -> Tensor:
    return sum(losses, start=torch.zeros(()))


def _middle(x: Tensor) -> Tensor:
    quarter = x.shape[-1] // 4
    return x[..., quarter:-quarter, quarter:-quarter]


def _adam(networks: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(networks.parameters(), betas=(0.5, 0.999))


def _descend(
    loss: Tensor, optimizer: torch.optim.Optimizer, steepest: float = float("inf")
) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(optimizer.param_groups[0]["params"], steepest)
    optimizer.step()


def main() -> None:
    chosen = loop.arguments("Train photo <-> painting.", pictures=12_000)
    photos = sizes(load(chosen.data, "photo"))
    trainer = CycleTrainer(
        photos, paintings(chosen.data, chosen.out / "paintings.npz"), Settings(), chosen.pictures
    )
    loop.run(trainer, chosen.out, chosen.pictures, chosen.start)


if __name__ == "__main__":
    main()
