"""The page Bridge: one model that looks and writes."""
