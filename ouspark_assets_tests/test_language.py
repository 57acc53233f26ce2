"""The wording of code and documentation: phrases and name prefixes that are not used.

Rewrite a hit in the words of the field (limit, timeout, running, compared with, caller, operator)
instead of excusing it.
"""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SEARCHED = ("*.py", "*.md", "*.yaml", "*.toml", "*.sh", "*.sql", "*.ini", "Makefile", "Dockerfile")
# A label of the metric ouspark_unfinished_stages, which dashboards depend on.
LABEL_AT_WORK = '"at_work"'
FORBIDDEN = {
    "limits are MAX_, MIN_, …_TIMEOUT or …_INTERVAL": (
        r"\b(MOST|LEAST|LARGEST|SMALLEST|LONGEST|SHORTEST)_[A-Z]|\bSECONDS_BETWEEN_"
    ),
    "a variable is a noun, never `it`": (
        r"\bfor it in\b|\blambda it\b|\bas it:|\bit\.[a-z_]+\b(?=[ ,)\]}])"
    ),
    "'is not an X' instead of 'is no X'": r"(?<![Tt]here )\bis no (?!longer\b)\w+",
    "'running' instead of 'at work'": r"\bat[ _]work\b",
    "'alongside' or 'compared with' instead of 'beside'": r"\b[Bb]eside\b",
    "'the operator' or 'the caller' instead of 'whoever'": r"\b[Ww]hoever\b",
    "'unknown names' instead of 'names that are none'": r"\bthat (are|is) none\b",
    "'the command prints' instead of 'it is said'": r"\b[Ii]t is said\b|\band says so\b",
    "'code base' or 'package' instead of 'house' or 'room'": r"\bhouse\b|\brooms?\b",
    "no personification": r"\bA way to somebody\b|\bnobody's\b|\bhears\b|\bis well\b",
    "plain names": r"\b_?(Book|Telling|Passage)\b|\bgoes_on\b|\b_?melts\b|\bso many\b",
}


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *SEARCHED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / line for line in listed.stdout.splitlines()]


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_no_file_contains_a_forbidden_phrase(rule: str) -> None:
    pattern = re.compile(FORBIDDEN[rule])
    hits = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in tracked_files()
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line.replace(LABEL_AT_WORK, ""))
    ]
    assert not hits, f"{rule}:\n" + "\n".join(hits)
