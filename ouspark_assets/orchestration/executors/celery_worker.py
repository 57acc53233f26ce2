"""The Celery app that workers load; the broker's URL comes from the settings.

Start a worker with `celery -A ouspark_assets.orchestration.executors.celery_worker worker -Q
dagster`; on the one machine that requests pages from the results site, also one with `-Q scraping
-c 1`. The configuration is in `celery_steps.py`.
"""

from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from ouspark_assets.orchestration.executors.celery_steps import celery_arguments
from ouspark_assets.orchestration.executors.executor import require_celery_broker
from ouspark_assets.settings import load_settings

app = make_app(celery_arguments(require_celery_broker(load_settings().runs)))
execute_plan = create_task(app)
