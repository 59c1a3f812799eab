"""Mutants: servers, clients and traces that are wrong in exactly one way, and whether we see it.

Read on in this order: `mutant` (wrong servers as data), `operators` (what is done to an answer or a request),
`behaviours` (what no operator can express), `service` (a mutated server, and the right one beside it),
`difference` (what of its bytes is wrong), `running` (one wrong server, from its data to the line of a
record), `clients` and `traces` (the other two kinds), `jobs` (everything that is to be run), `matrix` (what
came of it, against all requirements).

A mutant is killed when the requirements that it breaks are found broken where it is wrong, and no other is.
"""
