"""The groups of settings: each environment variable with its meaning, default and limits.

What a value may be beyond its type is `values.py`. Nothing here opens a file or a connection.
"""

from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ouspark_assets.settings import values

PREFIX = "OUSPARK_"
PACKAGE_PARENT = Path(__file__).resolve().parents[2]
# Above this number, a timer, index or timeout of some library or server overflows.
MAX_NUMBER = 10**9

HomeFolder = Annotated[Path, AfterValidator(lambda path: values.expanded_path(path).absolute())]
OptionalPath = Annotated[
    Path | None, AfterValidator(lambda path: path and values.expanded_path(path))
]
LakeLocation = Annotated[str | None, AfterValidator(values.lake_location)]
PostgresUrl = Annotated[
    SecretStr | None,
    AfterValidator(partial(values.secret_url, schemes=("postgresql", "postgres"))),
]
RedisUrl = Annotated[SecretStr | None, AfterValidator(values.redis_url)]
SecretKey = Annotated[SecretStr | None, AfterValidator(values.secret_key)]
BrokerUrl = Annotated[
    SecretStr | None,
    AfterValidator(partial(values.secret_url, schemes=("redis", "rediss", "amqp", "amqps"))),
]
WebUrl = Annotated[
    SecretStr | None, AfterValidator(partial(values.secret_url, schemes=("http", "https")))
]
RootUrl = Annotated[str | None, AfterValidator(values.root_url)]
FourDigitCodes = Annotated[
    tuple[str, ...], NoDecode, AfterValidator(partial(values.codes_of_digits, length=4))
]
ThreeDigitCodes = Annotated[
    tuple[str, ...], NoDecode, AfterValidator(partial(values.codes_of_digits, length=3))
]
HostNames = Annotated[tuple[str, ...], NoDecode, AfterValidator(values.host_names)]
AwardLimits = Annotated[tuple[tuple[str, float], ...], NoDecode]


def project_root() -> Path:
    """Return the checkout that contains the package, or the current folder if there is none."""
    return PACKAGE_PARENT if (PACKAGE_PARENT / "workspace.yaml").exists() else Path.cwd()


