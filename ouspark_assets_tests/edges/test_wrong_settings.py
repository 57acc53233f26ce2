"""Malformed settings: the error is one line that names the variable and contains no secret.

Most cases are derived from the settings groups. The limits of numbers are written down here as
well, so that a wrong limit is noticed.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from ouspark_assets.cli import main
from ouspark_assets.domain.errors import SettingsError
from ouspark_assets.settings import GROUPS, PREFIX, Settings, load_settings
from ouspark_assets.settings.environment import (
    LOADED_VARIABLE,
    load_dotenv_like_dagster,
    warn_of_misspelt_variables,
)

SECRET = "hunter2"  # noqa: S105
UNIONS = (UnionType, Union)
NOT_NUMBERS = ("x", "1,5", "nan", "inf", "1e400", "9" * 40, "9" * 5000, "--1")
FIELDS = {name: info for group in GROUPS.values() for name, info in group.model_fields.items()}
# Most texts are folders; the invalid folders are tested below.
PATHS = {"home", "lake", "site_tls_certificate"}
BILLION = ("1000000000", "1000000001")
DAY = ("86400", "86401")
POSITIVE, NOT_NEGATIVE, COUNT = (
    ("0", "0.001", *BILLION),
    ("-1", "0", *BILLION),
    ("0", "1", *BILLION),
)
# Per number: a refused value, the lowest and the highest accepted value, a refused value.
LIMITS = {
    "services_grace": ("-1", "0", *DAY),
    "standin_students": ("0", "1", "1000000", "1000001"),
    "standin_releases": ("0", "1", "60", "61"),
    "standin_seed": ("-1000000001", "-1000000000", *BILLION),
    "site_rate": POSITIVE,
    "site_concurrency": ("0", "1", "512", "513"),
    "site_retries": ("0", "1", "50", "51"),
    "site_patience": NOT_NEGATIVE,
    "site_connect_timeout": POSITIVE,
    "site_read_timeout": POSITIVE,
    "site_page_timeout": POSITIVE,
    "site_page_limit": ("9999", "10000", "20000000", "20000001"),
    "site_stop_after_misses": ("1", "2", "999", "1000"),
    "site_most_failed": ("-0.01", "0", "1", "1.01"),
    "site_most_new_sentence": ("-0.01", "0", "1", "1.01"),
    "site_most_volume_change": POSITIVE,
    "rank_least_students": COUNT,
    "section_size": ("-1", "0", "999", "1000"),
    "percentage_factor": ("0", "0.001", "100", "100.1"),
    "percentage_offset": ("-0.01", "0", "10", "10.1"),
    "anomaly_all_clear_points": POSITIVE,
    "anomaly_mean_cgpa": POSITIVE,
    "anomaly_volume_percent": POSITIVE,
    "publish_keep": ("-1", "0", "100", "101"),
    "publish_most_shrink": ("-0.01", "0", "1", "1.01"),
    "publish_timeout": ("0", "0.001", *DAY),
    "publish_wait": ("-1", "0", *DAY),
    "cache_top": COUNT,
    "cache_building_seconds": ("59", "60", *BILLION),
    "cache_retired_seconds": COUNT,
    "run_wait": NOT_NEGATIVE,
    "database_wait": ("-1", "0", "3600", "3601"),
    "index_interval": ("0", "1", *DAY),
    "recheck_hours": ("0.24", "0.25", "24", "24.1"),
    "sla_minutes": POSITIVE,
    "heartbeat_interval": ("0", "1", *DAY),
    "history_days": ("0", "1", "36500", "36501"),
}
UNPRINTABLE = ("a\nb", "a\x01b", "\x1b[2J", "a\x7fb")
URLS = (
    "x",
    "//host",
    f" {SECRET}://host",
    "ftp://host/x",
    f"postgresql:{SECRET}",
    f"user:{SECRET}@host",
)
LISTS = {
    "site_extra_colleges": ("160", "16040", "16O4", "١٦٠٤", "1604;1605"),
    "site_extra_branches": ("73", "7333", "73a", "733 732"),
    "site_admission_years": ("21", "20211", "two"),
    "ui_hosts": ("https://a.example", "a.example:3000", "*.example", "a b", "a@b", "[::1]"),
    "award_limits": ("Distinction", ":8", "First:eleven", "First:11", "First:-1", "First:nan"),
}


def types_of(field: FieldInfo) -> set[Any]:
    """Return the types that a field accepts, without None."""
    annotation: Any = field.annotation
    parts = get_args(annotation) if get_origin(annotation) in UNIONS else (annotation,)
    return set(parts) - {type(None)}


def numbers() -> Iterator[str]:
    """Yield the names of the settings that are numbers."""
    for name, field in FIELDS.items():
        if types_of(field) & {int, float}:
            yield name


def malformed_values(name: str, field: FieldInfo) -> tuple[str, ...]:
    """Return values that a variable must not have."""
    if name in LISTS:
        return LISTS[name]
    (accepted,) = types_of(field)
    if get_origin(accepted) is Literal:
        return (*UNPRINTABLE, "nonsense")
    refused = LIMITS[name][::3] if name in LIMITS else ()
    values: dict[Any, tuple[str, ...]] = {
        int: (*NOT_NUMBERS, "1.5", *refused),
        float: (*NOT_NUMBERS, *refused),
        bool: ("maybe", "2", "yess"),
        SecretStr: (SECRET,) if name == "secret_key" else URLS,
        str: () if name in PATHS else URLS,
        Path: (),
    }
    return (*values[accepted], *UNPRINTABLE, " ", "\t\n")


def load_error(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> str:
    """Return the error for a value of a variable, checked to be one line without the secret."""
    variable = f"{PREFIX}{name.upper()}"
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    message = str(error.value)
    assert variable in message
    assert message.isprintable()
    assert len(message) < 300
    assert SECRET not in message
    return message


@pytest.mark.parametrize("name", FIELDS)
def test_the_error_for_a_malformed_value_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    values = malformed_values(name, FIELDS[name])
    assert values
    for value in values:
        load_error(monkeypatch, name, value)


def test_every_number_has_a_limit() -> None:
    assert set(LIMITS) == set(numbers())


@pytest.mark.parametrize("name", LIMITS)
def test_the_lowest_and_the_highest_value_of_a_number_are_accepted(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for value in LIMITS[name][1:3]:
        assert load_setting(monkeypatch, name, value) == float(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dev_dsn", "postgresql://user:p%40ss@host:5432/name?sslmode=require"),
        ("prod_dsn", "postgres:///name?host=/run/postgresql"),
        ("redis_url", "redis://:secret@host:6379/15"),
        ("redis_url", "rediss://host/0"),
        ("redis_url", "unix:///run/valkey.sock?db=1"),
        ("celery_broker", "amqp://user:secret@host//"),
        ("lake", "s3://bucket/folder"),
        ("site_url", "https://results.example/folder"),
        ("ui_hosts", "dagster.example.org,10.0.0.7"),
    ],
)
def test_an_address_in_every_supported_form_is_accepted(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    found = load_setting(monkeypatch, name, value)
    shown = found.get_secret_value() if isinstance(found, SecretStr) else found
    assert shown == (tuple(value.split(",")) if name == "ui_hosts" else value)


def load_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> Any:
    """Return a setting whose variable has this value."""
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    loaded = load_settings()
    (group,) = (group for group, kind in GROUPS.items() if name in kind.model_fields)
    return getattr(getattr(loaded, group), name)


def test_no_variable_belongs_to_two_groups() -> None:
    assert len(FIELDS) == sum(len(group.model_fields) for group in GROUPS.values())


def test_malformed_values_of_several_groups_are_named_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("OUSPARK_SITE_RATE", "OUSPARK_CACHE_TOP", "OUSPARK_DEV_DSN")
    for name in names:
        monkeypatch.setenv(name, SECRET)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert all(name in str(error.value) for name in names)
    assert SECRET not in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", FIELDS)
def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", "")
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("home", "~nobody-at-all/home", "write the whole path"),
        ("site_tls_certificate", "~nobody-at-all/x.pem", "write the whole path"),
        ("lake", "~nobody-at-all/lake", "write the whole path"),
        ("lake", "gs://bucket", "a folder or an s3:// URL"),
        ("lake", "file:///tmp/lake", "a folder or an s3:// URL"),
        ("dev_dsn", f"postgresql://me:a/{SECRET}@host/db", "%2F"),
        ("prod_dsn", f"postgresql://me:a@{SECRET}@host/db", "%40"),
        ("dagster_dsn", f"postgresql://me:a?{SECRET}@host/db", "%3F"),
        ("celery_broker", f"redis://:a/{SECRET}@host/0", "%2F"),
        ("redis_url", f"redis://:a/{SECRET}@host/0", "%2F"),
        ("redis_url", f"redis://:{SECRET}@host:x/0", "port"),
        ("redis_url", f"redis://:{SECRET}@host:99999/0", "port"),
        ("redis_url", f"redis://:{SECRET}@host/first", "number of a database"),
        ("redis_url", f"redis://:{SECRET}@[::1/0", "Invalid IPv6"),
        ("site_url", "https://results.invalid:0", "port"),
        ("site_url", "https://results.invalid:99999", "port"),
        ("site_url", "https://[::1", "Invalid IPv6"),
        ("site_url", "https://re sults.invalid", "must be an http"),
        ("site_url", f"https://me:{SECRET}@results.invalid", "no user, password"),
        ("site_url", "https://results.invalid/?year=2025", "query"),
        ("site_url", "https://results.invalid/#results", "fragment"),
    ],
    ids=str,
)
def test_an_ambiguous_value_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    assert reason in load_error(monkeypatch, name, value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("site_rate", " 5\n", 5.0),
        ("site_url", " https://results.invalid/ ", "https://results.invalid"),
        ("lake", " s3://bucket/lake ", "s3://bucket/lake"),
        ("home", " /srv/ou spark/größer ", Path("/srv/ou spark/größer")),
        ("log_level", " info ", "INFO"),
    ],
)
def test_blanks_around_a_value_are_ignored(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: object
) -> None:
    monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    (group,) = (group for group, model in GROUPS.items() if name in model.model_fields)
    assert getattr(getattr(load_settings(), group), name) == expected


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the environment restored afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUSPARK_SITE_RATE", "1")
    monkeypatch.setenv(LOADED_VARIABLE, "{}")
    return tmp_path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"OUSPARK_SITE_RATE=5\nno assignment at all\n", r"\.env, line 2: is not NAME=value"),
        (b"OUSPARK_SITE_RATE='5\n", r"\.env, line 1: is not NAME=value"),
        (b"\xff\xfe\x00", r"\.env can't be read \(it is not a text file\)"),
        (b"OUSPARK_SITE_RATE=5\0\n", r"\.env can't be read \(it is not a text file\)"),
        (b"\xef\xbb\xbfOUSPARK_SITE_RATE=nonsense\r\n", "OUSPARK_SITE_RATE: should be a valid"),
    ],
    ids=["no assignment", "open quote", "not text", "NUL", "malformed value"],
)
def test_the_error_for_a_malformed_env_file_is_one_line(
    folder: Path, content: bytes, message: str
) -> None:
    (folder / ".env").write_bytes(content)

    def read() -> None:
        load_dotenv_like_dagster()
        load_settings()

    with pytest.raises(SettingsError, match=message):
        read()


def test_a_line_removed_from_the_env_file_loses_its_effect_in_child_processes_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OUSPARK_SITE_CONCURRENCY", raising=False)
    default = load_settings().site.site_concurrency
    (folder / ".env").write_text("OUSPARK_SITE_RATE=5\nOUSPARK_SITE_CONCURRENCY=3\n")
    for _ in range(2):
        load_dotenv_like_dagster()
        assert (load_settings().site.site_rate, load_settings().site.site_concurrency) == (5, 3)
    (folder / ".env").write_text("OUSPARK_SITE_RATE=6\n")
    # A child process inherits the environment, and nothing else.
    script = (
        "import os\n"
        "from ouspark_assets.settings.environment import load_dotenv_like_dagster as load\n"
        "load(); print(os.environ['OUSPARK_SITE_RATE'], 'OUSPARK_SITE_CONCURRENCY' in os.environ)"
    )
    child = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert child.stdout.split() == ["6", "False"]
    load_dotenv_like_dagster()
    assert (load_settings().site.site_rate, load_settings().site.site_concurrency) == (6, default)
    (folder / ".env").unlink()
    load_dotenv_like_dagster()
    assert load_settings().site.site_rate == 1


def test_a_variable_that_was_set_after_the_env_file_was_read_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("OUSPARK_SITE_RATE=5\n")
    load_dotenv_like_dagster()
    monkeypatch.setenv("OUSPARK_SITE_RATE", "7")
    (folder / ".env").write_text("")
    load_dotenv_like_dagster()
    assert load_settings().site.site_rate == 7


def test_an_env_file_written_on_windows_is_read(folder: Path) -> None:
    (folder / ".env").write_bytes(b"\xef\xbb\xbfOUSPARK_SITE_RATE=5\r\n# more\r\n\r\n")
    load_dotenv_like_dagster()
    assert load_settings().site.site_rate == 5


@pytest.mark.parametrize(
    ("arguments", "rate", "code", "message"),
    [
        (["services", "status"], "x", 1, "Error: Settings can't be used: OUSPARK_SITE_RATE"),
        (["explain", "\udcff"], "1", 2, r"'\udcff' is not valid UTF-8"),
    ],
    ids=["malformed setting", "argument that is not text"],
)
@pytest.mark.usefixtures("folder")
def test_a_command_fails_with_one_line_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], rate: str, code: int, message: str
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(Path.cwd()))
    monkeypatch.setenv("OUSPARK_SITE_RATE", rate)
    monkeypatch.setattr("sys.argv", ["ouspark", *arguments])
    with redirect_stderr(StringIO()) as stderr, pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    assert message in stderr.getvalue()
    assert "Traceback" not in stderr.getvalue()


def test_a_misspelt_variable_is_reported_once_with_a_suggestion(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("OUSPARK_SITE_URLS", "OUSPARK_ALERT_SLACK_URL", "OUSPARK_SOMETHING_ELSE"):
        monkeypatch.setenv(name, SECRET)
    for _ in range(2):
        warn_of_misspelt_variables()
    assert caplog.messages == [
        "Unknown setting OUSPARK_SITE_URLS ignored. Did you mean OUSPARK_SITE_URL?"
    ]
