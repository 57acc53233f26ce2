"""Medians, ratios, budgets: what is made of samples."""

import pytest

from ouspark_assets.bench.figures import Bound, Budget, Figure, Outcome, Samples, Subject, number
from ouspark_assets.bench.plot import ratios_as_svg
from ouspark_assets.bench.rounds import Contender, take_turns


class Silent:
    """Watches and says nothing."""

    def step(self, text: str) -> None:
        self.last = text


OURS = Samples((30.0, 10.0, 20.0), "pages/s")
THEIRS = Samples((10.0, 10.0, 5.0), "pages/s")


def test_samples_are_told_by_their_median_and_their_spread() -> None:
    assert OURS.median == 20
    assert OURS.spread == (10, 30)
    assert str(OURS) == "20.0 (10.0 to 30.0) pages/s"
    assert str(Samples((1234.5,), "rows/s")) == "1,234 rows/s"


def test_a_ratio_is_taken_round_by_round() -> None:
    ratio = Figure("reading", OURS, "theirs", THEIRS).ratio
    assert ratio is not None
    assert ratio.values == (3, 1, 4)


@pytest.mark.parametrize(
    ("bound", "limit", "met"),
    [(Bound.AT_LEAST, 3, True), (Bound.AT_LEAST, 3.1, False), (Bound.AT_MOST, 2.9, False)],
)
def test_a_budget_judges_the_median_ratio(bound: Bound, limit: float, met: bool) -> None:
    assert Figure("reading", OURS, "theirs", THEIRS, Budget(bound, limit)).met is met


def test_a_budget_for_the_value_needs_no_reference() -> None:
    figure = Figure("reading", OURS, budget=Budget(Bound.AT_LEAST, 25, Subject.VALUE))
    assert figure.met is False
    assert figure.budget_text == "≥ 25.0 pages/s"


def test_a_missing_reference_neither_meets_nor_misses_a_budget() -> None:
    figure = Figure("reading", OURS, "theirs", None, Budget(Bound.AT_LEAST, 3))
    assert figure.met is None
    assert Outcome("parse", "Parsing", (figure,)).missed == []


def test_less_time_is_an_advantage_and_more_pages_are() -> None:
    seconds = Samples((2.0,), "s"), Samples((8.0,), "s")
    assert Figure("publishing", seconds[0], "a dump", seconds[1]).advantage == 4
    assert Figure("reading", OURS, "theirs", THEIRS).advantage == 3
    own = Figure("reading", OURS, "ours before", THEIRS, own_reference=True)
    assert own.advantage is None


def test_contenders_take_turns_within_every_round() -> None:
    order: list[str] = []

    def contender(name: str) -> Contender:
        def sample() -> float:
            order.append(name)
            return float(len(order))

        return Contender(name, sample)

    taken = take_turns([contender("A"), contender("B")], 3, "s", Silent())
    assert order == ["A", "B", "A", "B", "A", "B"]
    assert taken["A"].values == (1, 3, 5)
    assert taken["B"].values == (2, 4, 6)


def test_the_json_says_what_was_derived_too() -> None:
    figure = Figure("reading", OURS, "theirs", THEIRS, Budget(Bound.AT_LEAST, 3))
    (told,) = Outcome("parse", "Parsing", (figure,)).as_json()["figures"]
    assert told["ours"]["values"] == OURS.values
    assert (told["median"], told["ratio"], told["met"]) == (20, 3, True)


def test_the_picture_has_a_bar_for_every_reference_of_others_and_escapes_names() -> None:
    figures = (
        Figure("reading", OURS, "a < b", THEIRS, Budget(Bound.AT_LEAST, 3)),
        Figure("again", OURS, "ours", THEIRS, own_reference=True),
        Figure("alone", OURS),
    )
    picture = ratios_as_svg([Outcome("parse", "Parsing", figures)])
    assert picture.count("<rect") == 1
    assert "3.00 × a &lt; b" in picture


@pytest.mark.parametrize(
    ("value", "text"), [(0.034, "0.03"), (12.34, "12.3"), (1234567, "1,234,567"), (-5.5, "-5.50")]
)
def test_numbers_have_as_many_digits_as_count(value: float, text: str) -> None:
    assert number(value) == text
