"""The history of both databases' tables, as Alembic revisions in plain SQL.

A revision is never edited once it has been released; a test holds the newest state against the
models in `schemas/`.
"""
