"""What people come for, done by looking alone: by the words on the screens, not by their addresses."""

import json
import re
import urllib.request

from checks import check_here
from pictures import take
from walk import screens_of

BLOOD_PRESSURE = "85354-9"


def api(base, path, **headers):
    """The JSON that the API answers with."""
    with urllib.request.urlopen(urllib.request.Request(base + path, headers=headers)) as answer:
        return json.load(answer)


def patient_with_blood_pressure(base):
    """A patient whose blood pressure was measured twice or more, by the API."""
    found = api(base, f"/fhir/Observation?code={BLOOD_PRESSURE}&_count=100")
    subjects = [entry["resource"]["subject"]["reference"] for entry in found["entry"]]
    most = max(set(subjects), key=subjects.count)
    assert subjects.count(most) > 1, "nobody's blood pressure was measured twice"
    return api(base, f"/fhir/{most}")


def menu(page, word):
    page.get_by_role("navigation", name="Screens").get_by_role("link", name=word, exact=True).click()


def find_patient(base, views, findings, pictures):
    """Browse → Patient → a name → the patient."""
    page, patient = views["light"].page, patient_with_blood_pressure(base)
    family = patient["name"][0]["family"]
    page.goto(base + "/")
    menu(page, "Browse")
    page.get_by_role("link", name="Patient", exact=True).first.click()
    check_here(views["light"])
    page.get_by_label(re.compile(r"^(family|name)\b")).first.fill(family)
    page.get_by_role("button", name="Search").click()
    take(page, pictures / "find-a-patient.png")
    row = page.locator("tbody tr", has_text=re.compile(re.escape(family), re.I)).first
    findings.expect(row.count() == 1, page.url, f"{family} is not found")
    page.locator(f"tbody a[href$='/Patient/{patient['id']}']").first.click()
    check_here(views["light"])
    findings.expect(patient["id"] in page.locator("main").inner_text(), page.url, "it is another patient")
    return patient


def blood_pressure_over_time(base, views, findings, pictures):
    """The patient → Timeline → the plot of the blood pressure, and the same numbers as the API has."""
    patient = find_patient(base, views, findings, pictures)
    page = views["light"].page
    page.get_by_role("link", name="Timeline").first.click()
    check_here(views["light"])
    part = page.locator("section, figure, article").filter(
        has=page.get_by_role("heading", name=re.compile("blood pressure", re.I))
    ).last
    findings.expect(part.locator("svg").first.is_visible(), page.url, "no plot of the blood pressure")
    part.scroll_into_view_if_needed()
    for view in ("light", "dark"):
        take(views[view].open(page.url), pictures / f"timeline-{view}.png", full_page=True)
    part.locator("summary").first.click()
    rows = part.locator("tbody tr").count()
    counted = api(base, f"/fhir/Observation?patient={patient['id']}&code={BLOOD_PRESSURE}&_summary=count")["total"]
    findings.expect(0 < rows <= counted, page.url, f"{rows} rows of {counted} measurements")
    newest = api(base, f"/fhir/Observation?patient={patient['id']}&code={BLOOD_PRESSURE}&_sort=-date&_count=1")
    parts = newest["entry"][0]["resource"]["component"]
    cells = part.locator("tbody tr").first.inner_text()
    for component in parts:
        value = component["valueQuantity"]["value"]
        findings.expect(f"{value:g}".split(".")[0] in cells, page.url, f"{value} is not in {cells!r}")


def export_by_api(base, group):
    """The lines of an export of a Group, by type."""
    request = urllib.request.Request(
        f"{base}/fhir/Group/{group}/$export", headers={"Prefer": "respond-async", "Accept": "application/fhir+json"}
    )
    with urllib.request.urlopen(request) as started:
        status = started.headers["Content-Location"]
    manifest = None
    while manifest is None:
        with urllib.request.urlopen(status) as answer:
            manifest = json.load(answer) if answer.status == 200 else None
    lines = {}
    for file in manifest["output"]:
        with urllib.request.urlopen(file["url"]) as answer:
            lines.setdefault(file["type"], []).extend(answer.read().splitlines())
    return lines


