"""Spectrograms: one by a transform that has no weights, one by convolutions that has."""

from __future__ import annotations

from kerasaudit.derivation.layer import LayerConfig
from kerasaudit.derivation.rule import Derivation, Window, rule
from kerasaudit.derivation.shape import Extent, Shape, product, window_length
from kerasaudit.derivation.weight import Axis, Weight

_PARTS = ("real", "imag")


@rule("MelSpectrogram")
def mel_spectrogram(layer: LayerConfig, x: Shape) -> Derivation:
    """The mel spectrogram of a signal. No weights: the filter bank is computed, not learnt.

    Output:   num_mel_bins × T, the frames of fft_length = n samples that fit into the signal with
              ⌊n/2⌋ added before and after: T = ⌊(samples + 2⌊n/2⌋ − n) / sequence_stride⌋ + 1.
    Example:  16000 samples, sequence_stride=256, num_mel_bins=64: 64×63.
    MACs:     T·F·num_mel_bins of the filter bank, F = ⌊fft_length / 2⌋ + 1: a contraction that
              no weight takes part in. A fast Fourier transform is no contraction and counts none.
    Limits:   Keras's symbolic shape has a frame too many where samples + 1 is a multiple of the
              stride. The axis of the samples is the last one, whatever the rank.
    Source:   Keras mel_spectrogram.py.
    """
    layer.expect_rank(x, 1, or_more=True)
    mels = layer.integer("num_mel_bins", 128)
    stride = layer.integer("sequence_stride", 512)
    size = layer.integer("fft_length", 2048)
    bins = size // 2 + 1
    padded = None if x[-1] is None else x[-1] + 2 * (size // 2)
    frames = window_length(padded, size, stride, 1, "valid")
    macs = product((*x[1:-1], frames, bins, mels))
    output_shape = (*x[:-1], mels, frames)
    return Derivation(output_shape=output_shape, macs=macs, activation_macs=macs)


@rule("STFTSpectrogram")
def stft_spectrogram(layer: LayerConfig, x: Shape) -> Derivation:
    """A spectrogram by convolution with sines and cosines, which training may change.

    Formula:  real_kernel L·1·F + imag_kernel L·1·F, F = ⌊fft_length / 2⌋ + 1; mode "real" has
              the first alone, "imag" the second.
    Axes:     (L, C_in/g, F), L = frame_length; each channel is convolved by itself (C_in/g = 1).
              The unit axis is F, the frequency.
    Example:  frame_length=256: fft_length is 256, F = 129: 2 · 256·129 = 66,048.
    Output:   T × (C·F), or with expand_dims T × F × C; mode "stft" has 2·F. channels_first: C·F
              before T.
    MACs:     T·C · L·F for each kernel.
    Source:   Keras stft_spectrogram.py; Allen & Rabiner 1977, "A unified approach to short-time
              Fourier analysis and synthesis".
    """
    layer.expect_rank(x, 3)
    mode = layer.choice("mode", "log", "magnitude", "psd", "real", "imag", "angle", "stft")
    padding = layer.choice("padding", "valid", "same")
    length, step, bins = _frames(layer)
    first = layer.channels_first()
    channels = layer.extent(x, 1 if first else 2)
    time = window_length(x[2 if first else 1], length, step, 1, padding)
    if time is not None and time < 1:
        layer.shape_error(f"at least frame_length = {length} samples", x)
    names = (mode,) if mode in _PARTS else _PARTS
    axes = (Axis("L", length), Axis("C_in/g", 1), Axis("F", bins))
    kernels = tuple(Weight(f"{name}_kernel", *axes, unit="F") for name in names)
    return Derivation(
        weights=kernels,
        output_shape=_spectrogram_shape(
            layer, x[0], time, bins * (2 if mode == "stft" else 1), channels
        ),
        macs=product((time, channels, sum(kernel.count for kernel in kernels))),
        window=Window((length,), (step,), (1,), padding),
    )


def _frames(layer: LayerConfig) -> tuple[int, int, int]:
    """The length of a frame, the step to the next, and how many frequencies it has."""
    length = layer.integer("frame_length", 256)
    step = length // 2 if layer.get("frame_step") is None else layer.integer("frame_step")
    if not 0 < step <= length:
        layer.fail(f"frame_step must be from 1 to frame_length = {length}, received {step}")
    fft_length = 1 << (length - 1).bit_length()  # the least power of two that holds a frame
    if layer.get("fft_length") is not None:
        fft_length = layer.integer("fft_length", minimum=length)
    return length, step, fft_length // 2 + 1


def _spectrogram_shape(
    layer: LayerConfig, batch: Extent, time: Extent, frequencies: int, channels: int
) -> Shape:
    first, expanded = layer.channels_first(), layer.boolean("expand_dims", False)
    if expanded:
        return (
            (batch, channels, time, frequencies) if first else (batch, time, frequencies, channels)
        )
    merged = channels * frequencies
    return (batch, merged, time) if first else (batch, time, merged)
