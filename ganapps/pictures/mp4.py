"""A film as MP4, which phones and chat programs play; the WebP beside it is what was made."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from PIL import Image, ImageSequence

from ganapps.pictures.images import whole
from ganapps.pictures.inside import XMP_BOX, from_picture, xmp

SIDE = 512  # pixels of the shorter side at least: players blur what is smaller
QUALITY = "18"  # x264's constant rate factor: as good as the eye can tell
RATE = 25  # frames a second that x264 takes for usual; each frame says when it is shown
MILLISECOND = Fraction(1, 1000)


def from_film(film: Path, path: Path) -> Path:
    """`path`, an MP4 (H.264, 4:2:0) of the animated WebP `film`, enlarged to `SIDE` where it is
    smaller; its mark and recipe stand in XMP. Raises UserError where the disk is full, or where the
    film holds no recipe.
    """
    import av  # where a film is made, not at the start: FFmpeg is 60 MB

    packet = xmp(from_picture(film)).encode()
    with Image.open(film) as frames, whole(path) as part:
        size, shown = _size(frames.size), 0  # milliseconds so far
        with av.open(str(part), "w", format="mp4") as out:
            stream = out.add_stream("libx264", rate=RATE, options={"crf": QUALITY})
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = MILLISECOND
            for frame in ImageSequence.Iterator(frames):
                picture = frame.convert("RGB").resize(size, Image.Resampling.LANCZOS)
                video = av.VideoFrame.from_image(picture)
                video.pts, video.time_base = shown, MILLISECOND
                out.mux(stream.encode(video))
                shown += int(frame.info["duration"])
            out.mux(stream.encode(None))
        with part.open("ab") as end:
            content = XMP_BOX + packet
            end.write((4 + len(content)).to_bytes(4, "big") + content)
    return path


def _size(size: tuple[int, int]) -> tuple[int, int]:
    """Both sides even, as 4:2:0 needs, the shorter one `SIDE` at least."""
    times = max(1.0, SIDE / min(size))
    width, height = (2 * round(side * times / 2) for side in size)
    return width, height
