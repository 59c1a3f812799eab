"""Fuzzing: conversations that nobody wrote, made smaller where they show a fault.

Both sides

    hunt        hypothesis as a hunter: batches, several faults at once, each shrunk, none told twice
    stores      where what failed is kept for the next time

An endpoint

    sorts       right requests, wrong ones, lives: each a test that hypothesis runs
    life        the state machine: interactions from create to delete, in any order
    talk        one generated conversation, which is a scenario while it is held
    endpoint    what of the answers is a finding
    plain       requests over plain HTTP, fast
    manners     budget, rate, and what a busy endpoint asks for
    reduce      what a fault does not need is left out
    running     one worker: sorts take turns, findings are confirmed
    workers     several, each with a server of its own

A client

    answers     streams with quirks and cuts, and broken ones
    opponent    the client meets them: what it delivers is held against what was sent
    blame       which requirement a difference is about
    smaller     what hypothesis leaves is made smaller still
    clients     the whole run, with a wrong client as its control
"""
