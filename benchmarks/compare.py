"""What our loop costs beside the bare network calls: a GAN's and a diffusion model's pictures, as
Markdown.

    python benchmarks/compare.py [--threads 2] [--rounds 30] [--device cpu] [--busy]

Each round draws the same pictures twice, in turn: bare (the network's calls alone, nothing else
inside the stopwatch) and through the engine, as the window does (seeds, labels, schedulers, checks,
pictures). "charged" is what the engine's own report says, "waited" is the whole time until the last
result is there, the showing of every step included, which is charged to nobody. Of seconds the
quickest round's are told; the share is the middle one of all rounds, for the two of a round stand
close together, on a machine that is now quick, now slow. `--busy` is for a machine that others use
too: one thread, and its processor seconds in place of the clock's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.faces import STYLE2, stylegan2_state
from ganapps import engine
from ganapps.engine import Engine
from ganapps.measure import meter
from ganapps.recipe import Recipe

RUNS = (
    ("GAN, 12 pictures of 64 px", Recipe("faces", "heads-64", {"count": 12})),
    ("GAN, 12 pictures of 128 px", Recipe("faces", "heads-128", {"count": 12})),
    ("GAN, 4 pictures of 256 px", Recipe("faces", "stylegan2-256", {"count": 4})),
    ("diffusion, 10 steps", Recipe("denoise", "heads-ddpm-64", {"steps": 10})),
)


ROW = """
[[checkpoint]]
id = "stylegan2-256"
title = "StyleGAN2 of the published size, random weights"
task = "faces"
network = "stylegan2"
sources = [{ file = "stylegan2-256.safetensors" }]
format = "safetensors"
licence = "CC0-1.0"
commercial = "yes"
trained_on = "nothing"
paper = "StyleGAN2 (Karras 2020)"
parameters = 24_767_458
data = "none"
"""


def start(device: str, folder: Path) -> Engine:
    """An engine that also has a StyleGAN2 of 256 px: a row and a file of one's own."""
    os.environ["GANAPPS_WEIGHTS"] = str(folder)
    save_file(stylegan2_state(STYLE2["stylegan2-256"]), folder / "stylegan2-256.safetensors")
    (folder / "own.toml").write_text(ROW)
    return engine.start(device, offline=True, own_catalog=str(folder / "own.toml"))


def bare(engine_: Engine, recipe: Recipe) -> Callable[[], float]:
    """A function that makes the recipe's network calls, on inputs of the right shape, and returns
    their seconds.
    """
    name = recipe.checkpoint
    network = next(ready.network for key, ready in engine_.runtime._ready.items() if key[2] == name)
    device = engine_.runtime.device

    def gan() -> float:
        z, rows = (
            torch.randn(1, network.z_dim, device=device.name),
            torch.zeros(1, network.label_dim, device=device.name) if network.label_dim else None,
        )
        return timed(
            lambda: network.synthesis(network.mapping(z, rows, psi=0.7), noise="const"),
            recipe.settings["count"],
        )

    def diffusion() -> float:
        x, t = torch.randn(1, *network.shape, device=device.name), torch.tensor(500)
        return timed(lambda: network(x, t), recipe.settings["steps"])

    def timed(call: Callable, times: int) -> float:
        synchronise(device.name)
        began = meter.time.perf_counter()
        for _ in range(times):
            with device.computing():
                call()
        synchronise(device.name)
        return meter.time.perf_counter() - began

    return gan if recipe.task == "faces" else diffusion


def synchronise(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def ours(engine_: Engine, recipe: Recipe) -> tuple[float, float]:
    """Seconds charged, and seconds waited for."""
    began = meter.time.perf_counter()
    *_, last = engine_.run(recipe)
    return last.report.seconds, meter.time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--busy", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1 if options.busy else options.threads)
    if options.busy:
        meter.time = SimpleNamespace(perf_counter=time.thread_time)  # the engine's own stopwatch
    with tempfile.TemporaryDirectory() as folder:
        compare(start(options.device, Path(folder)), options.rounds)


def compare(here: Engine, rounds: int) -> None:
    print("| what | bare seconds | charged | waited | charged over bare |\n|---|---|---|---|---|")
    for title, recipe in RUNS:
        ours(here, recipe)
        calls = bare(here, recipe)
        calls()
        measured = [(calls(), *ours(here, recipe)) for _ in range(rounds)]
        plain, charged, waited = (min(column) for column in zip(*measured))
        share = statistics.median(charged / plain for plain, charged, _ in measured)
        print(
            f"| {title} | {plain:.4f} | {charged:.4f} | {waited:.4f} "
            f"| {100 * (share - 1):+.1f} % |",
            flush=True,
        )


if __name__ == "__main__":
    main()
