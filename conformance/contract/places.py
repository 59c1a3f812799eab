"""Where the data folders lie: in a checkout beside the package or in `tests`, in a wheel inside the package.

folder("schemas") / "interactions" / "event.json"
"""

from pathlib import Path

from conformance.errors import DataFolderMissing

__all__ = ["PACKAGE", "folder"]

PACKAGE = Path(__file__).resolve().parent.parent


def folder(name: str) -> Path:
    """Give the folder `schemas`, `scenarios`, `cassettes`, `violations` or `conversations`.

    Raises:
        DataFolderMissing: the installation has no such folder.
    """
    for place in (PACKAGE / name, PACKAGE.parent / name, PACKAGE.parent / "tests" / name):
        if place.is_dir():
            return place
    raise DataFolderMissing(name)
