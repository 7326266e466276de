"""A camera that speaks RTSP on this machine: sixteen-bit PCM in RTP packets, interleaved with the answers."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading

import numpy as np

PACKET_SAMPLES = 160
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 L16/8000/1\r\na=control:track1\r\n"
)


class Camera(socketserver.ThreadingTCPServer):
    """Gives `samples`, int16, at 8000 Hz, over and over, `n_packets` of them; then it hangs up."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, samples: np.ndarray, n_packets: int) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.samples = samples
        self.n_packets = n_packets
        self.n_talks = 0

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.server_address[1]}/door"

    def __enter__(self) -> Camera:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Quiet: clients hang up on purpose."""


class _Talk(socketserver.StreamRequestHandler):
    server: Camera

    def handle(self) -> None:
        self.server.n_talks += 1
        while line := self.rfile.readline():
            method = line.decode().partition(" ")[0]
            headers: dict[str, str] = {}
            while (header := self.rfile.readline().decode().strip()) != "":
                name, _, value = header.partition(":")
                headers[name.lower()] = value.strip()
            answer = {"CSeq": headers.get("cseq", "0"), "Session": "1"}
            body = ""
            if method == "OPTIONS":
                answer["Public"] = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"
            elif method == "DESCRIBE":
                body = _SDP
                answer |= {"Content-Type": "application/sdp", "Content-Length": str(len(body))}
            elif method == "SETUP":
                answer["Transport"] = "RTP/AVP/TCP;unicast;interleaved=0-1"
            said = "".join(f"{name}: {value}\r\n" for name, value in answer.items())
            self.wfile.write(f"RTSP/1.0 200 OK\r\n{said}\r\n{body}".encode())
            if method == "PLAY":
                self._play()
                return

    def _play(self) -> None:
        parts = np.split(self.server.samples, range(PACKET_SAMPLES, len(self.server.samples), PACKET_SAMPLES))
        for k in range(self.server.n_packets):
            payload = parts[k % len(parts)].astype(">i2").tobytes()
            packet = struct.pack(">BBHII", 0x80, 97, k & 0xFFFF, k * PACKET_SAMPLES, 1) + payload
            self.wfile.write(b"$\0" + struct.pack(">H", len(packet)) + packet)
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_WR)
        self.rfile.read()
