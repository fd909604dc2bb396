"""One edit from request to result: focus, condition, denoise, decode, composite, report."""

from __future__ import annotations

import time

import torch
from jaxtyping import Float
from torch import Tensor

from ..cogvideox.bundle import ModelBundle
from ..cogvideox.meter import EditMeter
from ..cogvideox.render import Draw, Renderer
from ..cogvideox.text import EncodedCaption, encode_caption
from ..errors import InputError
from ..flow.engine import FlowEngine
from ..runtime import Progress, Runtime, Stage
from .composite import composite, effective_mask, match_surroundings, measure_change
from .filled import edit_filled
from .focus import plan_focus
from .request import EditReport, EditRequest, EditResult
from .windows import Window, plan_windows


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
    window is the keyframe of the next (VIVID, app. D). From keyframes the chain runs both ways.
    `flow_engine` finds the motion for `fill` (DIS if None). Raises InputError for requests this
    model cannot serve.
    """
    check_layout(bundle, request)
    host = runtime or Runtime()

    def generate(asked: EditRequest) -> EditResult:
        return _Edit(bundle, asked, host).run()

    if request.fill == "off":
        return generate(request)
    return edit_filled(request, generate, host, flow_engine)


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
        self.windows = plan_windows(
            len(request.clip),
            bundle.geometry,
            bundle.train_size[0],
            [keyframe.frame for keyframe in request.keyframes],
            both_ends=bundle.knows_last_frame,
        )
        self.output = self.source.clone()

    def run(self) -> EditResult:
        started = time.monotonic()
        with EditMeter(self.bundle, self.runtime.device) as meter:
            self._advance("encode", 0, 1, 0, None)
            captions = encode_captions(self.bundle, self.request)
            self._place_keyframes()
            for index, window in enumerate(self.windows):
                if self.effective[window.made].any():
                    self._edit_window(index, window, captions)
        return EditResult(
            frames=self.output,
            effective_mask=self.effective,
            report=self._report(meter, captions, time.monotonic() - started),
        )

    def _place_keyframes(self) -> None:
        """Keyframes count inside the mask only: around it they are the source."""
        for keyframe in self.request.keyframes:
            at = slice(keyframe.frame, keyframe.frame + 1)
            self.output[at] = composite(
                self.source[at],
                keyframe.pixels[None],
                self.effective[at],
                feather=keyframe.feather(self.request.feather),
            )

    def _edit_window(
        self, index: int, window: Window, captions: tuple[EncodedCaption, EncodedCaption | None]
    ) -> None:
        """Edit one window of time and paste it into the output."""
        caption, negative = captions
        request, order = self.request, window.order
        renderer = Renderer(
            bundle=self.bundle,
            plan=self.plan,
            request=request,
            negative=negative,
            device=self.runtime.device,
        )
        known = torch.tensor([frame in window.known for frame in order])
        pixels = torch.where(known.view(-1, 1, 1, 1), self.output[order], self.source[order])
        hole = self.effective[order] * (~known).view(-1, 1, 1)

        def on_stage(stage: Stage, done: int, total: int, preview: Tensor | None) -> None:
            shown = preview.flip(0) if preview is not None and window.reverse else preview
            self._advance(stage, done, total, index, shown)

        edited = renderer.render(
            pixels,
            hole,
            window.padding,
            [Draw(caption=caption, seed=request.seed)],
            window=index,
            on_stage=on_stage,
        )[0]
        self._paste(window, edited.flip(0) if window.reverse else edited)

    def _paste(self, window: Window, edited: Float[Tensor, "t h w 3"]) -> None:
        """Composite the frames that a window made into the output."""
        source = self.plan.crop(self.source[window.start : window.stop])
        effective = self.plan.crop(self.effective[window.start : window.stop])
        if self.request.match_colors:
            edited = match_surroundings(edited, source, effective)
        pasted = composite(source, edited, effective, feather=self.request.feather)
        for frame in window.made:
            target, share = self.plan.crop(self.output[frame], spatial=0), window.share(frame)
            target.lerp_(pasted[frame - window.start], share)

    def _report(
        self,
        meter: EditMeter,
        captions: tuple[EncodedCaption, EncodedCaption | None],
        seconds: float,
    ) -> EditReport:
        change = measure_change(self.source, self.output, self.effective)
        cost = meter.estimate(self.request, self.effective)
        plan = self.plan
        return EditReport(
            frames=len(self.source),
            size=self.request.clip.size,
            window=(plan.y, plan.x, plan.height, plan.width),
            model_size=plan.model,
            windows=len(self.windows),
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

    def _warnings(self, captions: tuple[EncodedCaption, EncodedCaption | None]) -> tuple[str, ...]:
        warnings = [*self.bundle.warnings, *self.request.mask.warnings]
        warnings += unknown_words_warning(self.bundle, captions)
        if self.plan.scale < 1:
            warnings.append(
                f"the window was scaled down to {self.plan.scale:.0%} to fit the model: a "
                "smaller mask keeps more detail"
            )
        if any(window.joined for window in self.windows):
            warnings.append(
                f"{self.bundle.name} was not trained with both ends of a clip known: between "
                "keyframes two halves meet in the middle and are blended there"
            )
        return tuple(warnings)

    def _advance(
        self, stage: Stage, done: int, total: int, index: int, preview: Tensor | None
    ) -> None:
        self.runtime.advance(
            Progress(
                stage=stage,
                done=done,
                total=total,
                window=index,
                windows=max(1, len(self.windows)),
                preview=preview,
            )
        )


def encode_captions(
    bundle: ModelBundle, request: EditRequest
) -> tuple[EncodedCaption, EncodedCaption | None]:
    """What the model reads, and the negative caption, which without guidance nobody does."""
    caption = encode_caption(bundle, caption_for(bundle, request), argument="caption")
    if request.guidance == 1.0:
        return caption, None
    return caption, encode_caption(bundle, request.negative, argument="negative")


def unknown_words_warning(
    bundle: ModelBundle, captions: tuple[EncodedCaption | None, ...]
) -> list[str]:
    """One sentence that names the words the model does not know, if there are any."""
    unknown = [word for caption in captions if caption for word in caption.unknown_words]
    words = ", ".join(dict.fromkeys(unknown))
    return [f"{bundle.name} does not know these words: {words}"] if words else []


def caption_for(bundle: ModelBundle, request: EditRequest) -> str:
    """What the model reads: one that describes the scene after removal takes the user's words."""
    if bundle.layout.text_describes == "scene after removal" and request.caption.strip():
        return request.caption
    return request.model_caption


def check_layout(bundle: ModelBundle, request: EditRequest) -> None:
    """Raise InputError for a task this model does not know."""
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
