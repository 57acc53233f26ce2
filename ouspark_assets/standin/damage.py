"""Pages with broken content: a table or a label gone, cells full of rubbish.

The ticket and the search box stay, so that the page counts as an answer and its content is what is
wrong.
"""

import re
from collections.abc import Callable
from typing import Final

_FIRST_CREDITS: Final = re.compile(rb"&nbsp;(\d(?:\.5)?|=)</font>")
_FIRST_GRADE: Final = re.compile(rb"&nbsp;(S|A|B|C|D|E|F)</font>")
_FIRST_CODE: Final = re.compile(rb"&nbsp;[1-8]\d\d[A-Z]?</font>")
_NAME: Final = re.compile(rb"(>Name<.*?&nbsp;)[^<]*")


def damaged(page: bytes, chance: float) -> bytes:
    """The page with one thing broken; which one depends on the chance."""
    return _WAYS[int(chance * len(_WAYS)) % len(_WAYS)](page)


def _without_table(table: bytes) -> Callable[[bytes], bytes]:
    def without(page: bytes) -> bytes:
        begin = page.rfind(b"<table", 0, max(0, page.find(table)))
        end = page.find(b"</table>", begin)
        return page if begin < 0 else page[:begin] + page[end + len(b"</table>") :]

    return without


def _marks_replaced(pattern: re.Pattern[bytes], by: bytes) -> Callable[[bytes], bytes]:
    def replaced(page: bytes) -> bytes:
        begin = page.find(b'id="AutoNumber4"')
        return page[:begin] + pattern.sub(by, page[begin:], count=1)

    return replaced


def _relabelled(label: bytes, by: bytes) -> Callable[[bytes], bytes]:
    return lambda page: page.replace(label, by, 1)


_WAYS: Final = (
    _without_table(b'id="AutoNumber4"'),
    _without_table(b'id="AutoNumber5"'),
    _relabelled(b">Name<", b">Candidate<"),
    _relabelled(b">Credits<", b">Weightage<"),
    _marks_replaced(_FIRST_CREDITS, b"&nbsp;#REF!</font>"),
    _marks_replaced(_FIRST_GRADE, b"&nbsp;?\xa4\x00Z9</font>"),
    _marks_replaced(_FIRST_CODE, b"&nbsp;</font>"),
    lambda page: _NAME.sub(b"\\g<1>\x00\x01\x02", page, count=1),
)
