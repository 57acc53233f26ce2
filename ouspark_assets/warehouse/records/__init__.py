"""Operational records, schema `ops` of development: stage runs, loads, follow-ups, site health.

Publications are recorded in production: see `warehouse/publication/`.
"""
