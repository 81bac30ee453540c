"""Pure functions from traces to plotly figures and component payloads."""
