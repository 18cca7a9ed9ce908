"""Networks that fill and mend."""
