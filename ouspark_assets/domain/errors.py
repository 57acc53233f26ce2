"""Errors that the operator can act on. Each message says what happened and what to do.

The command line prints these without a traceback. Any other exception is a bug in the program and
keeps its traceback. Errors of a single package may be defined there as subclasses.
"""


class OuSparkError(Exception):
    """Base class of all errors that the operator can act on."""


class UsageError(OuSparkError):
    """A command was given something that does not exist or is malformed.

    Raised before any work begins, so that it is recorded nowhere and opens no alert.
    """


class SettingsError(OuSparkError):
    """A setting is malformed or contradicts another setting."""


class ServiceError(OuSparkError):
    """An embedded server cannot be started or reached."""


class SiteError(OuSparkError):
    """The results site cannot be used as requested."""


class LakeError(OuSparkError):
    """The lake cannot be read or written."""


class WarehouseError(OuSparkError):
    """A database refused an operation, or data does not fit its table."""


class CacheError(OuSparkError):
    """The cache refused an operation."""


class MetricsError(OuSparkError):
    """Metrics cannot be written to or served at the configured place."""


class AlertsError(OuSparkError):
    """The alert rules, the alert store or a delivery channel cannot be used."""


class SupervisionError(OuSparkError):
    """A process of the installation does not run, or does not answer."""
