"""Start here: flags -> engine -> window -> launch."""

import argparse
import atexit
import logging
import math
import os
import sys
import threading
from pathlib import Path

DATA = Path("/data")  # a Space's own storage, where it has some
HERE_ONLY = (None, "127.0.0.1", "localhost", "::1")  # hosts that nobody else can reach

_served = threading.Event()  # the window was open, and is closed


def flags() -> argparse.ArgumentParser:
    """The command line of the app."""
    parser = argparse.ArgumentParser(
        description="Faces, upscaling, translation, and GAN against diffusion, in a browser."
    )
    parser.add_argument(
        "--host",
        default=os.environ.get("GRADIO_SERVER_NAME"),
        help="address to listen on (default 127.0.0.1; 0.0.0.0 for the whole network)",
    )
    parser.add_argument("--port", type=int, help="port (default: the first free one from 7860)")
    parser.add_argument(
        "--share", action="store_true", help="a public link for 72 hours; off unless asked for"
    )
    parser.add_argument(
        "--password",
        metavar="USER:PASSWORD",
        default=os.environ.get("GANAPPS_PASSWORD"),
        help="ask visitors for this; use it with --share or --host 0.0.0.0 (default: what "
        "GANAPPS_PASSWORD says)",
    )
    parser.add_argument(
        "--host-name",
        metavar="NAME",
        action="append",
        default=_names(os.environ.get("GANAPPS_HOST_NAMES", "")),
        help="a name under which visitors reach this app; may be given again (and what "
        "GANAPPS_HOST_NAMES says, with commas)",
    )
    parser.add_argument(
        "--time-limit",
        metavar="SECONDS",
        type=_seconds,
        help="a run that takes longer ends as Stop does (default: none)",
    )
    parser.add_argument(
        "--device",
        default="auto",
        help="auto, cpu, cuda, cuda:1, mps; several with commas (cuda:0,cuda:1), a process each",
    )
    parser.add_argument(
        "--workers",
        metavar="ray[:ADDRESS]",
        default="",
        help="compute on a Ray cluster: ray starts one here, ray:auto joins the one of this "
        "machine, ray:HOST:PORT another (docs/serving.md)",
    )
    parser.add_argument(
        "--offline", action="store_true", help="never ask the Hub; only models that are here"
    )
    return parser


def _login(password: str | None) -> tuple[str, str] | None:
    """User and password of `USER:PASSWORD`, None where none is asked for. Ends the program where
    one of them is empty.
    """
    if password is None:
        return None
    user, _, word = password.partition(":")
    if not user.strip() or not word.strip():
        sys.exit("--password wants USER:PASSWORD, neither of them empty.")
    return user.strip(), word


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _seconds(text: str) -> float:
    """A time limit: more than 0 seconds."""
    seconds = float(text)
    if not (seconds > 0 and math.isfinite(seconds)):
        raise ValueError
    return seconds


def stay_on(data: Path) -> None:
    """Models and prices go where a restart of a Space leaves them, if it has such a place."""
    if data.is_dir() and os.access(data, os.W_OK):
        os.environ.setdefault("HF_HOME", str(data / "huggingface"))
        os.environ.setdefault("GANAPPS_CACHE", str(data / "ganapps"))


def main() -> None:
    """Start the app and serve until it is stopped."""
    options = flags().parse_args()
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if os.environ.get("SPACE_ID"):
        stay_on(DATA)
    logging.basicConfig(level=logging.WARNING)
    from ganapps.errors import UserError, speak_to_any_console

    speak_to_any_console()
    login = _login(options.password)
    if (
        login is None
        and (options.share or options.host not in HERE_ONLY)
        and not os.environ.get("SPACE_ID")
    ):
        print(
            "WARNING: everybody who finds this address can use this app and this machine's time. "
            "Set --password USER:PASSWORD.",
            file=sys.stderr,
        )
    from ganapps.pictures import temporary

    try:
        temporary.settle()
        from ganapps import engine, ui

        own = engine.start(options.device, options.offline, workers=options.workers)
        window = ui.build(own, options.time_limit)
    except UserError as e:
        sys.exit(str(e))
    hosts = ui.known_hosts(options.host, options.host_name, options.share)
    try:
        window.launch(
            server_name=options.host,
            server_port=options.port,
            share=options.share,
            auth=login,
            **ui.launch_settings(hosts, locked=login is not None),
        )
    except OSError as e:
        sys.exit(f"Port {options.port} can't be used: {e}. Choose another one with --port.")
    finally:
        own.close()


def _leave() -> None:
    """The last of what is done at the end. Threads may still hold tensors, and torch aborts a
    process in which one is freed while Python takes itself down.
    """
    if _served.is_set():
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    atexit.register(_leave)  # the first that is registered is called last
    try:
        main()
        _served.set()
    except KeyboardInterrupt:  # before the window was open; Gradio takes it from then on
        sys.exit(130)
