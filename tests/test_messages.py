"""What is said to a person: one sentence with its values, in English or Chinese."""

from __future__ import annotations

import copy
import pickle

import pytest

from ganapps.errors import LONGEST, Message, UserError, WeightsError
from ganapps.models.hub import Progress
from ganapps.report import Report
from ganapps.settings import check
from ganapps.tasks import learn
from ganapps.ui.words import escaped, say

FEWER = Message("Out of memory: {count} at a time instead.", count=8)


def test_a_message_is_its_template_and_its_values() -> None:
    assert str(FEWER) == f"{FEWER}" == "Out of memory: 8 at a time instead."
    assert FEWER == ("Out of memory: {count} at a time instead.", {"count": 8})
    assert str(Message("{template} is no {self}.", template="a", self="b")) == "a is no b."


def test_values_are_shortened_in_a_message_and_so_in_an_error() -> None:
    for said in (Message("{text}", text="x" * 999), UserError("{text}", text="x" * 999)):
        assert len(str(said)) == LONGEST and str(said).endswith("x...")
    assert Message("{n:.1f}", n=2.345).values == {"n": 2.345}, "a number can still be formatted"
    assert len(str(Message("{n}", n=10**400))) == LONGEST


@pytest.mark.parametrize("kind", [UserError, WeightsError])
def test_an_error_holds_a_message_and_can_name_another_as_its_reason(kind: type) -> None:
    error = kind("{file} can't be used: {why}.", file="a.pt", why=UserError("No {what}", what="b"))
    assert str(error) == "a.pt can't be used: No b."
    assert error.message.values["why"] == Message("No {what}", what="b")


def test_messages_and_errors_cross_to_another_process_whole() -> None:
    for again in (pickle.loads(pickle.dumps(FEWER)), copy.deepcopy(FEWER)):
        assert again == FEWER and type(again) is Message
    error = WeightsError("{file}: {why}", file="a.pt", why=UserError("No {what}", what="b"))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is WeightsError and again.message == error.message


@pytest.mark.parametrize(
    "count, english, chinese",
    [(0, "0 pictures", "0 张图"), (1, "1 picture", "1 张图"), ("1", "1 picture", "1 张图")]
    + [(2, "2 pictures", "2 张图"), ("1,000", "1,000 pictures", "1,000 张图")],
)
def test_one_is_one_picture(count: int | str, english: str, chinese: str) -> None:
    template = "{count:picture|pictures}"
    assert str(Message(template, count=count)) == english
    assert say("en", template, count=count) == english
    assert say("zh", template, count=count) == chinese


def test_a_message_is_said_in_the_visitors_language() -> None:
    assert say("en", FEWER) == str(FEWER)
    assert say("zh", FEWER) == "内存不足：改为每次 8 张。"
    reason = Message("The setting {name} is missing.", name="<seed>")
    both = WeightsError("{file} can't be used: {why}.", file="a.pt", why=reason).message
    assert say("zh", both) == f"a.pt 无法使用：{say('zh', reason)}。"
    assert "&lt;seed&gt;" in escaped("zh", both) and "<" not in escaped("zh", both)


def test_the_window_says_a_setting_by_its_label_and_programs_by_its_name() -> None:
    with pytest.raises(UserError) as refused:
        check(learn.learn, {"depth": 9})
    crossed = pickle.loads(pickle.dumps(refused.value))
    for message in (refused.value.message, crossed.message):
        assert str(message) == "The setting depth is 9: from 1 to 4 is accepted."
        assert say("en", message) == "The setting “Layers” is 9: from 1 to 4 is accepted."
        assert "“层数”" in say("zh", message)


def test_all_that_tells_a_person_something_tells_it_by_a_message() -> None:
    report = Report("small", "CPU", "float32", "m.pt", changes=(FEWER,))
    assert report.as_dict()["changes"] == [str(FEWER)]
    assert str(Progress(1, 2, FEWER)) == str(FEWER)
