"""From music to a model: the only place that imports torch."""

import os
import sys

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # as in ``livegen.model``

if sys.argv[:1] == ["-m"] and not sys.flags.safe_path:
    # ``python -m export``: a file in the current folder is taken for a module only where no other has its name
    sys.path.append(sys.path.pop(0))
