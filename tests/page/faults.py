"""Holds the checks themselves: a screen with faults has all of them found, and one without has none."""

from checks import Findings, check_everywhere, open_views

ADDRESS = "http://faulty.test/"
FRAME = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A title</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>:focus-visible {{ outline: 3px solid #000 }} .skip {{ position: absolute; left: -999px }} .skip:focus {{ left: 0 }}
button {{ min-height: 2rem }} {style}</style></head><body>{skip}<main id="content" tabindex="-1">{main}</main></body></html>"""
SKIP = '<a class="skip" href="#content">Skip</a>'
RIGHT = '<h1>Right</h1><form><label for="a">A</label><input id="a"><button>Send</button></form>'
# What is wrong in a screen, and a word of each finding that must come of it.
FAULTS = [
    ("a label is missing", dict(main='<h1>A</h1><form><input><button>B</button></form>'), "axe label"),
    ("letters are pale", dict(main='<h1>A</h1><p style="color: #aaa; background: #fff">pale</p>'), "color-contrast"),
    ("a target is small", dict(main="<h1>A</h1>" + "<button class=s>x</button>" * 3, style=".s {width: 9px; height: 9px; min-height: 0; padding: 0; border: 0}"), "target-size"),
    ("it is wide", dict(main='<h1>A</h1><div style="width: 900px">wide</div>'), "pixels wide"),
    ("there is no heading", dict(main="<p>A</p>"), "0 headings"),
    ("there are two headings", dict(main="<h1>A</h1><h1>B</h1>"), "2 headings"),
    ("there is no skip link", dict(main=RIGHT, skip=""), "skip link"),
    ("the focus is not seen", dict(main=RIGHT, style="input:focus-visible {outline: none}"), "focus is not seen"),
    ("the keys are caught", dict(main=RIGHT + "<script>document.querySelector('input').onkeydown = e => e.preventDefault()</script>"), "does not reach"),
    ("a form has no button", dict(main='<h1>A</h1><form><label for="a">A</label><input id="a"></form>'), "have no button"),
    ("the heading needs JavaScript", dict(main="<h1>A</h1><script>document.querySelector('h1').textContent = 'B'</script>"), "another heading"),
    ("the script fails", dict(main="<h1>A</h1><script>null.x</script>"), "the script failed"),
    ("the console is not silent", dict(main="<h1>A</h1><script>console.warn('x')</script>"), "the console says"),
    ("a dialog opens", dict(main="<h1>A</h1><script>alert(1)</script>"), "a dialog opened"),
    ("the screen is an error", dict(main=RIGHT, status=500), "status 500"),
]


def faults_are_found(browser, findings):
    """Shows each fault to the checks."""
    found, shown = Findings(), {}
    views = open_views(browser, found)
    for view in views.values():
        view.page.route("**/*", lambda route: route.fulfill(content_type="text/html", **shown))
    for name, screen, word in [("nothing", dict(main=RIGHT), None), *FAULTS]:
        found.list.clear()
        screen = {"style": "", "skip": SKIP, "status": 200, **screen}
        shown["status"] = screen.pop("status")
        shown["body"] = FRAME.format(**screen)
        check_everywhere(ADDRESS, views, with_keys=True)
        texts = [what for _, what in found.list]
        if word is None:
            findings.expect(not texts, name, f"the checks find {texts}")
        else:
            findings.expect(any(word in text for text in texts), name, f"the checks find only {texts}")
    for view in views.values():
        view.context.close()
