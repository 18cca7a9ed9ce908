"""A sentence about a face, in English or Chinese -> labels, word by word; what is not understood is
kept apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple

from ganapps.errors import UserError
from ganapps.tasks.labels import Labels

# What words set: label -> its value, as a person could set it. A phrase has _ between its words.
THINGS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("woman female girl lady she 女人 女性 女士 女子 女孩 女生 女 她", {"gender": 0.0}),
    ("man male boy gentleman he 男人 男性 男士 男子 男孩 男生 男 他", {"gender": 1.0}),
    ("old elderly senior grandmother grandfather 老人 老年 老 年老 年长 年迈", {"age": 70}),
    ("middle-aged middle_aged 中年", {"age": 48}),
    ("young youthful 年轻 年青 青年", {"age": 22}),
    ("african 非洲 非洲人 黑人", {"ancestry": "African"}),
    ("asian 亚洲 亚洲人 亚裔", {"ancestry": "Asian"}),
    ("european caucasian 欧洲 欧洲人 白人", {"ancestry": "European"}),
    ("smiling smile smiles happy cheerful 微笑 笑容 笑 开心 高兴", {"smile": 0.9}),
    ("laughing laughs laugh grinning 大笑", {"smile": 1.0}),
    ("serious stern unsmiling sad 严肃 不笑 悲伤 难过", {"smile": 0.0}),
    ("bearded beard 胡子 胡须 络腮胡 大胡子", {"beard": 0.9}),
    ("stubble unshaven 胡茬", {"beard": 0.4}),
    ("beardless clean-shaven", {"beard": 0.0}),
    ("glasses spectacles eyeglasses 眼镜", {"glasses": "dark frame"}),
    ("bald no_hair 光头 秃头 秃顶", {"hair": "bald"}),
    ("crew_cut buzz_cut 寸头 平头", {"hair": "shaved"}),
    ("curly frizzy curls 卷发 卷 爆炸头", {"hair": "afro"}),
    ("fringe bangs 刘海", {"hair": "short with fringe"}),
    ("bob 波波头", {"hair": "bob with parting"}),
    ("ponytail bun 马尾 马尾辫 扎起", {"hair": "tied back"}),
    ("long long-haired 长发 长", {"hair": "long"}),
    ("short short-haired 短发 短", {"hair": "swept to one side"}),
    ("blond blonde fair-haired 金发", {"hair_colour": "#d8b060"}),
    ("brunette brown-haired 棕发 褐发", {"hair_colour": "#5a3a22"}),
    ("black-haired dark-haired dark_hair 黑发 深色头发", {"hair_colour": "#17130f"}),
    ("redhead red-haired 红发", {"hair_colour": "#a0401c"}),
    ("grey-haired gray-haired 灰发", {"hair_colour": "#8a8a8a"}),
    ("white-haired 白发", {"hair_colour": "#e8e8e8"}),
    ("dark_background 深色背景", {"background_colour": "#202020"}),
    ("light_background bright_background 浅色背景", {"background_colour": "#d8d8d8"}),
    ("left leftwards 左 左边 左侧 向左 朝左", {"yaw": -22}),
    ("right rightwards 右 右边 右侧 向右 朝右", {"yaw": 22}),
    ("frontal straight ahead forward forwards 正面 正脸 前方 向前", {"yaw": 0}),
    ("up upwards 上 向上 朝上 上方 抬头", {"pitch": 8}),
    ("down downwards 下 向下 朝下 下方 低头", {"pitch": -8}),
    ("light_from_the_left lit_from_the_left 左侧光 左边的光", {"light_az": -70}),
    ("light_from_the_right lit_from_the_right 右侧光 右边的光", {"light_az": 70}),
    ("soft_light 柔光", {"contrast": 0.2}),
    ("hard_light 硬光", {"contrast": 0.85}),
    ("bright brightly 明亮 亮", {"exposure": 0.35}),
    ("dark dim 昏暗 暗", {"exposure": -0.4}),
)
# Words that say little of a label and give way to one that says more.
WEAK = frozenset("long short 长 短 长发 短发".split())
# A colour belongs to the noun behind it, or to the one before it where "is" stands between.
NOUNS: Mapping[str, str] = {
    **dict.fromkeys(("hair", "头发", "发"), "hair_colour"),
    **dict.fromkeys(("background", "背景"), "background_colour"),
}
COLOURS: Mapping[str, str] = {
    **dict.fromkeys("black 黑色 黑".split(), "#17130f"),
    **dict.fromkeys("white 白色 白".split(), "#e8e8e8"),
    **dict.fromkeys("grey gray silver 灰色 灰 银色 花白".split(), "#8a8a8a"),
    **dict.fromkeys("brown 棕色 棕 褐色".split(), "#5a3a22"),
    **dict.fromkeys("golden yellow 金色 黄色".split(), "#d8b060"),
    **dict.fromkeys("red ginger auburn 红色 红".split(), "#a0401c"),
    **dict.fromkeys("blue 蓝色 蓝".split(), "#2d50b0"),
    **dict.fromkeys("green 绿色 绿".split(), "#2f7d46"),
}
IS = frozenset("is are 是".split())
NO = frozenset(
    "no not without never isn't aren't doesn't don't hasn't haven't 没有 没 无 不".split()
)
# A denial goes on behind "or", and behind "and" where a thing follows: "no beard and glasses", but
# not "no beard and smiling", nor "no beard and a smile".
EITHER = frozenset("or nor 或".split())
JOINS = EITHER | frozenset("and 和 与".split())
THINGS_DENIED = frozenset(
    "glasses spectacles eyeglasses beard stubble smile 眼镜 胡子 胡须 络腮胡 大胡子 胡茬 "
    "笑容".split()
)
# What is set where a thing is denied.
DENIED: Mapping[str, Any] = {"glasses": "none", "beard": 0.0, "smile": 0.0}
# Words that say nothing of their own here.
EMPTY = frozenset(
    (
        "a an the of with in on at to from by is are has have wearing wears who whose that "
        "this looking looks look turned turning facing face head person portrait picture photo "
        "photograph some very quite rather his her their light lit colour color coloured colored "
        "haired wear worn about around but 一 一个 一位 一名 一张 个 位 名 戴着 戴 留着 留 "
        "有着 有 的 地 得 着 了 且 又 也 脸 脸上 头像 照片 人 看着 看 面向 面朝 朝 向 在 是 "
        "很 非常 略 光线 光 颜色 色 左右 大约 大概"
    ).split()
)
ONES = "one two three four five six seven eight nine".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
SPELLED: Mapping[str, int] = {
    "eighteen": 18,
    "nineteen": 19,
    **{
        f"{ten}{gap}{one}": 10 * t + o
        for t, ten in enumerate(TENS, 2)
        for o, one in enumerate(ONES, 1)
        for gap in " -"
    },
    **{ten: 10 * t for t, ten in enumerate(TENS, 2)},
}
DIGITS = "一二三四五六七八九"
DECADES: Mapping[str, int] = {f"{ten[:-1]}ies": 10 * t for t, ten in enumerate(TENS, 2)}
WITHIN = 5  # years: who is in their twenties is drawn at 25
HAN = "\u4e00-\u9fff"
LETTER = rf"[^\W\d_{HAN}]"
NUMBER = rf"\d{{1,3}}|(?:{'|'.join(SPELLED)})(?!{LETTER})"
TOKEN = re.compile(
    rf"aged\s+(?P<aged>{NUMBER})"
    rf"|(?P<years>{NUMBER})[\s-]*(?:years?(?:[\s-]*old)?|来?岁)"
    rf"|(?P<tens>[{DIGITS}]?十[{DIGITS}]?)来?岁"
    rf"|(?P<decade>{'|'.join(DECADES)}|[1-9]0'?s)(?!{LETTER})"
    rf"|(?P<over>[{DIGITS}]?十|[1-9]0)[多几余]岁"
    rf"|(?P<word>{LETTER}+(?:['’-]{LETTER}+)*)"
    rf"|(?P<han>[{HAN}])"
    rf"|(?P<other>\d+|_+)"
    rf"|(?P<stop>[,.;:!?，。；：！？、]+)"
)
LONGEST = 6  # words of an English phrase, characters of a Chinese one
SAME = 0.25  # of a label's range: two words that differ by less say one thing

Kind = Literal["sets", "colour", "noun", "is", "no", "joins", "stop", "empty", "unknown"]


class Token(NamedTuple):
    """A piece of a sentence: its text, what kind of word it is, and what it sets."""

    text: str
    kind: Kind
    sets: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Word:
    """A word, or a few, of a sentence and the labels that it sets."""

    text: str
    sets: Mapping[str, Any]


@dataclass
class Understood:
    """What was made of a sentence: its words with labels, those that said nothing here, and (word,
    stronger word) where one gave way.
    """

    words: list[Word] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)
    gave_way: list[tuple[str, str]] = field(default_factory=list)

    @property
    def labels(self) -> dict[str, Any]:
        """All that is set."""
        return {name: value for word in self.words for name, value in word.sets.items()}


def understood(sentence: str, table: Labels) -> Understood:
    """The labels of `table` that a sentence sets. Raises UserError where two words set one label to
    different values, or one sets what the label can't be.
    """
    controls = {control["id"]: control for control in table.controls}
    found = Understood()
    for word in _meant(_tokens(sentence.lower().replace("’", "'"), table)):
        if isinstance(word, str):
            found.not_understood.append(word)
            continue
        sets = {name: value for name, value in word.sets.items() if name in controls}
        if not sets:
            found.not_understood.append(word.text)
            continue
        table.numbers(sets)
        _add(found, Word(word.text, sets), controls)
    return found


def _meant(tokens: Iterator[Token]) -> Iterator[Word | str]:
    """What tokens say together: words that set something, and texts that are not understood."""
    colour: Token | None = None
    noun: Token | None = None
    linked = False
    denies = denied = ""  # the denial of what comes, and of what came just before
    for token in tokens:
        no, joined = denies, denied
        denied = ""
        if token.kind not in ("empty", "is"):
            denies = ""
        if token.kind == "no":
            denies = token.text
        elif token.kind == "joins" and token.text in EITHER:
            denies = joined
        elif token.kind == "joins":
            denied = joined
        elif token.kind == "is":
            linked = noun is not None
        elif token.kind == "colour" and no:
            yield _with(no, token)
            noun, linked = None, False
        elif token.kind == "colour" and noun is not None and linked:
            yield _coloured(token, noun)
            noun, linked = None, False
        elif token.kind == "colour":
            if colour is not None:
                yield colour.text
            colour = token
        elif token.kind == "noun" and colour is not None:
            yield _coloured(colour, token)
            colour = None
        elif token.kind == "noun":
            noun = token
        elif token.kind == "unknown":
            yield _with(no, token)
        elif token.kind == "sets" and (no or (joined and token.text in THINGS_DENIED)):
            denied = no or joined
            yield _denied(denied, token)
        elif token.kind == "sets":
            yield Word(token.text, token.sets)
    if colour is not None:
        yield colour.text


def _with(before: str, token: Token) -> str:
    """The word, and the one before it that denies or colours it, where there is one."""
    between = " " if before and before.isascii() else ""
    return f"{before}{between}{token.text}"


def _coloured(colour: Token, noun: Token) -> Word:
    return Word(_with(colour.text, noun), {NOUNS[noun.text]: COLOURS[colour.text]})


def _denied(no: str, token: Token) -> Word:
    sets = {name: DENIED[name] for name in token.sets if name in DENIED}
    return Word(_with(no, token), sets)


def _add(found: Understood, word: Word, controls: Mapping[str, Mapping[str, Any]]) -> None:
    """The word among the others. Raises UserError where one of them says otherwise."""
    for other in list(found.words):
        shared = [name for name in word.sets if name in other.sets]
        if not any(_differ(word.sets[n], other.sets[n], controls[n]) for n in shared):
            continue
        if word.text in WEAK and other.text not in WEAK:
            found.gave_way.append((word.text, other.text))
            return
        if other.text in WEAK and word.text not in WEAK:
            found.gave_way.append((other.text, word.text))
            found.words.remove(other)
            continue
        raise UserError(
            "{first} and {second} say two things of {label}: leave one out.",
            first=other.text,
            second=word.text,
            label=controls[shared[0]]["title"],
        )
    found.words.append(word)


def _differ(a: Any, b: Any, control: Mapping[str, Any]) -> bool:
    if control["kind"] == "number":
        return abs(a - b) > SAME * (control["max"] - control["min"])
    return bool(a != b)


def _tokens(sentence: str, table: Labels) -> Iterator[Token]:
    """The sentence in pieces: the longest phrases that are known, ages, and what is left over."""
    lexicon = {**_options(table), **_lexicon()}
    parts = list(TOKEN.finditer(sentence))
    place = 0
    unknown = ""
    while place < len(parts):
        token, used = _next(parts[place : place + LONGEST], lexicon)
        if token.kind == "unknown" and parts[place]["han"]:
            unknown += token.text  # Chinese has no spaces: what is unknown stays together
        else:
            if unknown:
                yield Token(unknown, "unknown")
            unknown = ""
            yield token
        place += used
    if unknown:
        yield Token(unknown, "unknown")


def _next(parts: list[re.Match[str]], lexicon: Mapping[str, Token]) -> tuple[Token, int]:
    """The first piece of what is left, and of how many parts it is."""
    first = parts[0]
    text = first.group()
    if first["stop"]:
        return Token(text, "stop"), 1
    if age := first["aged"] or first["years"]:
        return Token(text.strip(), "sets", {"age": SPELLED.get(age) or int(age)}), 1
    if first["tens"]:
        return Token(text, "sets", {"age": _tens(first["tens"])}), 1
    if decade := first["decade"] or first["over"]:
        return Token(text, "sets", {"age": _decade(decade) + WITHIN}), 1
    kind = "han" if first["han"] else "word"
    same = [part.group() for part in parts if part[kind]]
    for count in range(len(same), 0, -1):
        if all(part[kind] for part in parts[:count]):
            phrase = ("" if kind == "han" else "_").join(part.group() for part in parts[:count])
            if phrase in lexicon:
                return lexicon[phrase], count
    return Token(text, "unknown"), 1


def _tens(text: str) -> int:
    """二十三 -> 23"""
    tens, _, ones = text.partition("十")
    first = DIGITS.index(tens) + 1 if tens else 1
    return 10 * first + (DIGITS.index(ones) + 1 if ones else 0)


def _decade(text: str) -> int:
    """thirties, 30s, 三十, 30 -> 30"""
    if "十" in text:
        return _tens(text)
    return DECADES.get(text) or int(text[:2])


@cache
def _lexicon() -> Mapping[str, Token]:
    known: dict[str, Token] = {word: Token(word, "empty") for word in EMPTY}
    for words, sets in THINGS:
        known |= {word: Token(word.replace("_", " "), "sets", sets) for word in words.split()}
    known |= {word: Token(word, "colour") for word in COLOURS}
    known |= {word: Token(word, "noun") for word in NOUNS}
    known |= {word: Token(word, "is") for word in IS}
    known |= {word: Token(word, "joins") for word in JOINS}
    return known | {word: Token(word, "no") for word in NO}


def _options(table: Labels) -> dict[str, Token]:
    """What the table's own choices are called: "swept back", or a class of things."""
    found = {}
    for control in table.controls:
        if control["kind"] == "choice":
            for option in control["options"]:
                words = "_".join(re.findall(r"[a-z]+(?:['’-][a-z]+)*", option.lower()))
                if words not in ("", "none", "mixed"):
                    found[words] = Token(words.replace("_", " "), "sets", {control["id"]: option})
    return found