class SettingsGroup(BaseSettings):
    """Settings read from `OUSPARK_<FIELD>`; `repr` shows no secret."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _strip(cls, value: object) -> object:
        return values.stripped_line(value) if isinstance(value, str) else value

    @field_validator("*", mode="after")
    @classmethod
    def _refuse_huge_number(cls, value: object) -> object:
        if isinstance(value, int | float) and abs(value) > MAX_NUMBER:
            message = f"should be at most {MAX_NUMBER}"
            raise ValueError(message)
        return value


class ServerSettings(SettingsGroup):
    """Addresses of state, databases, cache, lake and results site, and the embedded servers.

    A server without an address is embedded: it runs from the virtual environment, under `home`.
    """

    home: HomeFolder = Field(
        default_factory=lambda: project_root() / ".ouspark", description="Folder of all state"
    )
    dev_dsn: PostgresUrl = Field(None, description="Development PostgreSQL (URL)")
    prod_dsn: PostgresUrl = Field(None, description="Production PostgreSQL (URL)")
    redis_url: RedisUrl = Field(None, description="Redis or Valkey (URL)")
    site_url: RootUrl = Field(None, description="Root URL of the results site")
    lake: LakeLocation = Field(
        None, description="Folder or s3:// URL of the archived pages (default lake in the home)"
    )
    secret_key: SecretKey = Field(
        None,
        description="Key of the list of forgotten hall tickets, at least 16 characters (default: a"
        " generated file in the home)",
    )
    services_grace: float = Field(
        5, ge=0, le=86_400, description="Seconds that embedded servers run without users"
    )
    standin_students: int = Field(
        300, ge=1, le=1_000_000, description="Number of students of the stand-in"
    )
    standin_releases: int = Field(6, ge=1, le=60, description="Number of releases of the stand-in")
    standin_seed: int = Field(1, description="Random seed of the stand-in")

    @property
    def lake_location(self) -> str:
        """The folder or URL of the lake."""
        return self.lake or str(self.home / "lake")


class SiteSettings(SettingsGroup):
    """Limits on requests to the results site, the search for tickets, and checks of a scrape."""

    site_rate: float | None = Field(
        None, gt=0, description="Maximum requests per second (default 40; no limit on loopback)"
    )
    site_concurrency: int = Field(32, ge=1, le=512, description="Maximum concurrent requests")
    site_retries: int = Field(
        8,
        ge=1,
        le=50,
        description="Attempts per hall ticket and run, before three more at the end of the run; "
        "also the attempts at the index page",
    )
    site_patience: float = Field(
        900, ge=0, description="Seconds of site downtime after which a run gives up"
    )
    site_connect_timeout: float = Field(10, gt=0, description="Seconds to connect to the site")
    site_read_timeout: float = Field(
        15, gt=0, description="Seconds to wait for the next byte of an answer"
    )
    site_page_timeout: float = Field(45, gt=0, description="Seconds for one whole page")
    site_page_limit: int = Field(
        2_000_000, ge=10_000, le=20_000_000, description="Maximum bytes of a page"
    )
    site_tls_verify: bool = Field(
        default=True,
        description="Verify the TLS certificate of the site (false: for its host only)",
    )
    site_tls_certificate: OptionalPath = Field(
        None, description="PEM file of a certificate to trust for the site, in addition"
    )
    site_stop_after_misses: int = Field(
        8, ge=2, le=999, description="Consecutive missing serials that end a class"
    )
    site_discover_always: bool = Field(
        default=False,
        description="Search for unknown hall tickets in backlog and revaluation releases too",
    )
    site_extra_colleges: FourDigitCodes = Field(
        (), description="College codes to try in addition to the known ones (comma-separated)"
    )
    site_extra_branches: ThreeDigitCodes = Field(
        (), description="Branch codes to try in addition to the known ones (comma-separated)"
    )
    site_admission_years: FourDigitCodes = Field(
        (), description="Admission years to try instead of those a release suggests (2021,2022)"
    )
    site_most_failed: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Maximum share of failed hall tickets; more hold back a release",
    )
    site_sentences: OptionalPath = Field(
        None, description="CSV file that gives sentences of the site an outcome (pattern,outcome)"
    )
    site_most_new_sentence: float = Field(
        0.03,
        ge=0,
        le=1,
        description="Share of a release's students who may get the same sentence that is not"
        " listed, instead of a result, without a warning",
    )
    site_most_volume_change: float = Field(
        0.3,
        gt=0,
        description="Share by which students may differ from a year before, without a warning",
    )

    @field_validator(
        "site_extra_colleges", "site_extra_branches", "site_admission_years", mode="before"
    )
    @classmethod
    def _split(cls, value: str | tuple[str, ...]) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


class AnalyticsSettings(SettingsGroup):
    """Choices about the computed numbers, and the thresholds of anomaly warnings."""

    rank_least_students: int = Field(
        20,
        ge=1,
        description="Minimum students with a CGPA for a college or department to be ranked",
    )
    section_size: int = Field(
        0, ge=0, le=999, description="Serials per section (60 is usual; 0: no sections)"
    )
    award_limits: AwardLimits = Field(
        (), description="Class awards by minimum CGPA: Distinction:8,First:6.5 (default none)"
    )
    percentage_factor: float | None = Field(
        None, gt=0, le=100, description="Percentage = (CGPA - offset) x factor (default none)"
    )
    percentage_offset: float = Field(
        0, ge=0, le=10, description="Offset in the formula of the percentage, e.g. 0.5"
    )
    equivalent_codes: OptionalPath = Field(
        None, description="CSV file of equivalent subject codes, in addition to the bundled ones"
    )
    anomaly_all_clear_points: float = Field(
        15, gt=0, description="Change of a college's all-clear share that is an anomaly (points)"
    )
    anomaly_mean_cgpa: float = Field(
        0.5, gt=0, description="Change of a college's mean CGPA that is an anomaly"
    )
    anomaly_volume_percent: float = Field(
        20, gt=0, description="Loss of a table's rows that is an anomaly (percent)"
    )

    @field_validator("award_limits", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(values.award_limit(part.strip()) for part in value.split(",") if part.strip())


class PublicationSettings(SettingsGroup):
    """What is published to production, how much a publication may remove, and its timeouts."""

    publish_father_names: bool = Field(
        default=False, description="Publish fathers' names to production"
    )
    allow_standin: bool = Field(
        default=False,
        description="Publish invented students of the stand-in to a configured production (trials)",
    )
    publish_keep: int = Field(
        5, ge=0, le=100, description="Number of past publications to which production can roll back"
    )
    publish_most_shrink: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Maximum share of a table's rows that a publication may remove",
    )
    publish_timeout: float = Field(
        900, gt=0, le=86_400, description="Seconds for one statement of a publication"
    )
    publish_wait: float = Field(
        120, ge=0, le=86_400, description="Seconds to wait for another publication to end"
    )


class CacheSettings(SettingsGroup):
    """The contents and lifetimes of cache generations."""

    cache_top: int = Field(100, ge=1, description="Places per ranking in the cache")
    cache_building_seconds: int = Field(
        3600, ge=60, description="Seconds after which an unfinished generation expires"
    )
    cache_retired_seconds: int = Field(
        60, ge=1, description="Seconds that a replaced generation remains readable"
    )


class RunSettings(SettingsGroup):
    """The execution of runs, and the database of Dagster's own records."""

    dagster_dsn: PostgresUrl = Field(None, description="Dagster's records (PostgreSQL URL)")
    executor: Literal["in_process", "multiprocess", "celery"] = Field(
        "in_process", description="Where the steps of a run are executed"
    )
    celery_broker: BrokerUrl = Field(
        None, description="Broker of the Celery workers (redis://, rediss:// or amqp:// URL)"
    )
    run_wait: float = Field(3600, ge=0, description="Seconds that a run waits for another run")
    database_wait: float = Field(
        30,
        ge=0,
        le=3600,
        description="Seconds to keep trying while a database does not accept connections",
    )


