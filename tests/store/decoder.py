#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Reads a store, written from fs/store/FORMAT.md and fs/table alone: it shares no line with crmfs.

usage: decoder.py STORE                           lists its snapshots
       decoder.py STORE SNAPSHOT SOURCE TABLE     writes the table's CSV
The passphrase, or the recovery key, is taken from CRMFS_PASSPHRASE.
"""
import base64
import ctypes
import ctypes.util
import json
import os
import re
import struct
import sys
from hashlib import blake2b, sha256
from pathlib import Path

import nacl.bindings
import nacl.exceptions
import nacl.pwhash
import zstandard

NAMES, PACKS, INDEX, LOG, CHECKPOINTS, BOUNDARIES, LABELS = range(1, 8)  # what a subkey is for
ROW_GROUP, PAGE, IMAGE, SCHEMA, TREE = range(1, 6)  # types of objects
MEMBERS = {1: "store", 2: "snapshot name time tags host tree packs raw stored", 3: "snapshots",
           4: "snapshot name", 5: "packs", 6: "packs", 7: "packs", 8: "slot what"}  # of log records
SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Damaged(Exception):
    """The store is not what FORMAT.md says, or does not open."""


def need(condition, words):
    if not condition:
        raise Damaged(words)


def keyed(key, *parts):
    return blake2b(b"".join(parts), key=key, digest_size=32).digest()


def no_more_than_zeros(raw, most):
    return len(raw) <= most and not any(raw)


# --- ciphers and compression -------------------------------------------------------------------


def xchacha(key, nonce, sealed, bound):
    try:
        return nacl.bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, bound, nonce, key)
    except (nacl.exceptions.CryptoError, ValueError) as problem:
        raise Damaged(f"does not open: {problem}") from problem


def aes_gcm(key, nonce, sealed, bound):
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
    need(sodium.sodium_init() >= 0 and sodium.crypto_aead_aes256gcm_is_available(), "no AES in this processor")
    need(len(sealed) >= 16, "does not open: too short")
    plain, long = ctypes.create_string_buffer(len(sealed)), ctypes.c_ulonglong
    failed = sodium.crypto_aead_aes256gcm_decrypt(plain, None, None, sealed, long(len(sealed)), bound,
                                                  long(len(bound)), nonce, key)
    need(not failed, "does not open")
    return plain.raw[:len(sealed) - 16]


def decompress(raw, size, prefix=None):
    """One zstd frame of SIZE bytes and what follows it."""
    frame = zstandard.get_frame_parameters(raw)
    need(frame.content_size == size and frame.dict_id == 0, "a frame of another size, or with a dictionary")
    need(frame.window_size <= 1 << 27, "a frame with too large a window")
    parent = zstandard.ZstdCompressionDict(prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if prefix else None
    stream = zstandard.ZstdDecompressor(dict_data=parent, max_window_size=1 << 27).decompressobj()
    data = stream.decompress(raw)
    need(stream.eof and len(data) == size, "a frame that is cut")
    return data, stream.unused_data


# --- the store ---------------------------------------------------------------------------------


def recovery_passphrase(text):
    """The passphrase that a recovery key stands for; None if TEXT is none."""
    plain = re.sub(r"[-\s]", "", text).upper().translate(str.maketrans("OIL", "011"))
    if len(plain) != 28 or set(plain) - set(SYMBOLS):
        return None
    check = 0
    for symbol in reversed(plain[:27]):  # Horner, times x at last
        check = (check ^ SYMBOLS.index(symbol)) << 1
        check ^= 0b100101 if check & 32 else 0
    return plain.encode() if SYMBOLS[check] == plain[27] else None


class Store:
    def __init__(self, path, passphrase):
        self.top = Path(path)
        self.header = self.read("store")
        magic, version, cipher, zero, group, level, rest, self.id, last = struct.unpack(
            "<16sHBBII4s16s16s", self.header)
        need(magic == b"crmfs store 1\n\0\0" and version == 1 and cipher in (1, 2), "not a store, or a newer one")
        need(65536 <= group <= 4194304 and level <= 150 and level != 128, "a header out of range")
        need(not zero and not any(rest + last), "a header with something where zeros belong")
        self.cipher, self.nonce_size = (aes_gcm, 12) if cipher == 1 else (xchacha, 24)
        self.master = self.unlock(passphrase)
        self.packs = {bytes.fromhex(path.name)[:8]: path.name for path in self.top.glob("packs/??/*")}
        self.places, self.last = None, (b"", 0)

    def read(self, name, start=0, size=-1):
        try:
            with open(self.top / name, "rb") as file:
                file.seek(start)
                return file.read(size)
        except FileNotFoundError as problem:
            raise Damaged(f"{name} is missing") from problem

    def unlock(self, passphrase):
        recovery = recovery_passphrase(passphrase)
        for path in sorted(self.top.glob("keys/*")):
            slot = path.read_bytes()
            magic, way, kind, zero, passes, memory, salt = struct.unpack_from("<8sBB6sQQ16s", slot)
            need(len(slot) == 256 and magic == b"CRMFSKEY" and way == 1 and kind in (1, 2), f"{path}: no key slot")
            need(not any(zero + slot[240:]) and 1 <= passes <= 16 and 8 << 20 <= memory <= 1 << 30
                 and memory % 1024 == 0, f"{path}: out of range")
            given = recovery if kind == 2 else passphrase.encode()
            if not given:
                continue
            key = nacl.bindings.crypto_pwhash_alg(32, given, salt, passes, memory, nacl.pwhash.argon2id.ALG)
            bound = [self.header + slot[:at] + bytes.fromhex(path.name) for at in (72, 144)]
            try:
                self.master = xchacha(key, slot[48:72], slot[72:120], bound[0])
            except Damaged:
                continue
            label = xchacha(self.subkey(LABELS), slot[120:144], slot[144:240], bound[1])
            need(not any(label[9 + label[8]:]), f"{path}: a label with something after it")
            return self.master
        raise Damaged("no key slot opens with that passphrase")

    def subkey(self, purpose):
        return keyed(self.master, b"crmfs", bytes([purpose]), self.id)

    def open(self, purpose, name, salt, at, sealed, bound=b""):
        """The piece at offset AT of the file NAME."""
        key = keyed(self.subkey(purpose), salt, name.encode())
        return self.cipher(key, at.to_bytes(8, "little").ljust(self.nonce_size, b"\0"), sealed, bound)

    def whole(self, purpose, name, magic):
        """The one piece of a record's or checkpoint's file, and the file."""
        raw = self.read(name)
        need(raw[:8] == magic and len(raw) % 1024 == 0, f"{name}: not what its folder says")
        return self.open(purpose, name, raw[8:40], 40, raw[40:]), raw

    # --- the log ---

    def snapshots(self):
        """Snapshots by name: dictionaries of id, time, tree, ...; in the order of their times."""
        taken, (hash_before, number) = self.checkpoint()
        names = {int(path.name) for path in self.top.glob("log/*")}
        while number + 1 in names:
            number += 1
            record, raw = self.whole(LOG, f"log/{number:020}", b"CRMFSLOG")
            before, own, _, kind, zero, size = struct.unpack_from("<32sQQB3sI", record)
            need(before == hash_before and own == number, f"record {number} does not follow the one before")
            need(kind in MEMBERS and (kind == 1) == (number == 1) and not any(zero), f"record {number}: unknown kind")
            need(56 + size <= len(record) and not any(record[56 + size:]), f"record {number}: its length")
            hash_before = blake2b(raw, digest_size=32).digest()
            self.apply(taken, kind, json.loads(record[56:56 + size]))
        need(not names or max(names) <= number, f"the log lacks record {number + 1}")
        self.last = hash_before, number
        return {snap["name"]: snap for snap in sorted(taken.values(), key=lambda s: (s["time"], s["name"].encode()))}

    def apply(self, taken, kind, said):
        need(sorted(said) == sorted(MEMBERS[kind].split()), "a record with other members")
        if kind in (2, 4):
            need(said["name"] not in [snap["name"] for snap in taken.values()], "a name taken twice")
            need((said["snapshot"] in taken) == (kind == 4), "a snapshot taken twice, or renamed and not there")
            taken.setdefault(said["snapshot"], said)["name"] = said["name"]
        if kind == 3:
            for gone in said["snapshots"]:
                need(taken.pop(gone, None), "a snapshot forgotten that is not there")

    def checkpoint(self):
        """Snapshots by id, and hash and number of the record where the newest good checkpoint stands."""
        for path in sorted(self.top.glob("checkpoints/*"), reverse=True):
            try:
                plain, _ = self.whole(CHECKPOINTS, f"checkpoints/{path.name}", b"CRMFSCHK")
                last_hash, number, size, packed = struct.unpack_from("<32sQII", plain)
                record = self.top / "log" / path.name
                need(number == int(path.name) and (not record.exists() or blake2b(
                    record.read_bytes(), digest_size=32).digest() == last_hash), "of another log")
                table, rest = decompress(plain[48:48 + packed], size)
                need(not rest and not any(plain[48 + packed:]), "something after the frame")
                return self.checkpoint_table(table), (last_hash, number)
            except Damaged:
                continue
        return {}, (bytes(32), 0)

    def checkpoint_table(self, table):
        taken, at = {}, 8
        count, marks = struct.unpack_from("<II", table)
        for _ in range(count):
            name, tree, time, raw, stored, *sizes, tags, _ = struct.unpack_from("<16s48sQQQBBBB", table, at)
            texts, at = [], at + 92
            for place in range(2 + tags):
                if place >= 2:
                    sizes.append(table[at])
                    at += 1
                texts.append(table[at:at + sizes[-1 if place >= 2 else place]].decode())
                at += len(texts[-1].encode())
            taken[name.hex()] = {"snapshot": name.hex(), "tree": tree.hex(), "time": time, "raw": raw,
                                 "stored": stored, "name": texts[0], "host": texts[1], "tags": texts[2:]}
        need(at + 48 * marks == len(table), "a checkpoint of another length")
        return taken

    # --- objects ---

    def candidates(self, wanted, hint, offset, size):
        """Where an object may be: where its reference says, then what indexes and directories know."""
        if hint in self.packs:
            yield self.packs[hint], offset, size
        if self.places is None:
            self.places = {}
            for salt in self.packs.values():
                for own, at, length in self.directory(salt):
                    self.places.setdefault(own, []).append((salt, at, length))
        yield from self.places.get(wanted, [])

    def directory(self, salt):
        """What a pack's directory lists; the indexes say nothing that is not there."""
        name = f"packs/{salt[:2]}/{salt}"
        raw = self.read(name)
        need(raw[:8] == b"CRMFSPAK" and raw[8:40].hex() == salt and len(raw) % 65536 == 0, f"{name}: not a pack")
        foot = self.open(PACKS, name, raw[8:40], len(raw) - 32, raw[-32:], b"foot")
        at, size, _ = struct.unpack("<QII", foot)
        need(at + size == len(raw) - 32, f"{name}: its foot")
        listed, place = self.open(PACKS, name, raw[8:40], at, raw[at:at + size], b"directory"), 8
        for _ in range(struct.unpack_from("<I", listed)[0]):
            own, offset, length, _, encoding, _, _ = struct.unpack_from("<32sIIBBBB", listed, place)
            yield own, offset * 8, length
            place += 44 + (48 if encoding == 2 else 0)
        need(not any(listed[place:]), f"{name}: something after its directory")

    def object(self, reference, kind, depth=None):
        wanted, hint, offset, size = struct.unpack("<32s8sII", reference)
        for salt, at, length in self.candidates(wanted, hint, offset * 8, size):
            name = f"packs/{salt[:2]}/{salt}"
            try:
                sealed = self.read(name, at, length)
                body = self.open(PACKS, name, bytes.fromhex(salt), at, sealed, wanted)
            except Damaged:
                continue
            data = self.unpack(body, kind, depth)
            need(keyed(self.subkey(NAMES), bytes([kind]), sha256(data).digest()) == wanted, f"{name}: another object")
            return data
        raise Damaged(f"object {wanted.hex()} is lost")

    def unpack(self, body, kind, wanted_depth):
        encoding, own_kind, depth, anchor, size = struct.unpack_from("<BBBBI", body)
        need(encoding in (0, 1, 2) and own_kind == kind and anchor <= depth <= 8, "an object's head")
        need((depth > 0) == (encoding == 2) and wanted_depth in (None, depth), "an object's depth")
        need(size <= (8 << 20 if kind == ROW_GROUP else 16 << 20), "too large an object")
        if encoding == 0:
            data, rest = body[8:8 + size], body[8 + size:]
        elif encoding == 1:
            data, rest = decompress(body[8:], size)
        else:
            data, rest = decompress(body[56:], size, self.object(body[8:56], kind, depth - 1))
        need(len(data) == size and no_more_than_zeros(rest, 7), "an object's padding")
        return data

    def document(self, reference, kind):
        """A JSON object, in the one form that is allowed."""
        raw = self.object(reference, kind)
        value = json.loads(raw)
        need(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() == raw, "JSON in another form")
        return value

    # --- tables ---

    def tables(self, snapshot):
        """{source: {table as bytes: its entry in the tree}}"""
        tree = self.document(bytes.fromhex(self.snapshots()[snapshot]["tree"]), TREE)
        return {text(source["name"]).decode(): {text(table["name"]): table for table in source["tables"]}
                for source in tree["sources"]}

    def csv(self, table):
        """The CSV of an entry of the tree, in pieces."""
        image = self.object(bytes.fromhex(table["image"]), IMAGE)
        rows, size, _, digest, schema, pages, _ = struct.unpack_from("<QQQ32s48sII", image)
        need(len(image) == 112 + 48 * pages, "an image's length")
        columns = self.document(schema, SCHEMA)["columns"]
        header = b",".join(csv_field(readable(text(column["name"]))) for column in columns) + b"\n"
        yield header
        ids = blake2b(digest_size=32)
        for page in (self.object(image[112 + 48 * n:160 + 48 * n], PAGE) for n in range(pages)):
            need(len(page) == 8 + 80 * struct.unpack_from("<I", page)[0], "a page's length")
            for at in range(8, len(page), 80):
                reference, _, group_rows, _, group_size, _ = struct.unpack_from("<48sQIIQQ", page, at)
                ids.update(reference[:32])
                piece = render(self.object(reference, ROW_GROUP), [column["type"] for column in columns])
                need(len(piece) == group_size, "a row group of another length")
                rows, size = rows - group_rows, size - group_size
                yield piece
        need((rows, size, ids.digest()) == (0, 0, digest), "an image's sums")


