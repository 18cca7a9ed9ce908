"""Builds files that would run code, claim what is not there, or never end, if a reader believed
them.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping

import torch

from tests.snapshot_files import R3Generator, legacy_stream

START, END = b"\x80\x02", b"."
MACHINE = {"little_endian": True}
MANY = 1_200_000  # more steps than any file is given


class Runs:
    """Unpickled by Python, this makes the folder `marker`, in the way that is named."""

    def __init__(self, marker: str, way: str = "mkdir") -> None:
        self.marker, self.way = marker, way

    def __reduce__(self) -> tuple:
        code = f"__import__('os').mkdir({self.marker!r})"
        calls = {
            "mkdir": (os.mkdir, (self.marker,)),
            "exec": (exec, (code,)),
            "eval": (eval, (code,)),
            "open": (open, (self.marker, "w")),
        }
        return calls[self.way]


class Embedded:
    """A tensor as a plain pickle holds it, whose inner stream is `stream`."""

    def __init__(self, stream: bytes, size: tuple[int, ...] = (1,)) -> None:
        self.stream, self.size = stream, size

    def __reduce__(self) -> tuple:
        rest = (0, self.size, (1,) * len(self.size), False, OrderedDict())
        return torch._utils._rebuild_tensor_v2, (EmbeddedStorage(self.stream), *rest)


class EmbeddedStorage:
    def __init__(self, stream: bytes) -> None:
        self.stream = stream

    def __reduce__(self) -> tuple:
        return torch.storage._load_from_bytes, (self.stream,)


class Plain:
    """Has nothing to hide; a pickle can give it a `__setstate__`."""


class Newborn:
    """Making one makes the folder."""

    def __new__(cls, marker: str = "", **more: str) -> Newborn:
        os.mkdir(marker or more["marker"])
        return super().__new__(cls)


def r3gan_with_tensor(tensor: object) -> R3Generator:
    network = R3Generator()
    network.MainLayers[0]._buffers["Kernel"] = tensor
    return network


# The instructions of a pickle, by hand.


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def blob(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def name(module: str, thing: str) -> bytes:
    return f"c{module}\n{thing}\n".encode()


def bundle(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def call(function: bytes, *arguments: bytes) -> bytes:
    return function + bundle(*arguments) + b"R"


def mapping(**parts: bytes) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in parts.items()) + b"u"


def save_as(slot: int) -> bytes:
    return b"r" + struct.pack("<I", slot)


def again(slot: int) -> bytes:
    return b"j" + struct.pack("<I", slot)


ORDERED = name("collections", "OrderedDict")
REBUILD = name("torch._utils", "_rebuild_tensor_v2")
LOAD = name("torch.storage", "_load_from_bytes")


def storage(count: int, key: str = "0", kind: str = "FloatStorage") -> bytes:
    return (
        bundle(text("storage"), name("torch", kind), text(key), text("cpu"), number(count)) + b"Q"
    )


def tensor(
    over: bytes,
    size: tuple[int, ...] = (2,),
    stride: tuple[int, ...] | None = None,
    offset: int = 0,
) -> bytes:
    stride = (1,) * len(size) if stride is None else stride
    sides, steps = (bundle(*map(number, numbers)) for numbers in (size, stride))
    return call(REBUILD, over, number(offset), sides, steps, b"\x89", call(ORDERED))


def pickled(value: bytes) -> bytes:
    return START + value + END


def stream(
    value: bytes,
    storages: Mapping[str, bytes] | None = None,
    count: int | None = None,
    machine: Mapping[str, object] = MACHINE,
) -> bytes:
    """A legacy PyTorch stream around `value`, whose storages hold float32."""
    storages = {"0": bytes(8)} if storages is None else storages
    # here a sixth part says that the storage is not a view of another
    value = value.replace(b"tQ", b"NtQ")
    head = (
        pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps(machine, 2)
    )
    raw = b"".join(
        struct.pack("<q", len(data) // 4 if count is None else count) + data
        for data in storages.values()
    )
    return head + pickled(value) + pickle.dumps(list(storages), 2) + raw


def raw_archive(
    value: bytes, storages: Mapping[str, bytes] | None = None, compression: int = zipfile.ZIP_STORED
) -> bytes:
    """A PyTorch zip file around `value`."""
    entries = {"data.pkl": pickled(value), "byteorder": b"little", "version": b"3\n"}
    entries |= {
        f"data/{key}": data
        for key, data in ({"0": bytes(8)} if storages is None else storages).items()
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as opened:
        for entry, data in entries.items():
            opened.writestr(f"archive/{entry}", data)
    return made.getvalue()


def module(parameters: bytes = b"}", modules: bytes = b"}", **attributes: bytes) -> bytes:
    state = mapping(_parameters=parameters, _buffers=b"}", _modules=modules, **attributes)
    return name("training.networks", "Generator") + b")\x81" + state + b"b"


def snapshot(network: bytes) -> bytes:
    return pickled(mapping(G_ema=network))


def embedded(inner: bytes, size: tuple[int, ...] = (2,), **view: object) -> bytes:
    return tensor(call(LOAD, blob(inner)), size, **view)


def drop(value: bytes) -> bytes:
    """Remembers what it can, and leaves nothing on the stack."""
    return value + b"0"


def laughs(opening: bytes, closing: bytes, levels: int = 200) -> bytes:
    """A value that doubles with each level, though each is only a few bytes: 2**200 things to walk
    over.
    """
    doubled = (opening + again(slot) * 2 + closing + save_as(slot + 1) for slot in range(levels))
    return b"(N" + save_as(0) + b"".join(doubled) + b"t"


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(encoded) if length is None else length) + encoded + data


def patched(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content and len(old) == len(new)
    return content.replace(old, new)


def false_claims() -> dict[str, tuple[bytes, str]]:
    """Files that claim more than they hold."""
    true = tensor(storage(2))
    many = 2**39
    files = {}
    lies = {
        "terabytes": tensor(storage(many), (many,)),
        "more than 64 bits": tensor(storage(2**80), (2**80,)),
        "negative count": tensor(storage(-2)),
        "view too large": tensor(storage(2), (3,)),
        "view repeated for ever": tensor(storage(2), (many,), (0,)),
        "offset outside": tensor(storage(2), (2,), offset=1),
        "negative offset": tensor(storage(2), (2,), offset=-1),
        "negative stride": tensor(storage(2), (2,), (-1,), offset=1),
        "stride outside": tensor(storage(2), (2,), (2,)),
        "absurd empty size": tensor(storage(2), (0, 2**62)),
        "two claims for one key": bundle(
            tensor(storage(2)), tensor(storage(1, kind="DoubleStorage"), (1,))
        ),
        "sizes that are no numbers": call(
            REBUILD, storage(2), number(0), bundle(text("2")), bundle(number(1)), b"\x89", b"}"
        ),
        "hooks": call(
            REBUILD,
            storage(2),
            number(0),
            bundle(number(2)),
            bundle(number(1)),
            b"\x89",
            mapping(hook=b"N"),
        ),
        "a storage that is called": call(name("torch", "FloatStorage"), number(many)),
        "an untyped storage": call(name("torch.storage", "UntypedStorage"), number(many)),
        "a tensor of its own": call(name("torch", "Tensor"), number(many)),
        "a bytearray": call(name("builtins", "bytearray"), number(many)),
        "a size of a long list": call(name("torch", "Size"), bundle(*[number(1)] * 99)),
    }
    for kind, lie in lies.items():
        files[f"stream: {kind}"] = stream(lie)
        files[f"archive: {kind}"] = raw_archive(lie)
    for kind in ("terabytes", "more than 64 bits", "negative count", "two claims for one key"):
        inner = stream(
            {"terabytes": storage(many), "negative count": storage(-2)}.get(kind, storage(2**80))
        )
        files[f"inner stream: {kind}"] = snapshot(module(mapping(w=embedded(inner))))
    for kind, view in {
        "size": dict(size=(3,)),
        "offset": dict(offset=1),
        "stride": dict(stride=(2,)),
        "repeat": dict(size=(many,), stride=(0,)),
    }.items():
        files[f"inner stream: false {kind}"] = snapshot(
            module(mapping(w=embedded(stream(storage(2)), **view)))
        )
    files["stream: count of the raw numbers"] = stream(true, count=many)
    files["stream: a key nobody claims"] = stream(true, {"0": bytes(8), "1": bytes(8)})
    files["stream: a claim without bytes"] = stream(bundle(true, storage(2, "1")))
    files["text of 2**60 bytes"] = START + b"\x8d" + struct.pack("<Q", 2**60) + b"x"
    files["bytes of 2**63 bytes"] = START + b"\x8e" + struct.pack("<Q", 2**63) + b"x"
    files["text of 4 GB"] = START + b"X\xff\xff\xff\xff" + b"x"
    files["memo slot of four billion"] = pickled(b"N" + save_as(2**32 - 1))
    files["frame of 2**63 bytes"] = b"\x80\x04\x95" + struct.pack("<Q", 2**63) + b"N."
    files["number of a gigabyte"] = START + b"\x8b" + struct.pack("<i", 2**30)
    files |= _false_archives(true) | _false_safetensors()
    return {kind: (content, "") for kind, content in files.items()}


def _false_archives(true: bytes) -> dict[str, bytes]:
    bomb = raw_archive(true, {"0": bytes(2**26)}, zipfile.ZIP_DEFLATED)
    honest = raw_archive(tensor(storage(2)))
    values = [pickled(mapping(w=view)) for view in (true, tensor(storage(2), (2**30,), (0,)))]
    good, evil = (raw_archive(value[len(START) : -1]) for value in _of_one_length(values))
    files = {
        "archive: a zip bomb": bomb,
        "archive: two entries of one name": _twice(good, "archive/data.pkl", values[1]),
        "archive: two entries of one name, the good one last": _twice(
            evil, "archive/data.pkl", values[0]
        ),
        "archive: two entries that differ in case": _twice(good, "archive/DATA.PKL", values[1]),
        "archive: two entries that differ in case, the good one last": _twice(
            evil, "archive/DATA.PKL", values[0]
        ),
        "archive: two entries of one name in two alphabets": _two_alphabets(*values),
        "archive: two entries of one name in two alphabets, the good one last": _two_alphabets(
            *values[::-1]
        ),
        "archive: one directory for us and one for PyTorch": evil[:-22] + good,
        "archive: another directory elsewhere": honest[:-6] + struct.pack("<I", 0) + honest[-2:],
        "archive: a comment": honest[:-2] + b"\x04\0PK\x05\x06",
        "archive: endless entries": raw_archive(b"N", {str(key): b"" for key in range(30_000)}),
        "archive: no entry": b"PK\x03\x04" + b"PK\x05\x06" + bytes(12) + struct.pack("<IH", 4, 0),
        "archive: a stranger's": _zip({"word/document.xml": b"<w/>"}),
        "archive: a program": _zip(
            {"a/data.pkl": b"\x80\x02}.", "a/constants.pkl": b"\x80\x02).", "a/code/x.py": b"x"}
        ),
    }
    # the name, 46 bytes into its directory record
    stored = honest.index(b"archive/data/0", honest.index(b"PK\x01\x02"))
    claims = honest[: stored - 26] + struct.pack("<II", 2**31, 2**31) + honest[stored - 18 :]
    return files | {"archive: an entry of 2 GB": claims}


def _of_one_length(values: list[bytes]) -> list[bytes]:
    """Each followed by as many bytes that nobody reads as it takes."""
    longest = max(map(len, values))
    return [value + b"N" * (longest - len(value)) for value in values]


def _two_alphabets(first: bytes, second: bytes) -> bytes:
    """Without its flag, a name in UTF-8 is read by Python in an older alphabet, so here two equal
    names look different.
    """
    entries = {
        "éé/version": b"3",
        "éé/data.pkl": first,
        "CCCC/data.pkl": second,
        "éé/data/0": bytes(8),
    }
    return _zip(entries).replace(b"CCCC/", "éé/".encode())


def _twice(content: bytes, entry: str, value: bytes) -> bytes:
    made = io.BytesIO(content)
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(made, "a") as opened:
        opened.writestr(entry, value)
    return made.getvalue()


def _zip(entries: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        for entry, data in entries.items():
            opened.writestr(entry, data)
    return made.getvalue()


def _false_safetensors() -> dict[str, bytes]:
    def one(**changes: object) -> dict:
        return {"a": dict(dtype="F32", shape=[2], data_offsets=[0, 8]) | changes}

    files = {
        "header of 2**60 bytes": safetensors(one(), length=2**60),
        "header of 2**64 - 1 bytes": safetensors(one(), length=2**64 - 1),
        "header longer than the file": safetensors(one(), length=5000),
        "overlapping tensors": safetensors(
            one() | {"b": dict(dtype="F32", shape=[2], data_offsets=[4, 12])}, bytes(12)
        ),
        "offsets outside": safetensors(one(data_offsets=[0, 2**50], shape=[2**48]), bytes(8)),
        "shape larger than its bytes": safetensors(one(shape=[2**40]), bytes(8)),
        "shape beyond 64 bits": safetensors(one(shape=[2**40, 2**40, 2**40]), bytes(8)),
        "negative shape": safetensors(one(shape=[-2]), bytes(8)),
        "unknown number type": safetensors(one(dtype="X99"), bytes(8)),
        "metadata that is no text": safetensors(
            one() | {"__metadata__": {"x": {"y": [1]}}}, bytes(8)
        ),
        "nested without end": safetensors(b'{"a":' + b"[" * 500_000 + b"}"),
        "not JSON": safetensors(b"{" * 40),
        "no tensor": safetensors({}),
        "too many tensors": safetensors(
            {f"t{i}": dict(dtype="F32", shape=[0], data_offsets=[0, 0]) for i in range(60_000)}
        ),
    }
    return {f"safetensors: {kind}": content for kind, content in files.items()}


TOO_MUCH, LIE, DAMAGED = "made of more pieces", "claims tensors larger", "is damaged"


def endless() -> dict[str, tuple[bytes, str]]:
    """Small files that a believing reader would walk, hash or copy for hours, and words of their
    sentences.
    """
    tuples = laughs(b"", b"\x86")
    itself = save_as(0) + again(0)
    short = {
        "tuples of tuples": (tuples, TOO_MUCH),
        "lists of lists": (laughs(b"](", b"e"), TOO_MUCH),
        "tuples of tuples as a key": (b"}" + tuples + b"Ns", DAMAGED),
        "tuples of tuples as a pair's key": (ORDERED + b"](](" + tuples + b"Neee\x85R", DAMAGED),
        "tuples of tuples, counted": (
            name("collections", "Counter") + b"](" + tuples + b"e\x85R",
            DAMAGED,
        ),
        "a list in itself": (b"]" + itself + b"a", TOO_MUCH),
        "a dict in itself": (
            b"}" + save_as(0) + b"(" + b"".join(text(k) + again(0) for k in "abcdefgh") + b"u",
            TOO_MUCH,
        ),
        "keys of one hash": (
            b"}(" + b"".join(number(i * (2**61 - 1)) + b"N" for i in range(20_000)) + b"u",
            DAMAGED,
        ),
        "keys that are floats": (b"}G" + bytes(8) + b"Ns", DAMAGED),
        "an endless name": (b"c" + b"x" * 2_000_000, DAMAGED),
    }
    files = {}
    wraps = {
        "stream": lambda value: stream(value, {}),
        "archive": lambda value: raw_archive(value, {}),
    }
    wraps["settings"] = lambda value: snapshot(module(x=value))
    for where, wrap in wraps.items():
        files |= {
            f"{where}: {kind}": (wrap(value), words) for kind, (value, words) in short.items()
        }
    return files | _long() | _shared()


def _long() -> dict[str, tuple[bytes, str]]:
    """Files of many instructions."""
    pairs = (
        b"](" + b"".join(b"](" + text(f"k{i}") + b"Ne" for i in range(20_000)) + b"e" + save_as(0)
    )
    counts = mapping(**{f"k{i}": b"K\x01" for i in range(20_000)}) + save_as(0)
    counter = name("collections", "Counter")
    return {
        "nested tuples": (stream(b"N" + b"\x85" * 100_000, {}), TOO_MUCH),
        "nested lists": (stream(b"]" * 100_000 + b"a" * 99_999, {}), TOO_MUCH),
        "nested dicts": (
            snapshot(module(x=(b"}" + text("k")) * 60_000 + b"N" + b"s" * 60_000)),
            TOO_MUCH,
        ),
        "nested calls": (
            snapshot(module(x=name("a", "B") * 60_000 + b")R" + b"\x85R" * 59_999)),
            "holds no weights",
        ),
        "marks": (stream(b"(" * MANY), TOO_MUCH),
        "nothing over and over": (snapshot(b"N0" * (MANY // 2) + b"N"), TOO_MUCH),
        "one value over and over": (raw_archive(b"Nq\x00" + b"h\x00" * MANY), TOO_MUCH),
        "one list copied over and over": (
            stream(drop(pairs) + drop(ORDERED + again(0) + b"\x85R") * 20_000 + b"N"),
            TOO_MUCH,
        ),
        "one dict counted over and over": (
            stream(drop(counts) + drop(counter + again(0) + b"\x85R") * 20_000 + b"N"),
            TOO_MUCH,
        ),
        "long texts": (snapshot(drop(text("é" * 2000)) * 40_000 + b"N"), TOO_MUCH),
        "tensors of one call": (raw_archive(_tensors_of_one_call()), TOO_MUCH),
        "one tensor under endless names": (
            raw_archive(tensor(storage(2)) + save_as(7) + b"](" + again(7) * 60_000 + b"e\x86"),
            TOO_MUCH,
        ),
        "a long name": (raw_archive(_tall(tensor(storage(2)), 9, "n" * 4000)), TOO_MUCH),
        "a deep name": (raw_archive(_tall(tensor(storage(2)), 60, "n")), TOO_MUCH),
    }


def _tensors_of_one_call() -> bytes:
    arguments = bundle(
        storage(2), number(0), bundle(number(2)), bundle(number(1)), b"\x89", b"}"
    ) + save_as(8)
    return drop(arguments) + b"](" + (REBUILD + again(8) + b"R") * 60_000 + b"e"


def _tall(value: bytes, levels: int, key: str) -> bytes:
    return (b"}" + text(key)) * levels + value + b"s" * levels


def _shared() -> dict[str, tuple[bytes, str]]:
    """Snapshots whose modules, storages or texts are used again and again."""
    modules = drop(module() + save_as(0))
    for slot in range(30):
        modules += drop(module(modules=mapping(a=again(slot), b=again(slot))) + save_as(slot + 1))
    itself = name("a", "B") + b")\x81" + save_as(0)
    itself += (
        mapping(_parameters=b"}", _buffers=b"}", _modules=mapping(a=again(0), b=again(0))) + b"b"
    )
    large = call(LOAD, blob(stream(storage(2**18), {"0": bytes(2**20)}))) + save_as(0)
    views = {f"w{i}": tensor(again(0), (2**18,)) for i in range(400)}
    encoded = call(LOAD, call(name("_codecs", "encode"), again(0), text("latin1")))
    decoded = {f"w{i}": tensor(encoded) for i in range(400)}
    long_text = text(stream(storage(2**18), {"0": bytes(2**20)}).decode("latin1")) + save_as(0)
    inner = stream(call(LOAD, blob(stream(storage(2)))))
    tall = module()
    for _ in range(9):
        tall = module(modules=mapping(**{"n" * 4000: tall}))
    return {
        "modules of long names": (snapshot(tall), TOO_MUCH),
        "modules of modules": (snapshot(modules + again(30)), TOO_MUCH),
        "a module in itself": (snapshot(itself), TOO_MUCH),
        "one storage under endless tensors": (
            snapshot(drop(large) + module(mapping(**views))),
            LIE,
        ),
        "one long text under endless tensors": (
            snapshot(drop(long_text) + module(mapping(**decoded))),
            LIE,
        ),
        "a stream in a stream": (
            snapshot(module(mapping(w=embedded(inner)))),
            "holds Python objects",
        ),
    }


def impostors() -> dict[str, tuple[bytes, str]]:
    """What comes under the name of a checkpoint, and words of its sentence."""
    honest = {
        kind: wrap(tensor(storage(2)))
        for kind, wrap in (("stream", stream), ("archive", raw_archive))
    }
    header = safetensors({"a": dict(dtype="F32", shape=[2], data_offsets=[0, 8])}, bytes(8))
    tensorflow = pickled(bundle(name("dnnlib.tflib.network", "Network") + b")\x81}b"))
    return {
        "nothing": (b"", "is empty"),
        "a web page": (b"<!DOCTYPE html>\n<html><title>Sign in</title></html>", "is a web page"),
        "a web page after a blank line": (b"\xef\xbb\xbf\n\n<html>", "is a web page"),
        "an error in JSON": (b'{"error":"Repository not found"}', "is a message from a server"),
        "a list in JSON": (b'[{"error": 1}]', "is a message from a server"),
        "a Git LFS pointer": (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "is a Git LFS pointer",
        ),
        "plain text": (b"hello there", "is not a checkpoint"),
        "zeros": (bytes(4096), "is not a checkpoint"),
        "an HDF5 file": (b"\x89HDF\r\n\x1a\n" + bytes(99), "is not a checkpoint"),
        "a pickle of other things": (
            pickle.dumps({"a": [1, 2.5, "x", None]}),
            "is not a checkpoint",
        ),
        "a pickle of protocol 0": (pickle.dumps({"a": 1}, 0), "is not a checkpoint"),
        "a pickled tensor": (pickle.dumps(torch.ones(2)), "is not a checkpoint"),
        "a TensorFlow network": (tensorflow, "older TensorFlow program"),
        "a whole network, legacy": (
            legacy_stream(torch.nn.Linear(2, 2)),
            r"holds Python objects \(torch.nn.modules.linear.Linear\)",
        ),
        "half a stream": (honest["stream"][:-5], "ends in the middle"),
        "half an archive": (honest["archive"][:-50], "ends in the middle"),
        "half a safetensors file": (header[:-3], "ends in the middle"),
        "a third of a safetensors file": (header[:30], "ends in the middle"),
        "too long a safetensors file": (header + b"xx", "is damaged"),
        "half a snapshot": (
            snapshot(module(mapping(w=embedded(stream(storage(2))))))[:-30],
            "ends in the middle",
        ),
    }
