"""Seconds per picture and peak memory of every face network, random weights of the published sizes,
as Markdown.

    python benchmarks/faces.py [--threads 2] [--rounds 5] [--only stylegan2-256] [--original PATH]

PATH is a checkout of NVlabs/stylegan2-ada-pytorch: then its reference path draws the same pictures
from the same weights in turn with ours, and the table has the ratio of the times (the median over
rounds), of the peaks, and the largest relative difference. Every measurement has a process of its
own. Peak memory is the weights and what drawing needs at most, without Python and PyTorch.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ganapps.networks import build, load_strictly
from ganapps.networks.faces.dcgan import DCGAN
from ganapps.networks.faces.r3gan import R3GAN, StageShape
from ganapps.networks.faces.stylegan import StyleGAN
from ganapps.networks.faces.stylegan2 import MappingNetwork, StyleGAN2, SynthesisNetwork
from ganapps.networks.faces.stylegan2_layouts import BlockShape

BATCHES = (1, 8)
CLAMP = 256


@dataclass(frozen=True)
class Style2:
    """The sizes of a StyleGAN2."""

    resolution: int
    channel_base: int
    channel_max: int = 512
    width: int = 512  # of z, w and every mapping layer
    depth: int = 8
    labels: int = 0


STYLE2 = {
    "stylegan2-1024": Style2(1024, 32768),
    "stylegan2-256": Style2(256, 16384),
    "heads-64": Style2(64, 2048, channel_max=256, width=128, depth=2, labels=44),
}


def stylegan2_state(sizes: Style2) -> dict[str, Tensor]:
    """Random tensors under NVIDIA's names."""
    blocks, inputs, side = [], 0, 4
    while side <= sizes.resolution:
        outputs = min(sizes.channel_base // side, sizes.channel_max)
        blocks.append(BlockShape(side, inputs, outputs, skip=False, colours=3))
        inputs, side = outputs, side * 2
    with torch.device("meta"):
        embedding = sizes.width if sizes.labels else 0
        mapping = MappingNetwork(
            sizes.width, sizes.labels, [sizes.width] * sizes.depth, embedding, 2 * len(blocks)
        )
        shapes = StyleGAN2(mapping, SynthesisNetwork(sizes.width, blocks, noise=True)).state_dict()
    state = random_state(shapes)
    # its learning rate is 0.01
    return {name: tensor * 100 if ".fc" in name else tensor for name, tensor in state.items()}


def r3gan() -> nn.Module:
    """FFHQ 256."""
    widths = (768, 768, 768, 768, 384, 192, 96)
    shapes = [
        StageShape(before, width, ((2 * width, width // 8),) * 2, 4)
        for before, width in zip((768, *widths), widths)
    ]
    with torch.device("meta"):
        network = R3GAN(64, 0, 0, shapes)
    return load_strictly(network, random_state(network.state_dict())).to(
        memory_format=torch.channels_last
    )


def stylegan() -> nn.Module:
    """hajar001/stylegan2-ffhq-128."""
    with torch.device("meta"):
        network = StyleGAN([512] * 9, [512, 512, 256, 256, 128, 128], 3)
    load_strictly(network, random_state(network.state_dict()))
    with torch.no_grad():
        network.fold()
    return network.to(memory_format=torch.channels_last)


def dcgan() -> nn.Module:
    """PyTorch's tutorial, 64 px."""
    with torch.device("meta"):
        network = DCGAN([100, 512, 256, 128, 64, 3], [False] * 5)
    load_strictly(network, random_state(network.state_dict()))
    network.fold()
    return network.to(memory_format=torch.channels_last).eval().requires_grad_(False)


BUILDERS: dict[str, Callable[[], nn.Module]] = {
    **{
        name: lambda sizes=sizes: build("stylegan2", stylegan2_state(sizes), {"conv_clamp": CLAMP})
        for name, sizes in STYLE2.items()
    },
    "r3gan-256": r3gan,
    "stylegan-adain-128": stylegan,
    "dcgan-64": dcgan,
}


def random_state(shapes: dict[str, Tensor]) -> dict[str, Tensor]:
    """Numbers of a fixed seed; statistics of batch norms are 1."""
    generator = torch.Generator().manual_seed(0)
    drawn = {
        name: torch.randn(tensor.shape, generator=generator) for name, tensor in shapes.items()
    }
    return {
        name: tensor.abs() if name.endswith("running_var") else tensor
        for name, tensor in drawn.items()
    }


def original(checkout: str, sizes: Style2) -> Callable[[Tensor, Tensor | None], Tensor]:
    """NVIDIA's own generator with the same weights."""
    sys.path.insert(0, checkout)
    from training.networks import Generator  # the reader's checkout

    network = Generator(
        z_dim=sizes.width,
        c_dim=sizes.labels,
        w_dim=sizes.width,
        img_resolution=sizes.resolution,
        img_channels=3,
        mapping_kwargs={"num_layers": sizes.depth},
        synthesis_kwargs={
            "channel_base": sizes.channel_base,
            "channel_max": sizes.channel_max,
            "conv_clamp": CLAMP,
        },
    )
    # it also keeps its low-pass filters
    network.load_state_dict(stylegan2_state(sizes), strict=False)
    network.eval().requires_grad_(False)
    return lambda z, c: network(z, torch.zeros(len(z), 0) if c is None else c, noise_mode="const")


@dataclass
class Result:
    """What a child measured; the last three with the original only."""

    seconds: float = 0.0  # per picture
    peak: float = 0.0  # MiB
    time_ratio: float | None = None
    peak_ratio: float | None = None
    difference: float | None = None


def measure_time(name: str, batch: int, rounds: int, checkout: str | None) -> Result:
    """In turn with the original, if there is one; the first round warms up."""
    ours, z, c = prepared(name, batch)
    theirs = original(checkout, STYLE2[name]) if checkout and name in STYLE2 else None
    times, ratios, difference = [], [], None
    for _ in range(rounds + 1):
        picture, seconds = timed(lambda: ours(z, c))
        times.append(seconds)
        if theirs is not None:
            reference, their_seconds = timed(lambda: theirs(z, c))
            ratios.append(seconds / their_seconds)
            difference = ((picture - reference).abs().max() / reference.abs().max()).item()
    median = statistics.median
    return Result(
        median(times[1:]) / batch,
        time_ratio=median(ratios[1:]) if ratios else None,
        difference=difference,
    )


def measure_peak(name: str, batch: int, checkout: str | None) -> Result:
    """Of the original, if `checkout` says where it is."""
    before = memory("VmRSS")
    draw, z, c = prepared(name, batch, checkout)
    forget_peak()
    draw(z, c)
    return Result(peak=(memory("VmHWM") - before) / 1024)


def prepared(
    name: str, batch: int, checkout: str | None = None
) -> tuple[Callable, Tensor, Tensor | None]:
    """What draws, and what it draws from."""
    draw = original(checkout, STYLE2[name]) if checkout else BUILDERS[name]()
    labels = STYLE2[name].labels if name in STYLE2 else 0
    width = STYLE2[name].width if name in STYLE2 else draw.z_dim
    generator = torch.Generator().manual_seed(1)
    c = torch.randn(batch, labels, generator=generator) if labels else None
    return draw, torch.randn(batch, width, generator=generator), c


def timed(draw: Callable[[], Tensor]) -> tuple[Tensor, float]:
    start = time.perf_counter()
    picture = draw()
    return picture, time.perf_counter() - start


def memory(field: str) -> int:
    """KiB of this process: VmRSS now, VmHWM at most; where Linux doesn't say, at most since the
    start.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(field))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def forget_peak() -> None:
    """VmHWM starts again from what is used now, where Linux lets it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        print("the peak includes the loading of weights here", file=sys.stderr)


def child(options: argparse.Namespace, *more: str) -> Result:
    command = [
        sys.executable,
        __file__,
        "--threads",
        str(options.threads),
        "--rounds",
        str(options.rounds),
        *more,
    ]
    return Result(
        **json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    )


def row(options: argparse.Namespace, name: str, batch: int) -> str:
    """One line of the table."""
    case = ["--case", name, "--batch", str(batch)]
    source = ["--original", options.original] if options.original and name in STYLE2 else []
    result = child(options, *case, "--measure", "time", *source)
    result.peak = child(options, *case, "--measure", "peak").peak
    cells = [name, str(batch), f"{result.seconds:.3f}", f"{result.peak:.0f}"]
    if options.original:
        cells += ["", "", ""]
    if source:
        result.peak_ratio = result.peak / child(options, *case, "--measure", "peak", *source).peak
        cells[4:] = [
            f"{result.time_ratio:.2f}",
            f"{result.peak_ratio:.2f}",
            f"{result.difference:.0e}",
        ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table, or, as a child, one measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=BUILDERS, help="one network")
    parser.add_argument(
        "--original", help="a checkout of NVlabs/stylegan2-ada-pytorch to compare with"
    )
    parser.add_argument("--case", choices=BUILDERS, help=argparse.SUPPRESS)
    parser.add_argument("--measure", choices=["time", "peak"], help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    if options.measure == "time":
        print(
            json.dumps(
                asdict(measure_time(options.case, options.batch, options.rounds, options.original))
            )
        )
    elif options.measure == "peak":
        print(json.dumps(asdict(measure_peak(options.case, options.batch, options.original))))
    else:
        heads = ["network", "batch", "seconds per picture", "peak MiB"]
        heads += ["time / original", "peak / original", "difference"] if options.original else []
        print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        for name in [options.only] if options.only else BUILDERS:
            for batch in BATCHES:
                print(row(options, name, batch), flush=True)


if __name__ == "__main__":
    main()
