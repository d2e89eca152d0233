"""The command line, a module a command; `app` puts them together.

Standard output is the result alone, so that it can be piped; progress, the link and errors go to standard error. torch
is imported by the commands that train.
"""
