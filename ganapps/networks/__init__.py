"""The networks by name: each is one file that knows its published layouts and builds itself from
their tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any

from torch import Tensor, nn

from ganapps.networks import bounds

# A name here is a file of that room with `recognise` and `build`. Where two could match, the first
# is asked first.
ROOMS: Mapping[str, tuple[str, ...]] = {
    "faces": ("stylegan2", "r3gan", "dcgan", "stylegan"),
    "diffusion": ("diffusion_upscaler", "stable_diffusion", "diffusion"),
    "translate": ("cyclegan", "pix2pix", "animegan", "stargan", "styles26", "cartoongan"),
    "upscale": ("interpolated", "srresnet", "span", "upscalers"),
}
NAMES = tuple(name for names in ROOMS.values() for name in names)


# What training programs put around a generator's own names, averages first; one may stand inside
# another.
WRAPPERS = (
    "g_ema.",
    "G_ema.",
    "params_ema.",
    "ema_state_dict.",
    "ema.",
    "state_dict.",
    "model_state_dict.",
    "generator_state_dict.",
    "G_state_dict.",
    "netG_state_dict.",
    "params.",
    "model.",
    "generator.",
    "netG.",
    "net_g.",
    "netG_A2B.",
    "net.",
    "G.",
    "module.",
    "_orig_mod.",
)
NESTED = 3  # wrappers inside each other


def build(name: str, tensors: Mapping[str, Tensor], settings: Mapping) -> nn.Module:
    """The network `name` with the weights `tensors`: float32, ready to run, without gradients.

    `tensors` are a checkpoint's tensors under their published names, `settings` what the file or
    its catalogue row says of the constructor. Raises ValueError where the name is unknown or a
    tensor is missing, left over or misshapen.
    """
    if name not in NAMES:
        raise ValueError(f"there is no network {name!r}; known are {', '.join(NAMES)}")
    bounds.check_names(tensors)
    if "nodes" not in settings:  # an ONNX file holds other constants too
        bounds.check_kinds(tensors)
    tensors = _unwrapped(tensors, _prefix(tensors, (name,)))
    with bounds.building(tensors):
        try:
            return _module(name).build(tensors, settings)
        except RuntimeError as e:  # torch's own, of shapes that do not go together
            raise ValueError(" ".join(str(e).split())[:250]) from e


def recognise(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """The name of the network that a checkpoint with tensors of these names and shapes is, None for
    a stranger. Raises ValueError for names that claim more layers than there are tensors.
    """
    bounds.check_names(shapes)
    part = _unwrapped(shapes, _prefix(shapes, NAMES))
    return next((name for name in NAMES if _module(name).recognise(part)), None)


def _prefix(tensors: Mapping[str, Any], names: Sequence[str]) -> str:
    """Under which wrappers one of the networks `names` stands in a file; "" where it stands bare,
    or nowhere.
    """
    shapes = {name: tuple(getattr(tensor, "shape", tensor)) for name, tensor in tensors.items()}
    prefixes = ["", *_wrappers(shapes)]
    # spandrel, which has wrappers of its own, comes last
    ours = [name for name in names if name != "upscalers"]
    for some in (ours, [name for name in names if name not in ours]):
        for prefix in prefixes:
            part = _unwrapped(shapes, prefix)
            if any(_module(name).recognise(part) for name in some):
                return prefix
    return ""


def _wrappers(names: Mapping[str, Any]) -> Iterator[str]:
    """The wrappers that a file's names have, the outer ones before those inside them."""
    outer = [""]
    for _ in range(NESTED):
        outer = [
            before + wrapper
            for before in outer
            for wrapper in WRAPPERS
            if any(name.startswith(before + wrapper) for name in names)
        ]
        yield from outer


def _unwrapped(tensors: Mapping[str, Any], prefix: str) -> Mapping[str, Any]:
    return (
        {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        if prefix
        else tensors
    )


def why_not(shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """What is wrong with a stranger that has the names of a network here, but not its shapes; None
    where it has other names.
    """
    return _module("upscalers").why_not(shapes) or None


def load_strictly(
    module: nn.Module, state: Mapping[str, Tensor], published: Callable[[str], str] = str
) -> nn.Module:
    """`module` with the values of `state` (copied, in the module's types), in eval mode and without
    gradients.

    `published` is what `state` calls a tensor that the module calls so. `module` may stand on the
    meta device: then nothing was allocated for it until here. Raises ValueError that names what
    `state` lacks, what it has too much, or the shape that does not fit.
    """
    own = {published(name): tensor for name, tensor in module.state_dict().items()}
    faults = [f"{name} is missing" for name in own if name not in state]
    faults += [f"{name} is left over" for name in state if name not in own]
    for name in own:
        if name in state and state[name].shape != own[name].shape:
            faults.append(f"{name} is {_written(state[name])} and should be {_written(own[name])}")
    if faults:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        raise ValueError("; ".join(faults[:3]) + more)
    copies = {
        name: _copy(state[published(name)], tensor) for name, tensor in module.state_dict().items()
    }
    module.load_state_dict(copies, assign=True)
    return module.eval().requires_grad_(False)


def prefix_of(
    names: Mapping[str, object], prefixes: Sequence[str], needed: Sequence[str]
) -> str | None:
    """The first prefix under which all of `needed` stand, None if there is none."""
    return next(
        (prefix for prefix in prefixes if all(prefix + name in names for name in needed)), None
    )


def inside(
    tensors: Mapping[str, Tensor], prefixes: Sequence[str], needed: Sequence[str]
) -> dict[str, Tensor]:
    """The tensors under the first prefix that has all of `needed`, without the prefix; other
    networks stay out.

    Raises ValueError that names what no prefix has.
    """
    prefix = prefix_of(tensors, prefixes, needed)
    if prefix is None:
        nearest = max(prefixes, key=lambda p: sum(p + name in tensors for name in needed))
        raise ValueError(
            "; ".join(f"{name} is missing" for name in needed if nearest + name not in tensors)
        )
    return {
        name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)
    }


def shape_of(
    state: Mapping[str, Tensor], name: str, dimensions: int | None = None
) -> tuple[int, ...]:
    """The shape of a tensor that must be there, with so many dimensions; if not, a ValueError that
    names it.
    """
    if name not in state:
        raise ValueError(f"{name} is missing")
    shape = tuple(state[name].shape)
    if 0 in shape or dimensions not in (None, len(shape)):
        raise ValueError(f"{name} is {_written(state[name])}, which is no shape for it")
    return shape


def check_resolution(side: int) -> None:
    """Raises ValueError if a file promises pictures that no published network makes and no machine
    here holds.
    """
    if side > 4096:
        raise ValueError(f"it makes pictures of {side} px; at most 4096 are drawn")


def _copy(tensor: Tensor, like: Tensor) -> Tensor:
    return tensor.detach().to(like.dtype, copy=True).contiguous()


def _module(name: str) -> ModuleType:
    room = next(room for room, names in ROOMS.items() if name in names)
    return import_module(f"{__name__}.{room}.{name}")


def _written(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"
