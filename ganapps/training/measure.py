"""How good and how varied the shipped models' faces are, against the portraits that were held back:
writes weights/quality.toml.

python -m ganapps.training.measure --data DIR                          every model and setting; the
diffusion model takes an hour or more python -m ganapps.training.measure --data DIR --model
heads-128 --values 0.7 python -m ganapps.training.measure --seconds                           only
how long a picture takes on one core here python -m ganapps.training.measure --data DIR --model
heads-128 --file OUT/heads-128.safetensors      one that does not ship: only says it

Distances are in EfficientNet-Lite0's features, so none of them is a FID; the GANs' critic looked
through the same network, which favours them. So there are those of EfficientNet-Lite2 beside them
(no training saw it; it is of the same family), and the sliced Wasserstein distance, which needs no
network. Everything is compared at 64 px.
"""

from __future__ import annotations

import argparse
import datetime
import json
import time
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganapps import engine
from ganapps.measure import quality
from ganapps.measure.quality import Measured
from ganapps.models import catalog
from ganapps.recipe import Recipe
from ganapps.training import distances, samples
from ganapps.training.data import Portraits, load
from ganapps.training.features import FeatureNetwork

SIDE, CHUNK = 64, 50
ETA_STEPS = 25
SETTINGS: dict[str, tuple[tuple[str, float], ...]] = {
    "faces": tuple(("psi", value) for value in (1, 0.85, 0.7, 0.5)),
    "denoise": (("steps", 10), ("steps", 25), ("steps", 50), ("steps", 250), ("eta", 1)),
}
HEADER = """\
# How good the faces of the models that ship are, as measured; ganapps/measure/quality.py reads it
# and explains every figure. [about]: what the figures are against and where the seconds were taken.
# Each row is a model at one setting: psi of a GAN; steps (of DDIM, eta 0) or eta (at 25 steps) of a
# diffusion model. The fewer pictures, the larger a Frechet distance and the smaller recall come
# out: compare rows of as many pictures only.
"""
SECONDS = (
    "processor seconds a picture in the app, float32 on one core of an x86-64 machine (AVX-512)"
)
ABOUT = {
    "command": "python -m ganapps.training.measure --data DIR; python -m ganapps.training.measure "
    "--seconds",
    "reference": "the 500 held-back portraits of heads128, at 64 px",
    "features": "EfficientNet-Lite0 (lite2_: EfficientNet-Lite2), means of the last two "
    "resolutions' maps at 128 px; not Inception, so no FID. "
    "The GANs' critic looked through Lite0.",
}


class Ruler:
    """What made pictures are held against: held-back pictures and learned ones [N, 3, 64, 64] in
    -1..1, and the networks that look.
    """

    def __init__(
        self, held_back: Tensor, learned: Tensor, lite0: nn.Module, lite2: nn.Module | None = None
    ) -> None:
        self.held_back, self.networks = (
            held_back,
            {"": lite0} | ({"lite2_": lite2} if lite2 else {}),
        )
        self.real = {
            prefix: distances.pooled(network, held_back)
            for prefix, network in self.networks.items()
        }
        self.known = distances.pooled(lite0, learned)

    def measure(self, made: Tensor) -> dict[str, float]:
        """Figures of made pictures [N, 3, 64, 64], by their names in `quality.Measured`: Fréchet
        distance (Heusel 2017, other features), precision and recall (Kynkäänniemi 2019), diversity,
        sliced Wasserstein distance (Karras 2018).

        `nearest` is the median distance of a made face to the nearest learned one, over that of a
        held-back one: much below 1 is learned by heart.
        """
        found: dict[str, float] = {}
        for prefix, network in self.networks.items():
            ours, real = distances.pooled(network, made), self.real[prefix]
            found |= {
                f"{prefix}frechet": distances.frechet(ours, real),
                f"{prefix}precision": distances.inside(ours, real),
                f"{prefix}recall": distances.inside(real, ours),
                f"{prefix}diversity": distances.diversity(ours, real),
            }
            if not prefix:
                found["nearest"] = self._nearest(ours) / self._nearest(real)
        return found | {
            f"swd{level}": 1000 * distances.sliced_wasserstein(made, self.held_back, level)
            for level in distances.LEVELS
        }

    def _nearest(self, points: Tensor) -> float:
        return float(torch.cdist(points, self.known).min(1).values.median())


