"""The commands, one module each: `add_arguments` tells its options, `run` does its work and gives the exit code.

`shared` holds what several of them take.
"""
