"""Edit a job window by window: what is known, what is made, what is kept of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import ModelError
from ..files.digest import digest_of, pixel_digest
from ..flow.engine import FlowEngine
from ..inpainter import Draw, Inpainter, Painted, Prompt, Region
from ..plan.windows import Window
from ..runtime import Progress, Runtime, Stage
from ..settings import Settings
from ..video import FrameRange
from .color import ColorStats, pull_colors
from .composite import Change, composite, match_surroundings
from .filled import FilledFootage, FilledFrames
from .finished import Finished, Store
from .focus import FocusPlan, plan_focus, scale_warnings
from .footage import to_float, to_levels
from .job import Job
from .masks import AFFECTED, OVERLAP, Bounds
from .report import EditReport, Spent, WindowFacts, sum_up

VERSION = 2  # of what a digest of a window stands for
SEED_STRIDE = 1_000_003  # a prime: windows of neighbouring seeds never share their noise


def window_seed(seed: int, window: Window) -> int:
    """The seed of a window's noise: the same whatever other windows a clip has."""
    return (seed + SEED_STRIDE * window.start) % 2**63


@dataclass(frozen=True, kw_only=True)
class _Material:
    """What a window is made of: its frames, all of them as long as the window.

    `base` is what an edit is pasted into, `hole` where; `unseen` counts the pixels of each frame
    that no other shows, in `lost` frames nothing could be filled. `finished` are frames of the
    result that are there already, `blended` those that it is blended with.
    """

    window: Window
    source: Float[Tensor, "t h w 3"]
    base: Float[Tensor, "t h w 3"]
    hole: Float[Tensor, "t h w"]
    unseen: Int[Tensor, " t"]
    lost: int
    finished: dict[int, Tensor]
    blended: dict[int, Tensor]

    def at(self, frame: int) -> int:
        return frame - self.window.start

    @property
    def made(self) -> slice:
        made = self.window.made
        return slice(self.at(made.start), self.at(made.stop))


class Editor:
    """Edits the windows of a job. Those that a window needs have to be finished before it."""

    def __init__(
        self,
        model: Inpainter,
        job: Job,
        store: Store,
        runtime: Runtime,
        *,
        flow_engine: FlowEngine | None = None,
    ) -> None:
        self._started = time.monotonic()
        self._model, self.job, self._store, self._runtime = model, job, store, runtime
        settings = job.settings
        fills = settings.copies or not settings.needs_model
        self._filled = FilledFootage(job, flow_engine) if fills else None
        if runtime.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(runtime.device)
        self._advance("encode", 0, 1)
        self._digest = model.digest(runtime.device) if store.lasting else ""
        self.finished: dict[int, Finished] = {}
        self._anchors: dict[int, ColorStats] = {}
        self._made: list[int] = []  # by this run, not by an earlier one

    @property
    def made(self) -> int:
        """How many windows this run has paid for."""
        return len(self._made)

    def finish(self, index: int, source: Float[Tensor, "t h w 3"]) -> Finished:
        """A window from the store, or edited and kept there. `source` are its frames."""
        window = self.job.windows[index]
        known = {f: self._finished_frame(f, index, source) for f in window.known}
        blended = {
            f: self._finished_frame(f, index, source) for f in window.joined if f in window.made
        }
        made = FrameRange(start=window.made.start, stop=window.made.stop)
        digest = self._window_digest(index, source, known, blended) if self._store.lasting else ""
        found = self._store.find(made, digest)
        if found is None:
            self._read_captions()
            base = self._base(index, source)
            material = _Material(
                window=window,
                source=source,
                base=base.frames,
                hole=base.rest,
                lost=len(set(base.lost) & set(window.made)),
                unseen=base.unseen,
                finished=known,
                blended=blended,
            )
            found = self._edit(index, material, made, digest)
            self._made.append(index)
        self.finished[index] = found
        if self.job.settings.anchor and window.shot not in self._anchors:
            self._anchors[window.shot] = self._first_colors(index, source)
        return found

    def report(self, change: Change) -> EditReport:
        """The facts of all windows, which have to be finished."""
        job, model = self.job, self._model
        work = model.work([], job.settings)
        return sum_up(
            [self.finished[index].facts for index in range(len(job.windows))],
            Spent(
                made=self._made,
                text_pflops=None if work is None else work.text_pflops,
                seconds=time.monotonic() - self._started,
                device=self._runtime.device,
            ),
            change,
            frames=job.frames,
            masks=job.masks,
            filled=self._really_filled and job.settings.copies,
            rest=job.settings.rest if not job.settings.needs_model else "model",
            warnings=[*model.warnings, *job.warnings, *self._warnings()],
            note=model.limits.note(model.name, job.size),
        )

    @property
    def _really_filled(self) -> bool:
        return self._filled is not None and not self._filled.problem

    @cached_property
    def _prompts(self) -> list[Prompt]:
        """Read for the first window that has to be made."""
        return [self._model.read(text, self.job.settings) for text in self.job.settings.captions]

    @cached_property
    def _negative(self) -> Prompt | None:
        return self._model.read_negative(self.job.settings)

    def _read_captions(self) -> None:
        """All of them, so that one that cannot be read stops before any work."""
        if self.job.settings.needs_model:
            _ = self._prompts, self._negative

    def _base(self, index: int, source: Tensor) -> FilledFrames:
        """What is pasted into, and where."""
        frames = self.job.windows[index].frames
        if self._filled is None:
            hole = self.job.masks.read(frames)
            return FilledFrames(frames=source, rest=hole, unseen=hole.flatten(1).sum(1).long())

        def numbered(progress: Progress) -> None:
            windows = len(self.job.windows)
            alone = not self.job.settings.needs_model
            self._runtime.report(replace(progress, window=index, windows=windows, alone=alone))

        return self._filled.read(frames, replace(self._runtime, report=numbered))

    def _edit(self, index: int, material: _Material, made: FrameRange, digest: str) -> Finished:
        frames, facts = self._paint(index, material)
        effective = self.job.masks.read(made)
        target = self._anchors.get(material.window.shot)
        if target is not None:
            feather = 0 if self._really_filled else self.job.settings.feather
            source = material.source[material.made]
            frames = pull_colors(frames, source, effective, target, feather=feather)
        require_finite(frames, self._model.name)
        levels = to_levels(facts.box.crop(frames), self.job.footage.depth)
        return self._store.keep(made, digest, levels, facts)

    def _paint(self, index: int, material: _Material) -> tuple[Tensor, WindowFacts]:
        """The frames that a window makes [T, H, W, 3], and what it did for them."""
        window, made = material.window, material.made
        box = self.job.masks.box(window.made)
        first = [material.at(f) for f in window.made if f not in material.blended]
        facts = WindowFacts(
            part=(box.y, box.x, box.height, box.width),
            lost=material.lost,
            unseen=0 if self.job.settings.needs_model else int(material.unseen[first].sum()),
        )
        frames = material.base[made].clone()
        if material.hole[made].any():
            plan = self._focus(index, material.hole)
            painted, edited = self._render(index, material, plan)
            pasted = self._composite(material, plan, edited)
            plan.crop(frames).copy_(pasted[made])
            facts = self._facts(facts, index, plan, painted, material)
        for frame, before in material.blended.items():
            at = material.at(frame) - made.start
            frames[at] = torch.lerp(before, frames[at], window.share(frame))
        return frames, facts

    def _focus(self, index: int, hole: Tensor) -> FocusPlan:
        """As planned; where a fill left less of the mask, on what it left."""
        if self._filled is None:
            return self.job.focus[index]
        box = Bounds.around(hole)
        assert box is not None, "nothing to generate"
        return plan_focus(box, self.job.size, self.job.limits, self.job.settings.focus)

    def _render(
        self, index: int, material: _Material, plan: FocusPlan
    ) -> tuple[Painted, Float[Tensor, "t h w 3"]]:
        """What the model makes of a window, in the frame's own pixels and order."""
        window, job = material.window, self.job
        pixels, hole = material.base, self._levels(window, material.hole)
        if material.finished:
            pixels = pixels.clone()
            for frame, finished in material.finished.items():
                pixels[material.at(frame)], hole[material.at(frame)] = finished, 0.0
        order = window.order
        times = [material.at(order[i]) for i in window.padding(job.length(window))]
        draw = Draw(
            prompt=self._prompts[window.caption],
            negative=self._negative,
            seed=window_seed(job.settings.seed, window),
        )
        painted = self._model.inpaint(
            replace(
                to_region(plan, pixels, hole, times),
                source=to_pixels(plan, material.source, times) if material.finished else None,
            ),
            [draw],
            job.settings,
            device=self._runtime.device,
            on_stage=self._on_stage(index, window),
        )
        require_finite(painted.pixels, self._model.name)
        edited = from_region(plan, painted.pixels[0, : len(window)])
        return painted, edited.flip(0) if window.reverse else edited

    def _levels(self, window: Window, hole: Tensor) -> Float[Tensor, "t h w"]:
        """The hole with what is only affected told apart, where that is known."""
        levels = self.job.masks.levels(window.frames)
        if levels is None:
            return hole.clone()
        return torch.where((levels > 0) & (hole > 0), levels, hole)

    def _composite(self, material: _Material, plan: FocusPlan, edited: Tensor) -> Tensor:
        base, hole = plan.crop(material.base), plan.crop(material.hole)
        if self.job.settings.match_colors and material.window.chained:
            edited = match_surroundings(edited, base, hole)
        return composite(base, edited, hole, feather=self.job.settings.feather)

    def _facts(
        self,
        facts: WindowFacts,
        index: int,
        plan: FocusPlan,
        painted: Painted,
        material: _Material,
    ) -> WindowFacts:
        window, box = self.job.windows[index], Bounds.around(material.hole)
        assert box is not None, "nothing to generate"
        first = [material.at(f) for f in window.made if f not in material.blended]
        negative = [self._negative] if self._negative else []
        unknown = unknown_words_warning(
            self._model.name, [self._prompts[window.caption], *negative]
        )
        work = self._model.work([(self.job.length(window), plan.model)], self.job.settings)
        planned = None if work is None else work.denoise_pflops + work.codec_pflops
        return replace(
            facts,
            crop=(plan.y, plan.x, plan.height, plan.width),
            model_size=plan.model,
            tokens=0 if work is None else work.tokens,
            generated=int(material.hole[first].sum()),
            planned_pflops=planned,
            spent_pflops=painted.pflops,
            warnings=(*unknown, *scale_warnings(plan, box, self.job.size, self.job.limits)),
        )

    def _finished_frame(self, frame: int, index: int, source: Tensor) -> Float[Tensor, "h w 3"]:
        """A frame of the result that is there before this window."""
        start = self.job.windows[index].start
        if frame in self.job.given:
            return self.job.given_frame(frame, source[frame - start])
        owner = max(i for i in range(index) if frame in self.job.windows[i].made)
        return self._result_frame(self.finished[owner], frame, source[frame - start])

    def _result_frame(self, stored: Finished, frame: int, source: Tensor) -> Tensor:
        effective = self.job.masks.read(FrameRange(start=frame, stop=frame + 1))[0]
        result = source.clone()
        stored.facts.box.crop(result).copy_(to_float(next(stored.parts_from(frame))))
        return torch.where(effective[..., None] > 0, result, source)

    def _first_colors(self, index: int, source: Tensor) -> ColorStats:
        """Of the frame that the shot's edit began with."""
        window = self.job.windows[index]
        frame = window.order[0]
        if frame in self.job.given:
            pixels = self.job.given_frame(frame, source[frame - window.start])
        else:
            frame = min(window.made) if not window.reverse else max(window.made)
            pixels = self._result_frame(self.finished[index], frame, source[frame - window.start])
        effective = self.job.masks.read(FrameRange(start=frame, stop=frame + 1))
        return ColorStats.of(pixels[None], effective > 0)

    def _window_digest(
        self,
        index: int,
        source: Tensor,
        known: dict[int, Tensor],
        blended: dict[int, Tensor],
    ) -> str:
        """Stands for everything that makes a window."""
        job, settings, window = self.job, self.job.settings, self.job.windows[index]
        anchor, levels = self._anchors.get(window.shot), job.masks.levels(window.frames)
        background = "" if self._filled is None else self._filled.digest(window.frames)
        others = [
            [(frame, pixel_digest(pixels)) for frame, pixels in frames.items()]
            for frames in (known, blended)
        ]
        return digest_of(
            VERSION,
            self._digest,
            settings_facts(settings, window.caption),
            [window.start, window.stop, window.reverse, window.chained, list(window.joined)],
            asdict(job.focus[index]),
            [pixel_digest(source), pixel_digest(job.masks.read(window.frames)), background],
            *([] if levels is None else [pixel_digest(levels)]),
            others,
            None if anchor is None else [anchor.mean, anchor.spread],
            job.footage.depth,
        )

    def _on_stage(
        self, index: int, window: Window
    ) -> Callable[[Stage, int, int, Tensor | None], None]:
        def on_stage(stage: Stage, done: int, total: int, preview: Tensor | None) -> None:
            shown = preview.flip(0) if preview is not None and window.reverse else preview
            self._advance(stage, done, total, index=index, preview=shown)

        return on_stage

    def _advance(
        self,
        stage: Stage,
        done: int,
        total: int,
        *,
        index: int = 0,
        preview: Tensor | None = None,
    ) -> None:
        self._runtime.advance(
            Progress(
                stage=stage,
                done=done,
                total=total,
                window=index,
                windows=max(1, len(self.job.windows)),
                preview=preview,
            )
        )

    def _warnings(self) -> list[str]:
        warnings: list[str] = []
        if self._filled is not None:
            lost = sum(finished.facts.lost for finished in self.finished.values())
            warnings += self._filled.warnings(lost)
        if any(window.joined for window in self.job.windows):
            warnings.append(
                f"{self._model.name} was not trained with both ends of a clip known: between "
                "keyframes two halves meet in the middle and are blended there"
            )
        return warnings


def settings_facts(settings: Settings, caption: int) -> dict[str, object]:
    """What of the settings decides a window of a caption, JSON-ready."""
    facts = asdict(settings) | {"caption": settings.captions[caption]}
    facts["fill"] = "auto" if settings.copies else "off"
    # A window has one caption, and knows where it lies; an anchor counts by its colours.
    passed = {"later_captions", "anchor", *(("rest",) if settings.needs_model else ())}
    passed |= set() if settings.task == "instruct" else {"guidance_formula"}
    return {name: facts[name] for name in facts if name not in passed}


def unknown_words_warning(name: str, prompts: list[Prompt]) -> list[str]:
    """One sentence that names the words a model does not know, if there are any."""
    unknown = [word for prompt in prompts for word in prompt.unknown_words]
    words = ", ".join(dict.fromkeys(unknown))
    return [f"{name} does not know these words: {words}"] if words else []


def to_region(
    plan: FocusPlan,
    pixels: Float[Tensor, "t h w 3"],
    hole: Float[Tensor, "t h w"],
    times: list[int],
) -> Region:
    """Whole frames as the model sees them: the focus crop of these times at its own size."""
    seen = plan.crop(hole)[times][:, None]
    if plan.content == (plan.height, plan.width):
        mask = plan.to_model(seen, mask=True)
    else:  # of several levels in a pixel of the model's, the highest counts
        mask = torch.zeros(len(times), 1, *plan.model)
        for level in (AFFECTED, OVERLAP, 1.0):
            reaches = seen > 0 if level == AFFECTED else seen >= level
            touched = plan.to_model(reaches.float(), mask=True) > 0
            mask = torch.where(touched, level, mask)
    return Region(pixels=to_pixels(plan, pixels, times), hole=mask[:, 0])


def to_pixels(
    plan: FocusPlan, pixels: Float[Tensor, "t h w 3"], times: list[int]
) -> Float[Tensor, "t2 h2 w2 3"]:
    """The pixels of a region."""
    small = plan.to_model(plan.crop(pixels)[times].permute(0, 3, 1, 2))
    return small.permute(0, 2, 3, 1)


def from_region(plan: FocusPlan, pixels: Float[Tensor, "t h w 3"]) -> Float[Tensor, "t h2 w2 3"]:
    """What a model made of a region, as the focus crop of the frame, in 0..1."""
    return plan.from_model(pixels.permute(0, 3, 1, 2)).clamp(0, 1).permute(0, 2, 3, 1)


def require_finite(pixels: Tensor, name: str) -> None:
    """Raise ModelError for pixels that are none, before anybody keeps them."""
    if not torch.isfinite(pixels).all():
        raise ModelError(
            f"{name} made NaN or infinity instead of pixels, often a VAE or transformer in fp16: "
            "load it with precision bf16 or fp32"
        )
