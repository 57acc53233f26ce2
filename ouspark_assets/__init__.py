"""OuSpark: Osmania University's engineering results as a Dagster asset graph.

Import the module you need; nothing is re-exported here and nothing is contacted at import.
"""
