"""The client side of the results site: index, plan of hall tickets, polite fetching, page archive.

No database, no dagster, and no reading of what a page says beyond whose answer it is.
"""
