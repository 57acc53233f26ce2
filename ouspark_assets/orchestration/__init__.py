"""Everything that imports Dagster: assets, checks, automation, resources, executors and storage.

Assets and sensors are thin: the work itself is in `pipeline/` and the packages below it.
"""
