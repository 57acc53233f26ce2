"""Where data comes from: the university's results site, and the reference files.

Data is fetched, archived and read here. `pages/` interprets the result pages.
"""
