"""``python -m orchestration.supervisor``."""

import sys

from orchestration.supervisor.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
