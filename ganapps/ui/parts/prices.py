"""The price under a big button."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable

from ganapps.measure.prices import Price
from ganapps.report import seconds, size
from ganapps.ui.words import say


def price_line(price: Price, lang: str, steps: int | None = None) -> str:
    """The price under the big button, behind the `steps` that a run names."""
    parts = [say(lang, "{count:step|steps}", count=f"{steps:,}")] if steps else []
    if price.seconds is None:
        parts.append(say(lang, "not measured on this machine yet"))
    else:
        parts.append(say(lang, "about {seconds}", seconds=seconds(price.seconds)))
        parts += [size(price.memory)] if price.memory else []
    if price.download is None:
        parts.append(say(lang, "downloads the model first"))
    elif price.download:
        parts.append(say(lang, "downloads {size} first", size=size(price.download)))
    return f'<div class="price">{html.escape(" · ".join(parts))}</div>'


def together(prices: Iterable[Price], seconds_of: Callable[[list[float]], float] = sum) -> Price:
    """The price of runs that share one device: seconds add up (or as `seconds_of` has it), the
    largest memory counts.
    """
    prices = list(prices)
    each = [p.seconds for p in prices if p.seconds is not None]
    loads = [p.download for p in prices if p.download is not None]
    return Price(
        seconds_of(each) if len(each) == len(prices) else None,
        max((p.memory for p in prices if p.memory), default=None),
        sum(loads) if len(loads) == len(prices) else None,
    )
