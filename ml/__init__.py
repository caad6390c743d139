"""The machine-learning floor: pictures in, answers and model folders out. Knows no Django, no queue and no bucket."""
