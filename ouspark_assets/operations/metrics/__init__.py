"""How things stand in numbers, as Prometheus reads them: printed, in a file, or served.

What belongs here: which metrics there are and how they get out. What does not: finding the facts,
which is the command line's business, and keeping values: every number is read from the tables when
it is asked for, so that nothing is lost or counted twice when a process ends.
"""
