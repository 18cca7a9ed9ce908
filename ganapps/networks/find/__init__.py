"""Networks that find something in a picture."""
