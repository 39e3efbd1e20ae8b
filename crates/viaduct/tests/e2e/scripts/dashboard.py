"""Drives Chromium by WebDriver over plain HTTP: opens the dashboard, looks, filters. argv: driver, browser, url, profile."""

import json
import subprocess
import sys
import time
import urllib.request

driver, browser, url, profile = sys.argv[1:]
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--user-data-dir=" + profile,
]

process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, text=True)
port = next(
    int(line.rsplit("port", 1)[1].strip(" .\n")) for line in process.stdout if "successfully on port" in line
)
session = ""


def call(method, path, body=None):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{session}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["value"]


def script(text):
    return call("POST", "/execute/sync", {"script": text, "args": []})


def cdp(command, **parameters):
    return call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})


def until(text):
    for _ in range(300):
        value = script(text)
        if value:
            return value
        time.sleep(0.1)
    raise SystemExit("never true: " + text + "\n" + script("return document.body.innerText"))


try:
    options = {"args": ARGUMENTS, "binary": browser}
    wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    session = "/session/" + call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
    said = {}
    for width in (1280, 390):
        for scheme in ("light", "dark"):
            cdp("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            call("POST", "/url", {"url": url})
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
    said["console"] = [entry["message"] for entry in call("POST", "/se/log", {"type": "browser"})]
    print(json.dumps(said))
finally:
    if session:
        call("DELETE", "")
    process.terminate()
    process.wait()
