"""The line under a result: what a run waits for, how it goes, and at the end what it cost, the
rest folded.
"""

from __future__ import annotations

import html
import re
import time
from dataclasses import dataclass, field

from ganapps.engine import Result
from ganapps.report import Report, seconds, size
from ganapps.ui.words import escaped, say
from ganapps.workers.signals import Tick

LEAST = 1.0  # seconds: less is not said to be left, or to be waited for
BAR = '<span class="bar">'
FULL = 0.95  # of the bar, where a run takes longer than was expected


@dataclass
class Pace:
    """How long a run has been at work, and is expected to be (seconds; None: nobody knows); has it
    a GPU that is `lent`?
    """

    expected: float | None = None
    lent: bool = False
    began: float | None = field(default=None, init=False)

    def at_work(self) -> None:
        """It computes now, for the first time or on."""
        if self.began is None:
            self.began = time.monotonic()

    @property
    def passed(self) -> float:
        """Seconds so far."""
        return 0.0 if self.began is None else time.monotonic() - self.began

    def left(self, done: float, total: float) -> float | None:
        """Seconds that the rest takes as long as what was done; at first as was expected, for what
        is new takes longer.
        """
        if done > 0 and total and self.passed >= LEAST:
            return self.passed * (total / done - 1)
        return None if self.expected is None else self.expected - self.passed


def running(
    report: Report, done: float, total: float, pace: Pace, lang: str, note: str = ""
) -> str:
    """A run under way, with its bar."""
    parts = [
        say(lang, "{done} of {total}", done=f"{done:.0f}", total=f"{total:.0f}"),
        say(lang, "{count:network call|network calls}", count=report.network_calls),
    ]
    left = pace.left(done, total)
    if left is not None and left >= LEAST:
        parts.append(say(lang, "about {seconds} left", seconds=seconds(left)))
    if note:
        parts.append(note)
    return line(" · ".join(parts), (done, total), _changed(report, lang) + _of_stop(pace, lang))


def done(report: Report, lang: str, steps: int | None = None) -> str:
    """What a run made, or in how many `steps` it learned; in how long, and what was changed; the
    rest is folded.
    """
    took = seconds(report.seconds)
    if steps is None:
        made = say(
            lang, "{count:picture|pictures} in {seconds}", count=report.pictures, seconds=took
        )
    else:
        made = say(lang, "{count:step|steps} in {seconds}", count=f"{steps:,}", seconds=took)
    short = [made]
    if not report.changes:
        short.append(say(lang, "just as asked"))
    rest = [
        re.sub(r"^(sha256:.{12}).*", r"\1", report.checkpoint),
        report.computed,
        say(lang, "{count:network call|network calls}", count=report.network_calls),
    ]
    if report.peak_memory is not None and report.peak_memory >= 1e6:
        rest.append(say(lang, "{size} peak", size=size(report.peak_memory)))
    elif report.peak_memory is not None:
        rest.append(say(lang, "under 1 MB more memory"))
    folded = (
        f"<details><summary>{escaped(lang, 'Details')}</summary>"
        f"{html.escape(' · '.join(rest))}</details>"
    )
    return line(" · ".join(short), None, _changed(report, lang) + folded)


def waiting(result: Result, lang: str) -> str:
    """What a run waits for: a download, with its bar."""
    sentence = say(lang, result.waiting) if result.waiting else ""
    return line(sentence, (result.done, result.total), "")


def ticked(last: Result | None, tick: Tick, pace: Pace, lang: str) -> str:
    """A run while a step computes or waits for its turn; `last`: what came before."""
    note = _before(tick, lang)
    if not note and tick.share:
        pace.at_work()
    if last is not None and last.waiting and not tick.share:
        return waiting(last, lang)
    if last is not None and not last.waiting:
        return running(last.report, last.done + tick.share, last.total, pace, lang, note)
    if note:
        return line(note, (0.0, 1.0), _of_stop(pace, lang))
    if pace.expected:
        share = min(FULL, pace.passed / pace.expected)
        left = pace.left(0, 0) or 0.0
        said = say(lang, "at work")
        if left >= LEAST:
            said += " · " + say(lang, "about {seconds} left", seconds=seconds(left))
        return line(said, (share, 1.0), _of_stop(pace, lang))
    said = say(lang, "at work" if tick.share else "getting ready")
    return line(said, (tick.share, 1.0), _of_stop(pace, lang))


def line(text: str, bar: tuple[float, float] | None, below: str) -> str:
    """One line (plain text) and what stands below it (HTML); `bar` is how much of how much is done.
    One without a bar is read out.
    """
    if not bar:
        return f'<div class="line said">{html.escape(text)}{below}</div>'
    share = 100 * min(1.0, bar[0] / bar[1]) if bar[1] else 0
    drawn = f'{BAR}<b style="width:{share:.0f}%"></b></span>'
    return f'<div class="line">{html.escape(text)}{drawn}{below}</div>'


def late_stop(lang: str) -> str:
    """Of a GPU that is lent: when it hears Stop."""
    told = escaped(
        lang,
        "Stop is heard when the GPU next answers: one that is still waited for has to come first.",
    )
    return f"<ul><li>{told}</li></ul>"


def noted(shown: str, note: str) -> str:
    """A line that `done` made, the note before it; any other as it is."""
    begins = '<div class="line said">'
    return shown.replace(begins, f"{begins}{html.escape(note)} · ", 1)


def is_running(shown: str) -> bool:
    """Does this line say how far a run is?"""
    return BAR in shown


def plain(shown: str, note: str) -> str:
    """A line (HTML of this file, or "") without its bar and what is folded, a note behind it."""
    short = re.sub(r"<details>.*?</details>", "", shown)
    text = html.unescape(re.sub(r"<[^>]*>", "", short).strip())
    return line(" · ".join(part for part in (text, note) if part), None, "")


def _before(tick: Tick, lang: str) -> str:
    """Who has the device before this run, and for how long."""
    if not tick.before:
        return ""
    if tick.wait is None or tick.wait < LEAST:
        return say(lang, "{count:run|runs} before you", count=tick.before)
    return say(
        lang,
        "{count:run|runs} before you, about {seconds}",
        count=tick.before,
        seconds=seconds(tick.wait),
    )


def _of_stop(pace: Pace, lang: str) -> str:
    return late_stop(lang) if pace.lent else ""


def _changed(report: Report, lang: str) -> str:
    """What was made otherwise than asked, each sentence once."""
    sentences = dict.fromkeys(say(lang, message) for message in report.changes)
    items = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    return f"<ul>{items}</ul>" if items else ""
