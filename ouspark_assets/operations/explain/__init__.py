"""How a student's numbers came about: each value with the attempts, sums and rule behind it.

Pure: frames of one student in, frozen dataclasses out. Everything is computed by the functions of
`analytics/`; how an explanation is shown is up to `cli/explain_view.py`.
"""
