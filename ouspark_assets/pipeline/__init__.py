"""The use cases in plain Python: discover, scrape, load, compute, publish, prewarm, rebuild, ...

Assets, sensors and the command line call these; they call the packages below. No Dagster.
"""
