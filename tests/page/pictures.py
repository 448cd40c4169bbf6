"""Pictures of screens, for people to look at; nothing is judged by them."""

from playwright.sync_api import Error


def take(page, path, full_page=False):
    """Takes a picture. A browser without a graphics card now and then fails to, more so for a long page."""
    for whole in (full_page, full_page, False):
        try:
            page.screenshot(path=path, full_page=whole)
            return
        except Error as error:
            print(f"no picture {path.name} at this try: {error.message.splitlines()[0]}", flush=True)
