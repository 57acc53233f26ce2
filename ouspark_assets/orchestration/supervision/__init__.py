"""Keeping the processes alive: the guard of user code, the health check, the monitor, `ouspark ui`.

What the processes do is elsewhere; the embedded servers have a supervisor of their own in
`services/`.
"""
