"""Clients under test: any SDK in any language, driven by a small program that speaks JSON lines.

`protocol` has the messages, `process` a driver while it runs.

A driver judges nothing and has no code for any case; what a client sent is what our server received.
"""
