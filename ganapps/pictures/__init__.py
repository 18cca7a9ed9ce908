"""File -> pixels -> file."""
