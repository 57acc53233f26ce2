"""The settings: everything that is configured by environment variables (`OUSPARK_*`).

Entry points call `load_settings` and pass the groups on; code below them takes its group. What
opens a file or a connection does not belong here, except reading `.env` (`environment.py`).
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ouspark_assets.domain.errors import SettingsError
from ouspark_assets.settings.groups import (
    PACKAGE_PARENT,
    PREFIX,
    AlertSettings,
    AnalyticsSettings,
    AutomationSettings,
    CacheSettings,
    LoggingSettings,
    PublicationSettings,
    RunSettings,
    ServerSettings,
    SettingsGroup,
    SiteSettings,
    WebserverSettings,
    project_root,
)

__all__ = [
    "GROUPS",
    "PACKAGE_PARENT",
    "PREFIX",
    "AlertSettings",
    "AnalyticsSettings",
    "AutomationSettings",
    "CacheSettings",
    "LoggingSettings",
    "PublicationSettings",
    "RunSettings",
    "ServerSettings",
    "Settings",
    "SettingsGroup",
    "SiteSettings",
    "WebserverSettings",
    "load_settings",
    "project_root",
    "variable_name",
    "variable_names",
]


class Settings(BaseModel):
    """Every group; one that is not given is read from the environment."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    servers: ServerSettings = Field(default_factory=ServerSettings)
    site: SiteSettings = Field(default_factory=SiteSettings)
    analytics: AnalyticsSettings = Field(default_factory=AnalyticsSettings)
    publication: PublicationSettings = Field(default_factory=PublicationSettings)
    cache: CacheSettings = Field(default_factory=CacheSettings)
    runs: RunSettings = Field(default_factory=RunSettings)
    webserver: WebserverSettings = Field(default_factory=WebserverSettings)
    automation: AutomationSettings = Field(default_factory=AutomationSettings)
    alerts: AlertSettings = Field(default_factory=AlertSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)


GROUPS: dict[str, type[SettingsGroup]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type)
}


def variable_names() -> frozenset[str]:
    """Return the environment variables of all settings."""
    return frozenset(
        variable_name(field) for group in GROUPS.values() for field in group.model_fields
    )


def variable_name(field: str) -> str:
    """Return the environment variable of a field, e.g. OUSPARK_SITE_RATE of `site_rate`."""
    return f"{PREFIX}{field.upper()}"


def load_settings() -> Settings:
    """Return the settings of the environment as it is now.

    Raises a SettingsError of one line that names every variable with a malformed value.
    """
    variables = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    return _load_settings(frozenset(variables.items()), Path.cwd())


# A run loads the settings some hundred times.
@lru_cache(maxsize=8)
def _load_settings(variables: frozenset[tuple[str, str]], folder: Path) -> Settings:
    del variables, folder  # only the cache key: the groups read the environment themselves
    groups: dict[str, Any] = {}
    problems: list[str] = []
    for name, group in GROUPS.items():
        try:
            groups[name] = group()
        except ValidationError as error:
            problems += _problems(error)
    if problems:
        # Not chained to the validation errors: they contain the values, which may be secrets.
        raise SettingsError("Settings can't be used: " + "; ".join(problems))
    return Settings(**groups)


def _problems(error: ValidationError) -> list[str]:
    return [
        f"{variable_name(str(problem['loc'][0]))}: "
        + problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        for problem in error.errors(include_input=False, include_url=False)
    ]
