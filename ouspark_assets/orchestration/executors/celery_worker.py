"""The Celery app that workers load, with the broker's address taken from the settings.

Start a worker with `celery -A ouspark_assets.orchestration.executors.celery_worker worker` and
`-Q dagster`, or `-Q scraping -c 1` on the one machine that requests pages from the results site.
How a step is executed is `celery_steps.py`.
"""

from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from ouspark_assets.orchestration.executors.celery_steps import celery_arguments
from ouspark_assets.orchestration.executors.executor import celery_broker_of
from ouspark_assets.settings import load_settings

app = make_app(celery_arguments(celery_broker_of(load_settings().runs)))
execute_plan = create_task(app)
