"""Start here: flags -> engine -> window -> launch."""

import argparse
import logging
import os
import signal
import sys


def flags() -> argparse.ArgumentParser:
    """The command line of the app."""
    parser = argparse.ArgumentParser(description="Faces, upscaling, translation, and GAN against diffusion, in a browser.")
    parser.add_argument("--host", default=os.environ.get("GRADIO_SERVER_NAME"), help="address to listen on (default 127.0.0.1; 0.0.0.0 for the whole network)")
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860)")
    parser.add_argument("--share", action="store_true", help="a public link for 72 hours; off unless asked for")
    parser.add_argument("--password", metavar="USER:PASSWORD", help="ask visitors for this; use it with --share or --host 0.0.0.0")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    parser.add_argument("--offline", action="store_true", help="never ask the Hub; only models that are here")
    return parser


def main() -> None:
    """Start the app and serve until it is stopped."""
    options = flags().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl+C does: what lies here for a while goes too
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    logging.basicConfig(level=logging.WARNING)
    from ganapps import temporary
    from ganapps.errors import UserError
    try:
        temporary.settle()
        from ganapps import engine, ui
        window = ui.build(engine.start(options.device, options.offline))
    except UserError as e:
        sys.exit(str(e))
    login = tuple(options.password.split(":", 1)) if options.password else None
    if login and len(login) != 2:
        sys.exit("--password wants USER:PASSWORD.")
    try:
        window.launch(server_name=options.host, server_port=options.port, share=options.share, auth=login, **ui.launch_settings())
    except OSError as e:
        sys.exit(f"Port {options.port} can't be used: {e}. Choose another one with --port.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # before the window was open; Gradio takes it from then on
        sys.exit(130)
