"""A request that is refused, and how its answer says why."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Scope

from ganapps.errors import UserError
from ganapps.ui.doors.visitors import language
from ganapps.ui.words import say


class Refused(Exception):
    """A request that goes no further: the status and the sentence of its answer."""

    def __init__(self, status: int, said: UserError) -> None:
        super().__init__(said)
        self.status, self.said = status, said

    def answer(self, scope: Scope, **headers: str) -> Response:
        """The sentence in the visitor's language: as text to a browser that opens a page, else
        under the names that Gradio's page reads.
        """
        sentence = say(language(scope), self.said.message)
        if "text/html" in Headers(scope=scope).get("accept", ""):
            return PlainTextResponse(sentence, self.status, headers)
        return JSONResponse({"error": sentence, "detail": sentence}, self.status, headers)
