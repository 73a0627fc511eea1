"""The writer of event files."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ...core.tensor import Tensor
from ...errors import ArgumentError, ShapeError
from . import values
from .events import EventFile
from .package import array, needed, proto, tensorboardx

__all__ = ["SummaryWriter"]


class SummaryWriter:
    """Writes what a run reports to an event file, which ``tensorboard --logdir runs`` shows.

    All methods take tensors, arrays and numbers. Values belong to a ``tag``, whose slashes make groups, and to a step;
    ``walltime`` is the time in seconds, by default now. What is added waits in memory until ``max_queue`` events do or
    ``flush_secs`` have passed, and until ``flush`` or ``close``.

    Args:
        log_dir: the folder; by default ``runs/`` with the time, the machine's name and ``comment``.
        comment: the end of the default folder's name.
        purge_step: the step at which a run goes on that broke off later: TensorBoard hides what it had written from
            there on.
        filename_suffix: the end of the file's name.

    Raises:
        DependencyError: tensorboardX is not installed.

    >>> import tempfile
    >>> from thalweg.utils.tensorboard import SummaryWriter
    >>> with SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     for step in range(3):
    ...         writer.add_scalar("loss", 1 / (step + 1), step)
    """

    def __init__(
        self, log_dir: str | os.PathLike[str] | None = None, comment: str = "", purge_step: int | None = None,
        max_queue: int = 10, flush_secs: int = 120, filename_suffix: str = "",
    ) -> None:  # fmt: skip
        tensorboardx("event_file_writer")
        if not log_dir:
            import socket

            log_dir = f"runs/{time.strftime('%b%d_%H-%M-%S')}_{socket.gethostname()}{comment}"
        self.log_dir = os.fspath(log_dir)
        self.purge_step = purge_step
        self.max_queue = max_queue
        self.flush_secs = flush_secs
        self.filename_suffix = filename_suffix
        self._files: dict[str, EventFile] = {}
        self._file(self.log_dir)

    def _file(self, folder: str | None = None) -> EventFile:
        """The file of a folder, the writer's own by default; a new one after ``close``."""
        folder = folder or self.log_dir
        if folder not in self._files:
            file = EventFile(Path(folder), self.filename_suffix, self.max_queue, self.flush_secs)
            if self.purge_step is not None:
                start = proto("event").SessionLog(status="START")
                file.add(proto("event").Event(session_log=start), self.purge_step)
            self._files[folder] = file
        return self._files[folder]

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    # -- numbers ------------------------------------------------------------------------------------------

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Any = None, walltime: float | None = None,
        new_style: bool = False, double_precision: bool = False,
    ) -> None:  # fmt: skip
        """A number, kept as float32; ``new_style`` as a tensor, which with ``double_precision`` is of float64.

        Raises:
            ArgumentError: it is not one number.
        """
        self._file().add_summary(values.scalar(tag, scalar_value, new_style, double_precision), global_step, walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: Any = None, walltime: float | None = None
    ) -> None:
        """Several numbers for one plot: each is written to a folder of its own, as TensorBoard wants it."""
        for tag, x in tag_scalar_dict.items():
            file = self._file(f"{self.log_dir}/{main_tag.replace('/', '_')}_{tag}")
            file.add_summary(values.scalar(main_tag, x, False, False), global_step, walltime)

    def add_tensor(self, tag: str, tensor: Any, global_step: Any = None, walltime: float | None = None) -> None:
        """A tensor of any shape."""
        self._file().add_summary(values.tensor(tag, tensor), global_step, walltime)

    def add_histogram(
        self, tag: str, values: Any, global_step: Any = None, bins: Any = "tensorflow", walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:  # fmt: skip
        """How the elements of a tensor are distributed.

        Args:
            values: the numbers, all of them finite.
            bins: a number or limits of buckets, or a rule of ``numpy.histogram``'s; "tensorflow" has limits that grow
                by a tenth.
            max_bins: at most so many buckets, those beside each other put together.

        Raises:
            ArgumentError: there are no values, or some are infinite or NaN.
        """
        self._file().add_summary(_histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self, tag: str, min: Any, max: Any, num: Any, sum: Any, sum_squares: Any, bucket_limits: Any,
        bucket_counts: Any, global_step: Any = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """A histogram that is known already: the upper limit of each bucket, and its count.

        Raises:
            ArgumentError: there are not as many counts as limits.
        """
        limits, counts = array(bucket_limits).tolist(), array(bucket_counts).tolist()
        if len(limits) != len(counts):
            raise ArgumentError(f"add_histogram_raw: {len(limits)} limits and {len(counts)} counts; a bucket has both")
        numbers = [values.number(x, "add_histogram_raw: each statistic") for x in (min, max, num, sum, sum_squares)]
        make = tensorboardx("summary").histogram_raw
        self._file().add_summary(make(tag, *numbers, limits, counts), global_step, walltime)

    def add_pr_curve(
        self, tag: str, labels: Any, predictions: Any, global_step: Any = None, num_thresholds: int = 127,
        weights: Any = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Precision against recall, from labels of 0 and 1 and the predicted probabilities of 1.

        ``num_thresholds`` are spread evenly, at most 127; ``weights`` say how much each sample counts.
        """
        known = None if weights is None else array(weights)
        made = tensorboardx("summary").pr_curve(tag, array(labels), array(predictions), num_thresholds, known)
        self._file().add_summary(made, global_step, walltime)

    def add_pr_curve_raw(
        self, tag: str, true_positive_counts: Any, false_positive_counts: Any, true_negative_counts: Any,
        false_negative_counts: Any, precision: Any, recall: Any, global_step: Any = None, num_thresholds: int = 127,
        weights: Any = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """A curve that is known already, by its values at each threshold."""
        counts = (true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts)
        rows = [array(x) for x in (*counts, precision, recall)]
        self._file().add_summary(
            tensorboardx("summary").pr_curve_raw(tag, *rows, num_thresholds), global_step, walltime
        )

    # -- pictures, sounds and texts -----------------------------------------------------------------------

    def add_image(
        self, tag: str, img_tensor: Any, global_step: Any = None, walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:  # fmt: skip
        """A picture: uint8 pixels, or others from 0 to 1; ``dataformats`` orders channels, height and width.

        Raises:
            ShapeError: it has not the axes that ``dataformats`` names.
            DependencyError: Pillow is not installed.
        """
        self._file().add_summary(values.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_images(
        self, tag: str, img_tensor: Any, global_step: Any = None, walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:  # fmt: skip
        """A batch of pictures as one, in rows; otherwise as ``add_image``."""
        self._file().add_summary(values.image(tag, img_tensor, dataformats), global_step, walltime)

    def add_image_with_boxes(
        self, tag: str, img_tensor: Any, box_tensor: Any, global_step: Any = None, walltime: float | None = None,
        rescale: float = 1, dataformats: str = "CHW", labels: Any = None,
    ) -> None:  # fmt: skip
        """A picture with boxes: a row (left, top, right, bottom) of ``box_tensor`` for each, and their labels."""
        labels = [labels] if isinstance(labels, str) else labels
        made = values.image(tag, img_tensor, dataformats, box_tensor, rescale, labels)
        self._file().add_summary(made, global_step, walltime)

    def add_figure(
        self, tag: str, figure: Any, global_step: Any = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """A figure of matplotlib's, which is then closed if ``close``, a list of these, or a picture of ``viz``."""
        self._file().add_summary(values.figure(tag, figure, close), global_step, walltime)

    def add_video(
        self, tag: str, vid_tensor: Any, global_step: Any = None, fps: float = 4, walltime: float | None = None
    ) -> None:
        """Clips of shape (N, T, C, H, W) side by side, as an animation; pixels as for ``add_image``."""
        self._file().add_summary(values.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(
        self, tag: str, snd_tensor: Any, global_step: Any = None, sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """A sound of shape (1, L): numbers from -1 to 1, ``sample_rate`` of them a second."""
        self._file().add_summary(values.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """A text, which TensorBoard shows as Markdown."""
        self._file().add_summary(tensorboardx("summary").text(tag, text_string), global_step, walltime)

    # -- graphs, embeddings, settings ---------------------------------------------------------------------

    if TYPE_CHECKING:

        def add_graph(
            self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
        ) -> None:
            """The graph of a module or function; put here by ``viz.graph_message``, since it is traced."""

    def add_onnx_graph(self, prototxt: str | os.PathLike[str]) -> None:
        """The graph of an ONNX file, which needs the package onnx."""
        needed("onnx", "onnx", "add_onnx_graph", "onnx")
        graph = tensorboardx("onnx_graph").load_onnx_graph(os.fspath(prototxt))
        self._file().add(proto("event").Event(graph_def=graph.SerializeToString()))

    def add_embedding(
        self, mat: Any, metadata: Any = None, label_img: Any = None, global_step: Any = None, tag: str = "default",
        metadata_header: Any = None,
    ) -> None:  # fmt: skip
        """Points for the projector: the rows of a matrix, with labels and pictures.

        Args:
            mat: the points, of shape (N, D).
            metadata: a label for each, or a row of labels for the columns that ``metadata_header`` names.
            label_img: a picture for each, of shape (N, C, H, H), C = 1 or 3.

        Raises:
            ShapeError: there are not as many labels or pictures as points, or the pictures are not square.
        """
        points = array(mat)
        pictures = None if label_img is None else array(label_img)
        if points.ndim != 2:
            raise ShapeError(f"add_embedding: the points must form a matrix (N, D), got shape {points.shape}")
        if metadata is not None and len(metadata) != len(points):
            raise ShapeError(f"add_embedding: {len(points)} points have {len(metadata)} labels in metadata")
        if pictures is not None and not _fits(pictures, len(points)):
            raise ShapeError(
                f"add_embedding: label_img must have shape ({len(points)}, 1 or 3, H, H), got {pictures.shape}"
            )
        parts = tensorboardx("embedding")
        step = 0 if global_step is None else int(global_step)
        name = tag.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")
        folder = f"{step:05}/{name}"
        path = Path(self.log_dir, folder)
        path.mkdir(parents=True, exist_ok=True)
        if metadata is not None:
            parts.make_tsv(metadata, str(path), metadata_header=metadata_header)
        if pictures is not None:
            (path / "sprite.png").write_bytes(values.sprite(pictures))
        parts.make_mat(points, str(path))
        parts.append_pbtxt(metadata, pictures, self.log_dir, folder, step, tag)

    def add_hparams(
        self, hparam_dict: dict[str, Any], metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list[Any]] | None = None, run_name: str | None = None,
        global_step: Any = None,
    ) -> None:  # fmt: skip
        """The settings of a run and what came out of it, to compare runs by; in a folder of its own.

        Args:
            hparam_dict: the settings: numbers, strings, truth values.
            metric_dict: the numbers that came out, by tag.
            hparam_domain_discrete: for a setting the values that it can have.
            run_name: the folder's name, by default the time.
        """
        settings = {name: array(x).item() if isinstance(x, Tensor) else x for name, x in hparam_dict.items()}
        file = self._file(f"{self.log_dir}/{run_name or time.time()}")
        for message in values.hparams(settings, metric_dict, hparam_domain_discrete):
            file.add_summary(message, global_step)
        for tag, x in metric_dict.items():
            file.add_summary(values.scalar(tag, x, False, False), global_step)

    # -- what TensorBoard's page looks like ----------------------------------------------------------------

    def add_custom_scalars(self, layout: dict[str, dict[str, list[Any]]]) -> None:
        """Which scalars share a chart: for each category, and each chart in it, ["Multiline" or "Margin", tags]."""
        self._file().add_summary(tensorboardx("summary").custom_scalars(layout))

    def add_custom_scalars_multilinechart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """A chart with a line for each tag."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(
        self, tags: list[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """A chart with a line and the band round it; three tags: value, lower and upper.

        Raises:
            ArgumentError: there are not three.
        """
        if len(tags) != 3:
            raise ArgumentError(f"add_custom_scalars_marginchart: a margin has three tags, got {len(tags)}")
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_mesh(
        self, tag: str, vertices: Any, colors: Any = None, faces: Any = None, config_dict: Any = None,
        global_step: Any = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Points or triangles in space: vertices (B, N, 3), colours (B, N, 3) up to 255, indices of faces (B, M, 3)."""
        parts = [None if x is None else array(x) for x in (vertices, colors, faces)]
        self._file().add_summary(tensorboardx("summary").mesh(tag, *parts, config_dict), global_step, walltime)

    # -- the files ----------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what waits to the disk."""
        for file in self._files.values():
            file.flush()

    def close(self) -> None:
        """Write what waits, and close the files; what is added later goes to a new one."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _fits(pictures: Any, count: int) -> bool:
    """Whether there are so many square pictures in grey or colour."""
    return (
        pictures.ndim == 4
        and len(pictures) == count
        and pictures.shape[1] in (1, 3)
        and pictures.shape[2] == pictures.shape[3]
    )


_histogram = values.histogram  # in the method ``values`` are its argument
