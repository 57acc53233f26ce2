"""Whether automation runs by itself: the one setting, in the two forms that Dagster wants."""

import dagster as dg

from ouspark_assets.settings import AutomationSettings


def sensors_start(settings: AutomationSettings) -> dg.DefaultSensorStatus:
    """How sensors start; each can be switched in the UI, which is remembered."""
    status = dg.DefaultSensorStatus
    return status.RUNNING if settings.automation else status.STOPPED


def schedules_start(settings: AutomationSettings) -> dg.DefaultScheduleStatus:
    """How schedules start."""
    status = dg.DefaultScheduleStatus
    return status.RUNNING if settings.automation else status.STOPPED