def text(value):
    return base64.b64decode(value["base64"], validate=True) if isinstance(value, dict) else value.encode()


# --- row groups and CSV (fs/table) ---------------------------------------------------------------

NULL, NUMBER, SPECIAL, TEXT, RAW_TEXT, BYTES, DOCUMENT, TRUE, FALSE = range(9)


def readable(raw):
    return re.sub("[\udc80-\udcff]", "\ufffd", raw.decode("utf-8", "surrogateescape")).encode()


def csv_field(raw):
    return b'"' + raw.replace(b'"', b'""') + b'"' if not raw or re.search(rb'[",\r\n]', raw) else raw


def csv_cell(kind, raw, column):
    tagged = column == "bytes"
    if kind == NULL:
        return b""
    if kind in (NUMBER, SPECIAL):
        return b"number:" * tagged + raw
    if kind == BYTES:
        return csv_field(base64.b64encode(raw)) if tagged else b"base64:" + base64.b64encode(raw)
    if kind == RAW_TEXT or not tagged and raw.startswith((b"base64:", b"text;base64:")):
        return b"text;base64:" + base64.b64encode(raw)
    return csv_field(b"text:" * tagged + raw)


def part_of_cell(kind, raw, column, begun, goes_on, quoted, encoded):
    """A fragment's only cell, of which there is more before or after."""
    prefix = b"text;base64:" if encoded else b""
    if not encoded:
        prefix = (b"" if column == "bytes" else b"base64:") if kind == BYTES else b"text:" * (column == "bytes")
    raw = base64.b64encode(raw) if encoded or kind == BYTES else raw.replace(b'"', b'""')
    return (b"" if begun else b'"' * quoted + prefix) + raw + (b"" if goes_on else b'"' * quoted)


