#!/usr/bin/env python
"""Runs Django's commands: `make shell` shows the easiest way to a database that works."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlcenter.settings")
    execute_from_command_line(sys.argv)
