"""What you see: the window, one tab per file. Gradio is used nowhere else."""

from ganapps.ui.doors import known_hosts
from ganapps.ui.window import build, launch_settings

__all__ = ["build", "known_hosts", "launch_settings"]
