"""How an error of this project is raised to Dagster, so that the page of the run shows it.

How a stored error becomes one line again is in `step_errors.py`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from ouspark_assets.domain.errors import OuSparkError
from ouspark_assets.domain.masking import mask_secrets


@contextmanager
def explained_failure() -> Iterator[None]:
    """Raise an error of this project within the block as a failure that describes itself.

    Dagster shows the description of a `Failure` on the page of the run. Of any other exception it
    shows "Error occurred while executing op", and the message only below a traceback.
    """
    try:
        yield
    except OuSparkError as error:
        raise dg.Failure(mask_secrets(str(error))) from error
