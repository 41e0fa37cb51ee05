"""Finds a Chromium for the browser tests; run as a program it also installs Debian's, where it may.

Best is its headless shell: the same engine without what a window needs. A page takes a third of the time in it, the
tests half.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = ("chromium-headless-shell", "chromium")
"""Debian's; other distributions may have the second one only."""
NAMES = (*PACKAGES, "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
REMEDY = "The browser tests need Chromium: apt-get install chromium-headless-shell, or set CHROMIUM=/path/to/it."


def find() -> str | None:
    """The browser that CHROMIUM names, or the first of the usual ones."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    return next(filter(None, map(shutil.which, NAMES)), str(MAC) if MAC.exists() else None)


def install() -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(REMEDY)
    print("Installing Debian's Chromium for the browser tests …", flush=True)
    if not _apt("update") or not any(_apt("install", "-y", "--no-install-recommends", name) for name in PACKAGES):
        sys.exit(REMEDY)


def _apt(*arguments: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(["apt-get", "-qq", *arguments], env=environment, stdin=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    if not find():
        install()
    if not find():
        sys.exit(REMEDY)
