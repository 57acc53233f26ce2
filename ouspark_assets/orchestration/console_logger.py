"""What runs of Dagster show on the console: lines of this project, instead of Dagster's own.

Here is how a record of Dagster's becomes an ordinary one; how it then looks is `logs/`.
"""

import logging
from typing import Any

import dagster as dg

from ouspark_assets.operations.logging import StderrHandler, configure_logging, current_log_context
from ouspark_assets.settings import LoggingSettings, load_settings

PARTITION_TAG = "dagster/partition"


class OrdinaryRecords(logging.Filter):
    """Dagster puts what it knows into one attribute and into the message: taken apart again."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything through, as fields."""
        said: dict[str, Any] | None = vars(record).pop("dagster_meta", None)
        vars(record).pop("dagster_event", None)
        vars(record).pop("dagster_event_batch_metadata", None)
        if said is None:
            return True
        record.msg, record.args = said["orig_message"], None
        record.run, record.job, record.step = said["run_id"], said["job_name"], said["step_key"]
        # A stage that is at work says itself which one it is; around it the step has to do.
        record.stage = current_log_context().stage or (said["step_key"] or "").replace("__", ".")
        record.release = current_log_context().release or (said["job_tags"] or {}).get(
            PARTITION_TAG
        )
        event = said["dagster_event"]
        record.event = event.event_type_value if event else None
        error = getattr(event.event_specific_data, "error", None) if event else None
        record.error = _as_field(error) if error else None
        return True


def _as_field(error: Any) -> dict[str, str]:
    """An error of a step as Dagster keeps it, causes included; the innermost one gives its name."""
    innermost = error
    while innermost.cause is not None:
        innermost = innermost.cause
    return {
        "type": str(innermost.cls_name),
        "message": str(innermost.message).strip(),
        "traceback": error.to_string(),
    }


def _console(
    context: dg.InitLoggerContext, settings: LoggingSettings, level: str
) -> logging.Logger:
    # What rooms say goes the same way; a quiet command is not quiet about warnings of theirs.
    configure_logging(settings)
    # One of its own: loggers that are got by name live as long as the process.
    logger = logging.getLoggerClass()(context.logger_config.get("name") or "dagster", level)
    handler = StderrHandler(settings)
    handler.addFilter(OrdinaryRecords())
    logger.addHandler(handler)
    return logger


@dg.logger(
    config_schema={
        "log_level": dg.Field(str, is_required=False, description="From which level on"),
        "name": dg.Field(str, is_required=False, description="Name of the logger"),
    },
    description="Lines on standard error: OUSPARK_LOG_FORMAT, OUSPARK_LOG_LEVEL",
)
def console(context: dg.InitLoggerContext) -> logging.Logger:
    """The console as the run's configuration asks for it."""
    asked: str | None = context.logger_config.get("log_level")
    settings = load_settings().logging
    return _console(context, settings, (asked or settings.log_level or "INFO").upper())


def _unconfigured(context: dg.InitLoggerContext) -> logging.Logger:
    usual = str(context.logger_config["log_level"])
    settings = load_settings().logging
    return _console(context, settings, settings.log_level or usual)


def replace_the_default() -> None:
    """Use the same lines for runs whose configuration names no logger: nearly all of them.

    Dagster takes a logger of `Definitions` only when the run's configuration names it, and its own
    coloured console otherwise (1.13), which is nobody's to choose.
    """
    vars(dg.colored_console_logger)["_logger_fn"] = _unconfigured
