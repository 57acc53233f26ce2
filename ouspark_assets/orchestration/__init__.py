"""Everything that imports Dagster: the graph, its checks, automation, resources and executors.

Assets and sensors are thin: what they do is in `pipeline/` and the packages below it.
"""
