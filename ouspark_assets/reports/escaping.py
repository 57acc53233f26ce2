"""Text as it may stand in a cell: a program that opens the file must not run it.

Also true for whoever saves the sheet as CSV and opens that, hence an apostrophe and not a cell
type alone.
"""

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cell(text: str) -> str:
    """The text, with an apostrophe before whatever a spreadsheet would take for a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(DANGEROUS) else text
