"""Result pages: bytes in, clean records out; what can't be accepted is rejected with every reason.

Pure: nothing here opens a file, a connection or a clock. `cleaning.clean_pages` is the way in,
`parallel.clean_in_parallel` the same in several processes.
"""
