"""Answers without a result: a sentence is an answer, trouble of the site is not."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.settings import SiteSettings
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets.sources.results_site.confirmation import MAX_SHARE, share_without_result
from ouspark_assets.sources.results_site.outcomes import (
    Cause,
    Outcome,
    ReleaseSentences,
    Verdict,
    judge_answer,
)
from ouspark_assets.sources.results_site.sentence_rules import read_sentence_rules
from ouspark_assets_tests.sources.results_site.small_site import (
    HEAD,
    RELEASE,
    SETTINGS,
    STUDENTS,
    Answers,
    Sent,
    answers_for,
    found_page,
    found_tickets,
    scrape_site,
    sentence_page,
    small_site,
)

TICKET, OTHER = "160421733001", "160421733002"
UNPAID = "Exam Fee Not Paid"
# Three of the thirty-three students.
WITHOUT = sorted(STUDENTS)[5:30:10]
ORDINARY = answers_for(STUDENTS)


def page_with(sentence: str) -> bytes:
    """Return a page of the usual layout with a sentence instead of the result."""
    return HEAD.format(middle=f"<tr><td><p align=center><b>{sentence}</b></td></tr>").encode()


def judge(body: bytes, ordinary: bytes | None = None, ticket: str = TICKET) -> Verdict:
    """Return the verdict with the known sentences, and an ordinary page if there is one."""
    sentences = ReleaseSentences(read_sentence_rules(None))
    if ordinary is not None:
        sentences.add_ordinary_page(ordinary)
    return judge_answer(body, ticket, 200, sentences)


def sentence_in(body: bytes, ordinary: bytes | None = None) -> str | None:
    """Return the sentence of an answer without a result, None for any other answer."""
    sentences = ReleaseSentences(())
    if ordinary is not None:
        sentences.add_ordinary_page(ordinary)
    verdict = judge_answer(body, TICKET, 200, sentences)
    return sentences.find(verdict.lines) if verdict.outcome is Outcome.NO_RESULT else None


def without_result(*tickets: str, sentence: str = UNPAID) -> Answers:
    """Return the answers of the small site, with a sentence instead of these students' results."""
    return lambda ticket: (
        Sent(page_with(sentence.format(ticket=ticket))) if ticket in tickets else ORDINARY(ticket)
    )


def outcomes_of(archive: PageArchive) -> dict[str, tuple[str, str | None]]:
    """Return outcome and cause of every ticket that was answered or failed."""
    frame = archive.answers(RELEASE).select("hall_ticket", "outcome", "cause")
    return {ticket: (outcome, cause) for ticket, outcome, cause in frame.iter_rows()}


# Recognition


@pytest.mark.parametrize(
    "sentence",
    [UNPAID, f'The Hall Ticket Number "{TICKET}" Is Withheld.', "Contact the <i>principal</i>!",
     "Fee&nbsp;Not&nbsp;Paid", f"{TICKET[:4]} {TICKET[4:6]} {TICKET[6:9]} {TICKET[9:]} is barred"],
)  # fmt: skip
@pytest.mark.parametrize("ordinary", [None, found_page(OTHER), sentence_page(OTHER)])
def test_a_complete_page_of_the_site_with_any_sentence_is_an_answer(
    sentence: str, ordinary: bytes | None
) -> None:
    assert judge(page_with(sentence), ordinary).outcome is Outcome.NO_RESULT


# The layout of another year: no ids, other tags, capitals, and the form above the sentence.
ODD = """<!DOCTYPE html><HTML><BODY><DIV><H2>Osmania University</H2><UL><LI>Home<LI>Results</UL>
<H3>Results of June 2031</H3></DIV><FORM METHOD=POST><LABEL>Hall Ticket No</LABEL>
<INPUT TYPE=text NAME=HTNO value="{value}"><INPUT type=submit value=Go></FORM>
<P>Visitors: {visitors}</P>{middle}</BODY></HTML>"""


def odd_page(middle: str, visitors: int = 7, value: str = "") -> bytes:
    return ODD.format(middle=middle, visitors=visitors, value=value).encode()


ODD_NOT_FOUND = odd_page(f"<p>The Hall Ticket Number {OTHER} is not found", 41)


