"""Networks that carry a picture into another domain."""
