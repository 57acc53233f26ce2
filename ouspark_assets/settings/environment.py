"""The environment before it is read: loading `.env`, and warnings about misspelt variables."""

import io
import json
import logging
import os
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from ouspark_assets.domain.errors import SettingsError
from ouspark_assets.settings import PREFIX, variable_names

# All names share a prefix of eight letters. This ratio allows a wrong letter or two, or a plural.
MIN_SIMILARITY = 0.88
# What `.env` has set, as JSON: name → its value in the file and the one before. In the environment,
# because the processes of a daemon inherit the values, and read the file again when they start.
LOADED_VARIABLE = "_OUSPARK_DOTENV"

log = logging.getLogger(__name__)


def load_dotenv_like_dagster() -> None:
    """Override the environment with `.env` of the current folder, as Dagster's commands do.

    A line that was removed since, in this process or one that started it, loses its effect: the
    variable gets the value that it had before.
    """
    loaded = _read_dotenv(Path.cwd() / ".env")
    earlier: dict[str, list[str | None]] = json.loads(os.environ.get(LOADED_VARIABLE, "{}"))
    before = {name: _value_before(name, earlier) for name in {*loaded, *earlier}}
    for name in earlier.keys() - loaded.keys():
        if (value := before[name]) is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    os.environ.update(loaded)
    if loaded or earlier:
        remembered = {name: [value, before[name]] for name, value in loaded.items()}
        os.environ[LOADED_VARIABLE] = json.dumps(remembered)


def _value_before(name: str, earlier: Mapping[str, Sequence[str | None]]) -> str | None:
    """Return the value of a variable without `.env`: the present one, unless `.env` has set it."""
    value = os.environ.get(name)
    given, replaced = earlier.get(name, (None, None))
    return replaced if value is not None and value == given else value


def _read_dotenv(path: Path) -> dict[str, str]:
    """Return the variables of a file, none if it does not exist."""
    if not path.is_file():
        return {}
    try:
        text = path.read_text("utf-8-sig")
        for line in parse_stream(io.StringIO(text)):
            if line.error:
                message = f"{path}, line {line.original.line}: is not NAME=value. Correct it."
                raise SettingsError(message)
        values = dotenv_values(stream=io.StringIO(text))
        if any("\0" in f"{name}{value}" for name, value in values.items()):
            raise ValueError
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        message = f"{path} can't be read ({reason}). Correct it or move it away."
        # Not chained: the error of a malformed file contains its bytes, which may be secrets.
        raise SettingsError(message) from None
    return {name: value for name, value in values.items() if value is not None}


def warn_of_misspelt_variables() -> None:
    """Log a warning, once per process, for each variable that resembles one of a setting."""
    _warn_of(frozenset(name for name in os.environ if name.startswith(PREFIX)))


@lru_cache(maxsize=8)
def _warn_of(names: frozenset[str]) -> None:
    known = variable_names()
    for name in sorted(names - known):
        for similar in get_close_matches(name, sorted(known), n=1, cutoff=MIN_SIMILARITY):
            log.warning("Unknown setting %s ignored. Did you mean %s?", name, similar)
