"""Where examples that failed are kept, so that they are tried first the next time.

database_at(".gemini-conformance/examples")      a folder
database_at("redis://127.0.0.1:6379/0")          one that many machines share
"""

from pathlib import Path

from hypothesis.database import DirectoryBasedExampleDatabase, ExampleDatabase

from conformance.errors import UsageRefused

__all__ = ["database_at"]


def database_at(place: str) -> ExampleDatabase:
    """Open a database of examples.

    Raises:
        UsageRefused: nobody answers there, or what it takes to ask is not installed.
    """
    if not place.startswith(("redis://", "rediss://", "unix://")):
        return DirectoryBasedExampleDatabase(Path(place))
    try:
        from hypothesis.extra.redis import RedisExampleDatabase
        from redis import Redis, RedisError
    except ImportError:
        raise UsageRefused(
            "a database on Redis needs the package redis", "pip install 'gemini-conformance[redis]'"
        ) from None
    client = Redis.from_url(place, socket_timeout=5, socket_connect_timeout=5)
    try:
        client.ping()
    except (RedisError, ValueError) as error:
        where = place.rpartition("@")[2]
        raise UsageRefused(
            f"the database at {where} cannot be used: {str(error).splitlines()[0]}",
            "Start it, or name a folder with --database.",
        ) from None
    return RedisExampleDatabase(client, key_prefix=b"gemini-conformance:")
