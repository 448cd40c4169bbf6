"""What is asked of each screen: axe in light and dark, the keyboard, without JavaScript, narrow and enlarged, silent."""

import pathlib

import axe_playwright_python

AXE = (pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# WCAG 2.2 AA, and what axe calls good practice.
RULES = """() => axe.run(document, {
    runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']},
    rules: {'target-size': {enabled: true}},
    resultTypes: ['violations'],
}).then(done => done.violations.map(one => [
    one.id, one.help, one.nodes.slice(0, 3).map(node => node.html.slice(0, 200) + ' ' + (node.failureSummary || '')),
]))"""
# Numbers what the Tab key should reach. Of a group of radio buttons it reaches one.
FOCUSABLE = """() => {
    const groups = new Set();
    const all = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')];
    const radios = one => one.type === 'radio' ? document.querySelectorAll(`input[name="${CSS.escape(one.name)}"]`) : [];
    const reached = all.filter(one => {
        if (one.tabIndex < 0 || one.disabled || one.type === 'hidden') return false;
        if (!one.checkVisibility({visibilityProperty: true})) return false;
        if (one.type !== 'radio') return true;
        const checked = [...radios(one)].find(other => other.checked && other.form === one.form);
        if (checked) return one === checked;
        const is_first = !groups.has(one.name);
        groups.add(one.name);
        return is_first;
    });
    reached.forEach((one, number) => { one.dataset.walk = number; });
    return reached.map(one => one.outerHTML.slice(0, 150));
}"""
FOCUSED = """() => {
    const one = document.activeElement;
    if (!one || one === document.body) return null;
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    return {
        number: one.dataset.walk === undefined ? null : Number(one.dataset.walk),
        html: one.outerHTML.slice(0, 150),
        is_seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1,
        is_inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
}"""
MOST_TABS = 400


class Findings:
    """What was found: places, and what is wrong there."""

    def __init__(self):
        self.list, self.pages = [], 0

    def add(self, place, what):
        if (place, what) not in self.list:
            self.list.append((place, what))

    def expect(self, is_right, place, what):
        if not is_right:
            self.add(place, what)


class View:
    """A page in a browser with its own size, colours and abilities."""

    def __init__(self, browser, findings, name, **options):
        self.name, self.findings = name, findings
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(15_000)
        self.page = self.context.new_page()
        self.page.on("console", self.on_console)
        self.page.on("pageerror", lambda error: self.found(f"the script failed: {error}"))
        self.page.on("dialog", self.on_dialog)

    def found(self, what):
        self.findings.add(f"{self.page.url} ({self.name})", what)

    def on_console(self, message):
        if message.type in ("error", "warning"):
            self.found(f"the console says: {message.text}")

    def on_dialog(self, dialog):
        self.found(f"a dialog opened: {dialog.message}")
        dialog.dismiss()

    def open(self, url):
        response = self.page.goto(url)
        if response is None or response.status >= 400:
            self.found(f"status {response and response.status} for {url}")
        return self.page


def open_views(browser, findings):
    """The views in which each screen is looked at."""
    wide = {"width": 1200, "height": 900}
    make = lambda name, **options: View(browser, findings, name, **options)
    return {
        "light": make("light", viewport=wide, color_scheme="light", accept_downloads=True),
        "dark": make("dark", viewport=wide, color_scheme="dark"),
        "narrow": make("360 px", viewport={"width": 360, "height": 740}, has_touch=True),
        # At 200 % a window of 1280 pixels has 640.
        "enlarged": make("200 %", viewport={"width": 640, "height": 450}, device_scale_factor=2),
        "plain": make("without JavaScript", viewport=wide, java_script_enabled=False),
    }


def check_here(view):
    """Checks the screen that is shown: axe, one heading, nothing beside the window."""
    page = view.page
    view.findings.pages += 1
    page.evaluate(AXE)
    for rule, text, nodes in page.evaluate(RULES):
        view.found(f"axe {rule}: {text}: {' | '.join(nodes)}")
    if (number := page.locator("h1").count()) != 1:
        view.found(f"{number} headings of the first level")
    check_width(view)


def check_width(view):
    sizes = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    width, window = view.page.evaluate(sizes)
    if width > window:
        widest = view.page.evaluate(
            """window => [...document.querySelectorAll('body *')]
                .filter(one => one.getBoundingClientRect().right > window + 1 && (getComputedStyle(one).position === 'absolute' || !one.parentElement.closest('.scroll, pre')))
                .slice(0, 3).map(one => one.outerHTML.slice(0, 120))""",
            window,
        )
        view.found(f"it is {width} pixels wide in a window of {window}: {widest}")


def check_everywhere(url, views, with_keys):
    """Checks a screen in every view."""
    for name in ("light", "dark", "narrow", "enlarged"):
        views[name].open(url)
        check_here(views[name])
    check_plain(url, views)
    if with_keys:
        check_keys(url, views["light"])


def check_plain(url, views):
    """Without JavaScript the screen has the same heading, and every form a button that sends it."""
    page = views["plain"].open(url)
    heading = page.locator("h1").all_inner_texts()
    if heading != views["light"].page.locator("h1").all_inner_texts():
        views["plain"].found(f"another heading than with JavaScript: {heading}")
    if not page.locator("main").inner_text().strip():
        views["plain"].found("it is empty")
    forms, able = page.locator("form").count(), page.locator("form:has(button, input[type=submit])").count()
    if forms != able:
        views["plain"].found(f"{forms - able} of {forms} forms have no button")


def check_keys(url, view):
    """The Tab key reaches everything, what has the focus is seen, and the skip link skips."""
    page = view.open(url)
    page.keyboard.press("Tab")
    first = page.evaluate(FOCUSED)
    if not first or "skip" not in first["html"] or not first["is_inside"]:
        return view.found(f"the first Tab does not show the skip link: {first}")
    page.keyboard.press("Enter")
    if page.evaluate("() => document.activeElement.id") != "content":
        view.found("the skip link does not lead to the content")
    page = view.open(url)
    wanted = page.evaluate(FOCUSABLE)
    missing = set(range(len(wanted)))
    if len(wanted) > MOST_TABS:
        missing = set(range(MOST_TABS))
    for _ in range(len(missing) + 30):
        if not missing:
            break
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if not focused:
            continue
        missing.discard(focused["number"])
        if not focused["is_seen"]:
            view.found(f"the focus is not seen at {focused['html']}")
        if not focused["is_inside"]:
            view.found(f"the focus is outside of the window at {focused['html']}")
    for number in sorted(missing)[:3]:
        view.found(f"the Tab key does not reach {wanted[number]}")
