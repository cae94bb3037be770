import sys
from pathlib import Path

for room in ("metadata", "checks"):
    sys.path.insert(0, str(Path(__file__).parent.parent / room))
