"""What a college hands round: a workbook per class, a printable page per department.

Frames in, files out. What a number means was decided in `analytics/`; nothing is read from a
database here, and no cell of a file can run as a formula or as markup.
"""
