"""Every sentence a person may read is a literal template, and the window has it in Chinese with the
same fields.
"""

from __future__ import annotations

import ast
import json
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path

from safetensors import safe_open

from ganapps.ui.words import chinese

ROOT = Path(__file__).resolve().parent.parent
ZH = ROOT / "ganapps" / "ui" / "words" / "zh.json"
# what these say stands in a console, which is English
CONSOLE = ("__main__.py", "deploy.py", "doctor.py")
FILES = sorted(
    p
    for p in (ROOT / "ganapps").rglob("*.py")
    if "training" not in p.parts and p.name not in ("errors.py", *CONSOLE)
)
SAYING = ("UserError", "WeightsError", "RunEnded", "Unreadable", "Message")
# functions that look words up, and which of their arguments is the template
WINDOW = {"say": 1, "escaped": 1, "t": 0, "download": 1}


def text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def name(node: ast.AST) -> str:
    return ast.unparse(node).split(".")[-1]


def sentences(tree: ast.AST) -> Iterator[str]:
    """Templates of errors and messages, of tables of refusals, and words that the window looks up,
    as they stand in a file.
    """
    for node in ast.walk(tree):
        if (text(node) or "").startswith("{file} "):
            yield text(node)
        if isinstance(node, ast.Call) and name(node.func) == "Setting":
            yield from (text(k.value) or "" for k in node.keywords if k.arg == "label")
        if isinstance(node, ast.ClassDef):
            yield from headed(node)
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = name(node.func)
        if called in SAYING:
            yield text(node.args[0]) or ""
        elif called in WINDOW and len(node.args) > WINDOW[called]:
            yield from (text(n) or "" for n in choices(node.args[WINDOW[called]]))


def headed(tab: ast.ClassDef) -> Iterator[str]:
    """What a tab is called, and what a button says that sends a picture there."""
    for line in tab.body:
        if isinstance(line, ast.Assign) and name(line.targets[0]) in ("title", "send"):
            yield text(line.value) or ""


def choices(node: ast.AST) -> list[ast.AST]:
    """What an argument may be: both arms of `a if x else b`."""
    return [*choices(node.body), *choices(node.orelse)] if isinstance(node, ast.IfExp) else [node]


def fields(template: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}


def strings(value: object) -> Iterator[str]:
    """Every string in plain values, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from strings(part)


ALL = sorted(
    {(s, str(p.relative_to(ROOT))) for p in FILES for s in sentences(ast.parse(p.read_text())) if s}
)


def test_every_refusal_is_a_literal_template() -> None:
    loose = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and name(node.func) in SAYING
                and text(node.args[0]) is None
            ):
                loose.append(f"{path.relative_to(ROOT)}: {ast.unparse(node)}")
    assert loose == ["ganapps/models/formats/refusals.py: WeightsError(template, file=file)"], (
        "its templates stand in IMPOSTORS"
    )


def test_every_value_of_a_refusal_has_its_field() -> None:
    wrong = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and name(node.func) in SAYING and text(node.args[0]):
                given = {k.arg for k in node.keywords}
                if None not in given and given != fields(text(node.args[0])):
                    wrong.append((text(node.args[0]), given))
    assert wrong == []


def test_the_collector_finds_sentences() -> None:
    source = """
raise UserError("No {a}.", a=1)
x = hub.Progress(0, 1, Message("Fetching {title}", title=1))
changes.append(Message("Out of memory: {count}.", count=2))
IMPOSTORS = {"<": "{file} is a web page."}
say(lang, "here" if x else "not here yet")
class SomeTab(Tab):
    name = "some"
    title = "Some"
"""
    assert sorted(s for s in sentences(ast.parse(source)) if s) == [
        "Fetching {title}",
        "No {a}.",
        "Out of memory: {count}.",
        "Some",
        "here",
        "not here yet",
        "{file} is a web page.",
    ]
    assert len(ALL) > 60


def test_every_sentence_is_there_in_chinese() -> None:
    missing = sorted({s for s, _ in ALL if s not in chinese()})
    assert not missing, "\n".join(missing)
    assert [s for s in chinese() if fields(s) != fields(chinese()[s])] == []
    assert [s for s, said in chinese().items() if said.isascii() and s != said] == []


def test_models_and_examples_have_chinese_names_where_theirs_are_words() -> None:
    """SwinIR is one everywhere; Line drawing is not."""
    rows = tomllib.loads((ROOT / "weights" / "catalog.toml").read_text("utf-8"))["checkpoint"]
    worded = re.compile(r"(?<![\w-])[a-z]{4,}\b(?! *-)")
    names = [row["title"] for row in rows if worded.search(row["title"])]
    names += [path.stem for path in (ROOT / "ganapps" / "ui" / "examples").glob("*.png")]
    assert [name for name in names if name not in chinese()] == []


def test_every_entry_is_a_sentence_of_the_app() -> None:
    """Else it is of a sentence that was changed, or went."""
    said = set()
    for path in (ROOT / "ganapps").rglob("*.py"):
        said |= {text(node) for node in ast.walk(ast.parse(path.read_text()))}
    said |= set(strings(tomllib.loads((ROOT / "weights" / "catalog.toml").read_text("utf-8"))))
    said |= {path.stem for path in (ROOT / "ganapps" / "ui" / "examples").glob("*.png")}
    for path in (ROOT / "weights").glob("*.directions.safetensors"):
        with safe_open(path, "np") as file:
            names = [name.partition(".")[2] for name in file.keys()]
        said |= {name.replace("_", " ") for name in names}
    assert [s for s in chinese() if s not in said] == []


def test_the_list_is_in_order_one_sentence_a_line() -> None:
    written = ZH.read_text("utf-8")
    keys = [english for english, _ in json.loads(written, object_pairs_hook=list)]
    assert keys == sorted(set(keys), key=lambda english: (english.casefold(), english)), (
        "in order, each sentence once"
    )
    assert written == json.dumps(chinese(), indent=2, ensure_ascii=False) + "\n"


def test_chinese_has_its_own_punctuation() -> None:
    half = re.compile(r"[\u4e00-\u9fff}] ?[,;:!?]|[\u4e00-\u9fff][.()]|[()][\u4e00-\u9fff]")
    assert [said for said in chinese().values() if half.search(said)] == []
