"""Writing files: whole or not at all, through no other name, and so that no work is lost.

What is new is written under a random name in the same folder, which nobody can have taken or made
a link beforehand, and then takes the place of what was there, in one step. On Windows that step
fails while another process has the file open, and a checkpoint is not locked.
"""
import contextlib
import errno
import os
import re
import secrets
import stat
import tempfile
from typing import Any, BinaryIO

from .errors import ArgumentError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def check_writable(what: str, path: Any) -> None:
    """See that `write_whole` can put a file there.

    Parameters
    ----------
    what : str
        How an error's message begins, with the path.
    path : str

    Raises
    ------
    ArgumentError
        If it cannot.
    """
    try:
        target, _ = _target(path)
        new = _new_name(os.path.dirname(target))
        open(new, "xb").close()
        os.remove(new)
    except (OSError, TypeError, ValueError) as error:
        raise ArgumentError(f"{what} cannot be written: {error}; name a file that may be written, "
                            "in a folder that is there") from error


def write_whole(path: Any, content: str | bytes) -> None:
    """Put a file in place in one step, so that `path` is always whole: the old or the new.

    Parameters
    ----------
    path : str
        Through a link, the file it leads to is replaced. Its mode is kept, its owner as far as
        that is allowed; another name of the same file (a hard link) keeps the old content.
    content : str or bytes
        Text goes in UTF-8, what has no place there as an escape.

    Raises
    ------
    OSError
        If it cannot be written, with the file's name, and with that of another file, in the same
        folder or that for temporary files, which has the content; what was there is still there.
    """
    _write(path, content)


class Exclusive:
    """A file that is written again and again, by one process at a time.

    The lock is on the file itself, the new one having it before it takes the old one's place. The
    system frees it when the process ends, however it does. A file that is not there is made, empty.

    Parameters
    ----------
    what : str
        How an error's message begins, with the path.
    path : str

    Raises
    ------
    ArgumentError
        If it cannot be written, or another process, or another thread, does so.
    """

    def __init__(self, what: str, path: Any) -> None:
        check_writable(what, path)
        self.path = os.path.realpath(os.fsdecode(path))
        self._locked: BinaryIO | None = None
        while fcntl is not None and self._locked is None:
            self._locked = file = open(self.path, "ab")  # noqa: SIM115, as it stays open
            try:
                _lock(file)
            except BlockingIOError as error:
                file.close()
                raise ArgumentError(f"{what} is in use by another process; wait until it has "
                                    "ended, or name another file") from error
            if not self._is_in_place():  # what has taken its place is to be locked
                file.close()
                self._locked = None

    def write(self, content: bytes) -> None:
        """Do as `write_whole`, and keep the lock."""
        old, self._locked = self._locked, _write(self.path, content, lock=True)
        if old is not None:
            old.close()

    def close(self) -> None:
        """Give the file free; if it is still empty, it goes."""
        if self._locked is not None:
            if os.fstat(self._locked.fileno()).st_size == 0 and self._is_in_place():
                with contextlib.suppress(OSError):
                    os.remove(self.path)
            self._locked.close()
        self._locked = None

    def _is_in_place(self) -> bool:
        """Whether it is the locked file that has the name."""
        try:
            return os.path.samestat(os.fstat(self._locked.fileno()), os.stat(self.path))  # type: ignore[union-attr]
        except OSError:
            return False


def _lock(file: BinaryIO) -> None:
    """Lock an open file, where the file system can; a BlockingIOError if someone else has."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise


def _write(path: Any, content: str | bytes, lock: bool = False) -> BinaryIO:
    """Write a file, which with `lock` is open, and locked, else closed."""
    data = content if isinstance(content, bytes) else content.encode(errors="backslashreplace")
    unfinished, file = "", None
    try:
        target, old = _target(path)
        unfinished = _new_name(os.path.dirname(target))
        file = open(unfinished, "xb")  # noqa: SIM115, closed below; x has it made, through no link
        if old is not None:
            _make_like(old, unfinished)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
        if lock and fcntl is not None:
            _lock(file)
        else:
            file.close()
        os.replace(unfinished, target)
        return file
    except BaseException as error:
        if file is not None:
            with contextlib.suppress(OSError):
                file.close()
        if not isinstance(error, FileExistsError):  # then it is someone else's
            with contextlib.suppress(OSError):
                os.remove(unfinished)
        if isinstance(error, OSError):
            raise _with_copy(error, os.fsdecode(path), data) from error
        raise


def _target(path: Any) -> tuple[str, os.stat_result | None]:
    """The file that `path` leads to, and what is there; an OSError if it may not be replaced."""
    path = os.fsdecode(path)
    if not os.path.basename(path):
        raise IsADirectoryError(errno.EISDIR, "names no file", path)
    path = os.path.realpath(path)
    try:
        old = os.stat(path)
    except FileNotFoundError:
        os.stat(os.path.dirname(path))
        return path, None
    if not stat.S_ISREG(old.st_mode):
        raise FileExistsError(errno.EEXIST, "is a folder, a device or a pipe", path)
    if not old.st_mode & 0o222 or not os.access(path, os.W_OK):  # root may write to any
        raise PermissionError(errno.EACCES, "is read-only", path)
    if any(_is_open_as(descriptor, old) for descriptor in (1, 2)):
        raise OSError(errno.EBUSY, "is where this process prints", path)
    if _is_mounted(path):
        raise OSError(errno.EBUSY, "is mounted there, and cannot be replaced", path)
    with contextlib.suppress(NotADirectoryError):
        os.rmdir(path)  # which a file outlives; but first it is seen whether it may be removed
    return path, old


def _is_open_as(descriptor: int, file: os.stat_result) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file)
    except OSError:  # nothing is
        return False


def _is_mounted(path: str) -> bool:
    """Whether a single file is mounted there, as containers have it."""
    escaped = re.sub(rb"[\s\\]", lambda found: b"\\%03o" % found[0][0], os.fsencode(path))
    try:
        with open("/proc/self/mountinfo", "rb") as mounts:  # Linux's
            return any(line.split()[4] == escaped for line in mounts)
    except OSError:
        return False


def _new_name(folder: str) -> str:
    return os.path.join(folder, f".d2l_linreg-{secrets.token_hex(8)}")


def _make_like(old: os.stat_result, path: str) -> None:
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):  # only root may give a file away
            os.chown(path, old.st_uid, old.st_gid)
    os.chmod(path, stat.S_IMODE(old.st_mode))


def _with_copy(error: OSError, path: str, data: bytes) -> OSError:
    """The error with the file's name, and where its content is instead."""
    name, ending = os.path.splitext(os.path.basename(path))
    kept = "its content could be kept nowhere else"
    for folder in (os.path.dirname(path) or os.curdir, None):  # None: for temporary files
        copy = ""
        try:
            descriptor, copy = tempfile.mkstemp(ending[:50], f"{name[:50]}-", folder)
            with open(descriptor, "wb") as file:
                file.write(data)
            kept = f"its content is kept in {copy!r}"
            break
        except OSError:
            with contextlib.suppress(OSError):
                os.remove(copy)
    return type(error)(error.errno, f"{error.strerror}; {kept}", path)
