"""The environment before it is read: loading `.env`, and warnings about misspelt variables."""

import io
import logging
import os
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from dotenv import load_dotenv
from dotenv.parser import parse_stream

from ouspark_assets.domain.errors import SettingsError
from ouspark_assets.settings import PREFIX, variable_names

# All names share a prefix of eight letters. This ratio allows a wrong letter or two, or a plural.
MIN_SIMILARITY = 0.88

log = logging.getLogger(__name__)


def load_dotenv_like_dagster() -> None:
    """Override the environment with `.env` of the current folder, as Dagster's commands do."""
    path = Path.cwd() / ".env"
    if not path.is_file():
        return
    try:
        text = path.read_text("utf-8-sig")
        for line in parse_stream(io.StringIO(text)):
            if line.error:
                message = f"{path}, line {line.original.line}: is not NAME=value. Correct it."
                raise SettingsError(message)
        load_dotenv(stream=io.StringIO(text), override=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        message = f"{path} can't be read ({reason}). Correct it or move it away."
        # Not chained: the error of a malformed file contains its bytes, which may be secrets.
        raise SettingsError(message) from None


def warn_of_misspelt_variables() -> None:
    """Log a warning, once per process, for each variable that resembles one of a setting."""
    _warn_of(frozenset(name for name in os.environ if name.startswith(PREFIX)))


@lru_cache(maxsize=8)
def _warn_of(names: frozenset[str]) -> None:
    known = variable_names()
    for name in sorted(names - known):
        for similar in get_close_matches(name, sorted(known), n=1, cutoff=MIN_SIMILARITY):
            log.warning("Unknown setting %s ignored. Did you mean %s?", name, similar)
