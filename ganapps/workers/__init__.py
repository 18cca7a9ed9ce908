"""Who computes, and what runs there are."""
