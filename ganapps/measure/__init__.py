"""What it costs and how good it is."""
