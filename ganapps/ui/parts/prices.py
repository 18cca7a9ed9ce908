"""The price under a big button."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable

from ganapps.measure.prices import Price
from ganapps.report import seconds, size
from ganapps.ui.words import named, say


def price_line(price: Price, lang: str, steps: int | None = None) -> str:
    """The price under the big button, behind the `steps` that a run names."""
    parts = [say(lang, "{count:step|steps}", count=f"{steps:,}")] if steps else []
    if price.seconds is None:
        parts.append(say(lang, "not measured on this machine yet"))
    else:
        parts.append(say(lang, "about {seconds}", seconds=seconds(price.seconds)))
        parts += [size(price.memory)] if price.memory else []
    if price.missing:
        parts.append(_fetched(price, lang))
    return f'<div class="price">{html.escape(" · ".join(parts))}</div>'


def _fetched(price: Price, lang: str) -> str:
    """Which models are not here, and what it takes to have them."""
    models = say(lang, ", ").join(named(lang, title) for title in price.missing)
    if price.offline:
        return say(lang, "not here, and nothing is downloaded offline: {models}", models=models)
    if price.download is None:
        return say(lang, "downloads {models} first", models=models)
    loads = size(price.download)
    return say(lang, "downloads {models} first: {size}", models=models, size=loads)


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
        tuple(dict.fromkeys(title for p in prices for title in p.missing)),
        any(p.offline for p in prices),
    )
