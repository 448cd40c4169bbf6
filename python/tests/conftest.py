"""The suite of the installed package, with the real program. Nothing here sleeps, and no time is asserted."""

pytest_plugins = ["pytester"]


def pytest_terminal_summary(terminalreporter):
    """Prints the times that tests recorded, also those of workers of pytest-xdist."""
    reports = [report for some in terminalreporter.stats.values() for report in some]
    for report in reports:
        if getattr(report, "when", None) == "call":
            for name, value in report.user_properties:
                terminalreporter.write_line(f"{name}: {value}")
