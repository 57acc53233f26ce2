"""The client of the results site: index page, plan of hall tickets, fetching, archive of pages.

No database and no Dagster. Of a result page only the hall ticket, its completeness and whether
something is open are judged here; `pages/` reads the rest.
"""
