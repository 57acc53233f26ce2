"""The asset checks: models and references, scrapes, pages, aggregates, and what is upstream.

What must hold is defined in the packages below; here it becomes a check result.
"""
