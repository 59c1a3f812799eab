"""The record of a run, and its renderings.

`record` makes the lines that a run writes, `text` shows them to people. A rendering reads nothing but the
lines, so whatever can be shown at the end of a run can be shown again from its record.
"""
