"""Vision Transformers and translators, each giving its output and its `AttentionTrace`s."""