@pytest.mark.parametrize(
    ("middle", "sentence"),
    [
        ("<div class=msg>Exam Fee<br>Not Paid</div>", "Exam Fee Not Paid"),
        (f"<table><tr><th>{TICKET}<td>EXAM FEE NOT PAID</table>", "EXAM FEE NOT PAID"),
        ("<span>Result  will be\n declared later</span>", "Result will be declared later"),
        (f"<table><tr><td>1<td>{TICKET}<td>12-Jun-2031<td>Not Eligible</table>", "Not Eligible"),
        ("<!-- x --><font color=red>Withheld</font>", "Withheld"),
    ],
)
def test_only_what_other_pages_do_not_show_is_the_sentence(middle: str, sentence: str) -> None:
    assert sentence_in(odd_page(middle), ODD_NOT_FOUND) == sentence


def test_the_bare_form_is_a_failure_in_any_layout() -> None:
    assert judge(page_with("")).cause == Cause.UNKNOWN_PAGE
    assert judge(page_with("&nbsp; 0 -"), found_page(OTHER)).cause == Cause.UNKNOWN_PAGE
    # The number of visitors differs from page to page.
    assert judge(odd_page("", 42), ODD_NOT_FOUND).cause == Cause.UNKNOWN_PAGE


def test_an_answer_about_another_ticket_is_a_failure() -> None:
    assert judge(page_with(f"Hall Ticket {OTHER} Is Withheld")).cause == Cause.WRONG_TICKET
    named = odd_page("Withheld", value=OTHER)
    assert judge(named, ODD_NOT_FOUND).cause == Cause.WRONG_TICKET
    in_cell = odd_page(f"<table><tr><td>{OTHER}</td><td>Withheld</td></tr></table>")
    ordinary = odd_page(f"<table><tr><td>{TICKET}</td><td>is not found</td></tr></table>")
    assert judge(in_cell, ordinary).cause == Cause.WRONG_TICKET
    own = odd_page("Withheld", value=TICKET)
    assert judge(own, ODD_NOT_FOUND).outcome is Outcome.NO_RESULT


@pytest.mark.parametrize("page", [page_with(UNPAID), odd_page("<p>Withheld</p>")])
def test_a_page_truncated_at_any_byte_is_a_failure(page: bytes) -> None:
    for length in range(len(page)):
        assert judge(page[:length]).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "body",
    [
        page_with("OU SERVER ERROR, please try after couple of minutes"),
        page_with("java.sql.SQLException: Io exception"),
        b"<html><body><h1>Exam Fee Not Paid</h1></body></html>",
        b"<html><body><h2>Server is too busy.</h2></body></html>",
        odd_page("<div>Sub Code 601</div><div>A SUBJECT</div><div>Grade Secured B</div>"),
        odd_page("<table><tr><td>601<td>A SUBJECT<td>3<td>B</table>"),
        page_with("lorem ipsum " * 60),
    ],
    ids=["server error", "exception", "no form", "busy", "words of a record", "a record", "long"],
)
def test_trouble_of_the_site_and_unknown_results_are_failures(body: bytes) -> None:
    assert judge(body, ODD_NOT_FOUND).outcome is Outcome.FAILED


# Scrapes


@pytest.mark.parametrize("sentence", [UNPAID, 'The Hall Ticket Number "{ticket}" Is Withheld.'])
def test_students_without_a_result_are_answered_in_two_requests_each(
    archive: PageArchive, sentence: str
) -> None:
    with small_site(without_result(*WITHOUT, sentence=sentence)) as site:
        report = scrape_site(site, archive)
    outcomes = outcomes_of(archive)
    for ticket in WITHOUT:
        assert outcomes[ticket] == ("no_result", sentence.format(ticket=ticket))
    assert report.complete
    assert report.sentences == {sentence.format(ticket="…"): 3}
    assert (report.no_result, report.failed, report.retries) == (3, 0, 0)
    asked = Counter(site.tickets)
    assert {asked[ticket] for ticket in WITHOUT} == {2}
    assert found_tickets(archive) == STUDENTS - {*WITHOUT}


def test_the_second_requests_are_between_two_for_a_student_who_was_found(
    archive: PageArchive,
) -> None:
    with small_site(without_result(*WITHOUT)) as site:
        scrape_site(site, archive)
    before, *repeated, after = site.tickets[-5:]
    assert before == after
    assert before in STUDENTS - {*WITHOUT}
    assert sorted(repeated) == WITHOUT


