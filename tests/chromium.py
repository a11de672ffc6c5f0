"""A page in headless Chromium, driven through its debugging pipe: sizes, colour schemes, scripts, errors, requests.

Messages are JSON, each ended by a zero byte, on file descriptors 3 (to the browser) and 4 (from it); see
https://chromedevtools.github.io/devtools-protocol.
"""

import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager

__all__ = ["CHROMIUM", "Page", "opened"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-pipe",
]  # fmt: skip
_SECONDS = 600.0


class Page:
    """One tab."""

    def __init__(self, send, receive):
        self._send, self._receive, self._rest, self._count = send, receive, b"", 0
        self.problems: list[str] = []
        """Errors and warnings on the console, and exceptions that nothing caught."""
        self.requests: list[str] = []
        """Every address asked for, but data: in the page itself."""
        self._session = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def open(self, address, *, width, dark=False):
        """Load a page at a width in CSS pixels and in a colour scheme."""
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])
        self._call("Page.navigate", url=address)
        deadline = time.monotonic() + _SECONDS
        while self.run("document.readyState + location.href") != f"complete{address}":
            assert time.monotonic() < deadline, f"{address} was not loaded in {_SECONDS} s"
            time.sleep(0.02)

    def run(self, script):
        """Return the value of a JavaScript expression; a promise is waited for."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"the script failed: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def _call(self, method, **params):
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            event = self._next()
            if event.get("id") == self._count:
                if "error" in event:
                    raise AssertionError(f"{method}: {event['error']['message']}")
                return event["result"]
            self._note(event.get("method"), event.get("params", {}))

    def _note(self, method, params):
        if method == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.problems.append(str(params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(str(params["entry"]))
        elif method == "Network.requestWillBeSent" and not params["request"]["url"].startswith("data:"):
            self.requests.append(params["request"]["url"])

    def _next(self):
        while b"\0" not in self._rest:
            part = os.read(self._receive, 1 << 16)
            assert part, "Chromium has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


@contextmanager
def opened(folder):
    """Yield a page of a fresh browser with its profile in a folder."""
    to_browser, send = os.pipe()
    receive, from_browser = os.pipe()

    def join():
        # Both are moved away first: either may be 3 or 4 already.
        ours = [os.dup(to_browser), os.dup(from_browser)]
        while min(ours) <= 4:
            ours = [os.dup(fd) for fd in ours]
        os.dup2(ours[0], 3)
        os.dup2(ours[1], 4)

    browser = subprocess.Popen(
        [CHROMIUM, *_FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
        preexec_fn=join, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Page(send, receive)
    finally:
        browser.terminate()
        try:
            browser.wait(timeout=10)
        except subprocess.TimeoutExpired:
            browser.kill()
            browser.wait()
        os.close(send)
        os.close(receive)
