# wheels: requests urllib3 idna certifi charset-normalizer
"""requests against a server of ours on the loopback interface."""
import gzip
import http.server
import io
import json
import threading
import urllib.parse

import requests


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, body=b"", status=200, headers=()):
        self.send_response(status)
        for k, v in headers:
            self.send_header(k, v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if url.path == "/echo":
            said = {"method": self.command, "query": urllib.parse.parse_qs(url.query), "headers": dict(self.headers), "body": body.decode("latin-1")}
            self.answer(json.dumps(said).encode(), headers=[("Content-Type", "application/json"), ("Set-Cookie", "seen=1; Path=/")])
        elif url.path == "/gzip":
            self.answer(gzip.compress(b"text " * 1000), headers=[("Content-Encoding", "gzip"), ("Content-Type", "text/plain; charset=utf-8")])
        elif url.path == "/chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for i in range(5):
                part = f"line {i}\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        elif url.path.startswith("/redirect/"):
            n = int(url.path.split("/")[2])
            self.answer(status=302, headers=[("Location", f"/redirect/{n - 1}" if n else "/echo")])
        elif url.path == "/auth":
            good = self.headers.get("Authorization") == "Basic dXNlcjpwYXNz"
            self.answer(b"in" if good else b"", 200 if good else 401, [] if good else [("WWW-Authenticate", "Basic realm=x")])
        elif url.path == "/slow":
            threading.Event().wait(1.5)
            self.answer()
        elif url.path == "/latin":
            self.answer("caf\xe9".encode("latin-1"), headers=[("Content-Type", "text/plain; charset=iso-8859-1")])
        else:
            self.answer(b"no", 404)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"
session = requests.Session()
session.trust_env = False
r = session.get(base + "/echo", params={"a": [1, 2], "b": "\xe9 &"}, headers={"X-Own": "yes"})
assert r.status_code == 200 and r.ok and r.json()["query"] == {"a": ["1", "2"], "b": ["\xe9 &"]} and r.json()["headers"]["X-Own"] == "yes"
assert r.headers["content-TYPE"] == "application/json" and session.cookies["seen"] == "1" and r.elapsed.total_seconds() > 0
assert session.get(base + "/echo").json()["headers"]["Cookie"] == "seen=1"
assert session.post(base + "/echo", json={"k": [1, None]}).json()["body"] == '{"k": [1, null]}'
form = session.post(base + "/echo", data={"x": "1 2", "y": "\xfc"}).json()
assert form["body"] == "x=1+2&y=%C3%BC" and form["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
upload = session.put(base + "/echo", files={"f": ("n.txt", io.BytesIO(b"content"), "text/plain")}, data={"k": "v"}).json()
assert 'name="f"; filename="n.txt"' in upload["body"] and "content" in upload["body"] and upload["method"] == "PUT"
assert [session.request(m, base + "/echo").json()["method"] for m in ("PATCH", "DELETE", "OPTIONS")] == ["PATCH", "DELETE", "OPTIONS"]
assert session.head(base + "/echo").text == "" and session.get(base + "/gzip").text == "text " * 1000
with session.get(base + "/chunks", stream=True) as r:
    assert list(r.iter_lines()) == [b"line %d" % i for i in range(5)]
assert session.get(base + "/latin").text == "caf\xe9"
r = session.get(base + "/redirect/3")
assert r.url == base + "/echo" and [h.status_code for h in r.history] == [302] * 4
assert session.get(base + "/redirect/3", allow_redirects=False).headers["Location"] == "/redirect/2"
assert session.get(base + "/auth").status_code == 401 and session.get(base + "/auth", auth=("user", "pass")).text == "in"
for call, error in [(lambda: session.get(base + "/none").raise_for_status(), requests.HTTPError), (lambda: session.get(base + "/slow", timeout=0.2), requests.ReadTimeout),
                    (lambda: session.get("http://127.0.0.1:9"), requests.ConnectionError), (lambda: session.get(base + "/redirect/40"), requests.TooManyRedirects),
                    (lambda: session.get("no-scheme"), requests.exceptions.MissingSchema), (lambda: session.get(base + "/latin").json(), requests.JSONDecodeError)]:
    try:
        call()
    except error:
        pass
    else:
        raise AssertionError(error)
adapter = requests.adapters.HTTPAdapter(max_retries=2, pool_connections=4)
session.mount(base, adapter)
prepared = session.prepare_request(requests.Request("GET", base + "/echo", hooks={"response": lambda r, **k: setattr(r, "hooked", True)}))
assert session.send(prepared).hooked
results, errors = [], []
threading.excepthook = errors.append


def work(i):
    mine = requests.Session()
    mine.trust_env = False
    for k in range(10):
        results.append(mine.get(base + "/echo", params={"i": i, "k": k}).json()["query"] == {"i": [str(i)], "k": [str(k)]})


threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
for t in threads:
    t.start()
for t in threads:
    t.join()
assert not errors and results == [True] * 60, errors
server.shutdown()
