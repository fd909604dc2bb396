"""Errors go from process to process as what they are: a cluster's workers raise them, too."""

from __future__ import annotations

import pickle

import pytest

from vivid_core import errors
from vivid_core.errors import EngineError, InputError, VividError
from vivid_core.perceive.answers import UnusableAnswer

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]


@pytest.mark.parametrize("kind", [one for one in KINDS if issubclass(one, VividError)])
def test_an_error_that_was_sent_is_the_same(kind: type[VividError]):
    words = ("mask", "is empty") if issubclass(kind, InputError) else ("it is lost",)
    sent = kind(*words)
    come = pickle.loads(pickle.dumps(sent))
    assert type(come) is kind and str(come) == str(sent)
    assert vars(come) == vars(sent)


def test_a_special_error_comes_as_the_kind_that_it_belongs_to():
    come = pickle.loads(pickle.dumps(UnusableAnswer("is empty")))
    assert type(come) is EngineError and str(come) == "is empty"
