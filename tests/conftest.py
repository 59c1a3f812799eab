"""What holds for the whole run of tests."""

import gc


def pytest_collection_finish() -> None:
    """Leave the thousands of collected tests out of garbage collection.

    Many tests run pytest within themselves, and each such run collects garbage five times over all there is.
    """
    gc.collect()
    gc.freeze()
