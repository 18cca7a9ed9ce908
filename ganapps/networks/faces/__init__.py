"""Networks that draw from noise."""
