"""How the shipped weights were made; the app never imports this room."""
