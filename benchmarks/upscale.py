"""Seconds per megapixel of the result and peak memory of the upscalers, tile by tile, as Markdown.

    python benchmarks/upscale.py [--only spanx4] [--sizes 256 1024] [--threads 1] [--rounds 2]
    [--originals DIR] [--sample 4]

DIR holds checkouts named Real-ESRGAN, BasicSR and SRGAN-PyTorch: then their own networks enlarge
the same picture with the same weights through RealESRGANer's own tiles (512 pixels, 10 around), in
turn with ours, and the table has the ratio. SPAN's original is the copy in spandrel. SRGAN has
random weights of the published sizes. Every measurement has a process of its own; seconds are the
process's own processor time, the smallest over the rounds: other programs disturb it less than the
clock. Peak memory is what enlarging takes beyond Python, PyTorch and the weights, the result
included. `--sample N`: of large pictures only N tiles are made (of the original's one), and the
seconds multiplied; the peak is then not that of the whole picture.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import math
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from skimage import data
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ganapps import networks
from ganapps.device import Device
from ganapps.measure.meter import Meter
from ganapps.models import formats
from ganapps.models.catalog import WEIGHTS
from ganapps.networks.upscale.srresnet import SRResNet
from ganapps.pictures.uploads import Upload
from ganapps.tasks.upscale import upscale

MODELS = {
    "realesrgan-x4plus": "upscalers",
    "realesr-animevideov3-x4": "upscalers",
    "spanx4": "span",
    "srgan": "srresnet",
}
TILE, PAD = 512, 10


@dataclass(frozen=True)
class Measured:
    """Processor seconds and bytes for the whole picture; `share` of its tiles was really made."""

    seconds: float
    peak: int
    share: float


def photograph(side: int) -> np.ndarray:
    """A real photograph, mirrored to and fro until it is large enough."""
    picture = data.astronaut()
    both = np.concatenate([picture, picture[:, ::-1]], axis=1)
    both = np.concatenate([both, both[::-1]])
    times = -(-side // both.shape[0])
    return np.ascontiguousarray(np.tile(both, (times, times, 1))[:side, :side])


def weights(model: str) -> dict[str, torch.Tensor]:
    """The shipped tensors; for SRGAN random ones under ChangyuLiu's names."""
    if model != "srgan":
        return formats.read(WEIGHTS / f"{model}.safetensors").tensors
    from ganapps.networks.upscale.srresnet import _as_lornatang

    torch.manual_seed(0)
    return {
        _as_lornatang(name): tensor
        for name, tensor in SRResNet(3, 64, 16, [2, 2], bias=False, tanh=False).state_dict().items()
    }


def ours(model: str, side: int, precision: str, sample: int | None) -> Measured:
    """This app's way, as a visitor gets it."""
    network = networks.build(MODELS[model], weights(model), {})
    device = Device("cpu").with_precision(precision, network.precisions)
    picture = photograph(side)
    steps = upscale(network, device, None, Upload(picture, (side, side), "0" * 64), inspect=False)
    return measured(lambda: drained(steps, sample))


def drained(steps: Iterator, sample: int | None) -> float:
    """Runs the steps, or `sample` of them; the share of the tiles that were made."""
    share = 1.0
    for step in itertools.islice(steps, sample):
        share = min(1.0, step.done / (step.total - 1))
    return share


def theirs(model: str, side: int, originals: Path, sample: int | None) -> Measured:
    """Real-ESRGAN's own tiles around the authors' own network."""
    enlarger = original_tiles(originals)
    network = original_network(model, originals)
    enlarger.__dict__.update(
        scale=4,
        tile_size=TILE,
        tile_pad=PAD,
        pre_pad=0,
        mod_scale=None,
        half=False,
        device=torch.device("cpu"),
        model=network,
    )
    across, picture, share = math.ceil(side / TILE), photograph(side), 1.0
    # one tile alone, as large as they are on average with their surroundings
    if sample and sample < across**2:
        enlarger.tile_size = round((side + 2 * PAD * (across - 1)) / across)
        picture, share = photograph(enlarger.tile_size), 1 / across**2

    def run() -> float:
        enlarger.pre_process(picture.astype(np.float32) / 255)
        enlarger.tile_process()
        y = enlarger.post_process()
        np.transpose(y.data.squeeze().float().cpu().clamp_(0, 1).numpy(), (1, 2, 0)).__mul__(
            255.0
        ).round().astype(np.uint8)
        return share

    with torch.no_grad():
        return measured(run)


def measured(run: Callable[[], float]) -> Measured:
    """Processor time and memory of one run."""
    meter = Meter("cpu")
    with meter:
        began = time.process_time()
        share = run()
        seconds = time.process_time() - began
    return Measured(seconds / share, meter.peak_memory or 0, share)


def original_tiles(originals: Path) -> object:
    """RealESRGANer without its constructor, which would download; what it imports and does not need
    here is empty.
    """
    for name in (
        "cv2",
        "basicsr",
        "basicsr.utils",
        "basicsr.utils.download_util",
        "basicsr.utils.registry",
        "basicsr.archs",
        "basicsr.archs.arch_util",
    ):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["basicsr.utils.download_util"].load_file_from_url = None
    registry = types.SimpleNamespace(register=lambda: lambda made: made)
    sys.modules["basicsr.utils.registry"].ARCH_REGISTRY = registry
    code = loaded(originals / "Real-ESRGAN/realesrgan/utils.py", "original_tiles")
    code.print = lambda *words: None
    return object.__new__(code.RealESRGANer)


