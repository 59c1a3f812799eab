"""The commands, a module each: `add_arguments` tells the options, `run` works and gives the exit code.

`shared` holds what several of them take.
"""
