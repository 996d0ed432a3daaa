#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Reads a store, written from fs/store/FORMAT.md and fs/table alone: it shares no line with crmfs.

usage: CRMFS_PASSPHRASE=… decoder.py STORE [SNAPSHOT SOURCE TABLE]: lists the snapshots, or writes a table's CSV.
"""
import ctypes
import json
import os
import struct
import sys
from base64 import b64decode, b64encode
from hashlib import blake2b, sha256
from pathlib import Path

import zstandard
from nacl import bindings

NAMES, PACKS, INDEX, LOG, CHECKPOINTS, BOUNDARIES, LABELS = range(1, 8)  # what a subkey is for
ROW_GROUP, PAGE, IMAGE, SCHEMA, TREE = range(1, 6)  # types of objects
NULL, NUMBER, SPECIAL, TEXT, RAW_TEXT, BYTES, DOCUMENT, TRUE, FALSE = range(9)  # kinds of cells
MEMBERS = dict(enumerate("store,host name packs raw snapshot stored tags time tree,snapshots,name snapshot,packs,packs,"
                         "packs,slot what,packs top writer,host process writer,writer".split(","), 1))  # of log records
SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SODIUM = ctypes.CDLL("libsodium.so.23")  # python3-nacl's own; it has no name for AES
SODIUM.sodium_init()


class Damaged(Exception):
    """The store is not what FORMAT.md says, or does not open."""


def need(condition, words):
    if not condition:
        raise Damaged(words)


def blake(*parts, key=b""):
    return blake2b(b"".join(parts), key=key, digest_size=32).digest()


def unseal(cipher, key, nonce, sealed, bound):
    need("aes" not in cipher or SODIUM.crypto_aead_aes256gcm_is_available(), "no AES in this processor")
    plain, size = ctypes.create_string_buffer(len(sealed) + 1), ctypes.c_ulonglong
    decrypt = getattr(SODIUM, f"crypto_aead_{cipher}_decrypt")
    need(len(sealed) >= 16 and 0 == decrypt(plain, None, None, sealed, size(len(sealed)), bound,
                                            size(len(bound)), nonce, key), "does not open")
    return plain.raw[:len(sealed) - 16]


def decompress(raw, size, prefix=b""):
    """The SIZE bytes of one zstd frame, and what follows it."""
    frame = zstandard.get_frame_parameters(raw)
    need(frame.content_size == size and frame.dict_id == 0 and frame.window_size <= 1 << 27, "a frame's head")
    parent = zstandard.ZstdCompressionDict(prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    stream = zstandard.ZstdDecompressor(dict_data=parent, max_window_size=1 << 27).decompressobj()
    data = stream.decompress(raw)
    need(stream.eof and len(data) == size, "a frame that is cut")
    return data, stream.unused_data


def recovery_passphrase(typed):
    """The passphrase that a recovery key stands for; empty: it is none."""
    plain, check = typed.upper().translate(str.maketrans("OIL", "011", "- ")), 0
    for symbol in plain[26::-1]:  # Horner, and times x at last
        check = (check ^ SYMBOLS.find(symbol)) << 1
        check ^= 0b100101 if check & 32 else 0
    good = len(plain) == 28 and not set(plain) - set(SYMBOLS) and SYMBOLS[check] == plain[27]
    return plain.encode() if good else b""


class Store:
    def __init__(self, path, passphrase):
        self.top = Path(path)
        self.header = self.read("store")
        magic, version, cipher, zero, group, level, rest, self.id, last = struct.unpack(
            "<16sHBBII4s16s16s", self.header)
        need(magic == b"crmfs store 1\n\0\0" and version == 1, "not a store, or a newer one")
        need(cipher in (1, 2) and 65536 <= group <= 4194304 and level <= 150 and level != 128 and not zero
             and not any(rest + last), "a header out of range")
        self.cipher, self.nonce_size = (None, ("aes256gcm", 12), ("xchacha20poly1305_ietf", 24))[cipher]
        self.keys = self.unlock(passphrase)
        self.packs = {bytes.fromhex(path.name)[:8]: f"packs/{path.parent.name}/{path.name}"
                      for path in self.top.glob("packs/??/*")}
        self.moved = {}  # object id: (pack, offset, length); read when a hint leads nowhere

    def read(self, name, start=0, size=-1):
        with open(self.top / name, "rb") as file:
            file.seek(start)
            return file.read(size)

    def unlock(self, passphrase):
        recovery = recovery_passphrase(passphrase)
        for path in sorted(self.top.glob("keys/*")):
            slot = path.read_bytes()
            head, way, kind, zero, passes, memory, salt = struct.unpack_from("<8sBB6sQQ16s", slot)
            need(len(slot) == 256 and head == b"CRMFSKEY" and not any(zero + slot[240:]) and way == 1 and kind in (1, 2)
                 and 0 < passes <= 16 and 8 << 20 <= memory <= 1 << 30 and memory % 1024 == 0, f"{path}: no key slot")
            given = recovery if kind == 2 else passphrase.encode()
            bound = [self.header + slot[:at] + bytes.fromhex(path.name) for at in (72, 144)]
            try:
                need(given, "not this kind of key")
                key = bindings.crypto_pwhash_alg(32, given, salt, passes, memory, bindings.crypto_pwhash_ALG_ARGON2ID13)
                master = unseal("xchacha20poly1305_ietf", key, slot[48:72], slot[72:120], bound[0])
                keys = [blake(b"crmfs", bytes([purpose]), self.id, key=master) for purpose in range(8)]
                unseal("xchacha20poly1305_ietf", keys[LABELS], slot[120:144], slot[144:240], bound[1])
                return keys
            except Damaged:
                continue
        raise Damaged("no key slot opens with that passphrase")

    def open(self, purpose, name, salt, at, sealed, bound=b""):
        """The piece at offset AT of the file NAME."""
        key = blake(salt, name.encode(), key=self.keys[purpose])
        return unseal(self.cipher, key, at.to_bytes(self.nonce_size, "little"), sealed, bound)

    def one_piece(self, purpose, name, magic):
        raw = self.read(name)
        need(raw[:8] == magic and len(raw) % 1024 == 0, f"{name}: not what its folder says")
        return blake(raw), self.open(purpose, name, raw[8:40], 40, raw[40:])

    def snapshots(self):
        """Snapshots by name: what their take records said; in the order of their times."""
        taken, before, number = self.checkpoint()
        names = {int(path.name) for path in self.top.glob("log/*")}
        while number + 1 in names:
            number += 1
            own_hash, record = self.one_piece(LOG, f"log/{number:020}", b"CRMFSLOG")
            previous, own, _, kind, zero, size = struct.unpack_from("<32sQQB3sI", record)
            need(previous == before and own == number and kind in MEMBERS and (kind == 1) == (number == 1) and
                 56 + size <= len(record) and not any(zero + record[56 + size:]), f"record {number}: its head or length")
            before, said = own_hash, json.loads(record[56:56 + size])
            need(" ".join(sorted(said.keys() - {"files"} if kind == 2 else said)) == MEMBERS[kind], f"{number}: members")
            if kind in (2, 4):
                need(said["name"] not in [snap["name"] for snap in taken.values()] and
                     (said["snapshot"] in taken) == (kind == 4), "a name or an id taken twice, or not there")
                taken.setdefault(said["snapshot"], said)["name"] = said["name"]
            for gone in said["snapshots"] if kind == 3 else []:
                need(taken.pop(gone, None), "a snapshot forgotten that is not there")
        need(number and max(names, default=0) <= number, f"the log lacks record {number + 1}")
        return {snap["name"]: snap for snap in sorted(taken.values(), key=lambda s: (s["time"], s["name"].encode()))}

    def checkpoint(self):
        """Snapshots by id at the newest good checkpoint, and hash and number of its record."""
        for path in sorted(self.top.glob("checkpoints/*"), reverse=True):
            try:
                plain = self.one_piece(CHECKPOINTS, f"checkpoints/{path.name}", b"CRMFSCHK")[1]
                last, number, size, packed = struct.unpack_from("<32sQII", plain)
                same = not (record := self.top / "log" / path.name).exists() or blake(record.read_bytes()) == last
                need(same and number == int(path.name), "of another log")
                table, rest = decompress(plain[48:48 + packed], size)
                need(not rest and not any(plain[48 + packed:]), "something after the frame")
                return self.checkpoint_table(table), last, number
            except Damaged:
                pass
        return {}, bytes(32), 0

    def checkpoint_table(self, table):
        taken, at = {}, 8
        count, marks = struct.unpack_from("<II", table)
        for _ in range(count):
            own, tree, time, raw, stored, name, host, tags, files = struct.unpack_from("<16s48sQQQ4B", table, at)
            words, at = [], at + 92
            for size in [name, host] + [None] * tags:
                size, at = (table[at], at + 1) if size is None else (size, at)  # a tag's stands before it
                words, at = words + [table[at:at + size].decode()], at + size
            at += 48 * files
            taken[own.hex()] = {"snapshot": own.hex(), "tree": tree.hex(), "time": time, "raw": raw, "stored": stored,
                                "name": words[0], "host": words[1], "tags": words[2:]}
        at += 48 * marks
        at, claim = (at + 1 + 48 * (table[at] & 1), table[at] & 2) if at < len(table) else (at, 0)  # files/
        need(at + (26 + table[at + 24] + table[at + 25] if claim else 0) == len(table), "a checkpoint's length")
        return taken

    def places(self, wanted, hint, offset, size):
        """Where an object may be: what its reference says, then what all directories say."""
        if hint in self.packs:
            yield self.packs[hint], offset * 8, size
        self.moved = self.moved or {own: (name, *place) for name in self.packs.values()
                                    for own, *place in self.directory(name)}
        yield from [self.moved[wanted]] if wanted in self.moved else []

    def directory(self, name):
        """What is in a pack: id, offset, length. (The indexes know nothing that is not here.)"""
        raw, salt = self.read(name), bytes.fromhex(name[9:])
        need(raw[:40] == b"CRMFSPAK" + salt and len(raw) % 4096 == 0, f"{name}: not a pack")
        at, size, _ = struct.unpack("<QII", self.open(PACKS, name, salt, len(raw) - 32, raw[-32:], b"foot"))
        need(at + size == len(raw) - 32, f"{name}: its foot")
        listed, place = self.open(PACKS, name, salt, at, raw[at:at + size], b"directory"), 8
        for _ in range(int.from_bytes(listed[:4], "little")):
            own, offset, length, _, encoding, _ = struct.unpack_from("<32sIIBBH", listed, place)
            yield own, offset * 8, length
            place += 92 if encoding == 2 else 44
        need(not any(listed[place:]), f"{name}: something after its directory")

    def object(self, reference, kind, depth=None):
        """An object's data; DEPTH: what the depth of its chain must be."""
        wanted, *place = struct.unpack("<32s8sII", reference)
        for name, at, length in self.places(wanted, *place):
            try:
                body = self.open(PACKS, name, bytes.fromhex(name[9:]), at, self.read(name, at, length), wanted)
            except Damaged:
                continue
            data = self.unpack(body, kind, depth)
            need(blake(bytes([kind]), sha256(data).digest(), key=self.keys[NAMES]) == wanted, f"{name}: another object")
            return data
        raise Damaged(f"object {wanted.hex()} is lost")

    def unpack(self, body, kind, wanted_depth):
        encoding, own_kind, depth, anchor, size = struct.unpack_from("<BBBBI", body)
        need(encoding <= 2 and own_kind == kind and anchor <= depth <= 8, "an object's head")
        need((depth > 0) == (encoding == 2) and wanted_depth in (None, depth), "an object's depth")
        need(size <= (8 << 20 if kind == ROW_GROUP else 16 << 20), "too large an object")
        parent = self.object(body[8:56], kind, depth - 1) if encoding == 2 else b""
        body = body[56 if encoding == 2 else 8:]
        data, rest = decompress(body, size, parent) if encoding else (body[:size], body[size:])
        need(len(data) == size and len(rest) < 8 and not any(rest), "an object's padding")
        return data

    def document(self, reference, kind):
        """A JSON object, in the one form that is allowed."""
        value = json.loads(raw := self.object(reference, kind))
        need(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() == raw, "JSON in another form")
        return value

    def tables(self, snapshot):
        """{source: {table: its entry in the tree}}, names as bytes."""
        tree = self.document(bytes.fromhex(self.snapshots()[snapshot]["tree"]), TREE)
        return {text(source["name"]): {text(table["name"]): table for table in source["tables"]}
                for source in tree["sources"]}

    def csv(self, table):
        """The CSV of an entry of the tree, in pieces."""
        image = self.object(bytes.fromhex(table["image"]), IMAGE)
        rows, size, _, digest, schema, pages, _ = struct.unpack_from("<QQQ32s48sII", image)
        columns, ids = self.document(schema, SCHEMA)["columns"], b""
        yield b",".join(csv_field(column["name"].encode()) for column in columns) + b"\n"
        for page in (self.object(image[112 + 48 * n:160 + 48 * n], PAGE) for n in range(pages)):
            need(len(page) == 8 + 80 * int.from_bytes(page[:4], "little"), "a page's length")
            for reference, _, group_rows, _, group_size, _ in struct.iter_unpack("<48sQIIQQ", page[8:]):
                piece = render(self.object(reference, ROW_GROUP), [column["type"] for column in columns])
                need(len(piece) == group_size, "a row group of another length")
                rows, size, ids = rows - group_rows, size - group_size, ids + reference[:32]
                yield piece
        need((rows, size, blake(ids), len(image)) == (0, 0, digest, 112 + 48 * pages), "an image's sums")


