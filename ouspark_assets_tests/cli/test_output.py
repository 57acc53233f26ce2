"""Tables: no cell is cut and no word is broken, in terminals of any width and in files."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from ouspark_assets.cli.output import print_table, share_width

ROW = ("analytics.revaluation_impact", "as published", "bf69930c53425491")


def printed(width: int, *, terminal: bool = True) -> list[str]:
    """Return the lines of a table that is printed at this width."""
    file = io.StringIO()
    table = Table("table", "verdict", "checksum", pad_edge=False)
    table.add_row(*ROW)
    print_table(Console(file=file, width=width, force_terminal=terminal, color_system=None), table)
    return file.getvalue().splitlines()


@pytest.mark.parametrize("width", [100, 80, 64, 60, 54, 53, 40])
def test_words_stay_whole_in_a_terminal_of_any_width(width: int) -> None:
    lines = printed(width)
    assert max(map(len, lines)) <= width
    words = " ".join(lines).replace("│", " ").split()
    assert {word for cell in ROW for word in cell.split()} <= set(words)


def test_a_table_that_does_not_fit_becomes_a_block_of_lines_per_row() -> None:
    assert printed(40) == [
        "table: analytics.revaluation_impact",
        "verdict: as published",
        "checksum: bf69930c53425491",
    ]


def test_a_file_gets_as_many_columns_as_the_table_needs() -> None:
    assert any(
        all(word in line for word in (ROW[0], ROW[2])) for line in printed(40, terminal=False)
    )


def test_narrow_columns_get_their_natural_width_before_wide_ones() -> None:
    assert share_width([2, 5, 5], [4, 5, 50], 20) == [4, 5, 11]
    assert share_width([2, 5], [4, 6], 20) == [4, 6]
    assert share_width([1, 1, 1], [9, 9, 9], 12) == [4, 4, 4]
