"""What all tests share: the package `reference` next to this file can be imported."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
