"""Seconds per picture and peak memory of every face network, random weights of the published sizes,
as Markdown.

    python benchmarks/faces.py [--threads 2] [--rounds 5] [--only stylegan2-256] [--original PATH]
    [--original3 PATH]

The first PATH is a checkout of NVlabs/stylegan2-ada-pytorch, the second one of NVlabs/stylegan3:
then their reference paths draw the same pictures from the same weights in turn with ours, and the
table has the ratio of the times (the median over rounds), of the peaks, and the largest relative
difference. Every measurement has a process of its own. Peak memory is the weights and what drawing
needs at most, without Python and PyTorch.
"""

from __future__ import annotations

import argparse
import json
import math
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
from ganapps.networks.faces.parts import MappingNetwork
from ganapps.networks.faces.r3gan import R3GAN, StageShape
from ganapps.networks.faces.stylegan import StyleGAN
from ganapps.networks.faces.stylegan2 import StyleGAN2, SynthesisNetwork
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


@dataclass(frozen=True)
class Style3:
    """The sizes of a StyleGAN3: T, or with `turns` R."""

    resolution: int
    channel_base: int
    channel_max: int
    turns: bool
    width: int = 512
    labels: int = 0


STYLE3 = {
    "stylegan3-t-256": Style3(256, 16384, 512, turns=False),
    "stylegan3-r-256": Style3(256, 32768, 1024, turns=True),
}
LAYERS, CRITICAL, MARGIN = 14, 2, 10  # as published


def round_filter(taps: int = 12, cutoff: float = 0.2) -> Tensor:
    """A low-pass filter [12, 12] as round as the published ones: a jinc under a Kaiser window;
    `cutoff` in waves a sample.
    """
    along = torch.arange(taps) - (taps - 1) / 2
    radius = torch.hypot(along[:, None], along)
    window = torch.kaiser_window(taps, periodic=False, beta=2.5)
    kernel = (
        torch.special.bessel_j1(2 * math.pi * cutoff * radius)
        / (math.pi * radius)
        * torch.outer(window, window)
    )
    return kernel / kernel.sum()


def stylegan3_state(sizes: Style3) -> dict[str, Tensor]:
    """Random tensors under NVIDIA's names; the layers' bandwidths grow geometrically (Karras 2021,
    appendix C.1).
    """
    steps = [min(n / (LAYERS - CRITICAL), 1) for n in range(LAYERS + 1)]
    cutoffs = [2 * (sizes.resolution / 4) ** step for step in steps]
    stopbands = [2**2.1 * (sizes.resolution / 2 * 2**0.3 / 2**2.1) ** step for step in steps]
    rates = [2 ** math.ceil(math.log2(min(2 * band, sizes.resolution))) for band in stopbands]
    channels = [
        round(min(sizes.channel_base / 2 / cutoff, sizes.channel_max)) for cutoff in cutoffs[:-1]
    ] + [3]
    width, first = sizes.width, channels[0]
    shapes: dict[str, tuple[int, ...]] = {"mapping.w_avg": (width,)}
    for number in range(2):
        shapes |= {
            f"mapping.fc{number}.weight": (width, width),
            f"mapping.fc{number}.bias": (width,),
        }
    leaves = {
        "weight": (first, first),
        "affine.weight": (4, width),
        "affine.bias": (4,),
        "transform": (3, 3),
    }
    shapes |= {f"synthesis.input.{leaf}": shape for leaf, shape in leaves.items()}
    shapes |= {"synthesis.input.freqs": (first, 2), "synthesis.input.phases": (first,)}
    for number, outputs in enumerate(channels):
        last, inputs = number == LAYERS, channels[max(number - 1, 0)]
        side = sizes.resolution if number >= LAYERS - 1 else rates[number] + 2 * MARGIN
        kernel = 1 if last or sizes.turns else 3
        leaves = {
            "weight": (outputs, inputs, kernel, kernel),
            "bias": (outputs,),
            "magnitude_ema": (),
        }
        leaves |= {"affine.weight": (inputs, width), "affine.bias": (inputs,)}
        if not last:
            leaves["up_filter"] = (12 * rates[number] // rates[max(number - 1, 0)],)
            leaves["down_filter"] = (
                (12, 12) if sizes.turns and number < LAYERS - CRITICAL else (12,)
            )
        shapes |= {
            f"synthesis.L{number}_{side}_{outputs}.{leaf}": shape for leaf, shape in leaves.items()
        }
    state = random_state(
        {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    )
    filters = {name: shape for name, shape in shapes.items() if name.endswith("_filter")}
    state |= {
        name: round_filter() if len(shape) == 2 else state[name] * 0.2
        for name, shape in filters.items()
    }
    state |= {
        name: tensor.abs() + 1 for name, tensor in state.items() if name.endswith("magnitude_ema")
    }
    state |= {name: tensor * 100 for name, tensor in state.items() if ".fc" in name}
    return state | {"synthesis.input.transform": torch.eye(3)}


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


SIZES = {**STYLE2, **STYLE3}
BUILDERS: dict[str, Callable[[], nn.Module]] = {
    **{
        name: lambda sizes=sizes: build("stylegan2", stylegan2_state(sizes), {"conv_clamp": CLAMP})
        for name, sizes in STYLE2.items()
    },
    **{
        name: lambda sizes=sizes: build("stylegan3", stylegan3_state(sizes), {})
        for name, sizes in STYLE3.items()
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


def original3(checkout: str, sizes: Style3) -> Callable[[Tensor, Tensor | None], Tensor]:
    """NVIDIA's own StyleGAN3 with the same weights."""
    sys.path.insert(0, checkout)
    from training.networks_stylegan3 import Generator  # the reader's checkout

    kernel = {"conv_kernel": 1, "use_radial_filters": True} if sizes.turns else {}
    told = {"channel_base": sizes.channel_base, "channel_max": sizes.channel_max, **kernel}
    network = Generator(
        sizes.width, 0, sizes.width, sizes.resolution, 3, mapping_kwargs={"num_layers": 2}, **told
    )
    network.load_state_dict(stylegan3_state(sizes))
    network.eval().requires_grad_(False)
    return lambda z, c: network(z, torch.zeros(len(z), 0))


def original(checkout: str, sizes: Style2 | Style3) -> Callable[[Tensor, Tensor | None], Tensor]:
    """NVIDIA's own generator with the same weights."""
    if isinstance(sizes, Style3):
        return original3(checkout, sizes)
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
    theirs = original(checkout, SIZES[name]) if checkout and name in SIZES else None
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
    draw = original(checkout, SIZES[name]) if checkout else BUILDERS[name]()
    labels = SIZES[name].labels if name in SIZES else 0
    width = SIZES[name].width if name in SIZES else draw.z_dim
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
    checkout = options.original3 if name in STYLE3 else options.original if name in STYLE2 else None
    source = ["--original", checkout] if checkout else []
    result = child(options, *case, "--measure", "time", *source)
    result.peak = child(options, *case, "--measure", "peak").peak
    cells = [name, str(batch), f"{result.seconds:.3f}", f"{result.peak:.0f}"]
    if options.original or options.original3:
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
    parser.add_argument("--original3", help="a checkout of NVlabs/stylegan3 to compare with")
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
        beside = options.original or options.original3
        heads += ["time / original", "peak / original", "difference"] if beside else []
        print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        for name in [options.only] if options.only else BUILDERS:
            for batch in BATCHES:
                print(row(options, name, batch), flush=True)


if __name__ == "__main__":
    main()
