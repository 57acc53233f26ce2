"""Where Dagster keeps its own records: SQLite under OUSPARK_HOME, or PostgreSQL.

The only package that imports the internals of Dagster (`dagster._*`).
"""
