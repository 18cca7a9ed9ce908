"""What is said of a model: chips beside its name, and its card, with pictures of what it does where
it ships with the app.
"""

from __future__ import annotations

import html
from pathlib import Path

from ganapps.engine import Engine
from ganapps.models.catalog import Checkpoint, Source
from ganapps.report import size
from ganapps.ui.parts import common
from ganapps.ui.words import escaped, say

KINDS = {
    "GAN": "GAN",
    "style transfer": "style transfer, no GAN",
    "regression": "trained for closeness, no GAN",
    "diffusion": "diffusion, no GAN",
}
SURE = {"high": "known to be there", "medium": "probably there", "low": "perhaps there"}
# ROW-N.webp: the example N as the model makes it (training/cards.py)
PICTURES = Path(__file__).parents[1] / "examples" / "cards"


COMMERCIAL = {"yes": "commercial use", "no": "no commercial use", "unknown": "licence unclear"}


def chips(checkpoint: Checkpoint, here: bool, lang: str) -> str:
    """The model's licence, its two domains and the few facts that matter, beside its name."""
    words = [" → ".join(say(lang, d) for d in checkpoint.domains)] if checkpoint.domains else []
    words += [say(lang, "paired training")] if checkpoint.paired else []
    words += [say(lang, KINDS[checkpoint.kind])] if checkpoint.kind in KINDS else []
    commercial = COMMERCIAL[checkpoint.commercial]
    facts = (
        [*words, say(lang, "{count} M parameters", count=f"{checkpoint.parameters / 1e6:.1f}")]
        if checkpoint.parameters
        else words
    )
    facts.append(say(lang, "here") if here else say(lang, "not here yet"))
    marks = [f'<span class="chip {checkpoint.commercial}">{escaped(lang, commercial)}</span>']
    marks += [f'<span class="chip">{html.escape(f)}</span>' for f in facts]
    return f'<div class="chips">{"".join(marks)}</div>'


def card(checkpoint: Checkpoint, here: bool, lang: str) -> str:
    """Everything the catalogue knows of a model, as a table, under pictures of what it does."""
    sources = "<br>".join(_source(s, lang) for s in checkpoint.sources)
    rows = {
        "Likes": escaped(lang, checkpoint.likes),
        "Can't do": escaped(lang, checkpoint.cannot),
        "Trained on": html.escape(checkpoint.trained_on),
        "Method": html.escape(checkpoint.paper),
        "Note": html.escape(checkpoint.note),
        "File": sources,
        "Licence": html.escape(checkpoint.licence),
        "Commercial use": say(lang, checkpoint.commercial),
        "Parameters": f"{checkpoint.parameters:,}"
        if checkpoint.parameters
        else say(lang, "unknown"),
        "Size": size(checkpoint.size)
        if checkpoint.size
        else say(lang, "unknown until it is asked for"),
        "On this machine": say(lang, "here") if here else say(lang, "not here yet"),
    }
    body = "".join(
        f"<tr><th scope=row>{escaped(lang, k)}</th><td>{v}</td></tr>" for k, v in rows.items() if v
    )
    return f'{_pictures(checkpoint, lang)}<table class="card"><tbody>{body}</tbody></table>'


def about(engine: Engine, model: str, lang: str) -> tuple[str, str]:
    """Chips and card of the row `model`."""
    checkpoint = common.row(engine, model)
    here = engine.models.here(checkpoint)
    return chips(checkpoint, here, lang), card(checkpoint, here, lang)


def _source(source: Source, lang: str) -> str:
    """A place, how well it is known that the file is there (what ships is), and the file's hash."""
    known = f" ({say(lang, SURE[source.sure])})" if source.repo and source.sure in SURE else ""
    digest = f"<br><code>sha256 {source.sha256}</code>" if source.sha256 else ""
    return html.escape(f"{source}{known}") + digest


def _pictures(checkpoint: Checkpoint, lang: str) -> str:
    shown = "".join(
        f'<img src="{html.escape(common.served(p))}" '
        f'alt="{escaped(lang, "What {model} makes of an example", model=checkpoint.title)}">'
        for p in sorted(PICTURES.glob(f"{checkpoint.id}-?.webp"))
    )
    return f'<div class="card-pictures">{shown}</div>' if shown else ""
