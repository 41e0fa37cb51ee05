"""Finds a Chromium for the browser tests; run as a program it also installs Debian's, where it may."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
REMEDY = "The browser tests need Chromium: apt-get install chromium, or set CHROMIUM=/path/to/it."


def find() -> str | None:
    """The browser that CHROMIUM names, or the first of the usual ones."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    return next(filter(None, map(shutil.which, NAMES)), str(MAC) if MAC.exists() else None)


def install() -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(REMEDY)
    print("Installing Debian's Chromium for the browser tests …", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        if subprocess.run(["apt-get", "-qq", *step], env=environment, stdin=subprocess.DEVNULL).returncode:
            sys.exit(REMEDY)


if __name__ == "__main__":
    if not find():
        install()
    if not find():
        sys.exit(REMEDY)
