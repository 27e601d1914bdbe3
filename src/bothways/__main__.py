"""`python -m bothways` is `bothways`."""

import sys

from bothways.cli import main

sys.exit(main())
