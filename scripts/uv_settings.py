"""Prints shell exports that tell uv what pip is configured with.

Hatch installs Hatch's own build environments by pip and the project's by uv, and uv reads neither
pip's files nor its variables: behind a mirror or a company's certificate it would find nothing.
What is already set for uv stays.
"""

import ast
import os
import shlex
import subprocess
import sys

# pip's option -> (uv's variable, what separates several values in it)
VARIABLES = {
    "cert": ("SSL_CERT_FILE", ""),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "index-url": ("UV_DEFAULT_INDEX", ""),
    "trusted-host": ("UV_INSECURE_HOST", " "),
}
SECTIONS = ("global", "install", ":env:")  # the later ones win


def pip_settings() -> dict[str, str]:
    """Return pip's options by name, from its files and its variables."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in found:
            found[section][option] = str(ast.literal_eval(value))
    return {option: value for section in SECTIONS for option, value in found[section].items()}


def uv_settings(pip: dict[str, str]) -> dict[str, str]:
    """Return the environment variables of uv that say the same as pip's options."""
    settings = {}
    for option, (variable, separator) in VARIABLES.items():
        if option in pip:
            values = pip[option].split()
            settings[variable] = separator.join(values) if separator else pip[option]
    if "UV_INDEX" in settings:
        # Like pip, which takes the best version of all indexes and not the first index's.
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return settings


def main() -> None:
    """Print one export per setting."""
    for variable, value in uv_settings(pip_settings()).items():
        if variable not in os.environ:
            print(f"export {variable}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
