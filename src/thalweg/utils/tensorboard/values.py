"""The messages of single values: numbers, tensors, histograms, pictures, sounds, settings of a run."""

from __future__ import annotations

import io
import math
import struct
from typing import Any

import numpy as np

from ...errors import ArgumentError, ShapeError
from .package import array, needed, proto, tensorboardx

__all__ = [
    "audio",
    "figure",
    "histogram",
    "hparams",
    "image",
    "number",
    "scalar",
    "sprite",
    "summary",
    "tensor",
    "video",
]


def summary(tag: str, metadata: Any = None, **content: Any) -> Any:
    """A summary of one value under a tag."""
    messages = proto("summary")
    return messages.Summary(value=[messages.Summary.Value(tag=tag, metadata=metadata, **content)])


def number(x: Any, what: str) -> float:
    """One number; ArgumentError for anything else."""
    values = array(x)
    if values.size != 1:
        raise ArgumentError(f"{what} must be one number, got an array of shape {values.shape}")
    return float(values.reshape(()))


def _plugin(name: str) -> Any:
    metadata = proto("summary").SummaryMetadata
    return metadata(plugin_data=metadata.PluginData(plugin_name=name))


def scalar(tag: str, x: Any, new_style: bool, double_precision: bool) -> Any:
    """A number: as float32, or in the new style as a tensor, of float64 if asked."""
    value = number(x, f"add_scalar: {tag!r}")
    if not new_style:
        return summary(tag, simple_value=value)
    field, dtype = ("double_val", "DT_DOUBLE") if double_precision else ("float_val", "DT_FLOAT")
    held = proto("tensor").TensorProto(dtype=dtype, **{field: [value]})
    return summary(tag, _plugin("scalars"), tensor=held)


_FIELDS = {
    "float16": ("half_val", "DT_HALF"), "float32": ("float_val", "DT_FLOAT"), "float64": ("double_val", "DT_DOUBLE"),
    "uint8": ("int_val", "DT_UINT8"), "int8": ("int_val", "DT_INT8"), "int16": ("int_val", "DT_INT16"),
    "int32": ("int_val", "DT_INT32"), "int64": ("int64_val", "DT_INT64"), "bool": ("bool_val", "DT_BOOL"),
}  # fmt: skip


def tensor(tag: str, x: Any) -> Any:
    """A tensor of any shape."""
    values = array(x)
    if values.dtype.name not in _FIELDS:
        raise ArgumentError(f"add_tensor: {tag!r} has dtype {values.dtype}, which the format does not hold")
    field, dtype = _FIELDS[values.dtype.name]
    shape = proto("tensor_shape").TensorShapeProto
    flat = values.reshape(-1)
    content = {field: (flat.view(np.uint16) if field == "half_val" else flat).tolist()}
    sizes = shape(dim=[shape.Dim(size=n) for n in values.shape])
    return summary(
        tag, _plugin("tensor"), tensor=proto("tensor").TensorProto(dtype=dtype, tensor_shape=sizes, **content)
    )


# TensorFlow's buckets: limits that grow by a tenth, from 1e-12 to 1e20, and the same below 0.
_POSITIVE = 1e-12 * 1.1 ** np.arange(775)
_BUCKETS = np.concatenate([-_POSITIVE[::-1], [0.0], _POSITIVE])


def histogram(tag: str, x: Any, bins: Any, max_bins: int | None) -> Any:
    """How numbers are distributed; see ``SummaryWriter.add_histogram``."""
    values = array(x).astype(np.float64).reshape(-1)
    if not values.size or not np.isfinite(values).all():
        raise ArgumentError(f"add_histogram: {tag!r} needs at least one value, and all of them finite")
    limits = _BUCKETS if isinstance(bins, str) and bins == "tensorflow" else bins
    return summary(tag, histo=tensorboardx("summary").make_histogram(values, limits, max_bins))


def _bytes(pixels: Any) -> Any:
    """Pixels as bytes: of floating-point numbers those from 0 to 1."""
    if pixels.dtype == np.uint8:
        return pixels
    return np.round(np.clip(pixels.astype(np.float64), 0, 1) * 255).astype(np.uint8)


def image(tag: str, x: Any, dataformats: str, boxes: Any = None, rescale: float = 1, labels: Any = None) -> Any:
    """A picture, or several side by side, from pixels in 0 … 255 (uint8) or 0 … 1, with boxes round what is found.

    ``dataformats`` names the axes: batch N, channels C (1, 3 or 4), height H, width W.
    """
    needed("PIL", "PIL.Image", "a picture", "'thalweg[images]'")
    pixels = array(x)
    if pixels.ndim != len(dataformats):
        raise ShapeError(f"add_image: shape {pixels.shape} does not have the axes {dataformats!r} of dataformats")
    pixels = _bytes(pixels)
    make = tensorboardx("summary")
    if boxes is None:
        made = make.image(tag, pixels, rescale, dataformats)
    else:
        made = make.image_boxes(tag, pixels, array(boxes), rescale, dataformats, labels)
    made.value[0].tag = tag
    return made


