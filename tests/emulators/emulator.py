"""Emulators and proxies that other people wrote: started on a port of the kernel's, and ended again.

with started("litellm-proxy", Path("logs")) as emulator:
    emulator.url, emulator.key
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from conformance.server import serving

HERE = Path(__file__).parent
AIMOCK = Path("node_modules/@copilotkit/aimock/dist/cli.js")
KEY = "sk-conformance"
"""By which both of them let us in, and nobody else."""
_ADDRESS = re.compile(rb"(?:listening on|running on) (http://127\.0\.0\.1:\d+)")
_STARTS_S = 90
_ENDS_S = 10


@dataclass(frozen=True, slots=True)
class Emulator:
    """One that runs, and the key by which it lets anybody in."""

    url: str
    key: str


@contextmanager
def started(name: str, folder: Path) -> Iterator[Emulator]:
    """Start one of `pins.json`; what it prints goes into the folder.

    aimock is looked for in the `node_modules` of the working directory, litellm on the path. Behind litellm
    is the reference server.

    Raises:
        RuntimeError: it is not installed, or does not come up; the message has the end of what it printed.
    """
    log = folder / f"{name}.log"
    with ExitStack() as stack:
        if name == "aimock":
            command = [_found("node"), _file(AIMOCK), "--port", "0", "--fixtures", str(HERE / "aimock.json")]
            more = {"AIMOCK_API_KEYS": KEY}
        else:
            command = [_found("litellm"), "--config", str(HERE / "litellm.yaml")]
            command += ["--host", "127.0.0.1", "--port", "0"]
            more = _for_litellm(stack.enter_context(serving(seed=7)).url)
        yield Emulator(stack.enter_context(running(command, log, more)), KEY)


@contextmanager
def running(
    command: Sequence[str], log: Path, more: Mapping[str, str], *, starts_s: float = _STARTS_S
) -> Iterator[str]:
    """Run a server until it is no longer needed; give the address that it prints.

    Of our environment it gets what a program needs, and no key.

    Raises:
        RuntimeError: it ended, or printed no address in time.
    """
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    with (
        log.open("wb") as printed,
        subprocess.Popen(
            command, stdout=printed, stderr=printed, env=environment | dict(more), start_new_session=True
        ) as process,
    ):
        try:
            yield _address(process, log, starts_s)
        finally:
            _end(process)


def _address(process: "subprocess.Popen[bytes]", log: Path, starts_s: float) -> str:
    limit = time.monotonic() + starts_s
    while time.monotonic() < limit:
        if found := _ADDRESS.search(log.read_bytes()):
            return found[1].decode()
        if process.poll() is not None:
            break
        time.sleep(0.05)
    state = "is still silent" if process.returncode is None else f"ended with {process.returncode}"
    told = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise RuntimeError(f"{process.args!r} {state}; it printed:\n{told}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End it with all that it started."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDS_S)


def _for_litellm(upstream: str) -> dict[str, str]:
    """get, cancel and delete name no model: for them it takes the server behind it from the environment."""
    keys = dict.fromkeys(("GOOGLE_API_KEY", "GEMINI_API_KEY"), "key-of-the-proxy")
    places = dict.fromkeys(("UPSTREAM", "GEMINI_API_BASE"), upstream)
    return keys | places | {"LITELLM_MASTER_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


def _found(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise RuntimeError(
            f"there is no {program} on the path; tests/emulators/README.md tells what to install"
        )
    return found


def _file(path: Path) -> str:
    if not path.is_file():
        raise RuntimeError(f"there is no {path} here; npm install the package that pins.json names")
    return str(path)
