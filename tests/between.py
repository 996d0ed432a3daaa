# SPDX-License-Identifier: MIT
"""What stands between crmfs and a server, counts what crmfs sends, and strikes at one of it."""
import os
import select
import signal
import socket
import struct
import threading

MOMENT = 0.1  # seconds: a server that has not answered by then is struck while it works
AFTER, BEFORE = "after", "before"
GO_ON = "go on"


class Between:
    """
    A socket that leads to a server's. What crmfs sends is counted over all its connections; at number
    AT, WHAT is done: before it reaches the server, or once the server has answered and crmfs has not
    heard of it. AT None: nothing is ever done, and `count` says how many there are. Only what has WORD in
    it is counted. WHAT is called with
    crmfs's end of the connection; afterwards all connections are gone, unless it says GO_ON.
    """

    def __init__(self, path, server, at=None, when=AFTER, what=None, word=b""):
        self.path, self.server, self.at, self.when, self.what, self.word = path, server, at, when, what, word
        self.count, self.connections, self.struck, self.peers = 0, 0, False, {}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        self.waker, self.woken = os.pipe()
        self.thread = threading.Thread(target=self.work)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.woken)
        self.thread.join()
        self.cut()
        self.listener.close()
        os.close(self.waker)
        os.unlink(self.path)

    def cut(self):
        """The connections are gone, for both."""
        for one in self.peers:
            one.close()
        self.peers = {}

    def work(self):
        while True:
            ready, _, _ = select.select([self.listener, self.waker, *self.peers], [], [])
            if self.waker in ready:
                return
            for one in ready:
                if one is self.listener:
                    self.connect()
                elif one in self.peers:
                    self.carry(one)

    def connect(self):
        client, _ = self.listener.accept()
        self.connections += 1
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(self.server))
        except OSError:
            client.close()
            return
        self.peers[client], self.peers[server] = (server, True), (client, False)

    def carry(self, one):
        other, is_clients = self.peers[one]
        try:
            data = one.recv(1 << 20)
            if data and is_clients and self.word in data.upper():
                self.count += 1
                if self.count == self.at:
                    self.strike(one, other, data)
                    return
            if data:
                other.sendall(data)
                return
        except OSError:
            pass
        for end in (one, other):
            self.peers.pop(end, None)
            end.close()

    def strike(self, client, server, data):
        if self.when == AFTER:
            server.sendall(data)
            select.select([server], [], [], MOMENT)
        self.struck = True
        if self.what(client) != GO_ON:
            self.cut()
        elif self.when == BEFORE:
            server.sendall(data)


def kill_peer(client):
    """kill -9 of whoever is at the other end."""
    process, _, _ = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    os.kill(process, signal.SIGKILL)
