"""A strict reader of Python pickles: it imports nothing, calls nothing, and turns every object into
an inert record.

A pickle is a small program. This reader knows the instructions that checkpoints use (protocols 2 to
5) and refuses the rest. Where Python would import a name, it keeps the name as text; where Python
would call it, it keeps the arguments. What the records mean (tensors, settings) is for `storages`
and `snapshots` to say.

Every instruction, and every 64 characters of text, is one step of a `Budget`, so time and memory
are bounded by a constant and not by what a file claims. Bytes and long texts are never copied: they
stay views of the file.
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable

from ganapps.models.formats.refusals import cut_off, damaged, foreign, tensorflow, too_intricate

# R3GAN's snapshot with its optimizers, the most intricate that was measured, takes 75,000
MOST_STEPS = 1_000_000
# bytes; names and settings are short, the source text in NVIDIA's files stays an unread `LongText`
LONGEST_TEXT = 4096
LARGEST_KEY, LARGEST_NUMBER = 2**31, 2**63
LONGEST_LINE = 512
ORDERED_DICT, COUNTER = "collections.OrderedDict", "collections.Counter"
TENSORFLOW_NETWORK = "dnnlib.tflib.network.Network"  # of NVIDIA's program, whose arrays are read
# the name of the record that stands for a persistent id; no Python name has a space
PERSISTENT = "persistent id"


class Budget:
    """How many more steps may be spent on one file, and how its sentences call it."""

    def __init__(self, file: str, steps: int = MOST_STEPS) -> None:
        self.file = file
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Raises `WeightsError` when the file has used up its steps."""
        self.left -= steps
        if self.left < 0:
            raise too_intricate(self.file)


