"""Mistakes on purpose: just that mistake, or the cell fails."""

import pytest
import torch

from clip_tutor.lab import expect_error
from clip_tutor.lab.errors import own_line


def test_the_expected_error_is_printed_and_the_notebook_goes_on(capsys: pytest.CaptureFixture):
    with expect_error(ValueError, match="unit length"):
        raise ValueError("rows of unit length are needed")
    assert capsys.readouterr().out == "ValueError, as expected: rows of unit length are needed\n"


def test_a_subclass_is_the_expected_error_too():
    with expect_error(LookupError, match="cat"):
        {}["cat"]


def test_no_error_fails():
    with pytest.raises(AssertionError, match="no error came"), expect_error(ValueError, match="unit length"):
        pass


def test_another_type_fails_and_says_which_came():
    message = "expected ValueError, but TypeError came: no number"
    with pytest.raises(AssertionError, match=message) as caught, expect_error(ValueError, match="number"):
        raise TypeError("no number")
    assert isinstance(caught.value.__cause__, TypeError)


def test_another_message_fails_and_says_which_came():
    with (
        pytest.raises(AssertionError, match="does not speak of 'unit length': too many captions"),
        expect_error(ValueError, match="unit length"),
    ):
        raise ValueError("too many captions")


def test_stopping_the_kernel_is_not_held_up():
    with pytest.raises(KeyboardInterrupt), expect_error(ValueError, match=""):
        raise KeyboardInterrupt


def test_the_readers_own_line_is_told_not_the_librarys():
    try:
        torch.nn.functional.normalize("cat")  # type: ignore[arg-type]
    except Exception as error:
        assert own_line(error).endswith('torch.nn.functional.normalize("cat")  # type: ignore[arg-type]')


def test_an_error_that_was_never_raised_has_no_line():
    assert own_line(ValueError("as it is")) == ""