def pictures(sample: samples.Sample, count: int) -> Tensor:
    """The pictures of seeds 0 ... count - 1 at 64 px, in -1..1."""
    with torch.inference_mode():
        parts = np.array_split(np.arange(count), max(1, count // CHUNK))
        return torch.cat(
            [F.interpolate(sample(seeds).clamp(-1, 1), size=SIDE, mode="area") for seeds in parts]
        )


def known(app: engine.Engine, name: str) -> catalog.Checkpoint:
    """The catalogue's row of that id, which has to be there."""
    row = app.models.row(name)
    assert row is not None, f"the catalogue has no {name}"
    return row


def sampler(
    checkpoint: catalog.Checkpoint, file: Path, setting: str, value: float, labels: np.ndarray
) -> samples.Sample:
    """What draws a model's pictures at one setting."""
    if checkpoint.task == "faces":
        return samples.from_generator(file, value, labels)
    steps, eta = (int(value), 0.0) if setting == "steps" else (ETA_STEPS, value)
    return samples.from_diffusion(file, steps, eta)


def seconds_of(app: engine.Engine, row: Measured, pictures: int) -> float:
    """Processor seconds that the app takes for one picture, once the model is loaded: other work on
    the machine doesn't count.
    """
    settings: dict[str, Any] = (
        {"psi": row.value} if row.setting == "psi" else {"steps": int(row.steps or row.value)}
    )
    if row.setting == "eta":
        settings["eta"] = float(row.value)
    first = {"count": 1} | ({"steps": 1} if "steps" in settings else {})
    for asked in (first, settings | {"seed": 1, "count": pictures}):  # the first loads the model
        began = time.process_time()
        for _ in app.run(Recipe(known(app, row.model).task, row.model, asked, "float32")):
            pass
    return (time.process_time() - began) / pictures


def write(about: dict[str, Any], rows: Iterable[Measured], path: Path = quality.TABLE) -> None:
    """The table as TOML, one line a row."""
    lines = ["rows = [", *(f"    {_inline(row)}," for row in rows), "]", "", "[about]"]
    lines += [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in about.items()]
    path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")


def _inline(row: Measured) -> str:
    values = ", ".join(
        f"{name} = {json.dumps(_short(value))}"
        for name, value in asdict(row).items()
        if value is not None
    )
    return f"{{ {values} }}"


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def put(rows: Iterable[Measured], row: Measured) -> list[Measured]:
    """The rows with this one in the place of the same model's at the same setting, whose seconds it
    keeps.
    """
    kept = {(r.model, r.setting, r.value): r for r in rows}
    old = kept.get((row.model, row.setting, row.value))
    kept[row.model, row.setting, row.value] = (
        replace(row, seconds=old.seconds) if old and row.seconds is None else row
    )
    return list(kept.values())


def _tensor(portraits: Portraits) -> Tensor:
    return torch.from_numpy(portraits.pictures).permute(0, 3, 1, 2).float() / 127.5 - 1


def _figures(chosen: argparse.Namespace) -> None:
    portraits = load(chosen.data, SIDE)
    ruler = Ruler(
        _tensor(load(chosen.data, SIDE, held_back=True)),
        _tensor(portraits),
        FeatureNetwork(),
        FeatureNetwork("lite2"),
    )
    app = engine.start(offline=True)
    for checkpoint in [known(app, name) for name in chosen.model]:
        file = chosen.file or catalog.WEIGHTS / checkpoint.sources[0].file
        for setting, value in SETTINGS[checkpoint.task]:
            if (chosen.values and value not in chosen.values) or chosen.setting not in (
                None,
                setting,
            ):
                continue
            made = pictures(
                sampler(checkpoint, file, setting, value, portraits.labels), chosen.count
            )
            row = Measured(
                checkpoint.id,
                setting,
                value,
                chosen.count,
                steps=ETA_STEPS if setting == "eta" else None,
                **ruler.measure(made),
            )
            print(_inline(row), flush=True)
            if chosen.file is None:
                about, rows = quality.load()
                write(about | ABOUT | {"date": str(datetime.date.today())}, put(rows, row))


def _times() -> None:
    app = engine.start("cpu", offline=True)
    for row in quality.load()[1]:
        timed = replace(row, seconds=seconds_of(app, row, 10 if row.setting == "psi" else 1))
        print(_inline(timed), flush=True)
        about, rows = quality.load()  # anew: figures may have been measured meanwhile
        write(about | ABOUT | {"seconds": SECONDS}, put(rows, timed))


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Measure made faces against those that were held back."
    )
    parser.add_argument("--data", type=Path, help="folder of heads128-*.tar")
    parser.add_argument("--model", nargs="*", default=["heads-64", "heads-128", "heads-ddpm-64"])
    parser.add_argument("--setting", help="psi, steps or eta: only this one")
    parser.add_argument("--values", nargs="*", type=float, help="only these of the settings")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument(
        "--file", type=Path, help="measure this file or folder in the place of the shipped one"
    )
    parser.add_argument("--seconds", action="store_true", help="only how long a picture takes here")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    _times() if chosen.seconds else _figures(chosen)


if __name__ == "__main__":
    main()
