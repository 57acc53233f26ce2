"""Storage of Dagster's own records: SQLite under OUSPARK_HOME, or PostgreSQL.

The only package that imports Dagster's internals (`dagster._*`).
"""
