"""Console logger of Dagster runs: prints log lines in this project's format, not in Dagster's.

Converts Dagster's log records to ordinary ones; formatting them is up to `operations/logging.py`.
"""

import logging
from typing import Any

import dagster as dg

from ouspark_assets.operations.logging import StderrHandler, configure_logging, current_log_context
from ouspark_assets.orchestration.partitions import PARTITION_TAG
from ouspark_assets.settings import load_settings


class DagsterRecordFilter(logging.Filter):
    """Moves what Dagster puts into one attribute and into the message to fields of the record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Convert the record; let every record pass."""
        meta: dict[str, Any] | None = vars(record).pop("dagster_meta", None)
        vars(record).pop("dagster_event", None)
        vars(record).pop("dagster_event_batch_metadata", None)
        if meta is None:
            return True
        record.msg, record.args = meta["orig_message"], None
        record.run, record.job, record.step = meta["run_id"], meta["job_name"], meta["step_key"]
        # Within a stage, the stage names itself; outside of one, the step stands in for it.
        record.stage = current_log_context().stage or (meta["step_key"] or "").replace("__", ".")
        record.release = current_log_context().release or (meta["job_tags"] or {}).get(
            PARTITION_TAG
        )
        event = meta["dagster_event"]
        record.event = event.event_type_value if event else None
        error = getattr(event.event_specific_data, "error", None) if event else None
        record.error = _error_field(error) if error else None
        return True


def _error_field(error: Any) -> dict[str, str]:
    """Return a step's error as a log field: class and message of its innermost cause, traceback."""
    innermost = error
    while innermost.cause is not None:
        innermost = innermost.cause
    return {
        "type": str(innermost.cls_name),
        "message": str(innermost.message).strip(),
        "traceback": error.to_string(),
    }


def _create_logger(context: dg.InitLoggerContext, level: str) -> logging.Logger:
    settings = load_settings().logging
    # The loggers of the packages print the same way. A quiet command still prints their warnings.
    configure_logging(settings)
    # Created directly: loggers from getLogger live as long as the process.
    logger = logging.getLoggerClass()(context.logger_config.get("name") or "dagster", level.upper())
    handler = StderrHandler(settings)
    handler.addFilter(DagsterRecordFilter())
    logger.addHandler(handler)
    return logger


@dg.logger(
    config_schema={
        "log_level": dg.Field(str, is_required=False, description="Minimum level"),
        "name": dg.Field(str, is_required=False, description="Name of the logger"),
    },
    description="Lines on standard error: OUSPARK_LOG_FORMAT, OUSPARK_LOG_LEVEL",
)
def console(context: dg.InitLoggerContext) -> logging.Logger:
    """Return the logger for a run whose configuration names it."""
    level: str | None = context.logger_config.get("log_level")
    return _create_logger(context, level or load_settings().logging.log_level or "INFO")


def _create_default(context: dg.InitLoggerContext) -> logging.Logger:
    level = load_settings().logging.log_level or str(context.logger_config["log_level"])
    return _create_logger(context, level)


def replace_default_console_logger() -> None:
    """Use this logger for runs whose configuration names none, which is nearly all of them.

    Dagster (1.13) uses a logger of `Definitions` only if the run's configuration names it, and its
    own coloured console logger otherwise. Dagster has no setting for this default.
    """
    vars(dg.colored_console_logger)["_logger_fn"] = _create_default
