"""The cycle check of the translate tab: does the twin take the picture back, and the losses of
CycleGAN on this picture.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping

from ganapps.engine import Engine, on_files
from ganapps.models.catalog import Checkpoint
from ganapps.pictures import images
from ganapps.recipe import CHANGED, Recipe
from ganapps.ui.parts import common
from ganapps.ui.parts.before_after import Last
from ganapps.ui.words import escaped, say

# where the page finds a picture of a kind (`inside.mark`; "": no network made it)
Address = Callable[[images.Picture, str], str]
LOSSES = {
    "cycle": (
        "Cycle-consistency loss",
        "mean |F(G(x)) - x|: x is your picture, G the way there, F the way back, values from -1 to "
        "1",
    ),
    "back": (
        "Identity loss of F",
        "mean |F(x) - x|: F should leave a picture of its own target domain alone",
    ),
    "there": (
        "Identity loss of G",
        "mean |G(y) - y|: so should G; y is the translated picture, in place of a real one of that "
        "domain",
    ),
}


def check(
    engine: Engine, last: Last, row: Checkpoint, address: Address, lang: str
) -> Iterator[tuple[str, str]]:
    """The report's line and what is found so far. `row` made the last result and has a twin;
    `address` says where the page finds a picture of a kind.
    """
    losses: dict[str, float] = {}
    frames = ""
    for name, model, picture in (
        ("cycle", row.back, last.raw),
        ("back", row.back, last.upload),
        ("there", row.id, last.raw),
    ):
        recipe = Recipe("translate", model, {})
        # only looked at
        for shown in common.show(engine.run(recipe, [picture]), recipe, lang, keep=str):
            if shown.archive:
                made = shown.files[-1][0]
                losses[name] = on_files.distance(last.upload if name == "cycle" else picture, made)
                frames = (
                    _frames(engine, last.upload, shown, address, lang)
                    if name == "cycle"
                    else frames
                )
            yield shown.line, frames + _table(losses, lang)
        if shown.failed:
            return


def _frames(
    engine: Engine,
    upload: str,
    shown: common.Shown,
    address: Address,
    lang: str,
) -> str:
    """The picture's way: there, back, where it differs, and how much of it returned."""
    back, beside = on_files.returned(upload, shown.files[-1][0]), shown.kept[-1].beside
    frames = [
        (beside["before"], CHANGED, say(lang, "translated")),
        (beside["after"], CHANGED, say(lang, "and back again")),
        (back.map, "", say(lang, "where it differs")),
    ]
    pictures = "".join(
        f'<figure><img src="{html.escape(address(p, kind))}" alt="{html.escape(w)}"><figcaption>'
        f"{html.escape(w)}</figcaption></figure>"
        for p, kind, w in frames
    )
    return (
        f'<div class="cycle">{pictures}</div><p class="verdict">'
        f"{escaped(lang, 'Returns {percent} % of your picture.', percent=back.percent)}</p>"
    )


def _table(losses: Mapping[str, float], lang: str) -> str:
    """The losses that are known."""
    rows = "".join(
        f'<tr><th scope="row">{escaped(lang, LOSSES[name][0])}</th><td>{loss:.4f}</td><td>'
        f"{escaped(lang, LOSSES[name][1])}</td></tr>"
        for name, loss in losses.items()
    )
    return f'<table class="card"><tbody>{rows}</tbody></table>' if rows else ""
