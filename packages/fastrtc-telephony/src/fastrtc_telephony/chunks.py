"""Sound in pieces of one size, for carriers that want it so."""


class Chunks:
    """Cuts bytes into pieces of one size.

    Args:
        size: Of a piece, in bytes.

    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._rest = b""

    def __bool__(self) -> bool:
        return bool(self._rest)

    def push(self, data: bytes) -> list[bytes]:
        """Take bytes, and return the pieces that are whole now."""
        data = self._rest + data
        whole = len(data) - len(data) % self._size
        self._rest = data[whole:]
        return [data[start : start + self._size] for start in range(0, whole, self._size)]

    def padded(self, silence: bytes) -> bytes:
        """Return what is left, filled up with silence, one sample of which is given."""
        missing = (self._size - len(self._rest)) // len(silence)
        piece, self._rest = self._rest + missing * silence, b""
        return piece

    def clear(self) -> None:
        """Forget what is left."""
        self._rest = b""
