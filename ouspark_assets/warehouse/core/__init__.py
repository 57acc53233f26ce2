"""PostgreSQL itself: connections, migrations, locks, reading and writing frames.

What is published, quarantined or recorded is the neighbouring packages' business.
"""
