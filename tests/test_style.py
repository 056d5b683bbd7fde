import subprocess
import sys
from pathlib import Path


def test_ruff_is_clean():
    result = subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", Path(__file__).parents[1]],
                            capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
