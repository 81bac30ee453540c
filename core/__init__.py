"""Sidelight's library: capture, explain and show attention in vision and in language.

Nothing in here but `core.ui` needs Streamlit; use the rest from Python, notebooks and the command line.
"""

import os

# huggingface_hub reads these when it is first imported, as transformers, timm and peft do. Plain HTTP instead of Xet:
# a download then tells how far it is, and can be stopped.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
