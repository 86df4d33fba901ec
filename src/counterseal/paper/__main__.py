"""`python -m counterseal.paper`."""

import sys

from counterseal.paper.main import main

if __name__ == "__main__":
    sys.exit(main())
