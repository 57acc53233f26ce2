"""Log lines: where in the work they were written, how they look, what they may say.

What belongs here: context, formats and the handler. What does not: what is worth a line, which is
for whoever does the work, and Dagster's own records, which `console_logger.py` above translates.
"""