def test_many_such_answers_in_a_row_open_no_breaker_and_cost_no_concurrency(
    archive: PageArchive,
) -> None:
    # The twenty students in a row are a sixth of the class, and the breaker opens after ten.
    students = {f"160424733{serial:03d}" for serial in range(1, 121)}
    row = {f"160424733{serial:03d}" for serial in range(50, 70)}
    sentence = without_result(*row)

    def answers(ticket: str) -> Sent:
        return sentence(ticket) if ticket in row else answers_for(students)(ticket)

    with small_site(answers) as site:
        report = scrape_site(site, archive, settings=SiteSettings(site_concurrency=2))
    assert report.no_result == 20
    assert report.failed_requests_by_cause == {}
    assert report.seconds_waited_for_site == 0
    # The search went on behind them.
    assert found_tickets(archive) == students - row


def changing(*later: bytes | None, known_later: bytes | None = None) -> Answers:
    """Return the answers of a site that says something else when a ticket is requested again.

    `later` are the answers to the second requests for WITHOUT, None for the same as before;
    `known_later` is that to the second request for any student.
    """
    asked: Counter[str] = Counter()
    first = without_result(*WITHOUT)

    def answer(ticket: str) -> Sent:
        asked[ticket] += 1
        if asked[ticket] > 1 and ticket in WITHOUT and (body := later[WITHOUT.index(ticket)]):
            return Sent(body)
        if asked[ticket] > 1 and ticket not in WITHOUT and known_later is not None:
            return Sent(known_later)
        return first(ticket)

    return answer


def test_the_second_answer_counts_if_it_is_another_one(archive: PageArchive) -> None:
    found, missing, other = WITHOUT
    later = (found_page(found), sentence_page(missing), page_with("Something else"))
    with small_site(changing(*later)) as site:
        report = scrape_site(site, archive)
    outcomes = outcomes_of(archive)
    assert outcomes[found] == ("found", None)
    assert outcomes[missing] == ("not_found", None)
    assert outcomes[other] == ("failed", Cause.ANSWER_CHANGED)
    assert not report.complete


@pytest.mark.parametrize("later", [page_with(UNPAID), sentence_page(min(STUDENTS))])
def test_nothing_counts_if_the_student_known_as_found_is_not_found_any_more(
    archive: PageArchive, later: bytes
) -> None:
    with small_site(changing(None, None, None, known_later=later)) as site:
        settings = SETTINGS.model_copy(update={"site_retries": 1})
        report = scrape_site(site, archive, settings=settings)
    outcomes = outcomes_of(archive)
    assert {outcomes[ticket] for ticket in WITHOUT} == {("failed", Cause.UNCONFIRMED)}
    assert not report.complete
    # The student who was asked again stays found, and no other request was spent.
    assert found_tickets(archive) == STUDENTS - {*WITHOUT}
    assert report.notice is not None
    assert "was not found when they were confirmed" in report.notice
    assert f'"{UNPAID}" (3)' in report.notice


def test_a_maintenance_page_during_the_scrape_costs_no_result(archive: PageArchive) -> None:
    requests = 0

    def answers(ticket: str) -> Sent:
        nonlocal requests
        requests += 1
        is_closed = 15 < requests < 30
        return Sent(page_with("The site is under maintenance")) if is_closed else ORDINARY(ticket)

    with small_site(answers) as site:
        report = scrape_site(site, archive)
    assert found_tickets(archive) == STUDENTS
    assert report.complete
    assert report.no_result == 0


def test_a_maintenance_page_until_the_end_is_a_failure(archive: PageArchive) -> None:
    requests = 0

    def answers(ticket: str) -> Sent:
        nonlocal requests
        requests += 1
        return Sent(page_with("The site is closed")) if requests > 20 else ORDINARY(ticket)

    with small_site(answers) as site:
        report = scrape_site(site, archive)
    assert report.no_result == 0
    assert report.failed > 10
    assert not report.complete
    assert "no_result" not in {outcome for outcome, _ in outcomes_of(archive).values()}


def test_without_any_student_found_no_such_answer_counts(archive: PageArchive) -> None:
    with small_site(lambda _: Sent(page_with("Results will be declared soon"))) as site:
        report = scrape_site(site, archive, tickets=tuple(sorted(STUDENTS)))
    assert set(outcomes_of(archive).values()) == {("failed", Cause.NO_KNOWN_TICKET)}
    assert report.notice is not None
    assert "no student of the release was found" in report.notice
    # Each ticket once: there is nobody to confirm an answer with.
    assert len(site.requests) == len(STUDENTS)


