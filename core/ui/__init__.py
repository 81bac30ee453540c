"""The only part of `core` that imports streamlit: caching, shared controls, language."""
