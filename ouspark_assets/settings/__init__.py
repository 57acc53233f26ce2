"""Every setting of the project, once: its name, its meaning, its default and its limits.

What belongs here: values that come from the environment (`OUSPARK_*`). What does not: anything
that opens a file or a connection.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ouspark_assets.domain.errors import SettingsError
from ouspark_assets.settings.values import (
    award,
    digits,
    expanded,
    plain,
    refuse_odd_database,
    refuse_odd_port,
    unmistakable,
    with_scheme,
)

PACKAGE_PARENT = Path(__file__).resolve().parents[2]
PREFIX = "OUSPARK_"
POSTGRES_SCHEMES = ("postgresql", "postgres")
# Beyond it some timer, index or timeout of a library or server overflows.
LARGEST_NUMBER = 10**9
REDIS_SCHEMES = ("redis", "rediss", "unix")
BROKER_SCHEMES = ("redis", "rediss", "amqp", "amqps")


def project_root() -> Path:
    """The checkout the package is installed from, else the folder the command is run in."""
    return PACKAGE_PARENT if (PACKAGE_PARENT / "workspace.yaml").exists() else Path.cwd()


Codes = Annotated[tuple[str, ...], NoDecode]
ExecutorName = Literal["in_process", "multiprocess", "celery"]
AwardLimits = Annotated[tuple[tuple[str, float], ...], NoDecode]


class Settings(BaseSettings):
    """What the environment says, checked; secrets never show in `repr`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        allow_inf_nan=False,
    )

    home: Path = Field(
        default_factory=lambda: project_root() / ".ouspark", description="Where state lives"
    )
    dev_dsn: SecretStr | None = Field(None, description="Development PostgreSQL (URL)")
    prod_dsn: SecretStr | None = Field(None, description="Production PostgreSQL (URL)")
    redis_url: SecretStr | None = Field(None, description="Redis or Valkey (URL)")
    dagster_dsn: SecretStr | None = Field(
        None, description="Dagster's own storage (PostgreSQL URL)"
    )
    lake: str | None = Field(None, description="Folder or s3:// URL of the archived pages")
    executor: ExecutorName = Field(
        "in_process", description="Who executes the steps of a run: this process, children, workers"
    )
    celery_broker: SecretStr | None = Field(
        None, description="Broker of the workers (redis://, rediss:// or amqp:// URL)"
    )

    site_url: str | None = Field(None, description="Root of the results site")
    site_rate: float | None = Field(
        None, gt=0, description="Most requests a second (default 40; no limit on loopback)"
    )
    site_concurrency: int = Field(32, ge=1, le=512, description="Most requests at once")
    site_retries: int = Field(8, ge=1, le=50, description="Most times a ticket is asked in one run")
    site_patience: float = Field(
        900, ge=0, description="Seconds that the site may be down before a run gives up"
    )
    site_connect_timeout: float = Field(10, gt=0, description="Seconds to reach the site")
    site_read_timeout: float = Field(15, gt=0, description="Seconds without a byte from the site")
    site_page_timeout: float = Field(45, gt=0, description="Seconds that a whole page may take")
    site_page_limit: int = Field(
        2_000_000, ge=10_000, le=20_000_000, description="Bytes beyond which a page is given up"
    )
    site_tls_verify: bool = Field(
        default=True, description="Verify the site's TLS certificate (false: this host only)"
    )
    site_tls_certificate: Path | None = Field(
        None, description="PEM file that is trusted for the site, beside the usual authorities"
    )
    site_stop_after_misses: int = Field(
        8, ge=2, le=999, description="Missing serials in a row that end a class"
    )
    site_discover_always: bool = Field(
        default=False,
        description="Look for unknown tickets in backlog and revaluation releases too",
    )
    site_extra_colleges: Codes = Field(
        (), description="College codes to try beside the known ones, separated by commas"
    )
    site_extra_branches: Codes = Field(
        (), description="Branch codes to try beside the known ones, separated by commas"
    )
    site_admission_years: Codes = Field(
        (), description="Admission years to try instead of those a release suggests (2021,2022)"
    )

    site_most_failed: float = Field(
        0.05, ge=0, le=1, description="Share of failed tickets beyond which a release is held back"
    )
    site_most_volume_change: float = Field(
        0.3, gt=0, description="Share by which students may differ from a year before unremarked"
    )

    run_wait: float = Field(
        3600, ge=0, description="Seconds that a run waits for another one to end"
    )

    automation: bool = Field(
        default=True, description="Sensors and schedules run by themselves (false: start stopped)"
    )
    index_interval: int = Field(
        60, ge=1, le=86_400, description="Seconds between two looks at the index page"
    )
    recheck_hours: float = Field(
        6, ge=0.25, le=24, description="Hours between two rechecks of a young release"
    )
    sla_minutes: float = Field(
        30, gt=0, description="Minutes in which readers should have results that the index shows"
    )
    history_days: int = Field(
        90, ge=1, le=36_500, description="Days that events and logs of Dagster's runs are kept"
    )

    alert_rules: Path | None = Field(
        None, description="File of the alert rules (default alert_rules.yaml of the project)"
    )
    ui_url: str | None = Field(
        None, description="Root of the Dagster UI as people reach it, for links in alerts"
    )

    log_format: Literal["text", "json"] = Field(
        "text", description="Log lines for people, or one JSON object per line"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | None = Field(
        None, description="Least level of log lines (default WARNING; INFO as JSON)"
    )

    services_grace: float = Field(
        5, ge=0, le=86_400, description="Seconds that embedded servers outlive their last user"
    )

    standin_students: int = Field(
        300, ge=1, le=1_000_000, description="Students of the bundled results site"
    )
    standin_releases: int = Field(
        6, ge=1, le=60, description="Releases of the bundled results site"
    )
    standin_seed: int = Field(1, description="Seed of the bundled results site")

    publish_father_names: bool = Field(
        default=False, description="Publish fathers' names to production"
    )

    rank_least_students: int = Field(
        20, ge=1, description="Students with a CGPA that a college or department needs to be ranked"
    )
    section_size: int = Field(
        0, ge=0, le=999, description="Serials of a section (60 is usual; 0: no sections)"
    )
    award_limits: AwardLimits = Field(
        (), description="Class awards by least CGPA: Distinction:8,First:6.5 (default none)"
    )
    percentage_factor: float | None = Field(
        None, gt=0, le=100, description="Percentage = (CGPA - offset) x factor (default none)"
    )
    percentage_offset: float = Field(
        0, ge=0, le=10, description="Offset of the same formula, as 0.5"
    )
    anomaly_all_clear_points: float = Field(
        15, gt=0, description="Change of a college's all-clear share that is warned of, in points"
    )
    anomaly_mean_cgpa: float = Field(
        0.5, gt=0, description="Change of a college's mean CGPA that is warned of"
    )
    anomaly_volume_percent: float = Field(
        20, gt=0, description="Loss of a table's rows that is warned of, in percent"
    )

    publish_keep: int = Field(
        5, ge=0, le=100, description="Past publications that can be brought back"
    )
    publish_most_shrink: float = Field(
        0.25, ge=0, le=1, description="Share of a table's rows that a publication may take away"
    )
    publish_timeout: float = Field(
        900, gt=0, le=86_400, description="Seconds that one statement of a publication may take"
    )
    publish_wait: float = Field(
        120, ge=0, le=86_400, description="Seconds that a publication waits for another one"
    )
    cache_top: int = Field(100, ge=1, description="Places that the cache holds of each ranking")
    cache_building_seconds: int = Field(
        3600, ge=60, description="Seconds after which an unfinished cache generation is gone"
    )
    cache_retired_seconds: int = Field(
        60, ge=1, description="Seconds that a replaced cache generation stays readable"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: object) -> object:
        return plain(value) if isinstance(value, str) else value

    @field_validator("*", mode="after")
    @classmethod
    def _within_reason(cls, value: object) -> object:
        if isinstance(value, int | float) and abs(value) > LARGEST_NUMBER:
            message = f"should be at most {LARGEST_NUMBER}"
            raise ValueError(message)
        return value

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return expanded(home).absolute()

    @field_validator("site_tls_certificate", mode="after")
    @classmethod
    def _file(cls, path: Path | None) -> Path | None:
        return path and expanded(path)

    @field_validator("lake", mode="after")
    @classmethod
    def _folder_or_bucket(cls, value: str | None) -> str | None:
        if value is None or value.startswith("s3://"):
            return value
        if "://" in value:
            message = "must be a folder or an s3:// URL"
            raise ValueError(message)
        return str(expanded(Path(value)))

    @field_validator("dev_dsn", "prod_dsn", "dagster_dsn", mode="after")
    @classmethod
    def _postgres_url(cls, value: SecretStr | None) -> SecretStr | None:
        return unmistakable(with_scheme(value, POSTGRES_SCHEMES))

    @field_validator("redis_url", mode="after")
    @classmethod
    def _redis_url(cls, value: SecretStr | None) -> SecretStr | None:
        value = unmistakable(with_scheme(value, REDIS_SCHEMES))
        if value is not None and not value.get_secret_value().startswith("unix:"):
            refuse_odd_database(value)
        return value

    @field_validator("celery_broker", mode="after")
    @classmethod
    def _broker_url(cls, value: SecretStr | None) -> SecretStr | None:
        return unmistakable(with_scheme(value, BROKER_SCHEMES))

    @field_validator("site_url", "ui_url", mode="after")
    @classmethod
    def _site_root(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or " " in value:
            message = "must be an http:// or https:// URL"
            raise ValueError(message)
        if "@" in parts.netloc or parts.query or parts.fragment:
            message = "must be the root of a site alone: no user, password, query or fragment"
            raise ValueError(message)
        refuse_odd_port(parts)
        return value.rstrip("/")

    @field_validator(
        "site_extra_colleges", "site_extra_branches", "site_admission_years", mode="before"
    )
    @classmethod
    def _separated(cls, value: str | tuple[str, ...]) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))

    @field_validator("log_format", mode="before")
    @classmethod
    def _lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("award_limits", mode="before")
    @classmethod
    def _awards(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(award(part.strip()) for part in value.split(",") if part.strip())

    @field_validator("site_extra_colleges", "site_admission_years", mode="after")
    @classmethod
    def _four_digits(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        return digits(codes, 4)

    @field_validator("site_extra_branches", mode="after")
    @classmethod
    def _three_digits(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        return digits(codes, 3)

    @property
    def lake_location(self) -> str:
        """The folder or URL of the lake, defaulted."""
        return self.lake or str(self.home / "lake")


def load_settings() -> Settings:
    """Read the environment as it is now; a malformed value is one line that names its variable."""
    named = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    return _settings_of(frozenset(named.items()), Path.cwd())


# Asked for some hundred times in a run.
@lru_cache(maxsize=8)
def _settings_of(environment: frozenset[tuple[str, str]], folder: Path) -> Settings:
    del environment, folder  # the key: Settings reads both itself
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None


def _one_line(error: ValidationError) -> str:
    problems = (
        f"OUSPARK_{str(problem['loc'][0]).upper()}: "
        + problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        for problem in error.errors(include_input=False, include_url=False)
    )
    return "Settings can't be used: " + "; ".join(problems)