class Name:
    """What a pickle wanted to import, as text: 'module.name'."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class LongText:
    """A text too long for a name or a setting, left in the file as UTF-8."""

    __slots__ = ("view",)

    def __init__(self, view: memoryview) -> None:
        self.view = view


class Record:
    """What a pickle wanted to call or create: the name, its arguments, its state and what was put
    into it.
    """

    __slots__ = ("args", "entries", "name", "pairs", "state")

    def __init__(self, name: str, args: tuple) -> None:
        self.name = name
        self.args = args
        self.state: object = None
        self.pairs: dict | None = None
        self.entries: list | None = None


class Reader:
    """Reads pickles that follow each other in `data`, from position `at` on.

    `allowed` says which names the pickles may hold; all are inert, but a file that asks for a shell
    is not worth reading. `records` lists every record made so far, reachable or not.
    """

    def __init__(self, data: memoryview, budget: Budget, allowed: Callable[[str], bool]) -> None:
        self.data = data
        self.budget = budget
        self.allowed = allowed
        self.at = 0
        self.records: list[Record] = []

    def value(self) -> object:
        """The next pickle's value: None, bool, int, float, str, tuple, list (for sets too), dict,
        `memoryview` for bytes, `LongText`, `Name` or `Record`. Raises `WeightsError`.
        """
        self.stack: list = []
        self.marks: list[list] = []
        self.memo: dict[int, object] = {}
        try:
            while (code := self.take(1)[0]) != _STOP:
                self.budget.spend()
                _INSTRUCTIONS[code](self)
            return self.stack.pop()
        except (
            LookupError,
            ValueError,
        ) as error:
            # unknown instruction, empty stack, no such memo, not UTF-8
            raise damaged(self.budget.file) from error

    def insist(self, honest: bool) -> None:
        if not honest:
            raise damaged(self.budget.file)

    def take(self, count: int) -> memoryview:
        """The next `count` bytes, as a view."""
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            raise cut_off(self.budget.file)
        return self.data[start : self.at]

    def number(self, form: struct.Struct) -> int:
        return form.unpack(self.take(form.size))[0]

    def line(self) -> str:
        count = bytes(self.data[self.at : self.at + LONGEST_LINE]).index(b"\n")
        return str(self.take(count + 1)[:-1], "utf-8")

    def push(self, value: object) -> None:
        self.stack.append(value)

    def push_text(self, count: int) -> None:
        view = self.take(count)
        self.budget.spend(min(count, LONGEST_TEXT) // 64)
        self.push(LongText(view) if count > LONGEST_TEXT else str(view, "utf-8", "surrogatepass"))

    def push_name(self, module: object, name: object) -> None:
        if type(module) is not str or type(name) is not str:
            raise damaged(self.budget.file)
        self.insist(all(part.isidentifier() for part in (*module.split("."), name)))
        text = f"{module}.{name}"
        if text.startswith("dnnlib.tflib.") and text != TENSORFLOW_NETWORK:
            raise tensorflow(self.budget.file)
        if not self.allowed(text):
            raise foreign(self.budget.file, text)
        self.push(Name(text))

    def push_record(self, name: str, args: object) -> None:
        if type(args) is not tuple:
            raise damaged(self.budget.file)
        self.push(Record(name, args))
        self.records.append(self.stack[-1])

    def pop(self, count: int) -> list:
        self.insist(len(self.stack) >= count)
        values = self.stack[-count:]
        del self.stack[-count:]
        return values

    def pop_to_mark(self) -> list:
        values, self.stack = self.stack, self.marks.pop()
        return values

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def call(self, name: object, args: object) -> None:
        if type(name) is not Name:
            raise damaged(self.budget.file)
        if name.text == ORDERED_DICT:
            self.push_dict(args, (list, dict))
        elif name.text == COUNTER:
            self.push_dict(args, (dict,))
        else:
            self.push_record(name.text, args)

    def push_dict(self, args: object, kinds: tuple[type, ...]) -> None:
        """The call may give the pairs, as Python 2 did. Each pair is a step, since the call may be
        repeated.
        """
        if type(args) is not tuple:
            raise damaged(self.budget.file)
        self.insist(len(args) <= 1 and all(type(pairs) in kinds for pairs in args))
        pairs = args[0] if args else ()
        self.push({})
        for pair in pairs.items() if type(pairs) is dict else pairs:
            self.budget.spend()
            self.insist(type(pair) in (list, tuple) and len(pair) == 2)
            self.put(pair)

    def build(self, state: object) -> None:
        target = self.stack[-1]
        self.insist(type(target) in (Record, dict))
        # attributes of an OrderedDict (`_metadata` of a state dict) say nothing to us
        if type(target) is Record:
            target.state = state

    def add(self, values: list) -> None:
        target = self.stack[-1]
        if type(target) is Record:
            target.entries = [] if target.entries is None else target.entries
            target = target.entries
        self.insist(type(target) is list)
        target.extend(values)

    def put(self, parts: list | tuple) -> None:
        """Keys are texts and small whole numbers: the hashes of others can be made to collide, or
        to take for ever.

        Large ones, by which old optimizers call their parameters, become texts; so do classes, as
        callbacks are called.
        """
        target = self.stack[-1]
        if type(target) is Record:
            target.pairs = {} if target.pairs is None else target.pairs
            target = target.pairs
        self.insist(type(target) is dict and len(parts) % 2 == 0)
        for key, value in zip(parts[::2], parts[1::2], strict=True):
            if type(key) is Name:
                key = key.text
            if type(key) is int and LARGEST_KEY <= key < LARGEST_NUMBER:
                key = str(key)
            self.insist(type(key) is str or (type(key) is int and 0 <= key < LARGEST_KEY))
            target[key] = value


_U1, _U2, _U4, _U8 = (struct.Struct(form) for form in ("<B", "<H", "<I", "<Q"))
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")
_CODES = {code.name: ord(code.code) for code in pickletools.opcodes}
_STOP = _CODES["STOP"]
_BY_NAME: dict[str, Callable[[Reader], object]] = {
    "PROTO": lambda r: r.number(_U1),
    "FRAME": lambda r: r.number(_U8),
    "NONE": lambda r: r.push(None),
    "NEWTRUE": lambda r: r.push(True),
    "NEWFALSE": lambda r: r.push(False),
    "BININT": lambda r: r.push(r.number(_I4)),
    "BININT1": lambda r: r.push(r.number(_U1)),
    "BININT2": lambda r: r.push(r.number(_U2)),
    "LONG1": lambda r: r.push(int.from_bytes(r.take(r.number(_U1)), "little", signed=True)),
    "BINFLOAT": lambda r: r.push(r.number(_F8)),
    "SHORT_BINUNICODE": lambda r: r.push_text(r.number(_U1)),
    "BINUNICODE": lambda r: r.push_text(r.number(_U4)),
    "BINUNICODE8": lambda r: r.push_text(r.number(_U8)),
    "SHORT_BINSTRING": lambda r: r.push_text(r.number(_U1)),
    "BINSTRING": lambda r: r.push_text(r.number(_U4)),
    "SHORT_BINBYTES": lambda r: r.push(r.take(r.number(_U1))),
    "BINBYTES": lambda r: r.push(r.take(r.number(_U4))),
    "BINBYTES8": lambda r: r.push(r.take(r.number(_U8))),
    "EMPTY_TUPLE": lambda r: r.push(()),
    "EMPTY_LIST": lambda r: r.push([]),
    "EMPTY_SET": lambda r: r.push([]),
    "EMPTY_DICT": lambda r: r.push({}),
    "TUPLE1": lambda r: r.push(tuple(r.pop(1))),
    "TUPLE2": lambda r: r.push(tuple(r.pop(2))),
    "TUPLE3": lambda r: r.push(tuple(r.pop(3))),
    "TUPLE": lambda r: r.push(tuple(r.pop_to_mark())),
    "FROZENSET": lambda r: r.push(tuple(r.pop_to_mark())),
    "APPEND": lambda r: r.add(r.pop(1)),
    "APPENDS": lambda r: r.add(r.pop_to_mark()),
    "ADDITEMS": lambda r: r.add(r.pop_to_mark()),
    "SETITEM": lambda r: r.put(r.pop(2)),
    "SETITEMS": lambda r: r.put(r.pop_to_mark()),
    "MARK": lambda r: r.mark(),
    "POP": lambda r: r.stack.pop(),
    "BINPUT": lambda r: r.memo.update({r.number(_U1): r.stack[-1]}),
    "LONG_BINPUT": lambda r: r.memo.update({r.number(_U4): r.stack[-1]}),
    "MEMOIZE": lambda r: r.memo.update({len(r.memo): r.stack[-1]}),
    "BINGET": lambda r: r.push(r.memo[r.number(_U1)]),
    "LONG_BINGET": lambda r: r.push(r.memo[r.number(_U4)]),
    "GLOBAL": lambda r: r.push_name(r.line(), r.line()),
    "STACK_GLOBAL": lambda r: r.push_name(*r.pop(2)),
    "REDUCE": lambda r: r.call(*r.pop(2)),
    "NEWOBJ": lambda r: r.call(*r.pop(2)),
    "NEWOBJ_EX": lambda r: r.call(r.pop(3)[0], ()),
    "BUILD": lambda r: r.build(*r.pop(1)),
    "BINPERSID": lambda r: r.push_record(PERSISTENT, *r.pop(1)),
}
_INSTRUCTIONS = {_CODES[name]: instruction for name, instruction in _BY_NAME.items()}
