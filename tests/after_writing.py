"""What may happen just after a file was put in place, as Ctrl-C or a disk that is full."""
import contextlib
import os

import pytest


@contextlib.contextmanager
def after_writing(number, happen):
    """Have something happen after so many calls of `os.replace`; a list of the files so far."""
    replace, placed = os.replace, []

    def replace_and_more(source, target):
        replace(source, target)
        placed.append(target)
        if len(placed) == number:
            happen()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", replace_and_more)
        yield placed


def ctrl_c():
    raise KeyboardInterrupt
