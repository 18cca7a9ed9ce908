"""What a person types or pastes for a file on the Hub, read as a source."""

from __future__ import annotations

import re
from urllib.parse import unquote

from ganapps.errors import UserError
from ganapps.models.catalog import Source
from ganapps.models.hub import disk

TYPED = re.compile(
    r"(?P<repo>[\w./-]+):(?P<file>[\w.+=,()\[\] /-]+)(@(?P<revision>[\w./-]+))?", re.ASCII
)


# the address of a file's page, or of the file
PAGE = re.compile(
    r"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/(?P<repo>[\w.-]+/[\w.-]+)"
    r"/(?:blob|resolve|raw)/(?P<revision>[\w.%-]+)/(?P<file>[^?#\s]+)(?:[?#]\S*)?",
    re.ASCII,
)


def parse(text: str) -> Source:
    """The source a person means by `owner/repo:file@revision`, or by the address of the file's page
    on the Hub; UserError says the accepted form.
    """
    page = PAGE.fullmatch(text.strip())
    typed = TYPED.fullmatch(text.strip())
    source = None
    if page:
        source = Source(unquote(page["file"]), page["repo"], unquote(page["revision"]))
    elif typed:
        source = Source(typed["file"], typed["repo"], typed["revision"])
    if source is None or not disk.well_formed(source):
        raise UserError(
            "{text} is not a place on the Hub: write owner/repo:file or owner/repo:file@revision, "
            "for "
            "example {example}.",
            text=text.strip()[:120],
            example="owner/repo:models/faces.safetensors@main",
        )
    return source