def figure(tag: str, x: Any, close: bool) -> Any:
    """A figure of matplotlib's, several of these side by side, or a picture of thalweg's (``viz``)."""
    if hasattr(x, "png"):
        data = x.png()
        width, height = struct.unpack(">II", data[16:24])  # PNG (third edition), 11.2.1: the image header
        picture = proto("summary").Summary.Image(height=height, width=width, colorspace=4, encoded_image_string=data)
        return summary(tag, image=picture)
    needed("matplotlib", "matplotlib.pyplot", "add_figure", "matplotlib")
    pixels = tensorboardx("utils").figure_to_image(x, close)
    return image(tag, pixels, "NCHW" if isinstance(x, list) else "CHW")


def sprite(x: Any) -> bytes:
    """Square pictures (N, C, H, H) as one square PNG, row by row, as the projector takes it."""
    pictures = needed("PIL", "PIL.Image", "label_img", "'thalweg[images]'")
    n, _, h, w = x.shape
    side = math.isqrt(max(n - 1, 0)) + 1  # the square root of n, rounded up
    tiles = np.zeros((side * side, h, w, 3), np.uint8)
    tiles[:n] = _bytes(x).transpose(0, 2, 3, 1)
    whole = tiles.reshape(side, side, h, w, 3).swapaxes(1, 2).reshape(side * h, side * w, 3)
    file = io.BytesIO()
    pictures.fromarray(whole).save(file, "PNG")
    return file.getvalue()


def video(tag: str, x: Any, fps: float) -> Any:
    """Clips (N, T, C, H, W) side by side, as an animated GIF."""
    pictures = needed("PIL", "PIL.Image", "add_video", "'thalweg[images]'")
    clips = array(x)
    if clips.ndim != 5 or clips.shape[2] not in (1, 3):
        raise ShapeError(f"add_video: {tag!r} must have shape (N, T, C, H, W) with 1 or 3 channels, got {clips.shape}")
    n, t, c, h, w = clips.shape
    frames = np.broadcast_to(_bytes(clips).transpose(1, 3, 0, 4, 2).reshape(t, h, n * w, c), (t, h, n * w, 3))
    first, *others = (pictures.fromarray(np.ascontiguousarray(frame)) for frame in frames)
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=others, duration=round(1000 / fps), loop=0)
    message = proto("summary").Summary.Image
    return summary(tag, image=message(height=h, width=n * w, colorspace=3, encoded_image_string=file.getvalue()))


def audio(tag: str, x: Any, sample_rate: int) -> Any:
    """A sound (1, L) or (L,) of numbers from -1 to 1, clipped to these, as a WAV file of 16 bits."""
    import wave  # it and socket are not needed to import thalweg

    samples = array(x).astype(np.float64)
    if samples.size != samples.shape[-1]:
        raise ShapeError(f"add_audio: {tag!r} must have shape (1, L), got {samples.shape}")
    data = np.round(np.clip(samples.reshape(-1), -1, 1) * 32767).astype("<i2").tobytes()
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, sample_rate, samples.size, "NONE", ""))
        sound.writeframes(data)
    message = proto("summary").Summary.Audio
    content = message(
        sample_rate=sample_rate, num_channels=1, length_frames=samples.size, encoded_audio_string=file.getvalue(),
        content_type="audio/wav",
    )  # fmt: skip
    return summary(tag, audio=content)


def hparams(settings: dict[str, Any], metrics: dict[str, Any], domains: dict[str, list[Any]] | None) -> list[Any]:
    """The three messages of a run's settings: the experiment, the start and the end of the session."""
    for name, values in (domains or {}).items():
        if name not in settings or not all(isinstance(v, type(settings[name])) for v in values):
            raise ArgumentError(
                f"add_hparams: hparam_domain_discrete[{name!r}] must be a list of values of the type of the setting"
            )
    start, *others = tensorboardx("summary").hparams(settings, metrics)
    plugin = start.value[0].metadata.plugin_data
    data = proto("plugin_hparams").HParamsPluginData.FromString(plugin.content)
    for info in data.experiment.hparam_infos:
        info.domain_discrete.extend((domains or {}).get(info.name, []))
    plugin.content = data.SerializeToString()
    return [start, *others]
