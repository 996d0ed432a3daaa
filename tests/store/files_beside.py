# SPDX-License-Identifier: MIT
"""Random operations on two directories side by side, whose answers and content must not differ."""
import ctypes
import errno
import os
import random
import stat

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
        import mmap
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
        self.both(f"utimens {path} {time}",
                  lambda side: os.utime(self.at(side, path), ns=(time, time + 7), follow_symlinks=False))

    def xattr(self):
        path, name, size = self.some_path(), self.random.choice(XATTRS), self.random.choice([0, 1, 300])
        value, flags = self.random.randbytes(size), self.random.choice([0, 0, os.XATTR_CREATE, os.XATTR_REPLACE])
        if self.random.random() < 0.3:
            self.both(f"removexattr {path}", lambda side: os.removexattr(self.at(side, path), name, follow_symlinks=False))
        else:
            self.both(f"setxattr {path}",
                      lambda side: os.setxattr(self.at(side, path), name, value, flags, follow_symlinks=False))

    OPERATIONS = [(create, 8), (hold, 5), (let_go, 4), (write, 20), (read, 10), (truncate, 5), (allocate, 4),
                  (copy_range, 3), (sync, 1), (map, 3), (unlink, 6), (mkdir, 4), (rmdir, 3), (rename, 8), (link, 3),
                  (symlink, 2), (special, 1), (chmod, 3), (chown, 2), (times, 2), (xattr, 4)]

    def step(self):
        functions, weights = zip(*self.OPERATIONS)
        self.random.choices(functions, weights)[0](self)

    # ---- Comparing ----

    def picture(self, root):
        """All that can be told of a tree, but for what two file systems may differ in."""
        shown, inodes = {}, {}
        paths = [root]
        for base, directories, names in os.walk(root):
            paths += [os.path.join(base, name) for name in names + directories]
        for path in sorted(paths):
            shown[os.path.relpath(path, root)] = self.describe(path, inodes)
        return shown

    @staticmethod
    def describe(path, inodes):
        found = os.lstat(path)
        number = inodes.setdefault(found.st_ino, len(inodes)) if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode) else None
        links = found.st_nlink if not stat.S_ISDIR(found.st_mode) else None
        shown = [oct(found.st_mode), found.st_uid, found.st_gid, links, number]
        if stat.S_ISREG(found.st_mode):
            with open(path, "rb") as file:
                shown += [found.st_size, hash(file.read())]
        elif stat.S_ISLNK(found.st_mode):
            shown += [found.st_size, os.readlink(path)]
        shown.append({name: os.getxattr(path, name, follow_symlinks=False)
                      for name in sorted(os.listxattr(path, follow_symlinks=False))})
        return shown

    def compare(self):
        ours, plain = self.picture(self.roots[0]), self.picture(self.roots[1])
        assert ours.keys() == plain.keys(), f"only one side has {ours.keys() ^ plain.keys()}"
        for path, shown in plain.items():
            assert ours[path] == shown, f"{path}: {ours[path]} differs from {shown}"

    def close(self):
        for pair in self.open:
            os.close(pair[0])
            os.close(pair[1])
        self.open = []
