# SPDX-License-Identifier: MIT
"""Archives that lie, and names that lead elsewhere: written byte by byte, as no packer writes them."""
import struct
import zlib

DUMP = b"CREATE TABLE t (id int NOT NULL, PRIMARY KEY (id));\nINSERT INTO t VALUES (1),(2);\n"
LINK = 0o120777 << 16


class Zip:
    """A ZIP of whatever fields it is told."""

    def __init__(self):
        self.data = b""
        self.directory = b""
        self.count = 0

    def add(self, name, data=b"x", method=8, said=None, crc=None, flags=0, attributes=0o100644 << 16, packed=None):
        """said: the size that it says; packed: bytes in the place of what DATA is when packed."""
        if packed is None:
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            packed = packer.compress(data) + packer.flush() if method == 8 else data
        said = len(data) if said is None else said
        crc = zlib.crc32(data) if crc is None else crc
        fields = struct.pack("<HHHHHLLLHH", 20, flags, method, 0, 0x21, crc, len(packed), said, len(name), 0)
        at = len(self.data)
        self.data += b"PK\3\4" + fields + name + packed
        self.directory += b"PK\1\2\x14\3" + fields + struct.pack("<HHHLL", 0, 0, 0, attributes, at) + name
        self.count += 1
        return self

    def bytes(self):
        end = struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, self.count, self.count, len(self.directory), len(self.data), 0)
        return self.data + self.directory + end


def names():
    """Every name that leads elsewhere, or is no name."""
    made = Zip()
    for name in (b"../../outside", b"/etc/absolute", b"a/../../b", b"C:\\windows\\x", b"..\\up", b"a//./b", b"", b".",
                 b"..", b"twice", b"twice", b"a\0b", b"line\nbreak", b"x" * 300, b"dir/", b"caf\x82", b"\x83e\x83X\x83g",
                 b"bytes\xff\xfe"):
        made.add(name, b"" if name.endswith(b"/") else b"data of " + name)
    made.add(b"utf8-\xc3\xa9", b"u", flags=0x800)
    made.add(b"link", b"/etc/passwd", method=0, attributes=LINK)
    made.add(b"dump.sql", DUMP)
    return made.bytes()


def lies():
    """Sizes, checksums and methods that are not so."""
    made = Zip()
    made.add(b"crc.csv", b"a,b\n1,2\n", crc=1)
    made.add(b"longer.csv", b"a,b\n1,2\n", said=4000)
    made.add(b"shorter.csv", b"a,b\n1,2\n" * 100, said=8)
    made.add(b"method.csv", b"a,b\n1,2\n", method=99)
    made.add(b"garbage.csv", b"a,b\n1,2\n", packed=b"\xff\xfe\xfd" * 20)
    made.add(b"good.csv", b"a,b\n1,2\n")
    return made.bytes()


def overlapping():
    """Many names of one piece of data, as the worst bombs have them: each entry of the directory leads to it."""
    made = Zip().add(b"0000", bytes(2 << 20))
    single = made.directory
    for number in range(1, 200):
        name = b"%04d" % number
        made.directory += single[:46] + name
        made.count += 1
    return made.bytes()


def bomb():
    """Three hundred megabytes in a kilobyte, for they are packed twice."""
    inner = Zip().add(b"zeros.csv", b"a,b\n" + bytes(300 << 20))
    return Zip().add(b"inner.zip", inner.bytes()).add(b"good.csv", b"a,b\n1,2\n").bytes()
