"""Reading, a part of it: the tools of the field, where each comes in and what to type here."""

import streamlit as st

from core.ui.differences.measure import table
from core.ui.language import say

COMMANDS = {
    "pytorch": "python -c \"from core.models.vision import load_vision as v; print(v('vision-vit-s-14').module)\"",
    "transformers": "python -m core.finetune --task translation --method lora --data PAIRS.tsv --language de",
    "timm": "python -m core.finetune --task vision --method lora --data FOLDER",
    "tensorboard": "tensorboard --logdir runs",
    "wandb": "pip install wandb && WANDB_MODE=offline python -m core.finetune …",
    "jupyter": "jupyter notebook docs/lesson.ipynb",
    "tensorflow": "",
}
NAMES = {
    "pytorch": "PyTorch",
    "transformers": "transformers",
    "timm": "timm",
    "tensorboard": "TensorBoard",
    "wandb": "Weights & Biases",
    "jupyter": "Jupyter, Colab",
    "tensorflow": "TensorFlow",
}


def show() -> None:
    st.markdown(f"### {say('tools.title')}")
    rows = [
        [f"**{NAMES[name]}**", say(f"tools.{name}"), f"`{command}`" if command else "–"]
        for name, command in COMMANDS.items()
    ]
    table([say("tools.tool"), say("tools.what"), say("tools.command")], rows, texts=3)
