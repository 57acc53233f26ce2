"""Redis: the keys, the JSON documents, building a generation, and switching readers to it.

Published frames come in, one JSON document per key goes out. Only `prewarm.py` reads the
production database. No Dagster.
"""
