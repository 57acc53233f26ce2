"""Result pages with random damage from a seed: cut, spliced, scrambled, hostile text inserted."""

import random
from collections.abc import Callable
from dataclasses import replace

from ouspark_assets_tests.pages.page_builder import FOUR_COLUMNS, ResultPage, notice_page

SNIPPETS = (
    b"\0", b"\xff\xfe", b"\x81\x8d", b"&#0;", b"&#x202E;", b"&#xD800;", b"&nbsp;", b"&amp;amp;",
    b"<table>", b"</table>", b"<tr>", b"</tr>", b"<td>", b"</td>", b"<td colspan=5>", b"<b", b">",
    b"</html>", b"<!--", b"-->", b"<script>", b"</script>", b"<table id=AutoNumber4>", b"'; DROP--",
    b"Name", b"Hall Ticket No.", b"Sub Code", b"Semester", b"=", b"-", b"Ab", b"9", b"1e9", b"NaN",
    b"\xe2\x80\xae", b"\r\n", b"\x0b",
)  # fmt: skip
MAX_CUT = 400


def damage_page(seed: int) -> tuple[str, bytes]:
    """Return a hall ticket and its page, damaged in up to five places."""
    chance = random.Random(seed)
    ticket = _ticket(chance)
    body = _base(chance, ticket)
    for _ in range(chance.randrange(6)):
        body = chance.choice(MUTATIONS)(chance, body)
    return ticket, body


def _ticket(chance: random.Random) -> str:
    return f"1604{chance.randrange(18, 26)}733{chance.randrange(1000):03d}"


def _base(chance: random.Random, ticket: str) -> bytes:
    plain = ResultPage()
    shown = _ticket(chance) if chance.random() < 0.05 else ticket
    personal = (("Hall Ticket No.", shown, "Gender", "MALE"), *plain.personal[1:])
    page = replace(plain, personal=personal, personal_ends=chance.choice(["", plain.personal_ends]))
    if chance.random() < 0.3:
        page = replace(page, marks_header=FOUR_COLUMNS)
    if chance.random() < 0.02:
        return notice_page(f'The Hall Ticket Number "{shown}" Is Not Found.')
    return page.body()


def _place(chance: random.Random, body: bytes) -> tuple[int, int]:
    begin = chance.randrange(len(body) + 1)
    return begin, min(len(body), begin + chance.randrange(MAX_CUT))


def _cut_out(chance: random.Random, body: bytes) -> bytes:
    begin, end = _place(chance, body)
    return body[:begin] + body[end:]


def _cut_off(chance: random.Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _repeat(chance: random.Random, body: bytes) -> bytes:
    begin, end = _place(chance, body)
    return body[:end] + body[begin:end] * chance.randrange(1, 4) + body[end:]


def _move(chance: random.Random, body: bytes) -> bytes:
    begin, end = _place(chance, body)
    rest = body[:begin] + body[end:]
    at = chance.randrange(len(rest) + 1)
    return rest[:at] + body[begin:end] + rest[at:]


def _insert(chance: random.Random, body: bytes) -> bytes:
    at = chance.randrange(len(body) + 1)
    return body[:at] + chance.choice(SNIPPETS) * chance.choice([1, 1, 1, 30]) + body[at:]


def _flip(chance: random.Random, body: bytes) -> bytes:
    damaged = bytearray(body)
    for _ in range(chance.randrange(1, 20)):
        if damaged:
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    return bytes(damaged)


def _replace_value(chance: random.Random, body: bytes) -> bytes:
    """Replace the text of a value and keep the markup around it."""
    at = body.find(b"&nbsp;", chance.randrange(len(body) + 1))
    end = body.find(b"<", at)
    return body if at < 0 or end < 0 else body[:at] + chance.choice(SNIPPETS) + body[end:]


MUTATIONS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    _cut_out, _cut_off, _repeat, _move, _insert, _flip, _replace_value, _replace_value,
)  # fmt: skip
