"""`python -m velroload.target`: the reference target as a process of its own."""

import sys

from velroload.target.command import main

sys.exit(main())
