import sys
from pathlib import Path

# The good case is the metadata tests' own; a bare run of this folder must find it too.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "metadata"))
