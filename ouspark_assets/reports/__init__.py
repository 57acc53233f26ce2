"""Reports for a college: an Excel workbook per class and a printable page per department.

Frames in, file contents out; `cli/report.py` reads the tables and writes the files. What a number
means is decided in `analytics/`. No cell of a file can run as a formula or as markup.
"""
