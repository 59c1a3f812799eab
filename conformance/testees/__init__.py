"""Clients under test: any SDK in any language, driven by a small program that speaks JSON lines.

Read on in this order: `protocol` (the messages), `process` (a driver while it runs), `program` (one life of
it), `surroundings` and `family` (where it lives, and what it starts), `driver` (what a driver in Python
needs), `control` and `wrong` (clients of our own: a right one, and many that are wrong in one way each),
`case` and `framing` (cases as data, and the streams that they send), `stage` (our server, which witnesses
what a client sends), `comparing` and `judging` (what was delivered against what was sent), `conversation` (a
scenario held by a client), `cuts` and `cutting` (answers cut at random), `played` (what came of a case),
`running` (all cases against one client), `smoke` (what is missing in a driver), `skeletons` (drivers to begin
with), `drivers` (those of clients that people use), `once` (a program that is no driver), `fixture` (a server
for the tests of a client).

A driver judges nothing and has no code for any case; what a client sent is what our server received.
"""
