"""Medians, ratios and budgets derived from samples."""

import pytest

from ouspark_assets.bench.benchmark import Contender, measure_in_turns
from ouspark_assets.bench.figures import (
    Bound,
    Budget,
    Figure,
    Outcome,
    Samples,
    Subject,
    format_number,
)
from ouspark_assets.bench.plot import ratios_as_svg


class NoProgress:
    """Progress that shows nothing."""

    def step(self, text: str) -> None:
        self.last = text


MEASURED = Samples((30.0, 10.0, 20.0), "pages/s")
REFERENCE = Samples((10.0, 10.0, 5.0), "pages/s")


def test_samples_are_shown_as_median_and_spread() -> None:
    assert MEASURED.median == 20
    assert MEASURED.spread == (10, 30)
    assert str(MEASURED) == "20.0 (10.0 to 30.0) pages/s"
    assert str(Samples((1234.5,), "rows/s")) == "1,234 rows/s"


def test_the_ratio_is_computed_per_round() -> None:
    ratio = Figure("reading", MEASURED, "reference", REFERENCE).ratio
    assert ratio is not None
    assert ratio.values == (3, 1, 4)


@pytest.mark.parametrize(
    ("bound", "limit", "met"),
    [(Bound.AT_LEAST, 3, True), (Bound.AT_LEAST, 3.1, False), (Bound.AT_MOST, 2.9, False)],
)
def test_a_budget_limits_the_median_ratio(bound: Bound, limit: float, met: bool) -> None:
    assert Figure("reading", MEASURED, "reference", REFERENCE, Budget(bound, limit)).met is met


def test_a_budget_for_the_value_needs_no_reference() -> None:
    figure = Figure("reading", MEASURED, budget=Budget(Bound.AT_LEAST, 25, Subject.VALUE))
    assert figure.met is False
    assert figure.budget_text == "≥ 25.0 pages/s"


def test_a_budget_without_its_reference_is_neither_met_nor_missed() -> None:
    figure = Figure("reading", MEASURED, "reference", None, Budget(Bound.AT_LEAST, 3))
    assert figure.met is None
    assert Outcome("parse", "Parsing", (figure,)).missed == []


def test_less_time_and_more_pages_per_second_are_advantages() -> None:
    seconds = Samples((2.0,), "s"), Samples((8.0,), "s")
    assert Figure("publishing", seconds[0], "a dump", seconds[1]).advantage == 4
    assert Figure("reading", MEASURED, "reference", REFERENCE).advantage == 3
    own = Figure("reading", MEASURED, "another figure", REFERENCE, own_reference=True)
    assert own.advantage is None


def test_contenders_alternate_within_every_round() -> None:
    order: list[str] = []

    def contender(name: str) -> Contender:
        def sample() -> float:
            order.append(name)
            return float(len(order))

        return Contender(name, sample)

    taken = measure_in_turns([contender("A"), contender("B")], 3, "s", NoProgress())
    assert order == ["A", "B", "A", "B", "A", "B"]
    assert taken["A"].values == (1, 3, 5)
    assert taken["B"].values == (2, 4, 6)


def test_the_json_has_the_derived_values() -> None:
    figure = Figure("reading", MEASURED, "reference", REFERENCE, Budget(Bound.AT_LEAST, 3))
    (printed,) = Outcome("parse", "Parsing", (figure,)).as_json()["figures"]
    assert printed["ours"]["values"] == MEASURED.values
    assert (printed["median"], printed["ratio"], printed["met"]) == (20, 3, True)


def test_the_chart_has_a_bar_per_external_reference_and_escapes_names() -> None:
    figures = (
        Figure("reading", MEASURED, "a < b", REFERENCE, Budget(Bound.AT_LEAST, 3)),
        Figure("again", MEASURED, "another figure", REFERENCE, own_reference=True),
        Figure("alone", MEASURED),
    )
    picture = ratios_as_svg([Outcome("parse", "Parsing", figures)])
    assert picture.count("<rect") == 1
    assert "3.00 × a &lt; b" in picture


@pytest.mark.parametrize(
    ("value", "text"), [(0.034, "0.03"), (12.34, "12.3"), (1234567, "1,234,567"), (-5.5, "-5.50")]
)
def test_numbers_have_three_significant_digits(value: float, text: str) -> None:
    assert format_number(value) == text
