"""Scenarios: conversations as data, and playing them.

`scenario` reads the files, `target` is where requests go, `play` sends one scenario to one target and gives
its trace, `expectation` compares an answer with what the scenario alone can expect.
"""
