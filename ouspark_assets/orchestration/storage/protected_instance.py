"""The instance class named in `dagster.yaml`: its webservers refuse forged requests.

Dagster calls `optimize_for_webserver` in every webserver before it builds the application,
whichever command started it: `dagster dev`, `dagster-webserver`, `make ui`, a container. What is
refused is in `orchestration/request_guard.py`.
"""

from typing import Any

from dagster import DagsterInstance
from dagster._core.instance import InstanceRef

from ouspark_assets.settings import load_settings
from ouspark_assets.settings.environment import load_dotenv_like_dagster


class ProtectedInstance(DagsterInstance):
    """Dagster's instance, which guards the webserver that uses it."""

    @classmethod
    def config_schema(cls) -> dict[str, Any]:
        """Return the keys that this class adds to `dagster.yaml`: none."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Any:
        """Return the defaults of the stock class."""
        return InstanceRef.config_defaults(base_dir)

    def optimize_for_webserver(
        self, statement_timeout: int, pool_recycle: int, max_overflow: int
    ) -> None:
        """Guard the webserver of this process."""
        from ouspark_assets.orchestration.request_guard import protect_webservers

        super().optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)
        load_dotenv_like_dagster()
        protect_webservers(load_settings().webserver.ui_hosts)
