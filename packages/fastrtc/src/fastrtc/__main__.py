"""``python -m fastrtc``: the command line."""

import sys

from fastrtc.cli import main

sys.exit(main())
