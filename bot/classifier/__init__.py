"""The group's own image classifier: its file format, how it is served, and how it is trained.

Every process that loads one of its libraries comes by here first. Two of them tell their makers how they are
used unless these variables forbid it before they are imported: onnxruntime sends events to Microsoft, and
huggingface_hub, where timm finds what a training begins with, says what asks.
"""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
