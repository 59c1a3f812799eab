"""Fuzzing: conversations that nobody wrote, made smaller where they show a fault.

hunt        hypothesis as a hunter: batches, several faults at once, each shrunk, none told twice
talk        one generated conversation, which is a scenario while it is held
plain       requests over plain HTTP, fast
life        the state machine: interactions from create to delete, in any order
endpoint    what is asked of an endpoint, and what of its answers is a finding
manners     budget, rate, and what a busy endpoint asks for
workers     the same in several processes, each with a server of its own
"""
