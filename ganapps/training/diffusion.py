"""Train the diffusion model that meets the face generator: python -m ganapps.training.diffusion
--data DIR --out DIR

`--start weights/heads-ddpm-64` goes on from the shipped network, `--start STATE` from another run's
state.

DDPM (Ho 2020) with the cosine schedule (Nichol 2021), v-prediction (Salimans 2022) and min-SNR
weights (Hang 2023).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from ganapps.networks.torchvision_ops import ensure_torchvision
from ganapps.training import loop, precision
from ganapps.training.data import Portraits, load

SHEET = 16
SHEET_STEPS = 25


@dataclass(frozen=True)
class Settings:
    """What a run may change; channels are those of the U-Net's resolutions, the last one with
    attention.
    """

    resolution: int = 64
    batch: int = 32
    channels: tuple[int, ...] = (32, 64, 96, 128)
    rate: float = 4e-4
    decay: float = 0.998  # of the average, a step
    snr_cap: float = 5.0
    warm_up: int = 200  # steps from rate 0


class DiffusionTrainer:
    """The network, its average, and the pictures they learn from: `Portraits` of
    `settings.resolution`.
    """

    def __init__(
        self, portraits: Portraits, settings: Settings, pictures: int, falls: int | None = None
    ) -> None:
        self.settings, self.pictures, self.falls, self.seen, self.steps = (
            settings,
            pictures,
            falls,
            0,
            0,
        )
        self.real = torch.from_numpy(portraits.pictures).permute(0, 3, 1, 2)
        self.network = make_network(settings)
        if not precision.has_bfloat16():
            # quicker in float32, slower in bfloat16
            precision.channels_last(self.network)
        self.average = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.scheduler = make_scheduler()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.rate, betas=(0.9, 0.99), weight_decay=1e-4
        )

    def step(self) -> dict[str, float]:
        """One batch of noisy pictures; the weighted loss."""
        self._set_rate()
        x_0, t = self._pick(), self._times()
        noise = torch.randn_like(x_0)
        x_t = self.scheduler.add_noise(x_0, noise, t)
        v = self.scheduler.get_velocity(x_0, noise, t)
        with precision.quick():
            guess = self.network(x_t, t).sample
        loss = ((guess.float() - v).square().mean((1, 2, 3)) * self._weights(t)).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.seen, self.steps = self.seen + len(x_0), self.steps + 1
        loop.follow(self.average, self.network, self.settings.decay)
        return {"loss": loss.item()}

    def sheet(self) -> Tensor:
        """16 samples of the averaged network, 25 DDIM steps, always from the same noise."""
        size = self.settings.resolution
        x = torch.randn(SHEET, 3, size, size, generator=torch.Generator().manual_seed(7))
        self.scheduler.set_timesteps(SHEET_STEPS)
        with torch.no_grad():
            for t in self.scheduler.timesteps:
                x = self.scheduler.step(self.average(x, t).sample, t, x).prev_sample
        return x

    def state(self) -> dict[str, Any]:
        """Everything that a later run needs to go on as if it had never stopped."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "seen": self.seen,
            "steps": self.steps,
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """The other way round; a state without an optimizer warms up again."""
        for name in ("network", "average"):
            getattr(self, name).load_state_dict(
                {key: tensor.float() for key, tensor in state[name].items()}
            )
        self.seen = state["seen"]
        if "optimizer" in state:
            self.optimizer.load_state_dict(state["optimizer"])
            self.steps = state["steps"]
            torch.set_rng_state(state["random"])

    def start_from(self, finished: Path) -> None:
        """Take over the finished network of a diffusers folder, which says nothing about what it
        has seen.
        """
        tensors = _diffusers().UNet2DModel.from_pretrained(finished / "unet").state_dict()
        self.network.load_state_dict(tensors)
        self.average.load_state_dict(tensors)

    def export(self, out: Path) -> None:
        """The averaged network, in float16, and its scheduler as a diffusers folder."""
        pipeline = _diffusers().DDIMPipeline(
            unet=copy.deepcopy(self.average).half(), scheduler=make_scheduler()
        )
        pipeline.save_pretrained(out / f"heads-ddpm-{self.settings.resolution}")

    def _set_rate(self) -> None:
        warm = min(1.0, (self.steps + 1) / self.settings.warm_up)
        for group in self.optimizer.param_groups:
            group["lr"] = (
                self.settings.rate * warm * loop.falling(self.seen, self.pictures, self.falls)
            )

    def _pick(self) -> Tensor:
        """Real pictures [N, 3, S, S] in -1..1, half of them mirrored."""
        x_0 = self.real[torch.randint(len(self.real), (self.settings.batch,))].float() / 127.5 - 1
        flipped = torch.rand(len(x_0)) < 0.5
        x_0[flipped] = x_0[flipped].flip(3)
        return x_0.contiguous()

    def _times(self) -> Tensor:
        """Time steps [N], one from each of N equal parts: less chance in a small batch."""
        n = self.settings.batch
        steps = self.scheduler.config.num_train_timesteps
        return ((torch.arange(n) + torch.rand(1)) / n * steps).long().clamp(max=steps - 1)

    def _weights(self, t: Tensor) -> Tensor:
        """Min-SNR weights [N] for v-prediction: min(SNR, cap) / (SNR + 1)."""
        kept = self.scheduler.alphas_cumprod[t]
        snr = kept / (1 - kept)
        return snr.clamp(max=self.settings.snr_cap) / (snr + 1)


def make_network(settings: Settings) -> nn.Module:
    """diffusers' UNet2DModel with one residual block a resolution: 3.7 million parameters with the
    default channels.
    """
    plain = len(settings.channels) - 1
    return _diffusers().UNet2DModel(
        sample_size=settings.resolution,
        block_out_channels=settings.channels,
        layers_per_block=1,
        norm_num_groups=32,
        down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain,
        attention_head_dim=32,
    )


def make_scheduler() -> Any:
    """diffusers' DDIMScheduler, whose annotations don't fit what it takes and has."""
    return _diffusers().DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=True,
        timestep_spacing="trailing",
    )


def _diffusers() -> ModuleType:
    """The package; it imports torchvision where that is installed, even one that doesn't fit this
    torch.
    """
    ensure_torchvision()
    import diffusers

    return diffusers


def main() -> None:
    chosen = loop.arguments("Train the diffusion model.", pictures=600_000)
    settings = Settings()
    trainer = DiffusionTrainer(
        load(chosen.data, settings.resolution), settings, chosen.pictures, falls=chosen.falls
    )
    loop.run(trainer, chosen.out, chosen.pictures, chosen.start)


if __name__ == "__main__":
    main()
