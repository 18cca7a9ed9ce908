"""Writes tiny networks the way NVIDIA's and R3GAN's training programs pickle theirs, with stand-ins
for the classes.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import sys
import types
from collections.abc import Iterator

import numpy
import torch
from torch import nn

SOURCE = "raise SystemExit('the source text of a checkpoint was run')\n" + "# filler\n" * 600


class EasyDict(dict):
    """NVIDIA's dict with attributes."""


def _reconstruct_persistent_obj(meta: dict) -> None:
    raise SystemExit("a checkpoint was unpickled by Python")


class Persistent(nn.Module):
    """A module that pickles as NVIDIA's decorator makes it: a call with class name, source text and
    state.
    """

    source = SOURCE

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()
        self._init_args, self._init_kwargs = args, EasyDict(kwargs)

    def __reduce__(self) -> tuple:
        state = dict(self.__dict__)
        meta = dict(
            type="class",
            version=6,
            module_src=self.source,
            class_name=type(self).__name__,
            state=state,
        )
        return _reconstruct_persistent_obj, (meta,), None


class FullyConnectedLayer(Persistent):
    def __init__(self, inputs: int, outputs: int, lr_multiplier: float = 1) -> None:
        super().__init__(inputs, outputs, lr_multiplier=lr_multiplier)
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.randn(outputs))
        self.weight_gain = numpy.float64(lr_multiplier) / numpy.sqrt(inputs)


class MappingNetwork(Persistent):
    def __init__(self, z_dim: int, w_dim: int) -> None:
        super().__init__(z_dim=z_dim, w_dim=w_dim)
        self.fc0 = FullyConnectedLayer(z_dim, w_dim, lr_multiplier=0.01)
        self.register_buffer("w_avg", torch.randn(w_dim))


class SynthesisNetwork(Persistent):
    def __init__(self, w_dim: int) -> None:
        super().__init__(w_dim=w_dim)
        self.const = nn.Parameter(torch.randn(3, 4, 4))
        self.register_parameter("nothing", None)
        self.register_buffer("counter", torch.tensor(7))
        self.register_buffer("half_floats", torch.randn(2, 3).half())
        self.register_buffer("turned", torch.randn(4, 3).t())  # a view with strides of its own
        self.register_buffer("scratch", torch.randn(2), persistent=False)
        self.in_size = numpy.array([16, 16])
        self.conv_clamp = None


class Generator(Persistent):
    def __init__(self, z_dim: int, w_dim: int, c_dim: int = 0) -> None:
        super().__init__(
            z_dim=z_dim,
            w_dim=w_dim,
            c_dim=c_dim,
            synthesis_kwargs=EasyDict(channel_base=512, conv_clamp=256),
        )
        self.z_dim, self.w_dim, self.num_ws = z_dim, w_dim, 8
        self.mapping = MappingNetwork(z_dim, w_dim)
        self.synthesis = SynthesisNetwork(w_dim)


class Stage(nn.Module):
    """R3GAN's classes are plain modules."""

    def __init__(self) -> None:
        super().__init__()
        self.Layer = nn.Conv2d(4, 4, 3, groups=2, bias=False)
        self.register_buffer("Kernel", torch.randn(3, 3))
        self.DataType = torch.bfloat16


class R3Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.MainLayers = nn.ModuleList([Stage(), Stage()])
        self.z_dim, self.c_dim, self.img_resolution = 8, 0, 256


PLACES = {
    EasyDict: ("dnnlib.util", "EasyDict"),
    _reconstruct_persistent_obj: ("torch_utils.persistence", "_reconstruct_persistent_obj"),
    R3Generator: ("training.networks", "Generator"),
    Stage: ("R3GAN.Networks", "GeneratorStage"),
}


# R3GAN's first names
OLDER = {
    R3Generator: ("training.networks_baseline", "Generator"),
    Stage: ("BaselineGAN.Networks", "GeneratorStage"),
}


@contextlib.contextmanager
def stand_ins(places: dict[object, tuple[str, str]] = PLACES) -> Iterator[None]:
    """While this lasts, the stand-ins are where the original programs keep their classes, as
    pickling demands.
    """
    before = {thing: (thing.__module__, thing.__qualname__) for thing in places}
    modules = {place: types.ModuleType(place) for place, _ in places.values()}
    modules |= {
        place.partition(".")[0]: types.ModuleType(place.partition(".")[0]) for place in modules
    }
    try:
        for thing, (place, name) in places.items():
            setattr(modules[place], name, thing)
            thing.__module__, thing.__qualname__ = place, name
        sys.modules.update(modules)
        yield
    finally:
        for name in modules:
            sys.modules.pop(name, None)
        for thing, (place, name) in before.items():
            thing.__module__, thing.__qualname__ = place, name


