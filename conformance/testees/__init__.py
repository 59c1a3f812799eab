"""Clients under test: any SDK in any language, driven by a small program that speaks JSON lines.

Read on in this order: `protocol` (the messages), `process` (a driver while it runs), `driver` (what a driver
in Python needs), `control` and `wrong` (clients of our own: a right one, and many that are wrong in one way
each), `case` and `framing` (cases as data, and the streams that they send), `stage` (our server, which
witnesses what a client sends), `comparing` and `judging` (what was delivered against what was sent),
`running` (all cases against one client), `smoke` (what is missing in a driver), `skeletons` (drivers to begin
with).

A driver judges nothing and has no code for any case; what a client sent is what our server received.
"""