def test_above_a_quarter_of_the_release_no_such_answer_counts(archive: PageArchive) -> None:
    too_many = sorted(STUDENTS)[1::2]
    with small_site(without_result(*too_many)) as site:
        report = scrape_site(site, archive)
    outcomes = outcomes_of(archive)
    assert {outcomes[ticket] for ticket in too_many} == {("failed", Cause.TOO_MANY_WITHOUT_RESULT)}
    assert not report.complete
    assert report.notice is not None
    assert "more than 25%" in report.notice


def test_the_share_is_taken_of_the_classes_that_exist() -> None:
    found = {f"160424733{serial:03d}": Outcome.FOUND for serial in range(1, 31)}
    without = {f"160424733{serial:03d}": Outcome.NO_RESULT for serial in range(31, 42)}
    probes = {f"245324735{serial:03d}": Outcome.NOT_FOUND for serial in range(1, 900)}
    assert share_without_result(found | without | probes) == pytest.approx(11 / 41)
    assert share_without_result(without) == 1.0
    assert share_without_result({}) == 0.0
    # A quarter is not too much.
    quarter = dict(list(without.items())[:10])
    assert share_without_result(found | quarter) == MAX_SHARE


def test_a_whole_section_without_a_result_does_not_end_the_search(archive: PageArchive) -> None:
    students = {f"160424733{serial:03d}" for serial in range(1, 181)}
    section = [f"160424733{serial:03d}" for serial in range(61, 101)]
    withheld = without_result(*section)

    def answers(ticket: str) -> Sent:
        return withheld(ticket) if ticket in section else answers_for(students)(ticket)

    with small_site(answers) as site:
        report = scrape_site(site, archive)
    assert report.no_result == len(section)
    assert found_tickets(archive) == students - {*section}


def test_a_site_that_answers_every_number_so_is_not_asked_for_all_serials(
    archive: PageArchive,
) -> None:
    def answers(ticket: str) -> Sent:
        return ORDINARY(ticket) if ticket in STUDENTS else Sent(page_with("No such candidate"))

    with small_site(answers) as site:
        report = scrape_site(site, archive)
    assert len(site.requests) < 600
    assert not report.complete


def test_a_class_is_found_although_its_first_serials_have_no_result(archive: PageArchive) -> None:
    first = [f"160424733{serial:03d}" for serial in (1, 7)]
    with small_site(without_result(*first)) as site:
        report = scrape_site(site, archive)
    assert report.no_result == 2
    assert found_tickets(archive) == STUDENTS - {*first}


def test_a_site_under_maintenance_is_asked_for_few_serials_of_each_class(
    archive: PageArchive,
) -> None:
    with small_site(lambda _: Sent(page_with("The site is under maintenance"))) as site:
        report = scrape_site(site, archive)
    classes = {ticket[:9] for ticket in site.tickets}
    assert len(site.requests) <= 5 * len(classes)
    assert report.no_result == 0
    assert not report.complete


# The next runs


def test_a_conclusive_answer_is_requested_again_by_a_recheck_only(archive: PageArchive) -> None:
    with small_site(without_result(*WITHOUT)) as site:
        scrape_site(site, archive)
        asked = len(site.requests)
        again = scrape_site(site, archive)
        assert (again.requests, again.complete, len(site.requests)) == (0, True, asked)
        recheck = scrape_site(site, archive, recheck=True)
    assert recheck.no_result == 3
    assert Counter(site.tickets[asked:])[WITHOUT[0]] == 2
    # The student whose fee is paid now.
    with small_site(without_result(*WITHOUT[1:])) as site:
        scrape_site(site, archive, recheck=True)
    assert outcomes_of(archive)[WITHOUT[0]] == ("found", None)


def test_a_new_sentence_of_one_ticket_is_confirmed_with_a_student_of_an_earlier_run(
    archive: PageArchive,
) -> None:
    with small_site(ORDINARY) as site:
        scrape_site(site, archive)
    late = "160424733040"
    with small_site(without_result(late)) as site:
        scrape_site(site, archive, tickets=(late,))
    assert outcomes_of(archive)[late] == ("no_result", UNPAID)
    assert len(site.requests) == 4


def test_a_failure_after_it_does_not_hide_an_answer_without_a_result(archive: PageArchive) -> None:
    with small_site(without_result(*WITHOUT)) as site:
        scrape_site(site, archive)
    with small_site(changing(None, None, None, known_later=page_with(UNPAID))) as site:
        scrape_site(site, archive, recheck=True, settings=SiteSettings(site_retries=1))
    assert outcomes_of(archive)[WITHOUT[0]] == ("no_result", UNPAID)