class WebserverSettings(SettingsGroup):
    """The names of the Dagster UI. A webserver refuses requests for other hosts."""

    ui_hosts: HostNames = Field(
        (),
        description="Host names of the UI in addition to localhost, 127.0.0.1 and ::1 "
        "(comma-separated)",
    )

    @field_validator("ui_hosts", mode="before")
    @classmethod
    def _split(cls, value: str | tuple[str, ...]) -> tuple[str, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(dict.fromkeys(part.strip().lower() for part in parts if part.strip()))


class AutomationSettings(SettingsGroup):
    """Sensors and schedules, the deadline for new results, and the retention of run history."""

    automation: bool = Field(
        default=True, description="Start sensors and schedules (false: they start stopped)"
    )
    index_interval: int = Field(
        60, ge=1, le=86_400, description="Seconds between two requests for the index page"
    )
    recheck_hours: float = Field(
        6, ge=0.25, le=24, description="Hours between two rechecks of a recent release"
    )
    sla_minutes: float = Field(
        30, gt=0, description="Maximum minutes from the index to readers for a new release"
    )
    history_days: int = Field(
        90, ge=1, le=36_500, description="Days that Dagster keeps events and logs of runs"
    )


class AlertSettings(SettingsGroup):
    """The file of the alert rules, the address for links in alerts, and the heartbeat."""

    alert_rules: Path | None = Field(
        None, description="File of the alert rules (default alert_rules.yaml of the project)"
    )
    ui_url: RootUrl = Field(None, description="Root URL of the Dagster UI, for links in alerts")
    heartbeat_url: WebUrl = Field(
        None,
        description="URL that the monitor calls while everything is healthy: a dead-man's switch "
        "alerts when the calls stop",
    )
    heartbeat_interval: int = Field(
        60, ge=1, le=86_400, description="Seconds between two calls of the heartbeat URL"
    )


class LoggingSettings(SettingsGroup):
    """The format and the level of log lines. No computed number depends on them."""

    log_format: Literal["text", "json"] = Field(
        "text", description="Log lines as text, or as one JSON object per line"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | None = Field(
        None, description="Minimum level of log lines (default WARNING; INFO as JSON)"
    )

    @field_validator("log_format", mode="before")
    @classmethod
    def _lower_case(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value
