"""Runs the official conformance suite against the server in both revisions and judges every check that does not pass:
`conformance.py URL OUTPUT_DIRECTORY`. Which checks may fail, and must, is in expected_failures.txt."""

import json
import re
import subprocess
import sys
from pathlib import Path

EXPECTED_FAILURES = Path(__file__).with_name("expected_failures.txt")
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


def expected(revision: str) -> dict[tuple[str, str], str]:
    """The reasons by scenario and check."""
    reasons = {}
    for line in EXPECTED_FAILURES.read_text().splitlines():
        if line and not line.startswith("#"):
            check, reason = line.split(" | ", 1)
            listed_for, scenario, name = check.split()
            if listed_for == revision:
                reasons[scenario, name] = reason
    return reasons


def is_explained(check: dict, reason: str | None) -> bool:
    """Whether it fails for the reason that is given: a refusal names what the suite's own server would have."""
    if reason is None:
        return False
    kind, _, missing = reason.partition(": ")
    said = f"{check.get('errorMessage')} {json.dumps(check.get('details') or {})}"
    return kind != "missing" or missing.split(" (")[0] in said


def judge(revision: str, output: Path) -> list[str]:
    reasons = expected(revision)
    faults, passed, failing, whole = [], 0, set(), set()
    for directory in sorted(output.iterdir()):
        scenario = re.sub(r"^server-(.*)-\d{4}-\d\d-\d\dT.*$", r"\1", directory.name)
        checks = json.loads((directory / "checks.json").read_text())
        failed = [check for check in checks if check["status"] not in ("SUCCESS", "INFO", "SKIPPED")]
        passed += sum(check["status"] == "SUCCESS" for check in checks)
        if checks and not failed:
            whole.add(scenario)
        for check in failed:
            failing.add((scenario, check["id"]))
            if not is_explained(check, reasons.get((scenario, check["id"]))):
                faults.append(f"{revision} {scenario} {check['id']}: {check.get('errorMessage')}")
    faults += [f"{revision}: {' '.join(check)} does not fail any more: take it out" for check in reasons.keys() - failing]
    faults += [f"{revision}: {scenario} did not pass" for scenario in REQUIRED[revision] if scenario not in whole]
    print(f"{revision}: {passed} checks passed, {len(reasons)} are expected to fail, {len(faults)} faults")
    return faults


def main() -> int:
    url, directory = sys.argv[1], Path(sys.argv[2])
    faults = []
    for revision in REQUIRED:
        output = directory / f"conformance-{revision}"
        output.mkdir(parents=True)
        run(url, revision, output)
        faults += judge(revision, output)
    print("\n".join(faults))
    return 1 if faults else 0


sys.exit(main())
