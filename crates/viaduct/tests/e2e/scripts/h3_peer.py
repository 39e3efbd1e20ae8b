"""An HTTP/3 client by aioquic, driven step by step; each test appends what it does with it.

Arguments: the server's address, a file with its CA, its name, and what the test adds.
"""

import select
import socket
import ssl
import sys
import time

from aioquic.buffer import Buffer
from aioquic.h3.connection import H3Connection, encode_frame
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import (
    ConnectionTerminated,
    HandshakeCompleted,
    StopSendingReceived,
    StreamDataReceived,
    StreamReset,
)

ADDRESS = (sys.argv[1].rsplit(":", 1)[0], int(sys.argv[1].rsplit(":", 1)[1]))
CA = sys.argv[2]
HOST = sys.argv[3]
MORE = sys.argv[4:]
PATIENCE = 20


class Answer:
    def __init__(self):
        self.status = None
        self.headers = {}
        self.trailers = {}
        self.body = b""
        self.ended = False
        self.reset = None
        self.stopped = None

    @property
    def over(self):
        return self.ended or self.reset is not None

    def __repr__(self):
        return repr(vars(self))


class Peer:
    def __init__(self, sni=HOST, cert=None, key=None, ticket=None, alpn="h3", **options):
        settings = QuicConfiguration(
            is_client=True,
            alpn_protocols=[alpn],
            server_name=sni,
            verify_mode=ssl.CERT_REQUIRED if sni == HOST else ssl.CERT_NONE,
            session_ticket=ticket,
            **options,
        )
        settings.load_verify_locations(CA)
        if cert:
            settings.load_cert_chain(cert, key)
        self.tickets = []
        self.quic = QuicConnection(configuration=settings, session_ticket_handler=self.tickets.append)
        self.socket = self.new_socket()
        self.h3 = None
        self.handshake = None
        self.ended = None
        self.answers = {}
        self.control = b""
        self.sent = 0
        self.received = 0
        self.quic.connect(ADDRESS, now=time.time())

    @staticmethod
    def new_socket():
        it = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        it.bind(("127.0.0.1", 0))
        return it

    def flush(self):
        for data, _ in self.quic.datagrams_to_send(now=time.time()):
            self.sent += len(data)
            self.socket.sendto(data, ADDRESS)

    def until(self, done, patience=PATIENCE):
        """Turns the connection until `done`; whether it came to that."""
        end = time.time() + patience
        while True:
            self.events()
            self.flush()
            if done():
                return True
            now = time.time()
            if now >= end:
                return False
            timer = self.quic.get_timer()
            wait = min(end, timer if timer is not None else end) - now
            ready, _, _ = select.select([self.socket], [], [], max(wait, 0))
            now = time.time()
            if ready:
                data, source = self.socket.recvfrom(65536)
                self.received += len(data)
                self.quic.receive_datagram(data, source, now=now)
            if timer is not None and now >= timer:
                self.quic.handle_timer(now=now)

    def events(self):
        while (event := self.quic.next_event()) is not None:
            if isinstance(event, HandshakeCompleted):
                self.handshake = event
                self.h3 = H3Connection(self.quic)
            elif isinstance(event, ConnectionTerminated):
                self.ended = event
            elif isinstance(event, StreamReset):
                self.answer(event.stream_id).reset = event.error_code
            elif isinstance(event, StopSendingReceived):
                self.answer(event.stream_id).stopped = event.error_code
            elif isinstance(event, StreamDataReceived) and event.stream_id == 3:
                self.control += event.data
            if self.h3 is not None:
                for told in self.h3.handle_event(event):
                    self.told(told)

    def told(self, event):
        answer = self.answer(event.stream_id)
        if isinstance(event, HeadersReceived):
            fields = {}
            for name, value in event.headers:
                fields.setdefault(name.decode(), []).append(value.decode())
            if answer.status is None:
                answer.status = int(fields.pop(":status")[0])
                answer.headers = fields
            else:
                answer.trailers = fields
        elif isinstance(event, DataReceived):
            answer.body += event.data
        answer.ended |= event.stream_ended

    def answer(self, stream):
        return self.answers.setdefault(stream, Answer())

    def shake_hands(self):
        self.until(lambda: self.handshake or self.ended)
        return self.handshake is not None

    def is_served(self, *arguments, **options):
        """Whether a whole request is answered, with which status; a client knows of a refused certificate only
        behind its own part of the handshake."""
        if not self.shake_hands():
            return False
        answer = self.get(*arguments, **options)
        return answer.status if answer.ended else False

    @staticmethod
    def head(path="/", method="GET", authority=HOST, more=()):
        return [
            (b":method", method.encode()),
            (b":scheme", b"https"),
            (b":authority", authority.encode()),
            (b":path", path.encode()),
        ] + [(name.encode(), value.encode()) for name, value in more]

    def ask(self, *arguments, end=True, **options):
        """Sends a head; the stream."""
        assert self.shake_hands(), f"no handshake: {self.ended}"
        stream = self.quic.get_next_available_stream_id()
        self.h3.send_headers(stream, self.head(*arguments, **options), end_stream=end)
        self.answer(stream)
        self.flush()
        return stream

    def raw(self, *pieces, end=True):
        """A stream of these bytes."""
        assert self.shake_hands(), f"no handshake: {self.ended}"
        stream = self.quic.get_next_available_stream_id()
        for piece in pieces:
            self.quic.send_stream_data(stream, piece, False)
            self.flush()
        if end:
            self.quic.send_stream_data(stream, b"", True)
        self.answer(stream)
        self.flush()
        return stream

    def encoded(self, fields):
        assert self.shake_hands(), f"no handshake: {self.ended}"
        return encode_frame(0x1, self.h3._encoder.encode(0, fields)[1])

    def get(self, *arguments, **options):
        return self.wait(self.ask(*arguments, **options))

    def wait(self, stream, patience=PATIENCE):
        answer = self.answers[stream]
        self.until(lambda: answer.over or self.ended, patience)
        return answer

    def goaway(self):
        """The numbers of the GOAWAY frames so far."""
        buf = Buffer(data=self.control)
        told = []
        try:
            buf.pull_uint_var()
            while not buf.eof():
                kind, length = buf.pull_uint_var(), buf.pull_uint_var()
                payload = Buffer(data=buf.pull_bytes(length))
                if kind == 0x7:
                    told.append(payload.pull_uint_var())
        except ValueError:
            pass
        return told

    def close(self):
        self.quic.close()
        self.flush()


def check(told, wanted=True, context=None):
    if told != wanted:
        print(f"got {told!r}, wanted {wanted!r}; {context!r}")
        sys.exit(1)


