# SPDX-License-Identifier: MIT
"""Owners, modes, extended attributes, statfs; and nothing can be written."""
import errno
import os
import stat

import pytest

import reference
from folder import FORMATS, all_files, stems, table_path, walk


def everything(top):
    found = [os.path.join(where, name) for where, folders, files in walk(top) for name in folders + files]
    assert os.fsencode(top) + b"/.crmfs/status" in found
    return found


def test_modes_and_owner(mount, crm_db):
    top = mount(crm_db)
    for path in [os.fsencode(top.point), *everything(top.point)]:
        about = os.lstat(path)
        assert (about.st_uid, about.st_gid) == (os.getuid(), os.getgid()), path
        wanted = 0o555 if stat.S_ISDIR(about.st_mode) else 0o444
        assert stat.S_IMODE(about.st_mode) == wanted, path


def test_uid_gid_umask(mount, crm_db):
    top = mount(crm_db, options="uid=1234,gid=2345,umask=027")
    for path in everything(top.point):
        about = os.lstat(path)
        assert (about.st_uid, about.st_gid) == (1234, 2345)
        assert stat.S_IMODE(about.st_mode) == (0o550 if stat.S_ISDIR(about.st_mode) else 0o440)


def test_layout(mount, crm_db):
    top = mount(crm_db)
    assert sorted(os.listdir(top.point)) == [".crmfs", "live"]
    assert sorted(os.listdir(top.path(".crmfs"))) == ["errors", "status", "version"]
    assert os.listdir(top.path("live")) == ["crm_db"]
    folder = top.live()
    names = {f"{table}.{form}" for table in reference.tables(reference.connect(crm_db)) for form in FORMATS}
    assert set(os.listdir(folder)) == names | {"datapackage.json", "schema.sql"}


def test_inodes(mount, odd_db):
    """No two files share an inode number; readdir and stat agree on it."""
    seen = {}
    for where, folders, files in walk(mount(odd_db).point):
        for entry in os.scandir(where):
            inode = entry.stat(follow_symlinks=False).st_ino
            assert inode == entry.inode(), entry.path
            assert inode not in seen, (entry.path, seen.get(inode))
            seen[inode] = entry.path
            assert entry.stat(follow_symlinks=False).st_nlink >= 1
        assert len(folders) + len(files) == len(set(folders + files))
    assert len(seen) > 50


def test_xattrs(mount, odd_db):
    folder, conn = mount(odd_db).live(), reference.connect(odd_db)
    generations = set()
    for table, stem in stems(folder).items():
        rows = len(reference.cells(conn, table.decode()).fetchall())
        for form in FORMATS:
            path = table_path(folder, stem, form)
            names = {"user.crmfs.rows", "user.crmfs.table", "user.crmfs.generation"}
            assert names <= set(os.listxattr(path))
            assert os.getxattr(path, "user.crmfs.rows") == b"%d" % rows
            assert os.getxattr(path, "user.crmfs.table") == table
            generations.add(os.getxattr(path, "user.crmfs.generation"))
    assert len(generations) == 1, "one folder, one generation"
    assert generations.pop() != b""


def test_unknown_xattr(mount, crm_db):
    path = mount(crm_db).live() / "accounts.csv"
    for name in ("user.other", "security.selinux", "user.crmfs.nothing"):
        with pytest.raises(OSError) as problem:
            os.getxattr(path, name)
        assert problem.value.errno in (errno.ENODATA, errno.EOPNOTSUPP)


def test_statfs(mount, crm_db):
    """No inodes are counted: what watches over disks would find them used up."""
    top = mount(crm_db)
    (top.live() / "accounts.csv").read_bytes()
    for place in (top.point, top.live()):
        about = os.statvfs(place)
        assert about.f_bsize > 0 and about.f_namemax == 255
        assert (about.f_files, about.f_ffree) == (0, 0)
        assert about.f_flag & os.ST_RDONLY
    assert int(os.getxattr(top.point, "user.crmfs.known")) > 0


WRITES = {
    "create": lambda folder: open(folder / "new.csv", "xb"),
    "open for writing": lambda folder: open(folder / "accounts.csv", "r+b"),
    "truncate": lambda folder: os.truncate(folder / "accounts.csv", 0),
    "unlink": lambda folder: os.unlink(folder / "accounts.csv"),
    "mkdir": lambda folder: os.mkdir(folder / "new"),
    "rmdir": lambda folder: os.rmdir(folder),
    "rename": lambda folder: os.rename(folder / "accounts.csv", folder / "other.csv"),
    "link": lambda folder: os.link(folder / "accounts.csv", folder / "other.csv"),
    "symlink": lambda folder: os.symlink("accounts.csv", folder / "other.csv"),
    "chmod": lambda folder: os.chmod(folder / "accounts.csv", 0o666),
    "chown": lambda folder: os.chown(folder / "accounts.csv", 1, 1),
    "utime": lambda folder: os.utime(folder / "accounts.csv", (0, 0)),
    "setxattr": lambda folder: os.setxattr(folder / "accounts.csv", "user.x", b"y"),
    "removexattr": lambda folder: os.removexattr(folder / "accounts.csv", "user.crmfs.rows"),
    "mknod": lambda folder: os.mkfifo(folder / "pipe"),
}


@pytest.mark.parametrize("what", WRITES)
def test_nothing_can_be_written(mount, crm_db, what):
    folder = mount(crm_db).live()
    before = (folder / "accounts.csv").read_bytes()
    with pytest.raises(OSError) as problem:
        WRITES[what](folder)
    assert problem.value.errno in (errno.EROFS, errno.EACCES, errno.EPERM)
    assert (folder / "accounts.csv").read_bytes() == before


def test_access(mount, crm_db):
    folder = mount(crm_db).live()
    assert os.access(folder / "accounts.csv", os.R_OK)
    assert not os.access(folder / "accounts.csv", os.W_OK)
    assert not os.access(folder, os.W_OK)


def test_dot_and_dotdot(mount, crm_db):
    folder = mount(crm_db).live()
    assert os.stat(folder / ".").st_ino == os.stat(folder).st_ino
    assert os.stat(folder / "..").st_ino == os.stat(folder.parent).st_ino
    assert all_files(folder)
