"""Does in a browser what docs/demo.md tells its readers to do, and takes the pictures that it shows, in light and in dark.

The page must not write to the browser's console. What the demo may say:

    Open `URL`              goes there
    Choose **name**         follows the link or presses the button of that name
    Fill **name** with `x`  types x into the field of that label
    Pick `x` in **name**    takes a choice of the list of that label
    Tick **name**           ticks a box
    Download **name**       follows a link, and keeps the file under the name that the server gives it
    You see “text”          fails where the text is not there
    ![…](img/name.png)      takes a picture

A block of code with `$` before its commands is run in the folder of the downloads; what it prints must be as shown, with `…`
for anything.
"""

import fnmatch
import re
import subprocess
from pathlib import Path

from playwright.sync_api import expect

from pictures import take

PROJECT = Path(__file__).resolve().parents[2]
DEMO = PROJECT / "docs" / "demo.md"
SHOWN = "http://127.0.0.1:8080"
ACTION = re.compile(
    r"Open `(?P<open>[^`]+)`"
    r"|Choose\s+\*\*(?P<choose>[^*]+)\*\*"
    r"|Fill\s+\*\*(?P<fill>[^*]+)\*\*\s+with\s+`(?P<with>[^`]+)`"
    r"|Pick\s+`(?P<pick>[^`]+)`\s+in\s+\*\*(?P<in>[^*]+)\*\*"
    r"|Tick\s+\*\*(?P<tick>[^*]+)\*\*"
    r"|Download\s+\*\*(?P<download>[^*]+)\*\*"
    r"|“(?P<see>[^”]+)”"
    r"|!\[[^\]]*\]\(img/(?P<picture>[\w-]+)\.png\)"
    r"|^```console\n(?P<console>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


def named(page, name):
    """The link or the button of a name; in the content rather than in the menu where both have it."""
    main = page.get_by_role("main")
    for place in (main, page):
        for role in ("button", "link"):
            for exact in (True, False):
                found = place.get_by_role(role, name=name, exact=exact)
                if found.count():
                    return found.first
    raise AssertionError(f"{page.url} has no link and no button {name!r}")


def run(block, folder, base):
    """Runs the commands of a block, each with what it should print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        done = subprocess.run(["bash", "-c", command.replace(SHOWN, base)], cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        pattern = "[[]".join(shown.strip().split("[")).replace("?", "[?]").replace("*", "[*]").replace("…", "*")
        assert fnmatch.fnmatchcase(done.stdout.strip(), pattern), f"{command}\nshown: {shown}\nprinted: {done.stdout}"


def follow(text, page, base, downloads, picture):
    """Does what a text says; the number of actions."""
    actions = 0
    for found in ACTION.finditer(text):
        actions += 1
        what = found.groupdict()
        if what["open"]:
            page.goto(what["open"].replace(SHOWN, base))
        elif what["choose"]:
            named(page, what["choose"]).click()
        elif what["fill"]:
            page.get_by_label(what["fill"], exact=True).first.fill(what["with"])
        elif what["pick"]:
            page.get_by_label(what["in"], exact=True).first.select_option(label=what["pick"])
        elif what["tick"]:
            page.get_by_label(what["tick"], exact=True).first.check()
        elif what["download"]:
            with page.expect_download() as begun:
                named(page, what["download"]).click()
            begun.value.save_as(downloads / begun.value.suggested_filename)
        elif what["see"]:
            expect(page.get_by_text(what["see"]).filter(visible=True).first).to_be_visible()
        elif what["picture"]:
            take(page, picture(what["picture"]))
        elif what["console"]:
            run(what["console"], downloads, base)
    return actions


def demo(base, browser, pictures, folder, findings):
    """Gives the demo twice."""
    text = DEMO.read_text(encoding="utf-8")
    text = text[text.index("\n1. ") :]
    for scheme, ending in (("light", ""), ("dark", "-dark")):
        downloads = Path(folder) / scheme
        downloads.mkdir()
        page = browser.new_page(viewport={"width": 1200, "height": 800}, color_scheme=scheme)
        page.on("console", lambda message: findings.add("docs/demo.md", f"the console has {message.text}"))
        page.on("pageerror", lambda error: findings.add("docs/demo.md", str(error)))
        actions = follow(text, page, base, downloads, lambda name: pictures / f"{name}{ending}.png")
        findings.expect(actions > 30, "docs/demo.md", f"only {actions} actions were understood")
        page.close()
