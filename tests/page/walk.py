"""Finds the screens: all in the menu, and every link one step deep."""

import re
from urllib.parse import parse_qsl, urlsplit

from checks import check_everywhere
from pictures import take

# Links of one shape lead to screens that differ in their data alone: so many of them are opened.
MOST_OF_SHAPE = 2


def shape(url):
    """What links to screens of one kind have in common."""
    parts = urlsplit(url)
    segments = [part for part in parts.path.split("/") if part]
    # Names of screens stay, ids and names of types do not.
    named = [part if number == 0 or re.fullmatch(r"[a-z-]+", part) else "*" for number, part in enumerate(segments)]
    return "/".join(named), tuple(sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}))


def links_here(page, base):
    """The links of the screen to this server, without their fragments."""
    urls = page.eval_on_selector_all("a[href]", "all => all.map(one => [one.href, one.hasAttribute('download')])")
    own = {}
    for url, is_download in urls:
        if url.startswith(base + "/"):
            own[url.split("#")[0]] = own.get(url.split("#")[0], False) or is_download
    return own


def screens_of(page, base):
    """The screens in the menu, by the words of their links."""
    page.goto(base + "/")
    entries = page.eval_on_selector_all("header nav a[href]", "all => all.map(one => [one.textContent, one.href])")
    return dict(entries)


def walk(base, views, findings, pictures):
    """Checks all screens in the menu, and what they link to."""
    light = views["light"]
    screens = screens_of(light.page, base)
    findings.expect(len(screens) > 1, base, "there is no menu")
    seen, shapes, further = set(), {}, []
    for name, url in screens.items():
        print(f"  {url.removeprefix(base)}", flush=True)
        seen.add(url)
        shapes[shape(url)] = MOST_OF_SHAPE
        check_everywhere(url, views, with_keys=True)
        light.open(url)
        for view in ("light", "dark", "narrow"):
            word = re.sub(r"[^a-z]+", "-", name.lower())
            take(views[view].page, pictures / f"{word}-{view}.png")
        further.extend(links_here(light.page, base).items())
    for url, is_download in further:
        if url in seen or shapes.get(shape(url), 0) >= MOST_OF_SHAPE:
            continue
        seen.add(url)
        number = shapes[shape(url)] = shapes.get(shape(url), 0) + 1
        head = light.context.request.head(url)
        if head.status == 405:
            head = light.context.request.get(url)
        findings.expect(head.status < 400, url, f"a link leads to status {head.status}")
        is_screen = head.headers.get("content-type", "").startswith("text/html")
        print(f"  {url.removeprefix(base)}{'' if is_screen else ' (no screen)'}", flush=True)
        if is_screen and not is_download and head.status < 400:
            check_everywhere(url, views, with_keys=number == 1)
