"""Runs the official conformance suite against the server in both revisions and judges every check that does not pass:
`conformance.py URL OUTPUT_DIRECTORY`. A check may fail only where EXPECTED says why, and what EXPECTED names must fail: an
entry that has become needless is an error too.

The suite is written for an example server of its own. Where it calls a tool, prompt or resource of that server, there is
nothing here to call, and the refusal that it gets names what it asked for: that is looked at."""

import json
import re
import subprocess
import sys
from pathlib import Path

# The refusal of something that only the suite's example server has.
FIXTURE = re.compile(
    r"unknown tool (test_\w+|slow_compute|failing_job|greet|protocol_error_job|confirm_delete|multi_input)"
    r"|no prompt is named test_\w+"
    r"|no such resource: see resources/templates/list"
    r"|Tool 'json_schema_2020_12_tool' not found"
    r"|does not list the diagnostic tool 'test_\w+'"
)
# Follows from such a refusal within the same scenario.
FOLLOWS = re.compile(
    r"Not testable: no task was created by the preceding step"
    r"|routing-task fixture from Check 2 unavailable"
    r"|Prerequisite failed: could not get initial InputRequiredResult"
    r"|Expected InputRequiredResult with inputRequests and requestState"
    r"|Server returned JSON-RPC error instead of re-requesting via InputRequiredResult"
    r"|tools/call for failing_job returned error code -32602"
)
# What this server does not offer, by check.
EXPECTED = {
    "2025-11-25": {
        "logging-set-level": "logging is deprecated and not offered: logs go to standard error",
        "tools-call-with-logging": "the same",
        "resources-subscribe": "subscriptions are not offered: jobs are followed with get_job",
        "resources-unsubscribe": "the same",
    },
    "2026-07-28": {
        "sep-2243-server-no-xmcp-tool": "no argument of a tool is sent as a header",
        "sep-2243-server-decode-base64": "the same",
        "sep-2243-server-validate-param-match": "the same",
        "sep-2243-server-reject-invalid-param-chars": "the same",
        "sep-2243-server-reject-param-mismatch": "the same",
    },
}
# Scenarios that must pass as a whole, so that a suite that runs less is noticed.
REQUIRED = {
    "2025-11-25": [
        "server-initialize", "server-session-lifecycle", "ping", "completion-complete", "tools-list", "resources-list",
        "prompts-list", "dns-rebinding-protection",
    ],
    "2026-07-28": [
        "completion-complete", "tools-list", "resources-list", "prompts-list", "sep-2164-resource-not-found", "caching",
        "dns-rebinding-protection", "http-header-validation",
    ],
}


def run(url: str, revision: str, output: Path) -> None:
    command = ["conformance", "server", "--url", url, "--requirements", revision, "--output-dir", str(output)]
    log = (output.parent / f"conformance-{revision}.log").open("w")
    # Its status says that there were failures; which of them count is judged below.
    subprocess.run(command, stdout=log, stderr=log, timeout=300, check=False)


def judge(revision: str, output: Path) -> list[str]:
    faults, passed, explained, seen, whole = [], 0, 0, set(), set()
    for directory in sorted(output.iterdir()):
        scenario = re.sub(r"^server-(.*)-\d{4}-\d\d-\d\dT.*$", r"\1", directory.name)
        checks = json.loads((directory / "checks.json").read_text())
        failed = [check for check in checks if check["status"] not in ("SUCCESS", "INFO", "SKIPPED")]
        passed += sum(check["status"] == "SUCCESS" for check in checks)
        if checks and not failed:
            whole.add(scenario)
        fixture_was_missing = False
        for check in failed:
            message = check.get("errorMessage") or ""
            details = json.dumps(check.get("details") or {})
            if check["id"] in EXPECTED[revision]:
                seen.add(check["id"])
            elif FIXTURE.search(message) or FIXTURE.search(details):
                fixture_was_missing = True
            elif not FOLLOWS.search(message):
                faults.append(f"{revision} {scenario} {check['id']}: {message}")
                continue
            explained += 1
        if failed and not fixture_was_missing and any(FOLLOWS.search(check.get("errorMessage") or "") for check in failed):
            print(f"{revision} {scenario}: follows from a fixture that is not there")
    faults += [f"{revision}: {check} does not fail any more: take it out" for check in EXPECTED[revision].keys() - seen]
    faults += [f"{revision}: {scenario} did not pass" for scenario in REQUIRED[revision] if scenario not in whole]
    print(f"{revision}: {passed} checks passed, {explained} do not apply, {len(faults)} failed")
    return faults


def main() -> int:
    url, directory = sys.argv[1], Path(sys.argv[2])
    faults = []
    for revision in EXPECTED:
        output = directory / f"conformance-{revision}"
        output.mkdir(parents=True)
        run(url, revision, output)
        faults += judge(revision, output)
    print("\n".join(faults))
    return 1 if faults else 0


sys.exit(main())
