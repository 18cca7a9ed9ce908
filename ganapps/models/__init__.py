"""Row -> network: the catalogue, the Hub, checkpoint formats, and what is ready on this machine."""
