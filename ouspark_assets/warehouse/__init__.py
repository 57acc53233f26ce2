"""PostgreSQL: connections, migrations, locks, reading and writing frames, publishing.

Tables are known through `schemas/`; what their numbers mean is not known here. No dagster.
"""
