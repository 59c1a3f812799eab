"""What crossed the wire: bytes first, then frames, exchanges and traces.

`sse` turns bytes into frames, `exchange` holds a request with its response, `trace` gives a conversation its
meaning, `fold` joins a stream into an interaction, `recording` and `cassette` read and write files,
`yaml_text` reads the YAML of others, `redaction` keeps secrets out. Nothing here judges.
"""
