"""The use cases in plain Python: discover, scrape, load, compute, publish and forget.

Assets, sensors and the command line call these, and these call the packages below. Nothing here
imports Dagster, records a stage, or prints.
"""
