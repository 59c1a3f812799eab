"""The surroundings of a driver: an empty home, no credentials, no proxy; all else as its user has it.

    with tempfile.TemporaryDirectory() as home:
        environment = surroundings(os.environ, home)

A client finds credentials in variables, in files below the home folder, and by asking the metadata server of
a cloud: none of them may reach a server that only tries clients. What starts programs stays: PATH, a virtual
environment, and the folders in which the tools of a language keep what they have installed.
"""

import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["surroundings"]

_CREDENTIALS = re.compile(
    r"(GEMINI|GOOGLE|GCLOUD|GCE|GCP|CLOUDSDK|VERTEX\w*|AWS|AZURE|OPENAI|ANTHROPIC)_.*"
    r"|(.*_)?(API_?KEYS?|ACCESS_?KEY\w*|TOKEN|SECRET\w*|PASSWORD|PASSWD|CREDENTIALS?)",
    re.IGNORECASE,
)
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})
_HOMES = ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA")
_TOOLS = {
    "ASDF_DATA_DIR": ".asdf",
    "BUN_INSTALL": ".bun",
    "CARGO_HOME": ".cargo",
    "DENO_DIR": ".cache/deno",
    "GOCACHE": ".cache/go-build",
    "GOPATH": "go",
    "GRADLE_USER_HOME": ".gradle",
    "MISE_DATA_DIR": ".local/share/mise",
    "NUGET_PACKAGES": ".nuget/packages",
    "NVM_DIR": ".nvm",
    "PYENV_ROOT": ".pyenv",
    "PYTHONUSERBASE": ".local",
    "RBENV_ROOT": ".rbenv",
    "RUSTUP_HOME": ".rustup",
    "UV_CACHE_DIR": ".cache/uv",
    "UV_PYTHON_INSTALL_DIR": ".local/share/uv/python",
    "VOLTA_HOME": ".volta",
    "npm_config_cache": ".npm",
}
"""Where tools keep programs and packages, below the home folder unless the variable says otherwise."""


def surroundings(given: Mapping[str, str], home: str) -> dict[str, str]:
    """Give the environment of a driver, made of that of the harness, with `home` as its home folder."""
    kept = {name: value for name, value in given.items() if not _is_kept_away(name)}
    was = Path(given.get("HOME") or given.get("USERPROFILE") or home)
    tools = {
        name: str(was / place)
        for name, place in _TOOLS.items()
        if name not in kept and (was / place).is_dir()
    }
    homes = {name: home for name in _HOMES if name in given or name == "HOME"}
    asks_no_cloud = {"NO_GCE_CHECK": "true", "AWS_EC2_METADATA_DISABLED": "true"}
    return {**kept, **tools, **homes, **asks_no_cloud}


def _is_kept_away(name: str) -> bool:
    secret = _CREDENTIALS.fullmatch(name) is not None
    return secret or name.lower() in _PROXIES or name.startswith("XDG_")
