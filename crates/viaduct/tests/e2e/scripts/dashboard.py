"""Drives Chromium by its DevTools protocol over a pipe (no port that others could take): opens the dashboard, looks,
filters. argv: browser, url, profile."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time

browser, url, profile = sys.argv[1:]
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--user-data-dir=" + profile,
]
PATIENCE = 60


class Pipe:
    """The protocol's messages end with a NUL. The browser reads from descriptor 3 and writes to 4."""

    def __init__(self):
        theirs_in, self.out = os.pipe()
        self.inp, theirs_out = os.pipe()
        # By way of a shell, which can give a descriptor any number.
        moved = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        command = ["sh", "-c", moved, browser, "--remote-debugging-pipe", *ARGUMENTS, "about:blank"]
        self.said = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdout=self.said, stderr=subprocess.STDOUT
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.read = b""
        self.calls = 0
        self.session = None
        self.events = []

    def message(self):
        until = time.monotonic() + PATIENCE
        while b"\0" not in self.read:
            ready, _, _ = select.select([self.inp], [], [], max(0, until - time.monotonic()))
            part = os.read(self.inp, 1 << 16) if ready else b""
            if not part:
                self.said.seek(0)
                what = "has ended" if ready else "does not answer"
                raise SystemExit(f"the browser {what}; it said\n" + self.said.read().decode(errors="replace"))
            self.read += part
        first, self.read = self.read.split(b"\0", 1)
        return json.loads(first)

    def call(self, method, **parameters):
        self.calls += 1
        asked = {"id": self.calls, "method": method, "params": parameters}
        if self.session:
            asked["sessionId"] = self.session
        os.write(self.out, json.dumps(asked).encode() + b"\0")
        while True:
            said = self.message()
            if said.get("id") == self.calls:
                if "error" in said:
                    raise SystemExit(f"{method}: {said['error']}")
                return said["result"]
            self.events.append(said)

    def event(self, method):
        """The next one of this kind that nobody has waited for."""
        while True:
            for position, event in enumerate(self.events):
                if event["method"] == method:
                    return self.events.pop(position)["params"]
            self.events.append(self.message())


def script(text):
    said = pipe.call("Runtime.evaluate", expression="(() => {" + text + "})()", returnByValue=True)
    if "exceptionDetails" in said:
        raise SystemExit(f"{text}: {said['exceptionDetails']}")
    return said["result"].get("value")


def navigate():
    said = pipe.call("Page.navigate", url=url)
    if "errorText" in said:
        raise SystemExit(said["errorText"])
    pipe.event("Page.loadEventFired")


def complaints():
    """What the page's console and the browser itself have to say of it."""
    kinds = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
    return [event["params"] for event in pipe.events if event["method"] in kinds]


def until(text):
    for _ in range(300):
        value = script(text)
        if value:
            return value
        time.sleep(0.1)
    raise SystemExit("never true: " + text + "\n" + script("return document.body.innerText"))


pipe = Pipe()
try:
    page = pipe.call("Target.createTarget", url="about:blank")["targetId"]
    pipe.session = pipe.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Log"):
        pipe.call(domain + ".enable")
    said = {}
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            pipe.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
            )
            pipe.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            navigate()
            until("return document.documentElement.dataset.ready")
            said[f"{width}-{scheme}"] = {
                "overflows": script("return document.documentElement.scrollWidth > innerWidth"),
                "background": script("return getComputedStyle(document.body).backgroundColor"),
                "badge": script("return getComputedStyle(document.querySelector('.hop .tag.bad')).color"),
            }
    # Servers are tried a few seconds after the start.
    until("return document.querySelector('main').innerText.includes('handshake failed')")
    said["text"] = script("return document.querySelector('main').innerText")
    said["resources"] = script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    said["unlabelled"] = script(
        "return [...document.querySelectorAll('input')].filter((input) => !input.labels.length).length"
    )
    said["injected"] = script("return document.querySelectorAll('main img, main script').length")
    said["chips"] = script("return [...document.querySelectorAll('#classes button')].map((chip) => chip.textContent)")
    plaintext = "[...document.querySelectorAll('#classes button')].find((chip) => chip.textContent.startsWith('plaintext'))"
    script(plaintext + ".click()")
    said["narrowed"] = script("return document.querySelector('[data-list=routers]').innerText")
    said["pressed"] = script(
        "return [...document.querySelectorAll('[aria-pressed=true]')]"
        ".filter((chip) => chip === document.activeElement).map((chip) => chip.textContent)"
    )
    script(plaintext + ".click()")
    script(
        "const filter = document.getElementById('filter'); filter.value = 'broken';"
        "filter.dispatchEvent(new Event('input'))"
    )
    said["filtered"] = script("return document.getElementById('routers').innerText")
    said["console"] = complaints()
    print(json.dumps(said))
    pipe.session = None
    pipe.call("Browser.close")
    pipe.process.wait(PATIENCE)
finally:
    pipe.process.kill()
