"""Redis: the layout of keys, the documents, building a generation beside the living one, switching.

Frames in, JSON documents out, a client to write with; only `prewarming.py` reads production. No
dagster.
"""
