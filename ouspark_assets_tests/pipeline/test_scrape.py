"""The file of hall tickets that a scrape may be limited to."""

from pathlib import Path

import pytest

from ouspark_assets.domain.errors import UsageError
from ouspark_assets.pipeline.scrape import read_tickets_file


def test_each_ticket_is_returned_once_without_comments_and_blank_lines(tmp_path: Path) -> None:
    file = tmp_path / "tickets"
    file.write_text("# class\n160424733001\n\n 160424733002 \n160424733001\n")
    assert read_tickets_file(file) == ("160424733001", "160424733002")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"160424733001\n1604\n", "line 2: a hall ticket has exactly twelve digits"),
        (b"# nothing\n", "contains no hall tickets"),
        (b"\xff\xfe\x00", "it is not a text file"),
    ],
    ids=["too-short", "empty", "binary"],
)
def test_an_unusable_file_is_refused_with_the_reason(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    file = tmp_path / "tickets"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=expected):
        read_tickets_file(file)


def test_a_missing_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_tickets_file(tmp_path / "none")
