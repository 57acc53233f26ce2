"""What the ticks of all sensors and schedules share: initial status, retries, unreachable servers.

What a single sensor or schedule decides is in the module of its subject.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import dagster as dg

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.settings import AutomationSettings

# The daemon loops every 5 s. With an interval of 5 s a tick would often be a moment too early and
# only every second loop would evaluate the sensor.
EVERY_DAEMON_LOOP = 3

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def initial_sensor_status(settings: AutomationSettings) -> dg.DefaultSensorStatus:
    """Return how sensors start; switching one in the UI overrides this and is remembered."""
    status = dg.DefaultSensorStatus
    return status.RUNNING if settings.automation else status.STOPPED


def initial_schedule_status(settings: AutomationSettings) -> dg.DefaultScheduleStatus:
    """Return how schedules start; switching one in the UI overrides this and is remembered."""
    status = dg.DefaultScheduleStatus
    return status.RUNNING if settings.automation else status.STOPPED


def skip_if_unreachable(
    evaluate: Callable[Arguments, Result],
) -> Callable[Arguments, Result | dg.SkipReason]:
    """Skip the tick, with the error as the reason, when a server is unreachable.

    A tick that raises would be recorded as failed, with a traceback, every few seconds for as long
    as the server is down. The next tick tries again; the cursor stays as it is.
    """

    @wraps(evaluate)
    def evaluate_or_skip(
        *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result | dg.SkipReason:
        try:
            return evaluate(*args, **kwargs)
        except OuSparkError as error:
            return dg.SkipReason(str(error))

    return evaluate_or_skip


def retry_window(seconds: int) -> int:
    """Return the number of the current time window of this length, for use in run keys.

    Dagster starts at most one run per run key. With the window in the key, work that failed is
    requested again, but only once per window instead of at every tick.
    """
    return int(time.time() // seconds)
