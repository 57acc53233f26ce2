"""Hand-made faults of the package, each with the tests that must notice it.

One YAML file per package lists its faults; `python -m ouspark_assets_tests.mutations` tries them.
"""