def render(group, columns):
    """The CSV of an encoded row group of a table whose columns have these types."""
    magic, rows, count, first, flags, kind, quoted, encoded = struct.unpack_from("<4sIIIBBBB", group)
    need(magic == b"CRG1" and rows and first + count <= len(columns), "a row group's head")
    begun, goes_on, at, cells = bool(flags & 2), bool(flags & 4), 20 + 8 * count, []
    for number in range(count):
        kinds, width, _, _, size = struct.unpack_from("<BBBBI", group, 20 + 8 * number)
        kinds, at = (group[at:at + rows], at + rows) if kinds == 255 else (bytes([kinds]) * rows, at)
        if width:
            lengths = [int.from_bytes(group[at + n * width:at + n * width + width], "little") for n in range(rows)]
        else:
            lengths = [int.from_bytes(group[at:at + 4], "little")] * rows
        at, column = at + (width * rows or 4), []
        need(sum(lengths) == size and at + size <= len(group), "a column's length")
        for one, length in zip(kinds, lengths):
            if begun or goes_on:
                column.append(part_of_cell(kind, group[at:at + length], columns[first], begun, goes_on, quoted, encoded))
            else:
                column.append(csv_cell(one, group[at:at + length], columns[first + number]))
            at += length
        cells.append(column)
    need(group[at:] == bytes(32), "a row group's end")
    lead = b"," if first and not begun else b""
    end = b"\n" if first + count == len(columns) and not goes_on else b""
    return b"".join(lead + b",".join(row) + end for row in zip(*cells))


def main():
    store = Store(sys.argv[1], os.environ["CRMFS_PASSPHRASE"])
    if len(sys.argv) == 5:
        table = store.tables(sys.argv[2])[sys.argv[3]][os.fsencode(sys.argv[4])]
        sys.stdout.buffer.writelines(store.csv(table))
    else:
        print("\n".join(store.snapshots()))


if __name__ == "__main__":
    main()