KILLED_SCRAPE = """
import sys
from ouspark_assets.sources.results_site.archive import PageArchive
from ouspark_assets_tests.sources.results_site.small_site import SmallSite, scrape_site
site = SmallSite(url=sys.argv[1])
scrape_site(site, PageArchive(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_answer_that_was_not_confirmed_before_the_run_died_does_not_count(
    tmp_path: Path, number: signal.Signals
) -> None:
    process: subprocess.Popen[bytes] | None = None
    asked: Counter[str] = Counter()
    answers = without_result(*WITHOUT)

    def kill_at_the_confirmation(ticket: str) -> Sent:
        asked[ticket] += 1
        if asked[ticket] > 1 and process is not None:
            process.send_signal(number)
            return Sent(b"", seconds=5)
        return answers(ticket)

    archive = PageArchive(str(tmp_path))
    with small_site(kill_at_the_confirmation) as site:
        command = [sys.executable, "-c", KILLED_SCRAPE, site.url, str(tmp_path)]
        process = subprocess.Popen(command)
        assert process.wait(30) in (-number, 128 + number)
    assert "no_result" not in {outcome for outcome, _ in outcomes_of(archive).values()}
    with small_site(answers) as site:
        report = scrape_site(site, archive)
    assert report.complete
    assert {outcomes_of(archive)[ticket] for ticket in WITHOUT} == {("no_result", UNPAID)}


# The file of sentences


def own_rules(folder: Path, text: str) -> SiteSettings:
    path = folder / "sentences.csv"
    path.write_text(text)
    return SiteSettings(site_sentences=path)


@pytest.mark.parametrize("outcome", ["not_found", "no_change", "no_result", "failed"])
def test_a_sentence_gets_the_outcome_of_the_operators_file(
    archive: PageArchive, tmp_path: Path, outcome: str
) -> None:
    settings = own_rules(tmp_path, f"pattern,outcome\n# ours\n\nfee * PAID, {outcome}\n")
    settings = settings.model_copy(update={"site_retries": 1})
    with small_site(without_result(*WITHOUT)) as site:
        scrape_site(site, archive, settings=settings)
    assert {outcomes_of(archive)[ticket][0] for ticket in WITHOUT} == {outcome}


def test_the_first_matching_pattern_counts_and_the_operators_come_first(tmp_path: Path) -> None:
    settings = own_rules(tmp_path, 'pattern,outcome\n"withheld, see notice",failed\n')
    sentences = ReleaseSentences(read_sentence_rules(settings.site_sentences))
    assert sentences.outcome_of("Withheld,  see notice 7") is Outcome.FAILED
    assert sentences.outcome_of("withheld") is Outcome.NO_RESULT
    assert sentences.outcome_of("OU SERVER ERROR") is Outcome.FAILED
    assert sentences.outcome_of("never seen") is Outcome.NO_RESULT


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: the header pattern,outcome is missing"),
        ("sentence,means\n", "line 1: the header must be pattern,outcome"),
        ("pattern,outcome\nfee not paid,paid\n", "line 2: the outcome 'paid' must be one of not_"),
        ("pattern,outcome\nfee not paid,found\n", "line 2: the outcome 'found' must be one of"),
        ("pattern,outcome\n\n*,failed\n", "line 3: the pattern '*' has fewer than 4 letters"),
        ("pattern,outcome\nfee, not paid,failed\n", "line 2: 3 values instead of 2"),
        ("pattern,outcome\nfees due,failed\nFees  due,no_result\n", "line 3: the pattern 'Fees"),
        ('pattern,outcome\n"fees,failed\n', "line 2: unexpected end of data"),
    ],
)
def test_a_malformed_file_is_one_line_with_the_place_and_the_reason(
    tmp_path: Path, text: str, problem: str
) -> None:
    settings = own_rules(tmp_path, text)
    with pytest.raises(SiteError) as error:
        read_sentence_rules(settings.site_sentences)
    assert str(settings.site_sentences) in str(error.value)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match=r"of sentences .*none\.csv can't be read: No such"):
        read_sentence_rules(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"pattern,outcome\n\xff\xfe\n")
    with pytest.raises(SiteError, match="it is not UTF-8"):
        read_sentence_rules(tmp_path / "bytes.csv")