def original_network(model: str, originals: Path) -> nn.Module:
    """The authors' network with these weights, float32, as their programs run it."""
    state = {name: tensor.float() for name, tensor in weights(model).items()}
    if model == "realesrgan-x4plus":
        source = (originals / "BasicSR/basicsr/archs/rrdbnet_arch.py").read_text()
        utilities = (
            (originals / "BasicSR/basicsr/archs/arch_util.py")
            .read_text()
            .partition("class DCNv2Pack")[0]
        )
        utilities = "\n".join(
            line
            for line in utilities.splitlines()
            if not any(word in line for word in ("basicsr", "torchvision", "distutils"))
        )
        exec(
            compile(utilities, "arch_util", "exec"), sys.modules["basicsr.archs.arch_util"].__dict__
        )
        code = types.ModuleType("basicsr.archs.rrdbnet_arch")
        code.__package__ = "basicsr.archs"
        exec(compile(source, "rrdbnet_arch", "exec"), code.__dict__)
        network = code.RRDBNet(3, 3, scale=4)
    elif model == "realesr-animevideov3-x4":
        network = loaded(
            originals / "Real-ESRGAN/realesrgan/archs/srvgg_arch.py", "srvgg"
        ).SRVGGNetCompact(num_conv=16)
    elif model == "spanx4":
        return span_of_spandrel(state)
    else:
        from ganapps.networks.torchvision_ops import ensure_torchvision

        ensure_torchvision()
        network = loaded(originals / "SRGAN-PyTorch/model.py", "srgan").SRResNet(upscale=4)
    network.load_state_dict(state, strict=True)
    return network.eval()


def span_of_spandrel(state: dict[str, torch.Tensor]) -> nn.Module:
    """Its unfolded form: the folded convolution as the middle of three, between identities."""
    from ganapps.networks.upscale.known import spandrel

    spandrel()
    from spandrel.architectures.SPAN import SPAN

    network = SPAN(num_in_ch=3, num_out_ch=3, feature_channels=48, upscale=4).eval()
    for name, tensor in network.state_dict().items():
        if name in state and "eval_conv" not in name:
            tensor.copy_(state[name])
        elif ".conv.1." in name:
            folded = state[name.replace("conv.1", "eval_conv")]
            tensor.zero_()[tuple(slice(0, n) for n in folded.shape)] = folded
        elif ".conv." in name or ".sk." in name:
            tensor.zero_()
            if ".conv." in name and name.endswith("weight"):
                for i in range(min(tensor.shape[:2])):
                    tensor[i, i] = 1
    return network


def loaded(path: Path, name: str) -> types.ModuleType:
    """A file of the checkout as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def once(arguments: argparse.Namespace, who: str, model: str, side: int) -> Measured:
    """One measurement in a process of its own."""
    program = [
        sys.executable,
        __file__,
        "--measure",
        who,
        "--only",
        model,
        "--sizes",
        str(side),
        "--threads",
        str(arguments.threads),
    ]
    program += ["--precision", arguments.precision] + (
        ["--sample", str(arguments.sample)] if arguments.sample else []
    )
    program += ["--originals", str(arguments.originals)] if arguments.originals else []
    return Measured(
        **json.loads(
            subprocess.run(program, capture_output=True, text=True, check=True).stdout.splitlines()[
                -1
            ]
        )
    )


def best(several: list[Measured]) -> Measured:
    return Measured(min(m.seconds for m in several), min(m.peak for m in several), several[0].share)


def table(arguments: argparse.Namespace) -> None:
    """The Markdown, line by line as it is measured."""
    print(
        "| model | input | ours s/MP | peak MB | original s/MP | peak MB | ratio | tiles made, "
        "ours and theirs |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for model in arguments.only or MODELS:
        for side in arguments.sizes:
            rounds: dict[str, list[Measured]] = {"ours": [], "theirs": []}
            for _ in range(arguments.rounds):
                for who in ("ours", "theirs") if arguments.originals else ("ours",):
                    rounds[who].append(once(arguments, who, model, side))
            megapixels, mine = 16 * side**2 / 1e6, best(rounds["ours"])
            line = f"| {model} | {side} | {mine.seconds / megapixels:.2f} | {mine.peak / 1e6:.0f} |"
            if arguments.originals:
                other = best(rounds["theirs"])
                line += f" {other.seconds / megapixels:.2f} | {other.peak / 1e6:.0f} |"
                line += f" {mine.seconds / other.seconds:.2f} |"
                line += f" {mine.share:.0%}, {other.share:.0%} |"
            print(line, flush=True)


def main() -> None:
    """Parses the flags; `--measure` is the process of one measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=MODELS)
    parser.add_argument("--sizes", nargs="+", type=int, default=[256, 1024, 2048])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--originals", type=Path)
    parser.add_argument("--sample", type=int)
    parser.add_argument("--measure", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if not arguments.measure:
        return table(arguments)
    model, side = arguments.only[0], arguments.sizes[0]
    got = (
        ours(model, side, arguments.precision, arguments.sample)
        if arguments.measure == "ours"
        else theirs(model, side, arguments.originals, arguments.sample)
    )
    print(json.dumps(got.__dict__))


if __name__ == "__main__":
    main()
