"""REST under /api/v1: one resource a file; parse, call one domain verb, render."""
