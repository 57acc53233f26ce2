"""From bytes to text and from a cell's text to its normal form.

Characters only: what a text means is decided elsewhere.
"""

import html
import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# What Windows puts where ISO-8859-1 has control characters; the five bytes it leaves open stay.
_WINDOWS_1252 = {
    byte: bytes([byte]).decode("cp1252")
    for byte in range(0x80, 0xA0)
    if byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}

# No column takes as much. Ordering a run of combining marks takes the square of its length.
LONGEST_COMPOSED = 2_000
_ENTITY = re.compile(r"&#?\w{1,31};")


def decoded(body: bytes) -> str:
    """The text of a page: UTF-8 if every byte fits it, else Windows-1252; NUL never survives."""
    if body.isascii():
        text = body.decode("ascii")
    else:
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = body.decode("iso-8859-1").translate(_WINDOWS_1252)
    return text.replace("\0", REPLACEMENT)


def normalised(text: str) -> str:
    """NFKC, entities resolved, every run of white space (no-break included) one blank, trimmed.

    Texts far too long for any column stay as they are composed.
    """
    text = " ".join(text.split())
    if "&" in text and ";" in text:
        # Pages escape twice now and then: `&amp;amp;` arrives here as `&amp;`. Without the
        # semicolon it is what somebody wrote: "M&LT" is no less-than.
        text = " ".join(_ENTITY.sub(lambda it: html.unescape(it[0]), text).split())
    if len(text) <= LONGEST_COMPOSED and not text.isascii():
        text = " ".join(unicodedata.normalize("NFKC", text).split())
    return text
