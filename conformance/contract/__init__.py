"""The contract: JSON Schemas and requirements, and nothing that judges.

`places` finds the data folders, `store` reads and compiles the schemas, `registry` reads the requirements.
"""
