"""PostgreSQL: connections, migrations, locks, frames in and out, publications, operational records.

Tables are known from `schemas/`; what their numbers mean does not belong here. No Dagster.
"""
