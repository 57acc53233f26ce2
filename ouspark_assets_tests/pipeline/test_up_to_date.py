"""What a follow-up depends on: a change of any of it makes the next run compute again."""

from pathlib import Path

import pytest

from ouspark_assets.pipeline.up_to_date import follow_up_digest
from ouspark_assets.settings import load_settings
from ouspark_assets.warehouse.core.connection import Connection


def test_a_change_of_the_operators_file_of_equivalent_codes_is_noticed(
    development: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = tmp_path / "codes.csv"
    digests = [follow_up_digest(development, load_settings())]
    monkeypatch.setenv("OUSPARK_EQUIVALENT_CODES", str(codes))
    digests.append(follow_up_digest(development, load_settings()))
    for line in ("", "451,PC451CS,syllabus\n"):
        codes.write_text(f"old_code,new_code,why\n{line}")
        digests.append(follow_up_digest(development, load_settings()))
        assert follow_up_digest(development, load_settings()) == digests[-1]
    assert len(set(digests)) == len(digests)
