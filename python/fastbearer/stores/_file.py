"""Key sets in files, for the processes of one machine.

Whoever can write these files can have any token accepted, so they must be this user's, and writable for nobody else.
What is opened is looked at, not its name: nothing can be exchanged in between.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import threading
import time
import weakref
from secrets import token_hex

from ..errors import ConfigurationError
from ._keys import _MOST, StoredKeys

_SOURCE = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
#: Seconds after which what a crashed process has left half written is removed.
_ABANDONED = 60.0
_STORES: weakref.WeakSet[FileKeyStore] = weakref.WeakSet()


class FileKeyStore:
    """Keeps key sets in a folder. Any number of processes may use one folder; while one of them fetches, the others
    wait for what it brings, and when it crashes they do not.

    The folder is made with mode 0700 when it is missing; files have mode 0600 and are replaced whole. A folder or file
    that belongs to another user, or that others may write to, is refused, and so is a symbolic link: ConfigurationError
    at construction, PermissionError later (which is logged, and the keys are fetched). Not on Windows, where files
    have no such modes.

    Args:
        folder: where. Its own, on a local disk.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        if sys.platform == "win32":
            raise ConfigurationError("FileKeyStore needs the file modes of POSIX; on Windows use RedisStore")
        self._folder = os.fsdecode(folder)
        self._lock = threading.Lock()
        self._claims: dict[str, int] = {}  # open files with a lock on them, which ends with them
        try:
            os.makedirs(self._folder, 0o700, exist_ok=True)
            os.close(self._open_folder())
        except OSError as error:
            raise ConfigurationError(f"key_store: {error.strerror or error}: {self._folder}") from None
        _STORES.add(self)

    def __repr__(self) -> str:
        return f"FileKeyStore({self._folder!r})"

    def load(self, source: str) -> StoredKeys | None:
        """The set that was saved last, or None. ValueError for a file that holds none."""
        folder = self._open_folder()
        try:
            data = _read(_name(source, "keys"), folder)
        except FileNotFoundError:
            return None
        finally:
            os.close(folder)
        return StoredKeys.from_bytes(data)

    def save(self, source: str, keys: StoredKeys) -> None:
        """Keeps a set; a process that reads meanwhile gets this one or the one before."""
        name, folder = _name(source, "keys"), self._open_folder()
        new = f".{name}.{token_hex(8)}"
        try:
            _sweep(folder, f".{name}.")
            try:
                _write(new, folder, keys.to_bytes())
                os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                _remove(new, folder)
                raise
        finally:
            os.close(folder)

    def claim(self, source: str, seconds: float) -> bool:
        """Whether this process is to fetch. The claim ends with release or with the process."""
        import fcntl

        name = _name(source, "lock")
        with self._lock:
            if source in self._claims:
                return True
            folder = self._open_folder()
            try:
                file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
            finally:
                os.close(folder)
            try:
                _check(os.fstat(file), stat.S_ISREG, name)
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                return False
            except BaseException:
                os.close(file)
                raise
            self._claims[source] = file
            return True

    def release(self, source: str) -> None:
        """Ends this process's claim."""
        with self._lock:
            file = self._claims.pop(source, None)
        if file is not None:
            os.close(file)

    def _open_folder(self) -> int:
        file = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _check(os.fstat(file), stat.S_ISDIR, self._folder)
        except BaseException:
            os.close(file)
            raise
        return file

    def _forget_claims(self) -> None:
        """In the child of a fork, which has the parent's open files, and with them its locks."""
        self._lock = threading.Lock()
        claims, self._claims = self._claims, {}
        for file in claims.values():
            os.close(file)


def _after_fork() -> None:
    for store in list(_STORES):
        store._forget_claims()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _name(source: str, suffix: str) -> str:
    if not _SOURCE.match(source):
        raise ValueError("source must be 1 to 64 characters of A-Z, a-z, 0-9, - and _")
    return f"{source}.{suffix}"


def _check(found: os.stat_result, is_right: object, name: str) -> None:
    if not callable(is_right) or not is_right(found.st_mode):
        raise PermissionError(f"{name} is not what it should be (a folder, or a plain file)")
    if found.st_uid != os.geteuid():
        raise PermissionError(f"{name} belongs to another user")
    if found.st_mode & 0o022:
        raise PermissionError(f"others may write to {name}")


def _read(name: str, folder: int) -> bytes:
    # O_NONBLOCK: a pipe in its place must not keep us waiting before it is refused.
    file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(file, "rb") as opened:
        found = os.fstat(file)
        _check(found, stat.S_ISREG, name)
        if found.st_size > _MOST + 4096:
            raise ValueError(f"{name} is too large")
        return opened.read(_MOST + 4097)


def _write(name: str, folder: int, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(name, flags, 0o600, dir_fd=folder)
    with os.fdopen(file, "wb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(file)  # or a crash of the machine could leave an empty file under the final name


def _sweep(folder: int, prefix: str) -> None:
    for name in os.listdir(folder):
        if name.startswith(prefix):
            try:
                if os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime < time.time() - _ABANDONED:
                    os.unlink(name, dir_fd=folder)
            except FileNotFoundError:
                pass


def _remove(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass
