"""The text encoder leaves once all captions are embedded, and comes back for those that are not."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import T5EncoderModel

from vivid_core.cogvideox.model import CogVideoX
from vivid_core.cogvideox.text import encode_caption
from vivid_core.runtime import Runtime
from vivid_core.train.adapter.rest import REST, RestingEncoder
from vivid_core.train.adapter.run import train_adapter

from .conftest import Configure

HOME = torch.device("cuda", 7)


class Traveller(T5EncoderModel):
    """Says that it is where it was last sent, and stays where it is."""

    place = HOME
    moves: list[torch.device]

    @property
    def device(self) -> torch.device:
        return self.place

    def to(self, device: torch.device, *_: Any, **__: Any) -> Traveller:
        self.place = device
        self.moves.append(device)
        return self

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        assert self.place == HOME, "called while it rests"
        return super().forward(*args, **kwargs)


@pytest.fixture
def travelling(tiny: CogVideoX) -> CogVideoX:
    encoder = copy.deepcopy(tiny.text_encoder)
    encoder.__class__, encoder.moves = Traveller, []
    return tiny.with_(text_encoder=encoder)


def test_a_training_has_the_room_once_all_captions_are_embedded(
    tiny: CogVideoX, travelling: CogVideoX, configure: Configure
):
    plain = train_adapter(tiny, configure("plain", optimization={"steps": 4}), Runtime()).adapter
    moves, places = travelling.text_encoder.moves, []
    runtime = Runtime(report=lambda _: places.append(travelling.text_encoder.place))
    adapter = train_adapter(travelling, configure(optimization={"steps": 4}), runtime).adapter
    assert all(torch.equal(adapter.lora[name], plain.lora[name]) for name in plain.lora)
    assert travelling.text_encoder.place == HOME  # as it was
    assert moves[::2] == [REST] * (len(moves) // 2) and moves[1::2] == [HOME] * (len(moves) // 2)
    assert {HOME, REST} == {*places}
    assert len(moves) >= 4  # it came back for the edits that are shown, and at the end


def test_it_comes_back_for_a_caption_that_is_new(tiny: CogVideoX, travelling: CogVideoX):
    wanted = encode_caption(tiny, "a red circle", argument="caption").embeds
    resting, moves = RestingEncoder(travelling), travelling.text_encoder.moves
    resting.rest()
    resting.rest()
    assert moves == [REST]
    assert encode_caption(travelling, "a red circle", argument="caption").embeds.equal(wanted)
    assert moves == [REST, HOME]
    resting.rest()
    resting.close()
    assert moves == [REST, HOME, REST, HOME]
    encode_caption(travelling, "a red circle", argument="caption")
    assert len(moves) == 4


def test_one_that_moves_by_itself_is_left_alone(travelling: CogVideoX):
    placement = replace(travelling.placement, offload="model")
    resting = RestingEncoder(travelling.with_(placement=placement))
    resting.rest()
    resting.close()
    assert travelling.text_encoder.moves == []
