"""No telemetry: unless it is told so before its import, onnxruntime looks up a host and keeps an identity on disk."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
