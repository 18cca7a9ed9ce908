"""What a visitor keeps in the browser alone: the faces that were kept, and the latest recipes. The
server never sees them; window.js fills the shelf.
"""

from __future__ import annotations

from ganapps.ui.words import escaped

SHELVES = {"kept": "Kept", "latest": "The latest"}


def shelf(lang: str) -> str:
    """The empty shelf, with its words."""
    rows = "".join(
        f'<section data-shelf="{name}" hidden><h3>{escaped(lang, title)}</h3>'
        '<div class="thumbs"></div></section>'
        for name, title in SHELVES.items()
    )
    promise = escaped(lang, "Kept in this browser only: recipes and small pictures.")
    return (
        f'<div class="shelf">{rows}<p class="privacy" hidden>{promise} '
        f'<button type="button" class="clear">{escaped(lang, "Clear")}</button></p></div>'
    )
