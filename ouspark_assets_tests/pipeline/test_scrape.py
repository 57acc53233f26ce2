from pathlib import Path

import pytest

from ouspark_assets.domain.errors import SiteError
from ouspark_assets.pipeline.scrape import read_tickets_file


def test_tickets_are_read_once_each_without_comments_and_blanks(tmp_path: Path) -> None:
    file = tmp_path / "tickets"
    file.write_text("# class\n160424733001\n\n 160424733002 \n160424733001\n")
    assert read_tickets_file(file) == ("160424733001", "160424733002")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"160424733001\n1604\n", "line 2: a hall ticket has exactly twelve digits"),
        (b"# nothing\n", "contains no hall tickets"),
        (b"\xff\xfe\x00", "it is not a text file"),
    ],
    ids=["too-short", "empty", "binary"],
)
def test_a_file_that_can_not_be_used_is_one_clear_line(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "tickets"
    file.write_bytes(content)
    with pytest.raises(SiteError, match=said):
        read_tickets_file(file)


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="No such file"):
        read_tickets_file(tmp_path / "none")
