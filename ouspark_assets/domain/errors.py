"""The errors that people see: each is one clear line that says what happened and what to do.

Nothing else belongs here. Whatever is not an `OuSparkError` is a fault of the program and keeps
its traceback.
"""


class OuSparkError(Exception):
    """Something the operator can act on; the command line prints it without a traceback."""


class SettingsError(OuSparkError):
    """A setting is malformed or contradicts another one."""


class ServiceError(OuSparkError):
    """A server that the pipeline needs can't be started or reached."""


class SiteError(OuSparkError):
    """The results site can't be used as asked."""


class LakeError(OuSparkError):
    """The archive of pages can't be read or written."""


class WarehouseError(OuSparkError):
    """A database refuses what the pipeline needs of it."""


class CacheError(OuSparkError):
    """The cache refuses what the pipeline needs of it."""


class MetricsError(OuSparkError):
    """Metrics can't be written or served where they were asked for."""


class AlertsError(OuSparkError):
    """The rules of alerts, their outbox or a channel can't be used as they are."""
