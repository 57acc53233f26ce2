"""The asset checks, declared in one of two ways, and their latest results.

Checks of a whole table are steps of their own: `model_checks`, `reference_checks` and
`analytics_checks` build them with `@dg.asset_check`. Checks of the releases of a run are evaluated
by the asset that scrapes or loads them: `SCRAPE_CHECKS` and `PAGE_CHECKS` are their specs,
`…_check_results` their results. `check_results.py` collects both kinds. What is compared is
computed in the packages below.
"""
