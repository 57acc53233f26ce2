"""Where data comes from: the results site and the reference files.

What arrives is not interpreted here; reading result pages is `pages/`.
"""
