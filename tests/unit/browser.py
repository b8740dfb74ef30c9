"""A headless Chromium, spoken to over a pipe in the DevTools protocol: a page at a width, what it asks for and says.

A window is never narrower than some 500 pixels, whatever --window-size says, so that the width is set by the protocol.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time

ARGUMENTS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-extensions --remote-debugging-pipe"
).split()
TIMEOUT = 120.0  # seconds for an answer


class Browser:
    def __enter__(self):
        self.folder = tempfile.mkdtemp()
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()

        def connect():  # Chromium reads commands from descriptor 3 and answers on 4
            os.dup2(to_read, 63)
            os.dup2(to_write, 64)
            os.dup2(63, 3)
            os.dup2(64, 4)

        self.process = subprocess.Popen(
            ["chromium", *ARGUMENTS, f"--user-data-dir={self.folder}", "about:blank"],
            preexec_fn=connect,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self.number, self.buffer, self.events, self.session = 0, b"", [], None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        os.close(self.to)
        os.close(self.back)
        shutil.rmtree(self.folder, ignore_errors=True)

    def call(self, method: str, **params) -> dict:
        """Return the result of a command; events that come before it are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data) :]
        answer = self._until(lambda one: one.get("id") == self.number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _until(self, wanted) -> dict:
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            while b"\0" in self.buffer:
                line, _, self.buffer = self.buffer.partition(b"\0")
                message = json.loads(line)
                if wanted(message):
                    return message
                self.events.append(message)
            chunk = os.read(self.back, 1 << 20)
            if not chunk:
                raise RuntimeError("the browser has ended")
            self.buffer += chunk
        raise TimeoutError("the browser does not answer")

    def evaluate(self, expression: str):
        """Return the value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return found["result"].get("value")

    def open(self, url: str, *, width: int, height: int = 900) -> dict:
        """Open a page at a width in CSS pixels and return what it is like.

        inner : that width as the page sees it. scroll, height : its size. console : what it wrote there. requests :
        the addresses that it asked for.
        """
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.events.clear()
        self.call("Page.navigate", url=url)
        if not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self._until(lambda one: one.get("method") == "Page.loadEventFired")
        # two frames: what a page asks for late, and what the console says of it, has come by then
        self.call(
            "Runtime.evaluate",
            expression="new Promise(done => requestAnimationFrame(() => setTimeout(done, 200)))",
            awaitPromise=True,
        )
        said = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        return {
            "inner": self.evaluate("window.innerWidth"),
            "scroll": self.evaluate("document.documentElement.scrollWidth"),
            "height": self.evaluate("document.documentElement.scrollHeight"),
            "console": [event["params"] for event in self.events if event.get("method") in said],
            "requests": [
                event["params"]["request"]["url"]
                for event in self.events
                if event.get("method") == "Network.requestWillBeSent"
            ],
        }

    def screenshot(self, *, clip: tuple[int, int, int, int] | None = None) -> bytes:
        """Return the page, or x, y, width and height of it, as PNG."""
        options = {}
        if clip is not None:
            options["clip"] = dict(zip(("x", "y", "width", "height"), clip, strict=True), scale=1)
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, **options)
        return base64.b64decode(found["data"])
