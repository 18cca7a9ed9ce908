"""Every sentence a person may read is a literal template, and the window has it in Chinese with the
same fields.
"""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(
    p
    for p in (ROOT / "ganapps").rglob("*.py")
    if "training" not in p.parts
    and p.name not in ("errors.py", "__main__.py", "doctor.py", "chinese.py")
)
ERRORS = ("UserError", "WeightsError", "RunEnded", "Unreadable")
# functions that look words up, and which of their arguments is the template
WINDOW = {
    "say": 1,
    "escaped": 1,
    "t": 0,
}


def text(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def name(node: ast.AST) -> str:
    return ast.unparse(node).split(".")[-1]


def sentences(tree: ast.AST) -> Iterator[str]:
    """Templates of errors, of progress, of a report's changes, and of tables of refusals, as they
    stand in a file.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name(node.func) in ERRORS and node.args:
            yield text(node.args[0]) or ""
        elif isinstance(node, ast.Call) and name(node.func) == "Setting":
            yield from (text(k.value) or "" for k in node.keywords if k.arg == "label")
        elif isinstance(node, ast.Call) and name(node.func) == "Progress" and len(node.args) > 2:
            yield text(node.args[2]) or ""
        elif (
            isinstance(node, ast.Tuple)
            and len(node.elts) == 2
            and isinstance(node.elts[1], (ast.Dict, ast.Name))
            and " " in (text(node.elts[0]) or "")
        ):
            yield text(node.elts[0])
        elif isinstance(node, ast.Dict):
            yield from (text(value) for value in node.values if "{file} " in (text(value) or ""))
        elif (
            isinstance(node, ast.Call)
            and name(node.func) in WINDOW
            and len(node.args) > WINDOW[name(node.func)]
        ):
            yield from (
                text(n) for n in choices(node.args[WINDOW[name(node.func)]]) if text(n) is not None
            )


def choices(node: ast.AST) -> list[ast.AST]:
    """What an argument may be: both arms of `a if x else b`."""
    return [*choices(node.body), *choices(node.orelse)] if isinstance(node, ast.IfExp) else [node]


def fields(template: str) -> set[str]:
    return {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}


ALL = sorted(
    {(s, str(p.relative_to(ROOT))) for p in FILES for s in sentences(ast.parse(p.read_text())) if s}
)


def test_every_refusal_is_a_literal_template() -> None:
    loose = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and name(node.func) in ERRORS
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
            if isinstance(node, ast.Call) and name(node.func) in ERRORS and text(node.args[0]):
                given = {k.arg for k in node.keywords}
                if None not in given and given != fields(text(node.args[0])):
                    wrong.append((text(node.args[0]), given))
    assert wrong == []


def test_the_collector_finds_sentences() -> None:
    source = """
raise UserError("No {a}.", a=1)
x = hub.Progress(0, 1, "Fetching {title}", {"title": 1})
changes.append(("Out of memory: {count}.", {"count": 2}))
say(lang, "here" if x else "not here yet")
"""
    assert sorted(sentences(ast.parse(source))) == [
        "Fetching {title}",
        "No {a}.",
        "Out of memory: {count}.",
        "here",
        "not here yet",
    ]
    assert len(ALL) > 60


@pytest.mark.skipif(
    not (ROOT / "ganapps" / "ui" / "words.py").exists(), reason="the window has no words yet"
)
def test_every_sentence_is_there_in_chinese() -> None:
    from ganapps.ui.words import CHINESE

    missing = sorted({s for s, _ in ALL if s not in CHINESE})
    assert not missing, "\n".join(missing)
    assert [s for s in CHINESE if fields(s) != fields(CHINESE[s])] == []
    assert [s for s, said in CHINESE.items() if said.isascii() and s != said] == []
