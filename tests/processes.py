"""The environment of a process that a test starts."""
import os


def environ(PYTHONPATH=None, **own):
    """This one's, and what is its own: None for what is not to be there.

    Folders for PYTHONPATH go before those that are there already.
    """
    if PYTHONPATH is not None:
        own["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(PYTHONPATH), os.environ.get("PYTHONPATH")]))
    return {name: value for name, value in dict(os.environ, **own).items() if value is not None}
