"""What it does: plain functions that use networks on pictures."""
