"""A family as the page shows it, and as one takes it away: its tree, and everybody's recipe."""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from ganapps.pictures import family as trees
from ganapps.pictures import images
from ganapps.pictures.family import SIDE, Point
from ganapps.pictures.inside import from_picture
from ganapps.recipe import DRAWN
from ganapps.ui.doors import files
from ganapps.ui.parts.common import download, served
from ganapps.ui.words import escaped

# after the tree is drawn anew the face that was chosen by a key has the keyboard again
CAME = "() => { document.dispatchEvent(new CustomEvent('family-came')); }"
Family = Mapping[str, Mapping[str, Any]]


def drawn(family: Family, faces: Mapping[str, str], parents: Collection[str], lang: str) -> str:
    """An SVG of which each face is a button (face.js), pressed where it is a parent; `faces` are
    the paths of the thumbnails.
    """
    if not family:
        return ""
    tree = trees.laid_out(family)
    lines = [_line(*curve) for curve in tree.curves]
    nodes = [
        _node(name, faces.get(name, ""), place, name in parents)
        for name, place in tree.places.items()
    ]
    said = escaped(lang, "The family so far")
    hint = escaped(
        lang,
        "Click a face here to make it a parent, or no longer one. Children and the film come of "
        "those with a frame.",
    )
    return (
        f'<div class="line">{hint}</div><div class="family">'
        f'<svg viewBox="0 0 {tree.width} {tree.height}" width="{tree.width}" '
        f'role="group" aria-label="{said}">{"".join(lines)}{"".join(nodes)}</svg></div>'
    )


def kept(family: Family, faces: Mapping[str, str], keep: Callable[[Path], str], lang: str) -> str:
    """Links that save the tree as a picture, and everybody with their recipe as a ZIP; `keep` gives
    the path of a file's copy. Raises UserError where there is no room.
    """
    with tempfile.TemporaryDirectory(prefix="ganapps-") as name:
        folder = Path(name)
        files.check_room()
        tree = images.save_shown(trees.drawn(family, faces), folder / "family.png", DRAWN)
        texts, pictures = {}, [tree]
        there = {member: path for member, path in faces.items() if Path(path).exists()}
        for index, (member, path) in enumerate(there.items(), 1):
            plain = f"{index:03}-{re.sub('[^A-Za-z0-9]+', '-', member).strip('-')}".strip("-")
            texts[f"{plain}.json"] = from_picture(path).to_json()
            picture = Path(path).read_bytes()
            pictures.append(images.save_bytes(picture, folder / f"{plain}.png"))
        whole = images.save_zip(pictures, folder / "family.zip", texts)
        links = [
            download(keep(tree), "The tree (PNG)", lang),
            download(keep(whole), "Everybody, with recipes (ZIP)", lang),
        ]
    return " ".join(links)


def _line(begin: Point, control: Point, other: Point, end: Point) -> str:
    x, y = begin
    rest = ", ".join(f"{px} {py}" for px, py in (control, other, end))
    return f'<path d="M{x} {y} C{rest}"/>'


def _node(name: str, face: str, place: Point, pressed: bool) -> str:
    left, top = place
    shown = html.escape(name)
    picture = html.escape(served(face)) if face else ""
    square = f'x="{left}" y="{top}" width="{SIDE}" height="{SIDE}"'
    is_pressed = "true" if pressed else "false"
    return (
        f'<g role="button" tabindex="0" aria-pressed="{is_pressed}" data-name="{shown}">'
        f'<title>{shown}</title><image href="{picture}" {square}/><rect {square}/>'
        f'<text x="{left + SIDE / 2}" y="{top + SIDE + 13}">{shown[:12]}</text></g>'
    )
