"""Bytes, links, files: a configuration as something that can be passed on. No user interface, no torch."""
