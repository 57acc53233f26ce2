"""Programs that benchmarks run in processes of their own; each prints one line of JSON.

A reference imports nothing of OuSpark: its interpreter may not have it.
"""
