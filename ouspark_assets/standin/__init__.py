"""The bundled results site: a made-up population, its examinations, its pages and its bad days.

It imports nothing of the pipeline but its errors, so that the truth it exports is independent of
what is held against it.
"""
