"""Seconds per picture of the translators, and strips beside the whole picture, random weights of
the published sizes, as Markdown.

    python benchmarks/translate.py [--threads 1] [--rounds 5] [--cyclegan PATH] [--animegan PATH]
    [--large 12] [--only resnet-9]

PATHs are checkouts of junyanz/pytorch-CycleGAN-and-pix2pix (or
taesungp/contrastive-unpaired-translation) and of bryandlee/animegan2-pytorch: then their networks
translate the same picture with the same weights in turn with ours, and the table has the ratio of
the times and the largest relative difference. `--large` megapixels go through in strips in a
process of their own, beside one megapixel whole: seconds per pixel, and the peak of memory beyond
the weights and the picture. With one thread the clock is the processor's own time, so that
neighbours disturb less; with more it is the wall's. The least of all rounds counts.
"""

from __future__ import annotations

import argparse
import importlib
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import test_networks_translate as layouts

from ganapps.measure.meter import Meter
from ganapps.networks import build
from ganapps.networks.translate.layered import Layered

NETWORKS: dict[str, tuple[str, Callable[[], dict[str, Tensor]]]] = {
    "resnet-9": ("cyclegan", lambda: layouts.made(layouts.resnet(64, 9))),
    "animeganv2": ("animegan", lambda: layouts.made(layouts.animegan())),
}
SIDES = (256, 512)
WHOLE = 1024  # pixels a side of the picture that strips are compared with


def ours(name: str) -> Layered:
    network, tensors = NETWORKS[name]
    return build(network, tensors(), {})


def original(name: str, checkout: str) -> nn.Module:
    """The published code's network with the same weights."""
    sys.path.insert(0, checkout)
    module: ModuleType = importlib.import_module(
        "models.networks" if name == "resnet-9" else "model"
    )
    if name == "animeganv2":
        network = module.Generator()
    else:
        more = (
            {"no_antialias": True, "no_antialias_up": True}
            if hasattr(module, "PatchSampleF")
            else {}
        )
        network = module.ResnetGenerator(
            3, 3, 64, module.get_norm_layer("instance"), n_blocks=9, **more
        )
    network.load_state_dict(NETWORKS[name][1]())
    return network.eval()


def seconds(work: Callable[[], Tensor]) -> float:
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    began = clock()
    work()
    return clock() - began


def beside(name: str, checkout: str | None, rounds: int) -> None:
    """Rows of the first table."""
    network, theirs = ours(name), original(name, checkout) if checkout else None
    for side in SIDES:
        x = layouts.picture(side, side)
        best, other = math.inf, math.inf
        for _ in range(rounds):
            if theirs is not None:
                other = min(other, seconds(lambda: theirs(x)))
            best = min(best, seconds(lambda: network(x)))
        if theirs is None:
            print(f"| {name} | {side} | {best:.3f} | | | |", flush=True)
        else:
            print(
                f"| {name} | {side} | {best:.3f} | {other:.3f} | {best / other:.2f} | "
                f"{layouts.off(network(x), theirs(x)):.0e} |",
                flush=True,
            )


def run_out(network: Layered, x: Tensor) -> Tensor:
    work = network.in_strips(x)
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def strips(name: str, megapixels: float) -> None:
    """A row of the second table, 4:3; the smaller picture goes through whole before and after, the
    quicker counts.
    """
    network = ours(name)
    height = round(math.sqrt(megapixels * 1e6 * 3 / 4) / 4) * 4
    large, small = (
        torch.rand(1, 3, height, height * 4 // 3 // 4 * 4) * 2 - 1,
        layouts.picture(WHOLE, WHOLE),
    )
    whole = seconds(lambda: network(small))
    meter = Meter("cpu")
    with meter:
        taken = seconds(lambda: run_out(network, large))
    whole = min(whole, seconds(lambda: network(small))) / WHOLE**2
    each = taken / (large.shape[2] * large.shape[3])
    print(
        f"| {name} | {large.shape[3]} x {large.shape[2]} | {taken:.0f} | {each * 1e6:.2f} | "
        f"{whole * 1e6:.2f} | {each / whole:.2f} | "
        f"{(meter.peak_memory or 0) / 1e9:.2f} |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cyclegan", metavar="PATH")
    parser.add_argument("--animegan", metavar="PATH")
    parser.add_argument("--large", type=float, metavar="MEGAPIXELS")
    parser.add_argument("--only", choices=NETWORKS)
    parser.add_argument("--strips-of", choices=NETWORKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    names = [options.only] if options.only else list(NETWORKS)
    with torch.inference_mode():
        if options.strips_of:
            return strips(options.strips_of, options.large)
        print(
            "| network | px | ours, s | original, s | ratio | largest relative difference "
            "|\n|---|---|---|---|---|---|",
            flush=True,
        )
        for name in names:
            beside(
                name, options.cyclegan if name == "resnet-9" else options.animegan, options.rounds
            )
    if options.large:
        print(
            "\n| network | picture | strips, s | us per pixel | whole, us per pixel | ratio | "
            "memory, GB |\n|---|---|---|---|---|---|---|",
            flush=True,
        )
        for name in names:
            again = [
                sys.executable,
                __file__,
                "--threads",
                str(options.threads),
                "--large",
                str(options.large),
                "--strips-of",
                name,
            ]
            subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
