"""Processes of the tests: scripts as a user runs them, and whether a process has ended."""

import os
import subprocess
import sys
import time
from pathlib import Path


def run_script(path: Path, text: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Write a script and run it, with the tests' own modules at hand."""
    path.write_text(text)
    command = [sys.executable, str(path), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def gone(pid: int) -> bool:
    """Whether a process has ended, or ends within ten seconds."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
