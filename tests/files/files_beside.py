# SPDX-License-Identifier: MIT
"""Random operations on two directories side by side, whose answers and content must not differ."""
import ctypes
import errno
import mmap
import os
import random
import stat
import struct

from mounting import eventually

FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE = 1, 2, 16
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
LIBC = ctypes.CDLL(None, use_errno=True)
NAMES = [f"n{number}" for number in range(12)] + ["ü" * 127, "x" * 255, "x" * 256, ".hidden", "with space"]
SIZES = [0, 1, 100, 4095, 4096, 4097, 20000, 65536, 131072, 300000]
XATTRS = ["user.a", "user.b", "user." + "c" * 200, "trusted.t"]


def call(function, *arguments):
    result = function(*arguments)
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


class Sides:
    """Two directories; what is done is done to both, and what they say is compared."""

    def __init__(self, ours, plain, seed):
        self.roots = [os.fspath(ours), os.fspath(plain)]
        self.random = random.Random(seed)
        self.open = []  # pairs of descriptors
        self.done = []

    # ---- One thing on both sides ----

    def both(self, what, function):
        self.done.append(what)
        answers = []
        for side in (0, 1):
            try:
                answers.append(function(side))
            except OSError as error:
                answers.append((type(error).__name__, errno.errorcode.get(error.errno, error.errno)))
        assert answers[0] == answers[1], f"{what}: {answers[0]!r} differs from {answers[1]!r}"
        return answers[0]

    def at(self, side, path):
        return os.path.join(self.roots[side], path)

    # ---- What there is ----

    def directories(self):
        found = [""]
        for base, names, _ in os.walk(self.roots[1]):
            found += [os.path.relpath(os.path.join(base, name), self.roots[1]) for name in names
                      if not os.path.islink(os.path.join(base, name))]
        return found

    def some_path(self):
        """One that is there, mostly."""
        directory = self.random.choice(self.directories())
        names = os.listdir(self.at(1, directory))
        if names and self.random.random() < 0.7:
            return os.path.join(directory, self.random.choice(sorted(names)))
        return os.path.join(directory, self.random.choice(NAMES))

    def content(self):
        kind = self.random.random()
        size = self.random.choice(SIZES) + self.random.randrange(100)
        if kind < 0.3:
            return self.random.randbytes(size)
        if kind < 0.4:
            return bytes(size)
        return (b"%d,somebody,+49 30 %d\n" % (self.random.randrange(1000), self.random.randrange(10))) * (size // 25 + 1)

    # ---- Operations ----

    def create(self):
        path, flags = self.some_path(), self.random.choice([0, os.O_EXCL, os.O_TRUNC, os.O_APPEND])
        mode = self.random.choice([0o600, 0o644, 0o755, 0o4755])

        def create(side):
            os.close(os.open(self.at(side, path), os.O_CREAT | os.O_RDWR | flags, mode))
        self.both(f"create {path} {flags:o} {mode:o}", create)

    def hold(self):
        path, flags = self.some_path(), self.random.choice([os.O_RDWR, os.O_RDWR | os.O_CREAT])
        if len(self.open) > 5:
            return self.let_go()
        pair = []
        if self.both(f"open {path}", lambda side: pair.append(os.open(self.at(side, path), flags)) or 0) == 0:
            self.open.append(pair)
        return None

    def let_go(self):
        if self.open:
            pair = self.open.pop(self.random.randrange(len(self.open)))
            self.both("close", lambda side: os.close(pair[side]))

    def on_open(self, what, function):
        """FUNCTION(descriptor) on a file: one that is open, or opened for it."""
        if self.open and self.random.random() < 0.5:
            pair = self.random.choice(self.open)
            return self.both(f"{what} on an open file", lambda side: function(pair[side]))
        path = self.some_path()

        def opened(side):
            descriptor = os.open(self.at(side, path), os.O_RDWR)
            try:
                return function(descriptor)
            finally:
                os.close(descriptor)
        return self.both(f"{what} {path}", opened)

    def offset(self):
        return self.random.choice([0, 1, 4096, 5000, 65536, 200000, self.random.randrange(400000)])

    def write(self):
        content, offset = self.content(), self.offset()
        self.on_open(f"write {len(content)} at {offset}", lambda file: os.pwrite(file, content, offset))

    def append(self):
        path, content = self.some_path(), self.content()

        def append(side):
            file = os.open(self.at(side, path), os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)  # no fifo is waited for
            try:
                return os.write(file, content)
            finally:
                os.close(file)
        self.both(f"append {len(content)} to {path}", append)

    def write_direct(self):
        """Past the kernel's pages: whole blocks, from memory that is aligned."""
        path, blocks, offset = self.some_path(), self.random.randrange(1, 20), 4096 * self.random.randrange(60)
        content = self.random.randbytes(4096 * blocks)

        def write(side):
            file = os.open(self.at(side, path), os.O_RDWR | os.O_DIRECT)
            with mmap.mmap(-1, 4096 * 20) as memory:
                memory[:len(content)] = content
                whole = memoryview(memory)
                part = whole[:len(content)]
                try:
                    return os.pwrite(file, part, offset), os.preadv(file, [whole[:4096]], offset), bytes(whole[:64])
                finally:
                    part.release()
                    whole.release()
                    os.close(file)
        self.both(f"write {len(content)} at {offset} to {path}, direct", write)

    def holes(self):
        """Where two file systems see holes may differ; that there is nothing in them may not."""
        def look(file):
            size, at, data = os.fstat(file).st_size, 0, b""
            while at < size:
                try:
                    begin = os.lseek(file, at, os.SEEK_DATA)
                except OSError as error:
                    assert error.errno == errno.ENXIO
                    break
                end = os.lseek(file, begin, os.SEEK_HOLE)
                assert at <= begin < end <= size
                data += bytes(begin - at) + os.pread(file, end - begin, begin)
                at = end
            return size, hash(data.rstrip(b"\0"))
        self.on_open("look for holes", look)

    def read(self):
        size, offset = self.random.choice(SIZES), self.offset()
        self.on_open(f"read {size} at {offset}", lambda file: os.pread(file, size, offset))

    def truncate(self):
        size = self.offset()
        self.on_open(f"truncate to {size}", lambda file: os.ftruncate(file, size))

    def allocate(self):
        mode = self.random.choice([0, FALLOC_KEEP_SIZE, FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE,
                                   FALLOC_ZERO_RANGE | FALLOC_KEEP_SIZE])
        offset, length = self.offset(), self.offset()
        self.on_open(f"fallocate {mode} {offset} {length}",
                     lambda file: call(LIBC.fallocate, file, mode, ctypes.c_long(offset), ctypes.c_long(length)))

    def copy_range(self):
        size, source, target = self.random.choice(SIZES), self.offset(), self.offset()
        if len(self.open) < 2:
            return self.hold()
        one, other = self.random.sample(self.open, 2)
        return self.both(f"copy_file_range {size} from {source} to {target}",
                         lambda side: os.copy_file_range(one[side], other[side], size, source, target))

    def sync(self):
        self.on_open("fsync", os.fsync)

    def map(self):
        offset, content = self.random.randrange(5000), self.random.randbytes(100)

        def change(file):
            size = os.fstat(file).st_size
            if size < offset + 100:
                return "small"
            with mmap.mmap(file, size) as pages:
                before = bytes(pages[offset:offset + 100])
                pages[offset:offset + 100] = content
            return before
        self.on_open(f"map at {offset}", change)

    def unlink(self):
        path = self.some_path()
        self.both(f"unlink {path}", lambda side: os.unlink(self.at(side, path)))

    def mkdir(self):
        path = self.some_path()
        self.both(f"mkdir {path}", lambda side: os.mkdir(self.at(side, path), 0o755))

    def rmdir(self):
        path = self.some_path()
        self.both(f"rmdir {path}", lambda side: os.rmdir(self.at(side, path)))

    def rename(self):
        path, to = self.some_path(), self.some_path()
        flags = self.random.choice([0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE])
        self.both(f"rename {path} {to} {flags}",
                  lambda side: call(LIBC.renameat2, -100, os.fsencode(self.at(side, path)), -100,
                                    os.fsencode(self.at(side, to)), flags))

    def link(self):
        path, to = self.some_path(), self.some_path()
        self.both(f"link {path} {to}", lambda side: os.link(self.at(side, path), self.at(side, to), follow_symlinks=False))

    def symlink(self):
        path, target = self.some_path(), self.random.choice(["n1", "../n2", "nowhere", "x" * 4000, "n3/n4"])
        self.both(f"symlink {path}", lambda side: os.symlink(target, self.at(side, path)))

    def special(self):
        path, kind = self.some_path(), self.random.choice([stat.S_IFIFO, stat.S_IFSOCK])
        self.both(f"mknod {path}", lambda side: os.mknod(self.at(side, path), kind | 0o644))

    def chmod(self):
        path, mode = self.some_path(), self.random.choice([0o600, 0o755, 0o2775, 0o1777, 0o4755, 0])
        self.both(f"chmod {path} {mode:o}", lambda side: os.chmod(self.at(side, path), mode))

    def chown(self):
        path, owner, group = self.some_path(), self.random.choice([0, 65534, 1000]), self.random.choice([0, 65534])
        self.both(f"chown {path}", lambda side: os.chown(self.at(side, path), owner, group, follow_symlinks=False))

    def times(self):
        path, time = self.some_path(), self.random.randrange(2 ** 60)

        def set_times(side):
            os.utime(self.at(side, path), ns=(time, time + 7), follow_symlinks=False)
            found = os.lstat(self.at(side, path))
            return found.st_atime_ns, found.st_mtime_ns
        self.both(f"utimens {path} {time}", set_times)

    def acl(self):
        """An access ACL, or a default one, that names a user: as setfacl puts it."""
        path, name = self.some_path(), self.random.choice(["system.posix_acl_access", "system.posix_acl_default"])
        user, mask, entries = self.random.choice([1000, 65534]), self.random.randrange(8), [(1, 7, -1)]
        if self.random.random() < 0.8:
            entries.append((2, self.random.randrange(8), user))
        entries += [(4, 5, -1), (16, mask, -1), (32, self.random.randrange(8), -1)]
        value = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
        if self.random.random() < 0.2:
            self.both(f"remove {name} {path}", lambda side: os.removexattr(self.at(side, path), name))
        else:
            self.both(f"set {name} {path}", lambda side: os.setxattr(self.at(side, path), name, value))

    def xattr(self):
        path, name, size = self.some_path(), self.random.choice(XATTRS), self.random.choice([0, 1, 300])
        value, flags = self.random.randbytes(size), self.random.choice([0, 0, os.XATTR_CREATE, os.XATTR_REPLACE])
        if self.random.random() < 0.3:
            self.both(f"removexattr {path}", lambda side: os.removexattr(self.at(side, path), name, follow_symlinks=False))
        else:
            self.both(f"setxattr {path}",
                      lambda side: os.setxattr(self.at(side, path), name, value, flags, follow_symlinks=False))

    OPERATIONS = {create: 8, hold: 5, let_go: 4, write: 20, append: 4, write_direct: 2, read: 10, truncate: 5,
                  allocate: 4, copy_range: 3, holes: 2, sync: 1, map: 3, unlink: 6, mkdir: 4, rmdir: 3, rename: 8,
                  link: 3, symlink: 2, special: 1, chmod: 3, chown: 2, times: 2, xattr: 4, acl: 2}

    def step(self):
        self.random.choices(*zip(*self.OPERATIONS.items()))[0](self)

    # ---- Comparing ----

    def picture(self, root, content=True):
        """
        All that can be told of a tree, but for what two file systems may differ in; and of what stands beside
        it, that links to `..` lead to.
        """
        root = os.path.dirname(root)
        shown, inodes = {}, {}
        paths = [root]
        for base, directories, names in os.walk(root):
            paths += [os.path.join(base, name) for name in names + directories]
        for path in sorted(paths):
            shown[os.path.relpath(path, root)] = self.describe(path, inodes, content)
        return shown

    @staticmethod
    def describe(path, inodes, content):
        found = os.lstat(path)
        number = inodes.setdefault(found.st_ino, len(inodes)) if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode) else None
        links = found.st_nlink if not stat.S_ISDIR(found.st_mode) else None
        shown = [oct(found.st_mode), found.st_uid, found.st_gid, links, number]
        if stat.S_ISREG(found.st_mode):
            shown.append(found.st_size)
            if content:
                with open(path, "rb") as file:
                    shown.append(hash(file.read()))
        elif stat.S_ISLNK(found.st_mode):
            shown += [found.st_size, os.readlink(path)]
        shown.append({name: os.getxattr(path, name, follow_symlinks=False)
                      for name in sorted(os.listxattr(path, follow_symlinks=False))})
        return shown

    def compare(self, content=True):
        ours, plain = (self.picture(root, content) for root in self.roots)
        assert ours.keys() == plain.keys(), f"only one side has {ours.keys() ^ plain.keys()}"
        for path, shown in plain.items():
            assert ours[path] == shown, f"{path}: {ours[path]} differs from {shown}"

    def close(self):
        for pair in self.open:
            for file in pair:
                try:
                    os.close(file)
                except OSError:  # of a mount that was killed
                    pass
        self.open = []