def nvidia_snapshot(protocol: int, **more: object) -> tuple[bytes, Generator]:
    """The file's bytes and its G_ema. ADA's files have protocol 3, stylegan3's 4."""
    ema = Generator(16, 12)
    settings = EasyDict(
        class_name="training.dataset.ImageFolderDataset", resolution=32, use_labels=False
    )
    content = dict(
        training_set_kwargs=settings,
        G=Generator(16, 12),
        D=FullyConnectedLayer(4, 1),
        G_ema=ema,
        augment_pipe=None,
    )
    with stand_ins():
        return pickle.dumps(content | more, protocol), ema


def r3gan_snapshot(
    protocol: int = 4, places: dict[object, tuple[str, str]] = PLACES, **more: object
) -> tuple[bytes, R3Generator]:
    """The file's bytes and its G_ema; `places` are the names of its classes' modules."""
    ema, trained = R3Generator(), R3Generator()
    optimizer = torch.optim.Adam(trained.parameters(), foreach=False)
    sum(parameter.sum() for parameter in trained.parameters()).backward()
    optimizer.step()
    for parameter in trained.parameters():
        parameter.grad = None
    content = dict(
        G=trained, D=Stage(), G_ema=ema, training_set_kwargs=dict(resolution=256), cur_nimg=1000
    )
    with stand_ins(places):
        return pickle.dumps(
            content | dict(G_opt_state=optimizer.state_dict()) | more, protocol
        ), ema


class Network:
    """NVIDIA's TensorFlow network: a state with the text of its program and arrays."""

    def __init__(
        self,
        name: str,
        variables: dict | None = None,
        told: dict | None = None,
        components: dict | None = None,
    ) -> None:
        variables = {"w": numpy.zeros(3, "f4")} if variables is None else variables
        self.state = dict(
            version=4,
            name=name,
            static_kwargs=EasyDict(told or {}),
            components=EasyDict(components or {}),
            build_module_src=SOURCE,
            build_func_name="G",
            variables=list(variables.items()),
        )

    def __getstate__(self) -> dict:
        return self.state


TENSORFLOW = {Network: ("dnnlib.tflib.network", "Network"), EasyDict: PLACES[EasyDict]}


def tensorflow_snapshot(protocol: int, alone: bool = False) -> bytes:
    """A file of NVIDIA's TensorFlow program: three networks, G, D and Gs; or one `alone`."""
    networks = tuple(Network(name) for name in ("G", "D", "Gs"))
    with stand_ins(TENSORFLOW):
        return pickle.dumps(networks[2] if alone else networks, protocol)


def tensorflow_networks(tensors: dict[str, torch.Tensor], told: dict, protocol: int = 4) -> bytes:
    """The same, where Gs holds `tensors` (named `mapping/Dense0/weight` and the like) and was told
    `told`.
    """
    arrays: dict[str, dict] = {"": {}, "mapping": {}, "synthesis": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition("/")
        part, rest = (part, rest) if part in arrays else ("", name)
        array = numpy.array(tensor.numpy(), order="C")
        # TensorFlow gives single numbers as scalars
        arrays[part][rest] = array if array.shape else array[()]
    inner = {part: Network(f"G_{part}", arrays[part]) for part in ("mapping", "synthesis")}
    with stand_ins(TENSORFLOW):
        return pickle.dumps(
            (Network("G"), Network("D"), Network("Gs", arrays[""], told, inner)), protocol
        )


def truth(network: nn.Module) -> dict[str, torch.Tensor]:
    """Every parameter and buffer, those that a state dict leaves out too."""
    named = [*network.named_parameters(), *network.named_buffers()]
    return {f"G_ema.{name}": tensor.detach() for name, tensor in named}


def legacy_stream(value: object, protocol: int = 2) -> bytes:
    """What `torch.save` wrote before PyTorch 1.6, and still writes around each tensor of a plain
    pickle.
    """
    stream = io.BytesIO()
    torch.save(value, stream, _use_new_zipfile_serialization=False, pickle_protocol=protocol)
    return stream.getvalue()


def archive(value: object, protocol: int = 2) -> bytes:
    """What `torch.save` writes."""
    stream = io.BytesIO()
    torch.save(value, stream, pickle_protocol=protocol)
    return stream.getvalue()
