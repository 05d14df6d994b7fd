"""TLS between a client and a server in one process: through memory, then through sockets."""
import socket
import ssl
import threading

# Self-signed for localhost and 127.0.0.1, made for this test.
KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgLM/aIfG1djiN5Evz
nExBy+3I+ZAPy3pBQBlBnDLyfkChRANCAAQPle33G9ODeOWQ7tZjTcuwtFzdfuY5
jIp52V9TQv2dd154QjtYfnS4lS++cz+jXqevOL2mk/Wxi5W2GBZcCfj9
-----END PRIVATE KEY-----
"""
CERT = """-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUZs4PfTOb9edxSImet491+FAMUywwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTAxMTYzN1oYDzIwODEwODI0
MDExNjM3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQPle33G9ODeOWQ7tZjTcuwtFzdfuY5jIp52V9TQv2dd154QjtYfnS4
lS++cz+jXqevOL2mk/Wxi5W2GBZcCfj9o28wbTAdBgNVHQ4EFgQUJAGW1JZCHzqq
g7RmMzj/DtPYfQ8wHwYDVR0jBBgwFoAUJAGW1JZCHzqqg7RmMzj/DtPYfQ8wDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhAN/JEYVSeYoSouGnkhAUFz77DpHYiIZ803xzUb0USQg2AiEA
z2bHHwJLSq/mIJ8vKoqKBnI/jknuQB/X2c3QCu285gQ=
-----END CERTIFICATE-----
"""


def files():
    import os
    import tempfile
    folder = tempfile.mkdtemp()
    paths = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    for path, text in zip(paths, (CERT, KEY)):
        with open(path, "w") as f:
            f.write(text)
    return paths


def contexts():
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(*files())
    client = ssl.create_default_context(cadata=CERT)
    return client, server


def memory(client, server):
    client.set_alpn_protocols(["h2", "http/1.1"])
    server.set_alpn_protocols(["http/1.1"])
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    c = client.wrap_bio(a, b, server_hostname="localhost")
    s = server.wrap_bio(b, a, server_side=True)
    for _ in range(10):
        waiting = 0
        for side in (c, s):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                waiting += 1
        if not waiting:
            break
    assert c.version() == s.version() == "TLSv1.3", c.version()
    assert c.cipher()[1] == "TLSv1.3" and c.cipher() == s.cipher()
    assert c.selected_alpn_protocol() == s.selected_alpn_protocol() == "http/1.1"
    cert = c.getpeercert()
    assert ("DNS", "localhost") in cert["subjectAltName"], cert
    assert c.getpeercert(True) == ssl.PEM_cert_to_DER_cert(CERT)
    assert s.getpeercert() is None
    assert c.write(b"x" * 100_000) == 100_000
    got = b""
    while len(got) < 100_000:
        got += s.read(70_000)
    assert got == b"x" * 100_000
    try:
        s.read(1)
    except ssl.SSLWantReadError:
        pass
    else:
        raise AssertionError("nothing was there to read")


def sockets(client, server):
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    received = []

    def serve():
        with listener, server.wrap_socket(listener, server_side=True) as s:
            for _ in range(2):
                try:
                    conn, _ = s.accept()
                except ssl.SSLError:
                    continue
                with conn:
                    while data := conn.recv(1000):
                        received.append(data)
                        conn.sendall(data.upper())
                    conn.unwrap()

    t = threading.Thread(target=serve)
    t.start()
    with socket.create_connection(address) as raw:
        with client.wrap_socket(raw, server_hostname="127.0.0.1") as c:
            c.settimeout(20)
            c.sendall(b"hello")
            assert c.recv(100) == b"HELLO"
            plain = c.unwrap()
            plain.close()
    with socket.create_connection(address) as raw:
        try:
            client.wrap_socket(raw, server_hostname="example.org")
        except ssl.SSLCertVerificationError as e:
            assert e.verify_code == 62, e.verify_code
            assert e.reason == "CERTIFICATE_VERIFY_FAILED"
            assert "Hostname mismatch" in str(e), e
        else:
            raise AssertionError("the name does not fit")
    t.join()
    assert received == [b"hello"], received


client, server = contexts()
memory(client, server)
sockets(client, server)
print("ok")
