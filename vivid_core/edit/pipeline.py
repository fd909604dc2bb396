"""One edit from request to result: focus, condition, denoise, decode, composite, report."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import InputError
from ..flow.engine import FlowEngine
from ..model.bundle import ModelBundle
from ..model.rotary import rotary_embedding
from ..model.text import EncodedCaption, encode_caption
from ..model.vae import decode
from ..runtime import Progress, Runtime
from .composite import composite, effective_mask, measure_change
from .conditioning import REFERENCE_NOISE, build_conditioning
from .filled import edit_filled
from .focus import plan_focus
from .guidance import guided_predictor
from .meter import EditMeter
from .preview import LatentPreview
from .request import EditReport, EditRequest, EditResult
from .sampling import NoiseSchedule, denoise
from .spans import Span, plan_spans

SEED_STRIDE = 1_000_003  # a prime: windows of neighbouring seeds never share their noise
STREAM_STRIDE, REFERENCE_STREAM = 2**40, 1  # noise of other purposes is drawn apart


@torch.no_grad()
def edit_clip(
    bundle: ModelBundle,
    request: EditRequest,
    runtime: Runtime | None = None,
    *,
    flow_engine: FlowEngine | None = None,
) -> EditResult:
    """Edit a clip inside its mask; everything outside stays exactly as it was.

    Clips longer than the model's window are edited in a chain: the last edited frame of one
    window is the keyframe of the next (VIVID, app. D). `flow_engine` finds the motion for `fill`
    (DIS if None). Raises InputError for requests this model cannot serve.
    """
    _check_layout(bundle, request)
    host = runtime or Runtime()

    def generate(asked: EditRequest) -> EditResult:
        return _Edit(bundle, asked, host).run()

    if request.fill == "off":
        return generate(request)
    return edit_filled(request, generate, host, flow_engine)


@dataclass(frozen=True, kw_only=True)
class _Captions:
    positive: EncodedCaption
    negative: EncodedCaption | None  # None: without guidance nobody reads it

    @property
    def unknown_words(self) -> tuple[str, ...]:
        read = (self.positive, self.negative)
        return tuple(word for caption in read if caption for word in caption.unknown_words)


class _Edit:
    """The state of one edit while it runs."""

    def __init__(self, bundle: ModelBundle, request: EditRequest, runtime: Runtime) -> None:
        self.bundle, self.request, self.runtime = bundle, request, runtime
        self.source = request.clip.frames
        self.effective = effective_mask(request.mask.values, request.growth)
        self.plan = plan_focus(
            self.effective,
            request.clip.size,
            bundle.geometry,
            bundle.train_size[1:],
            request.focus,
        )
        self.spans = plan_spans(len(request.clip), bundle.geometry, bundle.train_size[0])
        self.keyframes = {k.frame: k.pixels for k in request.keyframes}
        self.output = self.source.clone()

    def run(self) -> EditResult:
        started = time.monotonic()
        with EditMeter(self.bundle, self.runtime.device) as meter:
            captions = self._encode_captions()
            for index, span in enumerate(self.spans):
                if self.effective[span.start : span.stop].any():
                    self._edit_span(index, span, captions)
        return EditResult(
            frames=self.output,
            effective_mask=self.effective,
            report=self._report(meter, captions, time.monotonic() - started),
        )

    def _encode_captions(self) -> _Captions:
        self._advance("encode", 0, 1)
        bundle, request = self.bundle, self.request
        positive = encode_caption(bundle, caption_for(bundle, request), argument="caption")
        if request.guidance == 1.0:
            return _Captions(positive=positive, negative=None)
        negative = encode_caption(bundle, request.negative, argument="negative")
        return _Captions(positive=positive, negative=negative)

    def _edit_span(self, index: int, span: Span, captions: _Captions) -> None:
        """Edit one window of time and paste it into the output."""
        pixels, mask = self._model_input(span)
        condition = self._condition(index, pixels, mask)
        self._advance("encode", 1, 1, index)
        latents = self._denoise(index, condition, pixels, captions)
        self._advance("decode", 0, 1, index)
        decoded = decode(self.bundle.vae, latents.transpose(1, 2), frames=span.model_frames).float()
        edited = self.plan.from_model(decoded[0].transpose(0, 1)[: len(span)])
        self._paste(span, ((edited + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).cpu())
        self._advance("decode", 1, 1, index)

    def _condition(self, index: int, pixels: Tensor, mask: Tensor) -> Tensor:
        layout = self.bundle.layout
        return build_conditioning(
            layout,
            self.bundle.vae,
            pixels,
            mask,
            reference_noise=REFERENCE_NOISE if layout.version == "1.1" else 0.0,
            generator=self._generator(index, REFERENCE_STREAM),
        )

    def _generator(self, index: int, stream: int = 0) -> torch.Generator:
        """Random numbers of one window: the same whatever ran before it."""
        seed = self.request.seed + SEED_STRIDE * index + STREAM_STRIDE * stream
        return torch.Generator().manual_seed(seed % 2**63)

    def _model_input(self, span: Span) -> tuple[Tensor, Tensor]:
        """Pixels [1, 3, T, H, W] in -1..1 and mask [1, 1, T, H, W], keyframes in place."""
        pixels = self.source[span.start : span.stop].clone()
        mask = self.effective[span.start : span.stop].clone()
        for frame, keyframe in self._keyframes_of(span).items():
            pixels[frame - span.start] = keyframe
            mask[frame - span.start] = 0.0
        times = _mirrored(len(span), span.model_frames)
        small = self.plan.crop(pixels)[times].permute(0, 3, 1, 2) * 2 - 1
        hole = self.plan.crop(mask)[times][:, None]
        small, hole = self.plan.to_model(small), self.plan.to_model(hole, mask=True)
        if self.plan.scale != 1:
            hole = (hole > 0).float()
        device = self.runtime.device
        return small.transpose(0, 1)[None].to(device), hole.transpose(0, 1)[None].to(device)

    def _keyframes_of(self, span: Span) -> dict[int, Tensor]:
        """Given keyframes inside the span; the frame shared with the span before, if any."""
        inside = {f: k for f, k in self.keyframes.items() if span.start <= f < span.stop}
        if span.start > 0:
            inside[span.start] = self.output[span.start]
        return inside

    def _denoise(
        self, index: int, condition: Tensor, pixels: Tensor, captions: _Captions
    ) -> Tensor:
        """Latents [1, t, 16, h, w] sampled from noise."""
        bundle, request = self.bundle, self.request
        generator = self._generator(index)
        shape = (1, condition.shape[1], bundle.layout.noise_channels, *condition.shape[-2:])
        noise = torch.randn(shape, generator=generator).to(condition.device)
        predict = guided_predictor(
            bundle.transformer,
            condition,
            captions.positive.embeds,
            captions.negative.embeds if captions.negative else None,
            guidance=request.guidance,
            rotary=self._rotary(shape),
        )
        preview = LatentPreview(condition[0, :, -16:], pixels[0].transpose(0, 1))

        def on_step(done: int, total: int, clean: Tensor) -> None:
            self._advance("denoise", done, total, index, preview(clean[0]))

        return denoise(
            predict,
            noise,
            NoiseSchedule.from_config(bundle.schedule),
            steps=request.steps,
            sampler=request.sampler,
            generator=generator,
            on_step=on_step,
        )

    def _rotary(self, shape: tuple[int, ...]) -> tuple[Tensor, Tensor] | None:
        frames = max(shape[1], self.bundle.geometry.patch_time or 1)
        size = (frames, shape[-2], shape[-1])
        device = self.runtime.device
        return rotary_embedding(self.bundle.transformer.config, size, device=device)

    def _paste(self, span: Span, edited: Float[Tensor, "t h w 3"]) -> None:
        """Composite a window's pixels into the output; keyframes stay as they were given."""
        frames = slice(span.start + (1 if span.start > 0 else 0), span.stop)
        skipped = frames.start - span.start
        for frame, keyframe in self._keyframes_of(span).items():
            edited[frame - span.start] = self.plan.crop(keyframe, spatial=0)
        source = self.source[frames]
        window = self.plan.crop(source)
        pasted = composite(
            window,
            edited[skipped:],
            self.plan.crop(self.effective[frames]),
            feather=self.request.feather,
        )
        self.plan.crop(self.output[frames]).copy_(pasted)

    def _report(self, meter: EditMeter, captions: _Captions, seconds: float) -> EditReport:
        change = measure_change(self.source, self.output, self.effective)
        cost = meter.estimate(self.request, self.effective)
        plan = self.plan
        return EditReport(
            frames=len(self.source),
            size=self.request.clip.size,
            window=(plan.y, plan.x, plan.height, plan.width),
            model_size=plan.model,
            windows=len(self.spans),
            tokens=cost.tokens,
            planned_pflops=cost.pflops,
            spent_pflops=meter.transformer_flops / 1e15 + cost.vae_pflops + cost.text_pflops,
            seconds=seconds,
            peak_memory_bytes=meter.peak_memory_bytes,
            max_difference_outside=change.outside,
            mean_change_inside=change.inside_mean,
            nothing_changed=change.nothing_changed,
            warnings=self._warnings(captions),
        )

    def _warnings(self, captions: _Captions) -> tuple[str, ...]:
        warnings = [*self.bundle.warnings, *self.request.mask.warnings]
        unknown = captions.unknown_words
        if unknown:
            warnings.append(f"{self.bundle.name} does not know these words: {', '.join(unknown)}")
        if self.plan.scale < 1:
            warnings.append(
                f"the window was scaled down to {self.plan.scale:.0%} to fit the model: a "
                "smaller mask keeps more detail"
            )
        return tuple(warnings)

    def _advance(
        self, stage, done: int, total: int, index: int = 0, preview: Tensor | None = None
    ) -> None:
        self.runtime.advance(
            Progress(
                stage=stage,
                done=done,
                total=total,
                window=index,
                windows=len(self.spans),
                preview=preview,
            )
        )


def caption_for(bundle: ModelBundle, request: EditRequest) -> str:
    """What the model reads: one that describes the scene after removal takes the user's words."""
    if bundle.layout.text_describes == "scene after removal" and request.caption.strip():
        return request.caption
    return request.model_caption


def _check_layout(bundle: ModelBundle, request: EditRequest) -> None:
    if not bundle.layout.needs_mask:
        raise InputError(
            "model",
            f"{bundle.name} is a {bundle.layout.name} model and takes no mask: apply a VIVID "
            "adapter to it, or load a CogVideoX-Fun-InP or VOID model",
        )
    if bundle.layout.name == "void" and request.task != "delete":
        raise InputError(
            "task", f"{bundle.name} only deletes: load a VIVID or Fun-InP model to {request.task}"
        )


def _mirrored(frames: int, length: int) -> list[int]:
    """Frame numbers for a padded window: forth and back, so that motion stays natural."""
    if frames == 1:
        return [0] * length
    period = 2 * (frames - 1)
    return [min(i % period, period - i % period) for i in range(length)]