def text(value):
    return b64decode(value["base64"], validate=True) if isinstance(value, dict) else value.encode()


def csv_field(raw):
    return raw if raw and raw == raw.translate(None, b'",\r\n') else b'"' + raw.replace(b'"', b'""') + b'"'


def csv_cell(kind, raw, in_bytes, flags, _, quoted, encoded):
    """A cell of a column that is of bytes or not; a part of one when FLAGS of its fragment say so."""
    if kind == NULL:
        return b""
    if kind in (NUMBER, SPECIAL):
        return b"number:" * in_bytes + raw
    if not flags & 6:
        encoded = kind == RAW_TEXT or kind != BYTES and not in_bytes and raw.startswith((b"base64:", b"text;base64:"))
    prefix = b"" if in_bytes == (kind == BYTES) else b"text:" if in_bytes else b"base64:"
    prefix, raw = b"text;base64:" if encoded else prefix, b64encode(raw) if encoded or kind == BYTES else raw
    if not flags & 6:
        return csv_field(prefix + raw)
    begin, end = (b'"' * quoted + prefix) * (not flags & 2), b'"' * (quoted and not flags & 4)
    return begin + raw.replace(b'"', b'""') + end


def render(group, types):
    """The CSV of an encoded row group of a table whose columns have these types."""
    magic, rows, count, first, *head = struct.unpack_from("<4s3I4B", group)
    need(magic == b"CRG1" and rows and first + count <= len(types), "a row group's head")
    columns, at = [], 20 + 8 * count
    for number in range(count):
        kind, width, _, size = struct.unpack_from("<BBHI", group, 20 + 8 * number)
        kinds, at = (group[at:at + rows], at + rows) if kind == 255 else (bytes([kind]) * rows, at)
        step, many = (width, rows) if width else (4, 1)
        lengths = [int.from_bytes(group[at + n * step:at + n * step + step], "little") for n in range(many)]
        lengths, at = lengths * (rows // many), at + step * many
        need(sum(lengths) == size and at + size <= len(group), "a column's length")
        cells, in_bytes = [], types[first + number] == "bytes"
        for kind, length in zip(kinds, lengths):
            raw, at = group[at:at + length], at + length
            cells.append(csv_cell(head[1] if head[0] & 6 else kind, raw, in_bytes, *head))
        columns.append(cells)
    need(group[at:] == bytes(32), "a row group's end")
    begin = b"," if first and not head[0] & 2 else b""
    end = b"\n" if first + count == len(types) and not head[0] & 4 else b""
    return b"".join(begin + b",".join(row) + end for row in zip(*columns))


if __name__ == "__main__":
    opened, words = Store(sys.argv[1], os.environ["CRMFS_PASSPHRASE"]), list(map(os.fsencode, sys.argv[3:]))
    if words:
        sys.stdout.buffer.writelines(opened.csv(opened.tables(sys.argv[2])[words[0]][words[1]]))
    else:
        print(*opened.snapshots(), sep="\n")
