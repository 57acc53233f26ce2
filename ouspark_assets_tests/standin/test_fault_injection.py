"""Fault injection: every kind occurs at its rate, reproducibly, and a retry can succeed."""

from collections.abc import Callable
from http import HTTPStatus

import pytest

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.standin.cohorts import Scale
from ouspark_assets.standin.fault_injection import SOFT_ERRORS, FaultInjector
from ouspark_assets.standin.fault_profiles import PROFILES, FaultKind, parse_faults
from ouspark_assets.standin.http_messages import Response
from ouspark_assets.standin.result_pages import ReleasePages
from ouspark_assets.standin.truth import find_no_results
from ouspark_assets.standin.world import World
from ouspark_assets_tests.standin.scraper import scrape

RELEASE = "20240511"
LASTING_PROFILES = {"none", "slow", "damaged", "outage", "no-results"}


@pytest.fixture(scope="module")
def pages() -> ReleasePages:
    world = World(Scale(seed=1, students=3000, releases=1))
    return ReleasePages(world, world.published[0])


@pytest.fixture(scope="module")
def tickets(pages: ReleasePages) -> list[str]:
    return list(pages._world.students)


def request_all(
    faults: str, pages: ReleasePages, tickets: list[str], *, seed: int = 1, times: int = 1
) -> dict[str, list[Response]]:
    injector = FaultInjector(parse_faults(faults), seed)
    return {
        ticket: [injector.answer(RELEASE, ticket, pages, 0.0) for _ in range(times)]
        for ticket in tickets
    }


def is_whole(response: Response, ticket: str, pages: ReleasePages) -> bool:
    return response == Response(pages.answer(ticket))


def is_cut_short(response: Response) -> bool:
    return response.delivery.keeps < 1 or b"</html>" not in response.body


def has_marks(response: Response) -> bool:
    return b'id="AutoNumber4"' in response.body


KINDS: list[tuple[str, float, Callable[[Response], bool]]] = [
    ("errors", 0.10, lambda answer: answer.status is HTTPStatus.INTERNAL_SERVER_ERROR),
    ("errors:0.3", 0.3, lambda answer: b"Apache Tomcat" in answer.body),
    ("resets", 0.05, lambda answer: answer.delivery.resets),
    ("timeouts", 0.02, lambda answer: answer.delivery.never),
    ("drips", 0.05, lambda answer: answer.delivery.drip_seconds == 30),
    ("slow", 1.0, lambda answer: 0.1 < answer.delivery.delay <= 0.3),
    ("truncated", 0.05, is_cut_short),
    ("soft-errors", 0.05, lambda answer: answer.body in SOFT_ERRORS),
    ("wrong-ticket", 0.02, has_marks),
]


@pytest.mark.parametrize(("faults", "rate", "is_fault"), KINDS, ids=[kind[0] for kind in KINDS])
def test_every_fault_occurs_at_about_its_rate(
    pages: ReleasePages,
    tickets: list[str],
    faults: str,
    rate: float,
    is_fault: Callable[[Response], bool],
) -> None:
    answers = request_all(faults, pages, tickets)
    faulty = {
        ticket: answer
        for ticket, (answer,) in answers.items()
        if not is_whole(answer, ticket, pages)
    }
    assert 0.6 * rate < len(faulty) / len(tickets) <= min(1.0, 1.4 * rate)
    assert all(is_fault(answer) for answer in faulty.values())


def test_a_wrong_ticket_answer_is_the_whole_page_of_another_student(
    pages: ReleasePages, tickets: list[str]
) -> None:
    for ticket, (answer,) in request_all("wrong-ticket:1", pages, tickets[:200]).items():
        read = scrape(answer.body)
        assert read is not None
        other = read.details["Hall Ticket No."]
        assert other != ticket
        assert answer.body == pages.answer(other)


def test_truncated_pages_state_either_the_cut_length_or_the_whole_one(
    pages: ReleasePages, tickets: list[str]
) -> None:
    answers = [answer for (answer,) in request_all("truncated:1", pages, tickets[:400]).values()]
    with_cut_length = sum(answer.delivery.keeps == 1 for answer in answers)
    assert 0.4 < with_cut_length / len(answers) < 0.6


@pytest.mark.parametrize(
    "faults", sorted({*PROFILES} - {"none", "slow", "damaged", "outage", "no-results"})
)
def test_faults_are_drawn_again_for_every_retry_and_some_retry_succeeds(
    pages: ReleasePages, tickets: list[str], faults: str
) -> None:
    chosen = f"{faults}:0.3" if faults in ("errors", "resets", "truncated") else faults
    lasting = (FaultKind.OUTAGE, FaultKind.DAMAGED)
    injector = FaultInjector(tuple(f for f in parse_faults(chosen) if f.kind not in lasting), 1)
    for ticket in tickets[:300]:
        answers = [injector.answer(RELEASE, ticket, pages, now) for now in range(12)]
        assert any(is_whole(answer, ticket, pages) for answer in answers)


def test_faults_depend_on_the_seed_and_not_on_the_order_of_requests(
    pages: ReleasePages, tickets: list[str]
) -> None:
    faults = "errors:0.2,truncated:0.2,slow:1"
    first = request_all(faults, pages, tickets[:200], times=3)
    assert request_all(faults, pages, tickets[:200], times=3) == first
    backwards = request_all(faults, pages, tickets[:200][::-1], times=3)
    assert backwards == first
    assert request_all(faults, pages, tickets[:200], seed=2, times=3) != first


def test_a_damaged_page_is_the_same_at_every_request(
    pages: ReleasePages, tickets: list[str]
) -> None:
    damaged = {}
    for ticket, answers in request_all("damaged", pages, tickets, times=3).items():
        assert len({answer.body for answer in answers}) == 1
        if answers[0].body != pages.answer(ticket):
            damaged[ticket] = answers[0].body
    assert 0.02 < len(damaged) / len(tickets) < 0.04
    for ticket, body in damaged.items():
        assert f"&nbsp;{ticket}<".encode() in body
        assert body.index(b'id="AutoNumber3"') < body.index(b'id="AutoNumber6"')
        assert body.rstrip().endswith(b"</html>")
    assert len({body.replace(ticket.encode(), b"") for ticket, body in damaged.items()}) > 8


def test_there_are_eight_kinds_of_damage(pages: ReleasePages, tickets: list[str]) -> None:
    bodies = [answer.body for (answer,) in request_all("damaged:1", pages, tickets[:300]).values()]
    for has_defect in (
        lambda body: b'id="AutoNumber4"' not in body,
        lambda body: b'id="AutoNumber5"' not in body,
        lambda body: b">Name<" not in body,
        lambda body: b">Credits<" not in body and b'id="AutoNumber4"' in body,
        lambda body: b"&nbsp;#REF!<" in body,
        lambda body: b"\x00Z9<" in body,
        lambda body: b"&nbsp;\x00\x01\x02<" in body,
        lambda body: body.count(b"&nbsp;</font>") == 1,
    ):
        assert sum(map(has_defect, bodies)) > 10


def test_requests_above_the_rate_get_429_with_retry_after(
    pages: ReleasePages, tickets: list[str]
) -> None:
    injector = FaultInjector(parse_faults("rate-limit:5"), 1)
    answers = [injector.answer(RELEASE, ticket, pages, 10.5) for ticket in tickets[:8]]
    assert [answer.status for answer in answers] == [200] * 5 + [429] * 3
    assert answers[-1].headers == b"Retry-After: 1\r\n"
    assert injector.answer(RELEASE, tickets[9], pages, 11.0).status == 200


def test_an_outage_begins_after_a_number_of_requests_and_happens_once(
    pages: ReleasePages, tickets: list[str]
) -> None:
    injector = FaultInjector(parse_faults("outage:5"), 1)
    before = [injector.answer(RELEASE, ticket, pages, 100.0) for ticket in tickets[:200]]
    assert all(answer.status == 200 for answer in before)
    during = [injector.answer(RELEASE, tickets[0], pages, 100.0 + second) for second in range(5)]
    assert all(answer.status == 500 for answer in during)
    assert {answer.delivery.resets for answer in during} == {True, False}
    assert injector.is_down(104.9)
    assert not injector.is_down(105.1)
    after = injector.answer(RELEASE, tickets[0], pages, 105.1)
    assert is_whole(after, tickets[0], pages)


def test_the_profile_everything_has_every_kind_of_fault() -> None:
    # No retry brings the result of a student who gets a sentence instead.
    faults = set(FaultKind) - {FaultKind.NO_RESULT}
    assert {fault.kind for fault in parse_faults("everything")} == faults


def test_the_same_students_always_get_the_same_sentence_instead_of_their_result(
    pages: ReleasePages, tickets: list[str]
) -> None:
    without, sentences = [], set()
    for ticket, answers in request_all("no-results", pages, tickets, times=3).items():
        assert len({answer.body for answer in answers}) == 1
        if answers[0].body != pages.answer(ticket):
            without.append(ticket)
            injector = FaultInjector(parse_faults("no-results"), 1)
            sentence = injector.find_sentence(RELEASE, ticket)
            assert sentence is not None
            assert sentence in answers[0].body.decode("cp1252")
            assert b"AutoNumber3" not in answers[0].body
            sentences.add(sentence.replace(ticket, "…"))
    assert 1 / 16 < len(without) / len(tickets) < 1 / 10
    assert len(sentences) == 4
    assert {"…" in sentence for sentence in sentences} == {True, False}


def test_the_exported_truth_lists_the_students_without_a_result(
    pages: ReleasePages, tickets: list[str]
) -> None:
    injector = FaultInjector(parse_faults("no-results"), 1)
    listed = find_no_results(pages._world, injector)
    shown = {ticket for ticket in tickets if injector.answer(RELEASE, ticket, pages, 0.0).body
             != pages.answer(ticket)}  # fmt: skip
    assert set(listed["hall_ticket"]) == shown
    assert set(listed["release"]) == {RELEASE}


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ("rain", "'rain' is not a fault profile. Choose from none, slow"),
        ("errors:lots", "'lots' is not a number"),
        ("errors:1.5", "errors:1.5: the number must be a probability"),
        ("errors:nan", "the number must be a probability"),
        ("outage:0", "the number must be seconds"),
        ("rate-limit:0.5", "the number must be requests per second"),
        ("everything:0.5", "takes no number"),
    ],
)
def test_an_invalid_profile_is_refused_in_one_line(faults: str, message: str) -> None:
    with pytest.raises(OuSparkError) as error:
        parse_faults(faults)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