def export_group(base, views, findings, pictures):
    """Export → a Group → start → the files → a download, which is what the API gives."""
    page, view = views["light"].page, views["light"]
    group = api(base, "/fhir/Group?_count=1")["entry"][0]["resource"]["id"]
    page.goto(base + "/")
    menu(page, "Export")
    page.get_by_label(re.compile(r"Group", re.I)).and_(page.locator("input[type=radio]")).first.check()
    choices = page.get_by_role("combobox", name=re.compile("Group"))
    value = choices.locator(f"option[value*='{group}']").first.get_attribute("value")
    choices.select_option(value)
    take(page, pictures / "export-form.png", full_page=True)
    page.get_by_role("button", name=re.compile(r"^Start")).click()
    download = page.locator("main a[download]").filter(has_text=re.compile("Patient")).first
    download.wait_for(timeout=60_000)
    check_here(view)
    for name in ("light", "dark"):
        take(views[name].open(page.url), pictures / f"export-{name}.png", full_page=True)
    expected = export_by_api(base, group)
    with page.expect_download() as begun:
        page.locator("main a[download]").filter(has_text=re.compile("Patient")).first.click()
    lines = open(begun.value.path(), "rb").read().splitlines()
    findings.expect(
        sorted(lines) == sorted(expected["Patient"]),
        page.url,
        f"the file has {len(lines)} lines, the API gives {len(expected['Patient'])}, or they differ",
    )
    text = page.locator("main").inner_text()
    for name in expected:
        findings.expect(name in text, page.url, f"the file of {name} is not listed")


def clients_and_tokens(base, views, findings, pictures):
    """A client is registered, gets a token, and loses it."""
    page, view = views["light"].page, views["light"]
    page.goto(base + "/")
    menu(page, "Clients")
    manage_client(page, view, findings, pictures)


def manage_client(page, view, findings, pictures):
    page.get_by_label("Name").fill("lab")
    page.get_by_role("button", name="Register").click()
    check_here(view)
    secret = page.locator(".copied pre").inner_text().strip()
    findings.expect(len(secret) == 64, page.url, "no secret is shown")
    take(page, pictures / "client-registered.png")
    page.get_by_role("link", name="Go on to the client").click()
    findings.expect(secret not in page.content(), page.url, "the secret is shown again")
    check_here(view)
    page.get_by_role("button", name="Issue", exact=True).click()
    check_here(view)
    token = page.locator(".copied pre").inner_text().strip()
    page.get_by_role("link", name="Back to the client").click()
    findings.expect(token not in page.content(), page.url, "the token is shown again")
    check_here(view)
    page.get_by_role("button", name=re.compile("^Revoke the")).click()
    findings.expect(page.get_by_text("There is none.").count() == 1, page.url, "the token is not ended")
    page.get_by_label(re.compile("^Remove lab")).check()
    page.get_by_role("button", name="Remove").click()
    findings.expect(page.get_by_role("link", name="lab", exact=True).count() == 0, page.url, "the client is there")


def sign_in(base, views, findings, pictures, client, proof):
    """A protected server asks who one is, shows what is theirs, and forgets them."""
    for name in ("light", "dark", "narrow", "enlarged"):
        views[name].open(base + "/")
        findings.expect("/sign-in" in views[name].page.url, base, "no form to sign in")
        check_here(views[name])
    take(views["dark"].page, pictures / "sign-in-dark.png")
    page = views["light"].page
    take(page, pictures / "sign-in-light.png")
    # By keyboard alone.
    page.get_by_label("Client", exact=True).focus()
    page.keyboard.type(client[0])
    page.keyboard.press("Tab")
    page.keyboard.type(client[1])
    page.keyboard.press("Enter")
    page.get_by_text("Signed in: app").wait_for()
    for name, url in screens_of(page, base).items():
        views["light"].open(url)
        check_here(views["light"])
        findings.expect(page.get_by_role("button", name="Sign out").count() == 1, url, "no way to sign out")
    page.get_by_role("button", name="Sign out").click()
    findings.expect("/sign-in" in page.url, page.url, "signing out does not end the visit")
    # Without JavaScript.
    plain = views["plain"].open(base + "/")
    plain.get_by_label("Client", exact=True).fill(client[0])
    plain.get_by_label("Secret").fill(client[1])
    plain.get_by_role("button", name="Sign in", exact=True).click()
    findings.expect(plain.get_by_text("Signed in: app").count() == 1, plain.url, "no sign-in without JavaScript")


def operator(base, views, findings, pictures, client, proof):
    """The operator proves who they are, and manages clients."""
    view, page = views["light"], views["light"].open(base + "/access")
    check_here(view)
    take(page, pictures / "operator.png")
    page.get_by_label("Token of the operator").fill(proof())
    page.get_by_role("button", name="Open").click()
    check_here(view)
    manage_client(page, view, findings, pictures)


ON_AN_OPEN_SERVER = [blood_pressure_over_time, export_group, clients_and_tokens]
ON_A_PROTECTED_SERVER = [sign_in, operator]
