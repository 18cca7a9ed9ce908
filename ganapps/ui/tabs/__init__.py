"""The tabs, one a file."""
