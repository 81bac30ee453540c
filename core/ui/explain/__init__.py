"""The sections of the Explain page."""