class CrashingSides(Sides):
    """
    The same, one side of which may be killed at any moment: it must then be found as it stood after
    some operation, and not before the last fsync that was answered. What is several requests to a file
    system, or ends the process when the file system is gone, is not done.
    """
    OPERATIONS = {operation: weight for operation, weight in Sides.OPERATIONS.items()
                  if operation not in (Sides.map, Sides.copy_range)}

    class Crashed(Exception):
        """The one side is gone."""

    def __init__(self, ours, plain, seed, is_alive):
        super().__init__(ours, plain, seed)
        self.is_alive = is_alive
        self.since_sync = [self.picture(self.roots[1])]

    def both(self, what, function):
        crashed = False
        try:
            answer = super().both(what, function)
        except AssertionError:
            # Requests may be given up before the process has ended.
            crashed = eventually(lambda: not self.is_alive(), 2)
            if not crashed:
                raise
        if crashed or not self.is_alive():
            self.note()
            raise self.Crashed
        if what.startswith("fsync") and answer is None:
            self.since_sync.clear()
        self.note()
        return answer

    def sync_all(self):
        """What there is now is not lost."""
        directory = os.open(self.roots[0], os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    def note(self):
        """A picture that may be found from now on."""
        now = self.picture(self.roots[1])
        if not self.since_sync or self.since_sync[-1] != now:
            self.since_sync.append(now)

    def found_again(self):
        """After another mount: what stands there once stood. How many pictures it could have been."""
        found = self.picture(self.roots[0])
        if found not in self.since_sync:
            best = min(self.since_sync, key=lambda picture: self.distance(picture, found))
            differing = {path: (best.get(path), found.get(path)) for path in best.keys() | found.keys()
                         if best.get(path) != found.get(path)}
            raise AssertionError(f"found is what never was; nearest of {len(self.since_sync)} differs in {differing}")
        candidates = len(self.since_sync)
        self.since_sync = [found]
        return candidates

    @staticmethod
    def distance(one, other):
        return sum(one.get(path) != other.get(path) for path in one.keys() | other.keys())
