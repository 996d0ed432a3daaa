# SPDX-License-Identifier: MIT
"""Gives a new store's key slot the least cost that FORMAT.md allows.

Every command of a test opens its store. What that takes on purpose, 0.1 s of a processor and 48 MiB,
says nothing about what most of them are for.
"""
import functools
import os
import struct
from pathlib import Path

from nacl import bindings

from decoder import LABELS, blake, unseal

CIPHER = "xchacha20poly1305_ietf"
LEAST = 1, 8 << 20  # passes, bytes of memory

# What was derived once is known, to the decoder too, which tests let open the same store many times.
bindings.crypto_pwhash_alg = functools.cache(bindings.crypto_pwhash_alg)


def seal(plain, bound, nonce, key):
    return bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, bound, nonce, key)


def derive(passphrase, salt, passes, memory):
    return bindings.crypto_pwhash_alg(32, passphrase.encode(), salt, passes, memory,
                                      bindings.crypto_pwhash_ALG_ARGON2ID13)


def wrap_again(slot, header, identity, passphrase):
    """The slot's bytes with another cost. Each part is bound to all bytes before it: both are sealed anew."""
    key = derive(passphrase, slot[32:48], *struct.unpack("<QQ", slot[16:32]))
    master = unseal(CIPHER, key, slot[48:72], slot[72:120], header + slot[:72] + identity)
    labels = blake(b"crmfs", bytes([LABELS]), header[32:48], key=master)
    label = unseal(CIPHER, labels, slot[120:144], slot[144:240], header + slot[:144] + identity)

    salt, nonces = os.urandom(16), (os.urandom(24), os.urandom(24))
    new = slot[:16] + struct.pack("<QQ", *LEAST) + salt + nonces[0]
    new += seal(master, header + new + identity, nonces[0], derive(passphrase, salt, *LEAST)) + nonces[1]
    return new + seal(label, header + new + identity, nonces[1], labels) + slot[240:]


def cheapen(store, passphrase):
    """The store's only slot opens as before, at the least cost; its id, kind and label stay."""
    store = Path(store)
    (place,) = (store / "keys").iterdir()
    cheap = wrap_again(place.read_bytes(), (store / "store").read_bytes(), bytes.fromhex(place.name), passphrase)
    mode = place.stat().st_mode
    place.chmod(0o600)
    with open(place, "r+b") as file:  # whoever it belongs to
        assert file.write(cheap) == 256
    place.chmod(mode)
