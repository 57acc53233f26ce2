"""Alembic revisions in plain SQL, which create and change the tables of both databases.

A revision is never edited once it has been released. A test compares the newest state with the
models in `schemas/`.
"""
