"""The environment on its way to the settings: `.env`, and names that no setting has.

What a value means is `settings.py`.
"""

import io
import logging
import os
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from dotenv import load_dotenv
from dotenv.parser import parse_stream

from ouspark_assets.domain.errors import SettingsError
from ouspark_assets.settings import PREFIX, Settings

# Of names that share a prefix of eight letters: a letter or two wrong, a word too many.
ALIKE = 0.88

log = logging.getLogger(__name__)


def load_dotenv_like_dagster() -> None:
    """Let `.env` of the current folder override the environment, as Dagster's commands do."""
    path = Path.cwd() / ".env"
    if not path.is_file():
        return
    try:
        text = path.read_text("utf-8-sig")
        for line in parse_stream(io.StringIO(text)):
            if line.error:
                message = f"{path}, line {line.original.line}: is not NAME=value: correct it"
                raise SettingsError(message)
        load_dotenv(stream=io.StringIO(text), override=True)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        message = f"{path} can't be read ({reason}): correct it, or move it away"
        raise SettingsError(message) from None


def warn_of_doubtful_variables() -> None:
    """Say once which variables are no setting and look like one: nobody would notice otherwise."""
    _warn_of(frozenset(name for name in os.environ if name.startswith(PREFIX)))


@lru_cache(maxsize=8)
def _warn_of(names: frozenset[str]) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(names - known):
        for meant in get_close_matches(name, known, n=1, cutoff=ALIKE):
            log.warning("%s is no setting and was ignored: is %s meant?", name, meant)
