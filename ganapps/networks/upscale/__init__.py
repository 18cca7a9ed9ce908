"""Networks that enlarge."""
