"""Result pages: HTML in, clean records out; records that are not accepted carry every reason.

Pure: no file, no connection, no clock. `cleaning.clean_pages` is the entry point, and
`parallel.clean_in_parallel` does the same in several processes.
"""
