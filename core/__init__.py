"""Sidelight's library: capture, explain and show attention in vision and in language.

Nothing in here but `core.ui` needs Streamlit; use the rest from Python, notebooks and the command line.
"""
