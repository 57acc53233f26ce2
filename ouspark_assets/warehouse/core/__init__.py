"""PostgreSQL itself: connections, migrations, locks, reading and writing frames.

What is published, quarantined or recorded is in the neighbouring packages.
"""
